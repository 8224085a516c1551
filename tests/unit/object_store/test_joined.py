"""Many bodies as one: every range of it is that of the bytes one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wolke.core.clock import HeldClock
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.drivers.base import Stream
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.errors import ObjectNotFound
from wolke.object_store.model import Description
from wolke.object_store.service import Body, ObjectStore
from wolke.object_store.service.joined import Inline, Joined, Source, Span


async def read(source: Source, start: int, length: int) -> bytes:
    found = await source.read(start, length)
    if isinstance(found, bytes):
        return found
    return b"".join([chunk async for chunk in found.chunks])


def joined(datas: list[bytes]) -> Joined:
    def span(data: bytes) -> Span:
        async def open_it() -> Source:
            return Inline(b"[" + data + b"]")

        return Span(len(data), open_it, 1)

    async def spans() -> list[Span]:
        return [span(data) for data in datas]

    return Joined(sum(map(len, datas)), spans)


@settings(max_examples=100, deadline=None)
@given(datas=st.lists(st.binary(max_size=9), max_size=8), start=st.integers(0, 80), length=st.integers(0, 80))
async def test_any_range_is_that_of_the_whole(datas: list[bytes], start: int, length: int) -> None:
    whole = b"".join(datas)
    assert await read(joined(datas), start, length) == whole[start : start + length]
    assert b"".join([chunk async for chunk in joined(datas).chunks(start, length)]) == whole[start : start + length]


async def test_a_range_opens_only_what_it_touches() -> None:
    opened: list[int] = []

    def span(number: int) -> Span:
        async def open_it() -> Source:
            opened.append(number)
            return Inline(b"abcd")

        return Span(4, open_it)

    async def spans() -> list[Span]:
        return [span(number) for number in range(1000)]

    assert await read(Joined(4000, spans), 6, 4) == b"cdab"
    assert opened == [1, 2]


async def test_a_part_that_is_missing_is_said_before_the_first_byte() -> None:
    async def there() -> Source:
        return Inline(bytes(1 << 20))

    async def gone() -> Source:
        raise ObjectNotFound

    async def spans() -> list[Span]:
        return [Span(1 << 20, there), Span(1 << 20, gone)]

    with pytest.raises(ObjectNotFound):
        await Joined(2 << 20, spans).read(0, 2 << 20)


async def test_what_lies_in_one_place_is_read_as_one() -> None:
    store = ObjectStore({"default": Memory(Path("/nowhere"))}, ObjectStoreConfig(), HeldClock())
    box, _ = await store.containers.create("AUTH_a", "box", {})
    bodies: list[Body] = []
    for number in range(4):
        data = bytes([65 + number]) * 600_000
        await store.objects.put(box, str(number), data, lambda got: Description(content_type="", etag=got.md5))
        bodies.append(store.objects.body(await store.objects.find(box, str(number))))

    def span(body: Body) -> Span:
        async def open_it() -> Source:
            return body

        return Span(body.size, open_it)

    async def spans() -> list[Span]:
        return [span(body) for body in bodies]

    whole = Joined(2_400_000, spans)
    assert await read(whole, 599_999, 600_002) == b"A" + b"B" * 600_000 + b"C"
    found = await whole.read(0, 2_400_000)
    assert isinstance(found, Stream)
    assert b"".join([chunk async for chunk in found.chunks]) == b"".join(bytes([65 + n]) * 600_000 for n in range(4))
