"""What stands in the log and in the index, byte by byte.

A record of the log is a header, a body (``Commit`` as msgpack) and the small data that came with it:

    magic u32 · crc u32 · previous u32 · sequence u64 · behind u32 · body bytes u32 · data bytes u32

``crc`` covers the rest of the header and the body, and begins with the segment's number; ``previous`` is the ``crc`` of the
record before. Without that chain a stale tail, left by a write that was cut off, comes back to life when the log grows up to
it. ``behind`` says how far the first record of the same write is behind: everything before that one was synced, so damage
there is decay and not a torn write.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from awscrt.checksums import crc32c

HEADER = struct.Struct("<IIIQIII")
MAGIC = 0x314B4C57  # WLK1
MAGIC_BYTES = MAGIC.to_bytes(4, "little")
BODY_LIMIT_BYTES = 1 << 30
CHANGES_LIMIT = 1 << 16
_CHECKED = struct.Struct("<IQIII")
_START = struct.Struct("<II")
RESIDUE = 0x48674BC7  # the CRC32C of anything followed by its own CRC32C
_NO_CRC = 0xFFFFFFFF


class Run(msgspec.Struct, array_like=True, frozen=True, tag=0, gc=False):
    """Small data in a segment. In a record, ``segment`` 0 is the record itself, and ``offset`` counts from where its data begins."""

    segment: int
    offset: int
    size: int
    crc: int


class File(msgspec.Struct, array_like=True, frozen=True, tag=1, gc=False):
    """Large data in a file; ``crc`` is its footer's."""

    number: int
    size: int
    crc: int


class Fresh:
    """Small data that is still in memory: a writer has finished it, and no commit has taken it yet."""

    __slots__ = ("crc", "data")

    def __init__(self, data: bytes, crc: int | None = None) -> None:
        self.data = data
        self.crc = crc32c(data) if crc is None else crc

    @property
    def size(self) -> int:
        return len(self.data)


class LogPut(msgspec.Struct, array_like=True, tag=0, gc=False):
    """``since``: the oldest segment in which an older record of this key may stand; 0 is this one."""

    key: bytes
    meta: bytes
    pieces: tuple[Run | File, ...]
    objects: int
    octets: int
    due_s: int | None
    since: int = 0


class LogDelete(msgspec.Struct, array_like=True, tag=1, gc=False):
    """Needed as long as one of the segments ``since`` to ``until`` is there, which may hold a put of this key.

    ``upto``: it ends only what is not newer than this; 0 is its own moment. The compactor carries old ones on.
    """

    key: bytes
    since: int
    until: int = 0
    upto: int = 0


class Commit(msgspec.Struct, array_like=True, gc=False):
    """``files``: numbers of files below this may be in use (0: nothing new about that)."""

    partition: bytes
    changes: list[LogPut | LogDelete]
    files: int = 0


class Row(msgspec.Struct, array_like=True, gc=False):
    """What the index says of a key. ``uid``: sequence of its record << 16 | place in it. ``crc`` belongs to ``pack``."""

    uid: int
    segment: int
    since: int
    objects: int
    octets: int
    due_s: int | None
    meta: bytes
    pieces: tuple[Run | File, ...]
    crc: int = _NO_CRC


class Header(NamedTuple):
    magic: int
    crc: int
    previous: int
    sequence: int
    behind: int
    body_bytes: int
    data_bytes: int

    @property
    def whole_bytes(self) -> int:
        return HEADER.size + self.body_bytes + self.data_bytes


_encode = msgspec.msgpack.Encoder().encode
_decode_commit = msgspec.msgpack.Decoder(Commit).decode
decode_row = msgspec.msgpack.Decoder(Row).decode


class Unreadable(Exception):
    """Bytes that are not what was written."""


def encode(
    commit: Commit, segment: int, previous: int, sequence: int, behind: int, data_bytes: int
) -> tuple[bytes, int]:
    """Header and body, and the record's crc."""
    body = _encode(commit)
    rest = _CHECKED.pack(previous, sequence, behind, len(body), data_bytes) + body
    crc = crc32c(rest, segment)
    return _START.pack(MAGIC, crc) + rest, crc


def checked(header: bytes, body: bytes, segment: int) -> bool:
    return bool(crc32c(header[_START.size :] + body, segment) == _START.unpack_from(header)[1])


def decode(body: bytes) -> Commit:
    try:
        return _decode_commit(body)
    except msgspec.MsgspecError as error:
        raise Unreadable(str(error)) from None


def pack(row: Row) -> bytes:
    """Its last four bytes are a checksum, in the place of a number that nobody reads."""
    value = _encode(row)[:-4]
    crc: int = crc32c(value)
    return value + crc.to_bytes(4, "little")


def unpack(value: bytes) -> Row:
    if crc32c(value) != RESIDUE:
        raise Unreadable("a row of the index fails its checksum")
    return decode_row(value)


def runs_in(pieces: Sequence[Run | File]) -> list[Run]:
    return [piece for piece in pieces if isinstance(piece, Run)]
