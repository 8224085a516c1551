from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from wolke.core.batch import Batch


async def test_callers_of_one_moment_share_a_trip_and_later_ones_the_next() -> None:
    trips: list[list[int]] = []

    async def go(items: Sequence[int]) -> Sequence[int | Exception]:
        trips.append(list(items))
        await asyncio.sleep(0.01)
        return [item * 10 for item in items]

    batch = Batch(go, most=3)
    first = [asyncio.create_task(batch(n)) for n in range(2)]
    await asyncio.sleep(0.001)
    later = [asyncio.create_task(batch(n)) for n in range(2, 6)]
    assert await asyncio.gather(*first, *later) == [0, 10, 20, 30, 40, 50]
    assert trips == [[0, 1], [2, 3, 4], [5]]


async def test_one_failure_is_one_callers_and_a_failed_trip_is_everyones() -> None:
    async def go(items: Sequence[str]) -> Sequence[str | Exception]:
        if "fire" in items:
            raise OSError("fire")
        return [ValueError(item) if item == "bad" else item for item in items]

    batch = Batch(go)
    good, bad = await asyncio.gather(batch("good"), batch("bad"), return_exceptions=True)
    assert good == "good"
    assert isinstance(bad, ValueError)
    both = await asyncio.gather(batch("good"), batch("fire"), return_exceptions=True)
    assert [type(one) for one in both] == [OSError, OSError]
    with pytest.raises(ValueError, match="bad"):
        await batch("bad")


async def test_who_gives_up_waiting_is_not_carried() -> None:
    trips: list[list[int]] = []

    async def go(items: Sequence[int]) -> Sequence[int | Exception]:
        trips.append(list(items))
        await asyncio.sleep(0.005)
        return list(items)

    batch = Batch(go)
    first = asyncio.create_task(batch(1))
    await asyncio.sleep(0.001)
    second, third = asyncio.create_task(batch(2)), asyncio.create_task(batch(3))
    await asyncio.sleep(0)
    second.cancel()
    assert await first == 1
    assert await third == 3
    assert trips == [[1], [3]]
