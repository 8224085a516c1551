"""What the rules of all formats look at, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_BYTES = 256 << 10
TAIL_BYTES = 512
SECTOR_BYTES = 512
MOST_BYTES = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sample:
    """Of all the data: its first bytes, its last ones, its length, and the window that VHDX asks for."""

    head: bytes
    tail: bytes
    size: int
    metadata: bytes = b""

    def number(self, at: int, length: int, order: str = "big") -> int:
        """An unsigned integer; beyond the end it is 0."""
        return int.from_bytes(self.head[at : at + length], "little" if order == "little" else "big")


@dataclass(frozen=True, slots=True)
class Finding:
    """``tail_only``: the data has only a trailer of this format, and is raw as well as it is this."""

    format: str
    virtual_size: int | None = None
    problem: str | None = None
    tail_only: bool = False


def sized(name: str, virtual_size: int) -> Finding:
    if virtual_size > MOST_BYTES:
        return Finding(name, None, "it claims an impossible size")
    return Finding(name, virtual_size)
