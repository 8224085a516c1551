"""QR codes (ISO/IEC 18004) for what phones scan, and what banking apps read in one: bytes, error correction M, up to version 13, which is all that
EPC069-12 allows.

Rows of ``0`` and ``1``, with the quiet zone left to whoever draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

#: By version, from 1: how many error correction codewords a block has, and how many blocks there are.
_CHECKS = (10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22)
_BLOCKS = (1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9)
_ALIGNED: tuple[tuple[int, ...], ...] = (
    (), (6, 18), (6, 22), (6, 26), (6, 30), (6, 34), (6, 22, 38), (6, 24, 42), (6, 26, 46), (6, 28, 50), (6, 30, 54), (6, 32, 58),
    (6, 34, 62),
)  # fmt: skip
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda x, y: (x + y) % 2 == 0,
    lambda x, y: y % 2 == 0,
    lambda x, y: x % 3 == 0,
    lambda x, y: (x + y) % 3 == 0,
    lambda x, y: (x // 3 + y // 2) % 2 == 0,
    lambda x, y: x * y % 2 + x * y % 3 == 0,
    lambda x, y: (x * y % 2 + x * y % 3) % 2 == 0,
    lambda x, y: ((x + y) % 2 + x * y % 3) % 2 == 0,
)
_BYTES_MODE, _LONG_COUNT_FROM, _VERSION_SHOWN_FROM = 4, 10, 7
_PADS = (0xEC, 0x11)
Grid = list[list[int]]


def transfer(holder: str, iban: str, bic: str, amount: str, reference: str) -> str:
    """A bank transfer of euros (EPC069-12), known as GiroCode. ``amount``: ``11.90``, or empty where the payer says how much."""
    account, euros = "".join(iban.split()), f"EUR{amount}" if amount else ""
    return "\n".join(("BCD", "002", "1", "SCT", bic, holder[:70], account, euros, "", "", reference))


def code(text: str) -> list[str]:
    """``ValueError`` if it is too long."""
    data = text.encode()
    version = next((v for v in range(1, len(_CHECKS) + 1) if _bits(v, data) <= _room(v) * 8), 0)
    if not version:
        raise ValueError(f"{len(data)} bytes are too long for a code")
    blank, taken = _frame(version)
    _lay(blank, taken, _spread(version, _filled(version, data)))
    made = [_masked(blank, taken, version, mask) for mask in range(len(_MASKS))]
    best = min(made, key=_unrest)
    return ["".join(map(str, row)) for row in best]


# ------------------------------------------------------------------------------------------------------------- codewords


def _bits(version: int, data: bytes) -> int:
    return 4 + (16 if version >= _LONG_COUNT_FROM else 8) + 8 * len(data)


def _codewords(version: int) -> int:
    """All that a symbol holds: data and checks."""
    modules = (16 * version + 128) * version + 64
    if version > 1:
        aligned = version // 7 + 2
        modules -= (25 * aligned - 10) * aligned - 55
        modules -= 36 if version >= _VERSION_SHOWN_FROM else 0
    return modules // 8


def _room(version: int) -> int:
    return _codewords(version) - _CHECKS[version - 1] * _BLOCKS[version - 1]


def _filled(version: int, data: bytes) -> list[int]:
    count = 16 if version >= _LONG_COUNT_FROM else 8
    bits = f"{_BYTES_MODE:04b}{len(data):0{count}b}" + "".join(f"{byte:08b}" for byte in data)
    bits += "0" * min(4, _room(version) * 8 - len(bits))
    bits += "0" * (-len(bits) % 8)
    words = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    return words + [_PADS[n % 2] for n in range(_room(version) - len(words))]


def _spread(version: int, words: Sequence[int]) -> list[int]:
    """In blocks with their checks, interleaved. The later blocks have one word more."""
    blocks, checks = _BLOCKS[version - 1], _CHECKS[version - 1]
    short, longer = divmod(len(words), blocks)
    parts, at = [], 0
    for n in range(blocks):
        size = short + (n >= blocks - longer)
        parts.append(list(words[at : at + size]))
        at += size
    checked = [remainder(part, checks) for part in parts]
    data = [part[n] for n in range(short + 1) for part in parts if n < len(part)]
    return data + [check[n] for n in range(checks) for check in checked]


def times(left: int, right: int) -> int:
    """In GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    for bit in range(7, -1, -1):
        product = (product << 1) ^ (0x11D if product >> 7 else 0)
        product ^= left if right >> bit & 1 else 0
    return product


def remainder(words: Sequence[int], checks: int) -> list[int]:
    """The Reed-Solomon checks of ``words``."""
    divisor, root = [0] * (checks - 1) + [1], 1
    for _ in range(checks):
        divisor = [times(d, root) ^ (divisor[n + 1] if n + 1 < checks else 0) for n, d in enumerate(divisor)]
        root = times(root, 2)
    left = [0] * checks
    for word in words:
        factor = word ^ left[0]
        left = [have ^ times(d, factor) for have, d in zip([*left[1:], 0], divisor, strict=True)]
    return left


# --------------------------------------------------------------------------------------------------------------- modules


def _frame(version: int) -> tuple[Grid, Grid]:
    """A symbol with what every one of its version has, and which of its modules that takes."""
    size = version * 4 + 17
    grid, taken = [[0] * size for _ in range(size)], [[0] * size for _ in range(size)]

    def put(x: int, y: int, dark: bool) -> None:
        if 0 <= x < size and 0 <= y < size:
            grid[y][x], taken[y][x] = int(dark), 1

    for n in range(size):
        put(6, n, n % 2 == 0)
        put(n, 6, n % 2 == 0)
    for cx, cy in ((3, 3), (size - 4, 3), (3, size - 4)):
        _rings(put, cx, cy, 4, light=(2, 4))
    places = [6, *(at for at in _ALIGNED[version - 1][1:])] if version > 1 else []
    corners = {(0, 0), (0, len(places) - 1), (len(places) - 1, 0)}
    for i, cx in enumerate(places):
        for j, cy in enumerate(places):
            if (i, j) not in corners:
                _rings(put, cx, cy, 2, light=(1,))
    _say_mask(put, size, 0)
    if version >= _VERSION_SHOWN_FROM:
        bits = version << 12 | _rest(version << 12, 0x1F25)
        for n in range(18):
            put(size - 11 + n % 3, n // 3, bool(bits >> n & 1))
            put(n // 3, size - 11 + n % 3, bool(bits >> n & 1))
    return grid, taken


def _rings(put: Callable[[int, int, bool], None], cx: int, cy: int, reach: int, *, light: tuple[int, ...]) -> None:
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            put(cx + dx, cy + dy, max(abs(dx), abs(dy)) not in light)


def _rest(value: int, divisor: int) -> int:
    """Of a division of polynomials over GF(2)."""
    length = divisor.bit_length()
    while value.bit_length() >= length:
        value ^= divisor << (value.bit_length() - length)
    return value


def mask_bits(mask: int) -> int:
    """Error correction M (00) and the mask, with their own checks."""
    return (mask << 10 | _rest(mask << 10, 0x537)) ^ 0x5412


def _say_mask(put: Callable[[int, int, bool], None], size: int, mask: int) -> None:
    bits = [bool(mask_bits(mask) >> n & 1) for n in range(15)]
    near = [(8, n) for n in range(6)] + [(8, 7), (8, 8), (7, 8)] + [(14 - n, 8) for n in range(9, 15)]
    far = [(size - 1 - n, 8) for n in range(8)] + [(8, size - 15 + n) for n in range(8, 15)]
    for places in (near, far):
        for (x, y), bit in zip(places, bits, strict=True):
            put(x, y, bit)
    put(8, size - 8, True)


def path(size: int) -> list[tuple[int, int]]:
    """Every module in the order in which data goes: two columns at a time, upwards and downwards in turn, from the right."""
    order = []
    for n, right in enumerate([*range(size - 1, 6, -2), *range(5, 0, -2)]):
        rows = range(size) if n % 2 else range(size - 1, -1, -1)
        order += [(x, y) for y in rows for x in (right, right - 1)]
    return order


def _lay(grid: Grid, taken: Grid, words: Sequence[int]) -> None:
    free = [(x, y) for x, y in path(len(grid)) if not taken[y][x]]
    bits = "".join(f"{word:08b}" for word in words)
    for (x, y), bit in zip(free, bits, strict=False):
        grid[y][x] = int(bit)


def _masked(grid: Grid, taken: Grid, version: int, mask: int) -> Grid:
    flips = _MASKS[mask]
    made = [[bit ^ (not taken[y][x] and flips(x, y)) for x, bit in enumerate(row)] for y, row in enumerate(grid)]

    def put(x: int, y: int, dark: bool) -> None:
        made[y][x] = int(dark)

    _say_mask(put, len(grid), mask)
    return made


def _unrest(grid: Grid) -> int:
    """How hard it is to read: long runs and blocks of one colour."""
    size, points = len(grid), 0
    for lines in (grid, list(map(list, zip(*grid, strict=True)))):
        for line in lines:
            for run in "".join(map(str, line)).replace("01", "0 1").replace("10", "1 0").split():
                points += len(run) - 2 if len(run) >= 5 else 0
    for y in range(size - 1):
        for x in range(size - 1):
            points += 3 * (len({grid[y][x], grid[y][x + 1], grid[y + 1][x], grid[y + 1][x + 1]}) == 1)
    return points
