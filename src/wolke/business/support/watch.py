"""Who looks at a ticket hears when something was said in one: a wake says "look", never "what", so that nobody hears of another's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from wolke.core.db import Database, Transaction

_SAID = "business.tickets.said"
_QUIET_S = 20.0


def spoken(tx: Transaction) -> None:
    tx.wake(_SAID)


class Watch:
    def __init__(self, db: Database) -> None:
        self._waiting: set[asyncio.Event] = set()
        db.on_wake(_SAID, self._wake)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def turns(self) -> AsyncGenerator[bool, None]:
        """At once, and then without an end: True when there may be something new, False when nothing was said for a while."""
        awake = asyncio.Event()
        self._waiting.add(awake)
        try:
            yield True
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_QUIET_S):
                        await awake.wait()
                news = awake.is_set()
                awake.clear()
                yield news
        finally:
            self._waiting.discard(awake)
