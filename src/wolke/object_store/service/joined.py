"""One body made of many: what a large object is, whose parts are objects of their own.

Parts are found when they are wanted: a range looks at those it touches and no others. As far as possible everything is found
before the first byte goes out, so that a part that is missing can still be said; and where all of it lies in one place, that
place reads it as one (and may let the kernel send it).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from wolke.object_store.drivers.base import Stream
from wolke.object_store.service.ground import Body

_AHEAD = 256  # parts that are found before the answer begins; of more, the first
_SMALL_BYTES = 256 * 1024


class Source(Protocol):
    """What can be sent: ``Body`` and ``Joined`` both are."""

    @property
    def size(self) -> int: ...

    async def read(self, start: int, length: int) -> bytes | Stream: ...

    def chunks(self, start: int, length: int) -> AsyncIterator[bytes]: ...


class Span(NamedTuple):
    """``size`` bytes from ``start`` of what ``open`` finds. It raises if that is not what it was."""

    size: int
    open: Callable[[], Awaitable[Source]]
    start: int = 0


class Slice(NamedTuple):
    span: Span
    start: int
    length: int


class Inline:
    """Data that is at hand."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    async def read(self, start: int, length: int) -> bytes | Stream:
        return self._data[start : start + length]

    async def chunks(self, start: int, length: int) -> AsyncIterator[bytes]:
        yield self._data[start : start + length]


class Joined:
    """``spans`` is asked once, when something is read; together they have ``size`` bytes."""

    def __init__(self, size: int, spans: Callable[[], Awaitable[Sequence[Span]]]) -> None:
        self.size = size
        self._find = spans
        self._spans: Sequence[Span] | None = None

    async def read(self, start: int, length: int) -> bytes | Stream:
        slices = await self._slices(start, length)
        if not slices:
            return b""
        sources = [await one.span.open() for one in (slices if len(slices) <= _AHEAD else slices[:1])]
        if len(sources) == len(slices):
            if (whole := _as_one(slices, sources)) is not None:
                return await whole.read(slices[0].start, length)
            if length <= _SMALL_BYTES:
                return b"".join([await _bytes(source, one) for source, one in zip(sources, slices, strict=True)])
        return Stream(_chunks(slices, sources))

    async def chunks(self, start: int, length: int) -> AsyncIterator[bytes]:
        async for chunk in _chunks(await self._slices(start, length), ()):
            yield chunk

    async def _slices(self, start: int, length: int) -> list[Slice]:
        if self._spans is None:
            self._spans = await self._find()
        found: list[Slice] = []
        at, end = 0, start + length
        for span in self._spans:
            low, high = max(start, at), min(end, at + span.size)
            if low < high:
                found.append(Slice(span, span.start + low - at, high - low))
            at += span.size
            if at >= end:
                break
        return found


def _as_one(slices: Sequence[Slice], sources: Sequence[Source]) -> Body | None:
    """A body whose data is that of all sources; only the first may begin, and only the last may end, within one."""
    bodies = [source for source in sources if isinstance(source, Body)]
    if len(bodies) < len(sources):
        return None
    for index, (one, body) in enumerate(zip(slices, bodies, strict=True)):
        first, last = index == 0, index == len(slices) - 1
        if (not first and one.start) or (not last and one.start + one.length != body.size):
            return None
    return Body.of(bodies)


async def _bytes(source: Source, one: Slice) -> bytes:
    return b"".join([chunk async for chunk in source.chunks(one.start, one.length)])


async def _chunks(slices: Sequence[Slice], opened: Sequence[Source]) -> AsyncIterator[bytes]:
    for index, one in enumerate(slices):
        source = opened[index] if index < len(opened) else await one.span.open()
        async for chunk in source.chunks(one.start, one.length):
            yield chunk
