"""QR codes, read back as a scanner would."""

import pytest

from wolke.business import qr
from wolke.business.qr import code, mask_bits, path, remainder


def test_the_checks_of_a_code_are_those_of_the_standards_example() -> None:
    words = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17]
    assert remainder(words, 10) == [196, 35, 39, 119, 235, 215, 231, 226, 93, 23]
    assert (mask_bits(0), mask_bits(5)) == (0b101010000010010, 0b100000011001110)


@pytest.mark.parametrize("length", [1, 14, 15, 84, 120, 213, 331])
def test_a_code_reads_back_as_what_went_in(length: int) -> None:
    text = ("BCD\n002\n" * 50)[:length]
    assert read_code(code(text)) == text


def test_what_is_too_long_for_a_code_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        code("x" * 332)


def read_code(rows: list[str]) -> str:
    """As a scanner would, without mending: the mask from its bits, the words along the path, the blocks apart, the bytes in them."""
    size = len(rows)
    version = (size - 17) // 4
    said = int(
        "".join(
            rows[y][x] for x, y in [(size - 1 - n, 8) for n in range(8)] + [(8, size - 15 + n) for n in range(8, 15)]
        )[::-1],
        2,
    )
    mask = next(n for n in range(8) if mask_bits(n) == said)
    _, taken = qr._frame(version)
    free = [(x, y) for x, y in path(size) if not taken[y][x]]
    bits = "".join(str(int(rows[y][x]) ^ qr._MASKS[mask](x, y)) for x, y in free)
    words = [int(bits[at : at + 8], 2) for at in range(0, qr._codewords(version) * 8, 8)]
    blocks, checks = qr._BLOCKS[version - 1], qr._CHECKS[version - 1]
    short, longer = divmod(qr._room(version), blocks)
    parts: list[list[int]] = [[] for _ in range(blocks)]
    given = iter(words)
    for n in range(short + 1):
        for index, part in enumerate(parts):
            if n < short or index >= blocks - longer:
                part.append(next(given))
    tails = [[next(given) for _ in range(blocks)] for _ in range(checks)]
    assert all(remainder(part, checks) == [tail[index] for tail in tails] for index, part in enumerate(parts))
    data = "".join(f"{word:08b}" for part in parts for word in part)
    count = 16 if version >= 10 else 8
    length = int(data[4 : 4 + count], 2)
    body = data[4 + count :]
    return bytes(int(body[at : at + 8], 2) for at in range(0, length * 8, 8)).decode()


def test_a_transfer_says_what_a_banking_app_reads() -> None:
    said = qr.transfer("Nordlicht GmbH", "DE02 1203 0000 0000 2020 51", "BYLADEM1001", "11.90", "2026-000001")
    lines = "BCD 002 1 SCT BYLADEM1001 Nordlicht_GmbH DE02120300000000202051 EUR11.90 _ _ 2026-000001"
    assert said.split("\n") == [word.replace("_", " ").strip() for word in lines.split(" ")]
    assert qr.transfer("N", "DE1", "", "", "K1001").split("\n")[7] == ""
