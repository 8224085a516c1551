"""What changes in a project while somebody looks at it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from wolke.business.resources import model
from wolke.business.resources.base import CHANGED
from wolke.business.resources.store import ADDRESSES, DISKS, RULES, SERVERS, SNAPSHOTS
from wolke.core.clock import Clock, Instant
from wolke.core.db import Database, Order, Table, Where

_WATCHED: tuple[tuple[str, Table[Any]], ...] = (
    (model.SERVER, SERVERS), (model.DISK, DISKS), (model.ADDRESS, ADDRESSES), (model.SNAPSHOT, SNAPSHOTS), (model.RULE, RULES),
)  # fmt: skip
_QUIET_S, _TOGETHER_S = 20.0, 0.15
_MOST = 200


class Change(msgspec.Struct, frozen=True):
    """Something is not as it was. ``kind`` "": nothing has changed for a while, and the connection still stands."""

    kind: str
    object_id: str
    state: str
    at: Instant


class Changes:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self._waiting: set[asyncio.Event] = set()
        db.on_wake(CHANGED, self._wake)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def follow(self, project_id: str, since: Instant = "") -> AsyncGenerator[Change, None]:
        """Without an end; ``since`` is the ``at`` of the last change that was seen."""
        awake = asyncio.Event()
        self._waiting.add(awake)
        last = since or self._clock.now()
        try:
            while True:
                awake.clear()
                changes = await self._since(project_id, last)
                for change in changes:
                    last = change.at
                    yield change
                if changes:
                    await asyncio.sleep(_TOGETHER_S)  # what comes in a burst is shown together
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_QUIET_S):
                        await awake.wait()
                if not awake.is_set():
                    yield Change("", "", "", last)
        finally:
            self._waiting.discard(awake)

    async def _since(self, project_id: str, last: Instant) -> list[Change]:
        found: list[Change] = []
        for kind, table in _WATCHED:
            where = (Where("touched_at", "gt", last),)
            rows = await self._db.find(
                table, project_id=project_id, where=where, order=(Order("touched_at"),), limit=_MOST
            )
            found += [Change(kind, row.id, row.state, row.touched_at) for row in rows]
        return sorted(found, key=lambda change: change.at)
