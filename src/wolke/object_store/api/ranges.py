"""``Range: bytes=0-99,200-,-50`` over data of a known size, and the body of an answer that holds several."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from wolke.core.errors import Refused
from wolke.object_store.drivers.base import Stream

MOST = 50
_MOST_OVERLAPS = 2
_MOST_BACKWARDS = 8

Span = tuple[int, int]  # start and length
Read = Callable[[int, int], Awaitable[bytes | Stream]]


def parse(text: str, size: int) -> list[Span] | None:
    """None: no Range that means anything, so all of it. Raises 416 if none of it is there."""
    unit, equals, ranges = text.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    wishes = [_one(part.strip()) for part in ranges.split(",")]
    if None in wishes:
        return None
    spans = [span for wish in wishes if wish is not None and (span := _within(wish, size)) is not None]
    if not spans or len(wishes) > MOST or _is_abuse(spans):
        raise Refused(416, "Requested Range Not Satisfiable", headers={"Content-Range": f"bytes */{size}"})
    return spans


def _one(part: str) -> tuple[int | None, int | None] | None:
    first, dash, last = (piece.strip() for piece in part.partition("-"))
    if not dash or not (first or last) or not all(p.isascii() and p.isdigit() for p in (first, last) if p):
        return None
    start, end = int(first) if first else None, int(last) if last else None
    if start is not None and end is not None and end < start:
        return None
    return start, end


def _within(wish: tuple[int | None, int | None], size: int) -> Span | None:
    start, end = wish
    if start is None:
        assert end is not None
        length = min(end, size)
        return (size - length, length) if length else None
    if start >= size:
        return None
    stop = size if end is None else min(end + 1, size)
    return start, stop - start


def _is_abuse(spans: Sequence[Span]) -> bool:
    """Many that overlap or go backwards are an attack and not a wish."""
    overlaps = backwards = 0
    for at, (start, length) in enumerate(spans):
        if at and start < spans[at - 1][0]:
            backwards += 1
        overlaps += any(s < start + length and start < s + n for s, n in spans[:at])
    return overlaps > _MOST_OVERLAPS or backwards > _MOST_BACKWARDS


def content_range(span: Span, size: int) -> str:
    return f"bytes {span[0]}-{span[0] + span[1] - 1}/{size}"


def parts_size(spans: Sequence[Span], size: int, content_type: str, boundary: str) -> int:
    heads = sum(len(_head(span, size, content_type, boundary)) + span[1] for span in spans)
    return heads + len(_tail(boundary))


async def parts(read: Read, spans: Sequence[Span], size: int, content_type: str, boundary: str) -> AsyncIterator[bytes]:
    """``multipart/byteranges``."""
    for span in spans:
        yield _head(span, size, content_type, boundary)
        found = await read(*span)
        if isinstance(found, bytes):
            yield found
        else:
            async for chunk in found.chunks:
                yield chunk
    yield _tail(boundary)


def _head(span: Span, size: int, content_type: str, boundary: str) -> bytes:
    lines = f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {content_range(span, size)}\r\n\r\n"
    return lines.encode("utf-8", "surrogateescape")


def _tail(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode()
