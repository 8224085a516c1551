"""What is remembered of accounts and containers is never older than the last change."""

from __future__ import annotations

import asyncio

from wolke.object_store.service.remembered import Remembered


async def test_a_value_is_read_once_until_it_is_forgotten() -> None:
    known: Remembered[str, int] = Remembered(True)
    reads = iter((1, 2))

    async def read() -> int:
        return next(reads)

    assert [await known.get("a", read), await known.get("a", read)] == [1, 1]
    known.forget("a")
    assert await known.get("a", read) == 2


async def test_what_was_read_before_a_change_and_comes_after_it_is_not_kept() -> None:
    known: Remembered[str, int] = Remembered(True)
    go = asyncio.Event()

    async def slow() -> int:
        await go.wait()
        return 1

    async def fresh() -> int:
        return 2

    reading = asyncio.create_task(known.get("a", slow))
    await asyncio.sleep(0)
    known.forget("a")
    go.set()
    assert await reading == 1
    assert await known.get("a", fresh) == 2


async def test_where_others_write_nothing_is_remembered() -> None:
    known: Remembered[str, int] = Remembered(False)
    reads = iter((1, 2))

    async def read() -> int:
        return next(reads)

    assert [await known.get("a", read), await known.get("a", read)] == [1, 2]
