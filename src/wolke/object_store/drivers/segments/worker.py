"""A thread that does one thing after the other for the event loop. What an executor keeps of each costs more than a group's write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple


class _Work(NamedTuple):
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    run: Callable[..., object]
    given: tuple[Any, ...]


class Worker:
    def __init__(self, name: str) -> None:
        self._waiting: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread = Thread(target=self._go_on, name=name, daemon=True)
        self._thread.start()

    def run(self, run: Callable[..., object], *given: Any) -> asyncio.Future[None]:
        """It is run whether or not somebody still waits; whoever does hears how it ended."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.put(_Work(loop, done, run, given))
        return done

    def close(self) -> None:
        """When all is done that was asked for."""
        self._waiting.put(None)
        self._thread.join()

    def _go_on(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work.run(*work.given)
            except BaseException as error:
                work.loop.call_soon_threadsafe(_tell, work.done, error)
            else:
                work.loop.call_soon_threadsafe(_tell, work.done, None)
            del work


def _tell(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
