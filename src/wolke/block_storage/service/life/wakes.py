"""Telling hosts to look: whoever waits for a host is woken when something became due on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from wolke.core.db import Database


class Wakes:
    """One listener per host at the database, for good; any number of waiting streams behind it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def listen(self, host: str) -> Iterator[asyncio.Event]:
        """An event that is set at every wake of the host; the listener clears it."""
        event = asyncio.Event()
        if host not in self._waiting:
            self._waiting[host] = set()
            self._db.on_wake(f"block_storage.host.{host}", lambda: self._wake(host))
        self._waiting[host].add(event)
        try:
            yield event
        finally:
            self._waiting[host].discard(event)

    def _wake(self, host: str) -> None:
        for event in self._waiting[host]:
            event.set()
