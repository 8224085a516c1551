"""QR codes (ISO/IEC 18004) as SVG: bytes, error correction M, versions 1 to 10, which holds what a phone needs for its second step (213 bytes).

Our own, since it is a page of arithmetic: data and Reed-Solomon words in blocks, the fixed patterns, and the best of the eight masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from markupsafe import Markup

Grid = list[list[int | None]]
#: Of each version at level M: correction words of a block, then (blocks, data words of each).
_BLOCKS: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {
    1: (10, ((1, 16),)), 2: (16, ((1, 28),)), 3: (26, ((1, 44),)), 4: (18, ((2, 32),)), 5: (24, ((2, 43),)), 6: (16, ((4, 27),)),
    7: (18, ((4, 31),)), 8: (22, ((2, 38), (2, 39))), 9: (22, ((3, 36), (2, 37))), 10: (26, ((4, 43), (1, 44))),
}  # fmt: skip
_CENTRES = {
    2: (6, 18),
    3: (6, 22),
    4: (6, 26),
    5: (6, 30),
    6: (6, 34),
    7: (6, 22, 38),
    8: (6, 24, 42),
    9: (6, 26, 46),
    10: (6, 28, 50),
}
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda y, x: (y + x) % 2 == 0,
    lambda y, x: y % 2 == 0,
    lambda y, x: x % 3 == 0,
    lambda y, x: (y + x) % 3 == 0,
    lambda y, x: (y // 2 + x // 3) % 2 == 0,
    lambda y, x: y * x % 2 + y * x % 3 == 0,
    lambda y, x: (y * x % 2 + y * x % 3) % 2 == 0,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2 == 0,
)
_QUIET = 4


def picture(text: str) -> Markup:
    """``ValueError`` if it is longer than 213 bytes."""
    grid = matrix(text.encode())
    size = len(grid) + 2 * _QUIET
    dark = "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z" for y, row in enumerate(grid) for x, module in enumerate(row) if module
    )
    return Markup(  # noqa: S704 - figures only
        f'<svg class="qr" viewBox="0 0 {size} {size}" aria-hidden="true" shape-rendering="crispEdges">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{dark}" fill="#000"/></svg>'
    )


def matrix(data: bytes) -> list[list[bool]]:
    version = next((v for v in _BLOCKS if len(data) + (3 if v > 9 else 2) <= _room(v)), None)
    if version is None:
        raise ValueError(f"{len(data)} bytes do not fit into a code")
    words = _interleaved(_words(data, version), version)
    fixed = _fixed(version)
    drawn = [_drawn(fixed, words, mask) for mask in range(len(_MASKS))]
    return min(drawn, key=_penalty)


def _room(version: int) -> int:
    return sum(count * words for count, words in _BLOCKS[version][1])


def _words(data: bytes, version: int) -> list[int]:
    """Mode, length, the bytes, an end, and filling."""
    bits = "0100" + format(len(data), "016b" if version > 9 else "08b") + "".join(format(byte, "08b") for byte in data)
    room = _room(version) * 8
    bits += "0" * min(4, room - len(bits))
    bits += "0" * (-len(bits) % 8)
    words = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    return words + [0xEC if i % 2 == 0 else 0x11 for i in range(_room(version) - len(words))]


def _field() -> tuple[list[int], list[int]]:
    """GF(256) of x^8 + x^4 + x^3 + x^2 + 1: powers of two, and their logarithms."""
    power, log, value = [0] * 512, [0] * 256, 1
    for i in range(255):
        power[i] = power[i + 255] = value
        log[value] = i
        value <<= 1
        if value & 0x100:
            value ^= 0x11D
    return power, log


_POWER, _LOG = _field()


def _times(a: int, b: int) -> int:
    return _POWER[_LOG[a] + _LOG[b]] if a and b else 0


def _correction(data: list[int], count: int) -> list[int]:
    """The remainder of ``data`` by the generator of that degree."""
    generator = [1]
    for i in range(count):
        generator = [a ^ _times(b, _POWER[i]) for a, b in zip([*generator, 0], [0, *generator], strict=True)]
    left = data + [0] * count
    for i in range(len(data)):
        factor = left[i]
        for j, part in enumerate(generator):
            left[i + j] ^= _times(part, factor)
    return left[len(data) :]


def _interleaved(words: list[int], version: int) -> list[int]:
    count, groups = _BLOCKS[version]
    blocks, at = [], 0
    for many, size in groups:
        for _ in range(many):
            blocks.append(words[at : at + size])
            at += size
    corrections = [_correction(block, count) for block in blocks]
    longest = max(len(block) for block in blocks)
    mixed = [block[i] for i in range(longest) for block in blocks if i < len(block)]
    return mixed + [correction[i] for i in range(count) for correction in corrections]


def _fixed(version: int) -> Grid:
    """What is there whatever is written: finders, timing, alignment, version; None is free. Places of the format are kept with 0."""
    size = 17 + 4 * version
    grid: Grid = [[None] * size for _ in range(size)]
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        _finder(grid, top, left)
    for i in range(8, size - 8):
        grid[6][i] = grid[i][6] = int(i % 2 == 0)
    centres = _CENTRES.get(version, ())
    for cy in centres:
        for cx in centres:
            if (cy, cx) not in ((6, 6), (6, centres[-1]), (centres[-1], 6)):
                _square(grid, cy, cx)
    for i in range(9):
        grid[8][i] = grid[8][i] or 0
        grid[i][8] = grid[i][8] or 0
    for i in range(8):
        grid[8][size - 1 - i] = grid[size - 1 - i][8] = 0
    grid[size - 8][8] = 1
    if version >= 7:
        bits = _remainder(version, 0x1F25, 12)
        for i in range(18):
            grid[i // 3][size - 11 + i % 3] = grid[size - 11 + i % 3][i // 3] = bits >> i & 1
    return grid


def _finder(grid: Grid, top: int, left: int) -> None:
    for y in range(max(0, top - 1), min(len(grid), top + 8)):
        for x in range(max(0, left - 1), min(len(grid), left + 8)):
            grid[y][x] = int(max(abs(y - top - 3), abs(x - left - 3)) in (0, 1, 3))


def _square(grid: Grid, cy: int, cx: int) -> None:
    for y in range(-2, 3):
        for x in range(-2, 3):
            grid[cy + y][cx + x] = int(max(abs(y), abs(x)) != 1)


def _remainder(value: int, generator: int, degree: int) -> int:
    """``value`` with its BCH code behind it."""
    left = value << degree
    while left.bit_length() > degree:
        left ^= generator << (left.bit_length() - generator.bit_length())
    return value << degree | left


def _free(grid: Grid) -> Iterator[tuple[int, int]]:
    """In the order in which words are written: two columns at a time from the right, up and down."""
    size = len(grid)
    upward = True
    for right in (x for x in range(size - 1, 0, -2)):
        column = right - 1 if right <= 6 else right
        for y in range(size - 1, -1, -1) if upward else range(size):
            for x in (column, column - 1):
                if grid[y][x] is None:
                    yield y, x
        upward = not upward


def _drawn(fixed: Grid, words: list[int], mask: int) -> list[list[bool]]:
    grid = [[bool(module) for module in row] for row in fixed]
    size, masked = len(grid), _MASKS[mask]
    for number, (y, x) in enumerate(_free(fixed)):
        bit = number < len(words) * 8 and bool(words[number // 8] >> (7 - number % 8) & 1)
        grid[y][x] = bit ^ masked(y, x)
    bits = _remainder(mask, 0x537, 10) ^ 0x5412  # level M is 00
    for i in range(15):
        bit = bool(bits >> i & 1)
        grid[i if i < 6 else i + 1 if i < 8 else size - 15 + i][8] = bit
        grid[8][size - 1 - i if i < 8 else 15 - i if i < 9 else 14 - i] = bit
    return grid


def _penalty(grid: list[list[bool]]) -> int:
    size, total = len(grid), 0
    for rows in (grid, [list(column) for column in zip(*grid, strict=True)]):
        for row in rows:
            text = "".join("1" if module else "0" for module in row)
            total += sum(
                len(run) - 2 for run in text.replace("01", "0 1").replace("10", "1 0").split() if len(run) >= 5
            )
            total += 40 * sum(text[i : i + 11] in ("10111010000", "00001011101") for i in range(size - 10))
    total += 3 * sum(
        grid[y][x] == grid[y][x + 1] == grid[y + 1][x] == grid[y + 1][x + 1]
        for y in range(size - 1)
        for x in range(size - 1)
    )
    dark = sum(map(sum, grid)) * 100 // (size * size)
    return total + abs(dark - 50) // 5 * 10
