"""Many callers, one trip: what is asked for while one trip is under way goes together on the next.

The first call goes at once, so nothing waits for a timer; under load trips fill up by themselves, as a database's group commit
does. Used wherever one transaction or one request for fifty things costs little more than for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batch(Generic[Item, Result]):
    """``await batch(item)`` gives the result for ``item``. ``go`` gets at most ``most`` items and answers for each in order:
    its result, or an exception to be raised for that caller alone. If ``go`` itself raises, all its callers get that."""

    def __init__(self, go: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], most: int = 64) -> None:
        self._go = go
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._trips())
        return await future

    async def _trips(self) -> None:
        try:
            await asyncio.sleep(0)  # whoever is ready in this turn of the event loop comes along
            while self._waiting:
                carried, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._trip([(item, future) for item, future in carried if not future.cancelled()])
        finally:
            self._under_way = None

    async def _trip(self, carried: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        if not carried:
            return
        try:
            results = await self._go([item for item, _ in carried])
        except asyncio.CancelledError:
            for _, future in carried:
                future.cancel()
            raise
        except BaseException as error:
            for _, future in carried:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(carried, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
