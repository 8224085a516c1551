"""Tar archives as a stream, packed or not: member after member, of which no more than a piece is in memory.

Python's ``tarfile`` wants a file to read from, in a thread, and believes what a header says about sizes. Here every number
has a bound: what is packed may not unfold beyond all measure, headers that describe other headers are small, and a member's
data is read as it is asked for, never by the size that its header claims. Formats: v7, ustar, GNU (long names), pax.
"""

from __future__ import annotations

import asyncio
import bz2
import zlib
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

BLOCK_BYTES = 512
_EXTENSION_BYTES = 64 * 1024  # a pax header, or a GNU long name
_MEMBERS = 1_000_000
_PIECE_BYTES = 256 * 1024
_FREE_BYTES = 16 << 20  # what may unfold from next to nothing
_UNFOLDED = 1200  # times what came: deflate reaches 1,032, and bzip2 some 40,000 with nothing but zeros

_REGULAR = (b"0", b"\0", b"7")
_WITHOUT_DATA = b"123456"  # links, devices, folders, pipes
_PAX, _PAX_FOR_ALL, _LONG_NAME, _LONG_LINK, _SPARSE = b"x", b"g", b"L", b"K", b"S"


class BadTar(Exception):
    """It is not an archive, or ends too early, or is more than anybody needs. The message is for the client."""


class Member(NamedTuple):
    """``name`` as it stands in the archive. ``regular``: a file with data, no folder, link or device. ``sparse``: a file whose
    holes were left out, in one of three ways; nobody reads those here."""

    name: bytes
    size: int
    regular: bool
    sparse: bool
    attributes: dict[str, bytes]


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


def unpacked(source: AsyncIterator[bytes], packing: str) -> AsyncIterator[bytes]:
    """``packing``: ``gz``, ``bz2`` or nothing. Raises ``BadTar``."""
    return _unpack(source, packing) if packing else source


async def _unpack(source: AsyncIterator[bytes], packing: str) -> AsyncIterator[bytes]:
    came = made = 0
    gunzip, bunzip = zlib.decompressobj(wbits=31), bz2.BZ2Decompressor()
    unpacker: _Unpacker = gunzip if packing == "gz" else bunzip

    def step(data: bytes) -> tuple[bytes, bytes, bool]:
        """What came out, what is still to be put in, and whether more would come out of nothing."""
        if packing == "gz":
            out = gunzip.decompress(data, _PIECE_BYTES)
            return out, gunzip.unconsumed_tail, False
        out = bunzip.decompress(data, _PIECE_BYTES)
        return out, b"", not bunzip.needs_input and not bunzip.eof

    async for chunk in source:
        came += len(chunk)
        rest, more = chunk, True
        while (rest or more) and not unpacker.eof:
            try:
                out, rest, more = await asyncio.to_thread(step, rest)
            except (zlib.error, OSError, EOFError, ValueError):
                raise BadTar("the data is not packed as it says") from None
            made += len(out)
            if made > _FREE_BYTES + came * _UNFOLDED:
                raise BadTar("it unfolds to more than an archive may")
            if out:
                yield out
        if unpacker.eof:
            return
    raise BadTar("unexpected end of data")


class Tar:
    """``async for member in tar``; then ``tar.data()`` is the member's, until the next is asked for. Raises ``BadTar``."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._buffer = bytearray()
        self._left = 0  # of the member's data
        self._padding = 0

    async def __aiter__(self) -> AsyncIterator[Member]:
        for_all: dict[str, bytes] = {}
        extension: dict[str, bytes] = {}
        first = True
        for _ in range(_MEMBERS):
            header = await self._take(BLOCK_BYTES, may_end=True)
            if not header and first:
                raise BadTar("empty file")
            if not header or not any(header):
                await self._drain()
                return
            first = False
            kind, size = _checked(header)
            if kind in (_PAX, _PAX_FOR_ALL, _LONG_NAME, _LONG_LINK):
                text = await self._extension(size)
                if kind in (_PAX, _PAX_FOR_ALL):
                    (extension if kind == _PAX else for_all).update(_pax(text))
                elif kind == _LONG_NAME:
                    extension["path"] = text.rstrip(b"\0")
                continue
            member = _member(header, kind, size, {**for_all, **extension})
            extension = {}
            self._left = 0 if kind in _WITHOUT_DATA else member.size
            self._padding = -self._left % BLOCK_BYTES
            yield member
            async for _piece in self.data():
                pass
        raise BadTar("too many members")

    async def data(self) -> AsyncIterator[bytes]:
        while self._left:
            if not self._buffer and not await self._more():
                raise BadTar("unexpected end of data")
            piece = bytes(self._buffer[: self._left])
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            yield piece
        if self._padding:
            padding, self._padding = self._padding, 0
            await self._take(padding, may_end=True)

    async def _extension(self, size: int) -> bytes:
        if size > _EXTENSION_BYTES:
            raise BadTar("a header is too large")
        data = await self._take(size)
        await self._take(-size % BLOCK_BYTES)
        return data

    async def _take(self, size: int, *, may_end: bool = False) -> bytes:
        while len(self._buffer) < size and await self._more():
            pass
        if len(self._buffer) < size and not may_end:
            raise BadTar("unexpected end of data")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def _more(self) -> bool:
        async for chunk in self._source:
            self._buffer += chunk
            return True
        return False

    async def _drain(self) -> None:
        """What follows the end is padding; a client sends it all before it reads."""
        self._buffer.clear()
        read = 0
        async for chunk in self._source:
            read += len(chunk)
            if read > _FREE_BYTES:
                return


def _checked(header: bytes) -> tuple[bytes, int]:
    if len(header) < BLOCK_BYTES:
        raise BadTar("truncated header")
    total = sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")
    if _number(header[148:156]) != total:
        raise BadTar("bad checksum")
    return header[156:157], _number(header[124:136])


def _number(field: bytes) -> int:
    if field[0] in (0x80, 0xFF):
        value = int.from_bytes(field[1:], "big")
        if field[0] == 0xFF:
            raise BadTar("invalid header")
        return value
    try:
        text = field.split(b"\0", 1)[0].strip()
        if text and not text.isdigit():
            raise BadTar("invalid header")
        return int(text or b"0", 8)
    except ValueError:
        raise BadTar("invalid header") from None


def _member(header: bytes, kind: bytes, size: int, extension: dict[str, bytes]) -> Member:
    name = extension.get("path")
    if name is None:
        name = header[:100].split(b"\0", 1)[0]
        prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
        name = prefix + b"/" + name if prefix else name
    said = extension.get("size")
    if said is not None:
        if not said.isdigit() or len(said) > 20:
            raise BadTar("invalid header")
        size = int(said)
    sparse = kind == _SPARSE or any(key.startswith("GNU.sparse.") for key in extension)
    regular = (kind in _REGULAR or sparse) and not (kind == b"\0" and name.endswith(b"/"))
    return Member(name, size, regular, sparse, extension)


def _pax(text: bytes) -> dict[str, bytes]:
    """``30 mtime=1700000000.123456789\\n`` and so on: each begins with its own length."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(text) and text[at]:
        digits, space, _ = text[at : at + 8].partition(b" ")
        if not space or not digits.isdigit():
            raise BadTar("invalid header")
        length = int(digits)
        line = text[at + len(digits) + 1 : at + length]
        key, equals, value = line.partition(b"=")
        if length <= len(digits) + 1 or at + length > len(text) or not equals or not value.endswith(b"\n"):
            raise BadTar("invalid header")
        found[key.decode("utf-8", "replace")] = value[:-1]
        at += length
    return found
