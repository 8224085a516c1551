import asyncio
import contextlib

import pytest

from wolke.core.clock import HeldClock
from wolke.core.db import Database
from wolke.core.loop import Leases, Loop


class Work:
    """Keys that are due until they have been dealt with."""

    def __init__(self, *keys: str) -> None:
        self.due = set(keys)
        self.acts: list[str] = []
        self.bad: set[str] = set()

    async def look(self) -> list[str]:
        return sorted(self.due)

    async def act(self, key: str) -> None:
        self.acts.append(key)
        if key in self.bad:
            raise RuntimeError("not yet")
        await asyncio.sleep(0)
        self.due.discard(key)


@contextlib.asynccontextmanager
async def running(loop: Loop):
    task = asyncio.create_task(loop.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_drain_does_all_that_is_due() -> None:
    work = Work("a", "b")
    await Loop("t", work.look, work.act).drain()
    assert sorted(work.acts) == ["a", "b"]


async def test_a_wake_makes_it_look_long_before_the_period() -> None:
    work = Work()
    loop = Loop("t", work.look, work.act, period_s=60)
    async with running(loop):
        await asyncio.sleep(0.02)
        work.due.add("new")
        loop.wake()
        await until(lambda: not work.due)


async def test_a_bad_key_is_tried_again_and_starves_nobody(capfd) -> None:
    work = Work("bad", "good")
    work.bad.add("bad")
    loop = Loop("t", work.look, work.act, period_s=60, concurrency=1, backoff_s=(0.01, 0.05))
    async with running(loop):
        await until(lambda: work.acts.count("bad") >= 3)
        assert "good" not in work.due
        work.bad.clear()
        await until(lambda: not work.due)


async def test_one_key_is_never_acted_on_twice_at_once() -> None:
    now, most = 0, 0

    async def look() -> list[str]:
        return ["k"]

    async def act(key: str) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1

    loop = Loop("t", look, act, period_s=0.001)
    async with running(loop):
        for _ in range(20):
            loop.wake()
            await asyncio.sleep(0.002)
    assert most == 1


async def test_a_lease_has_one_holder_until_it_expires(database: Database) -> None:
    clock = HeldClock()
    first, second = Leases(database, clock, duration_s=10), Leases(database, clock, duration_s=10)
    assert await first.hold("loop")
    assert not await second.hold("loop")
    clock.move(9)
    assert await first.hold("loop"), "the holder renews"
    clock.move(9)
    assert not await second.hold("loop")
    clock.move(2)
    assert await second.hold("loop")
    assert not await first.hold("loop")
    await second.release()
    assert await first.hold("loop")


async def test_a_loop_without_its_lease_does_nothing(database: Database) -> None:
    clock = HeldClock()
    holder, other = Leases(database, clock), Leases(database, clock)
    await holder.hold("t")
    work = Work("a")
    async with running(Loop("t", work.look, work.act, period_s=0.005, leases=other)):
        await asyncio.sleep(0.05)
    assert work.acts == []


async def test_drain_that_never_rests_says_so() -> None:
    async def look() -> list[str]:
        return ["k"]

    async def act(key: str) -> None: ...

    with pytest.raises(RuntimeError, match="does not come to rest"):
        await Loop("t", look, act).drain(rounds=3)
