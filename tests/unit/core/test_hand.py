"""One thread that works for the event loop."""

import asyncio
import threading

import pytest

from wolke.core.hand import Hand


async def test_things_are_done_in_order_and_elsewhere() -> None:
    hand, seen = Hand("t"), []

    def work(number: int) -> tuple[int, str]:
        seen.append(number)
        return number, threading.current_thread().name

    assert await asyncio.gather(*(hand.do(work, n) for n in range(50))) == [(n, "t") for n in range(50)]
    assert seen == list(range(50))
    hand.close()
    assert "t" not in {one.name for one in threading.enumerate()}


async def test_a_failure_is_told_and_the_next_thing_is_done() -> None:
    hand = Hand("t")

    def fail() -> None:
        raise OSError("full")

    failing, after = hand.do(fail), hand.do(lambda: 7)
    with pytest.raises(OSError, match="full"):
        await failing
    assert await after == 7
    hand.close()


async def test_what_nobody_waits_for_any_more_is_done_before_it_ends() -> None:
    hand, done = Hand("t"), threading.Event()
    hand.do(done.set).cancel()
    hand.close()
    assert done.is_set()
