"""A thread that does one thing after the other for the event loop.

For what is done thousands of times a second and sleeps in the kernel: the way to an executor and back (three futures, a condition,
locks) takes more processor time than a small write, and its stops at the interpreter's lock come on top.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVarTuple, cast

Arguments = TypeVarTuple("Arguments")
_Wish = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]


class Hand:
    """``close`` ends it when all is done that was asked for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._wishes: SimpleQueue[_Wish | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[*Arguments], Any], *arguments: *Arguments) -> asyncio.Future[Any]:
        """Done even if nobody waits for it any more."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        future = asyncio.get_running_loop().create_future()
        self._wishes.put((future, cast("Callable[..., Any]", work), arguments))
        return future

    def close(self) -> None:
        if self._thread is not None:
            self._wishes.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (wish := self._wishes.get()) is not None:
            future, work, arguments = wish
            result, error = None, None
            try:
                result = work(*arguments)
            except BaseException as failure:
                error = failure
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                future.get_loop().call_soon_threadsafe(_tell, future, result, error)
            del wish, future, work, arguments, result, error  # until the next wish nothing is kept alive


def _tell(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
