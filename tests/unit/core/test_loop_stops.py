from __future__ import annotations

import asyncio

from wolke.core.loop import Loop


async def test_a_loop_that_is_woken_as_it_is_cancelled_stops() -> None:
    async def look() -> list[str]:
        return []

    async def act(key: str) -> None: ...

    for _ in range(20):
        loop = Loop("test", look, act)
        running = asyncio.create_task(loop.run())
        await asyncio.sleep(0.001)
        loop.wake()
        await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=1)
        assert done
