"""Block Storage's loops in the controllers: scheduling, deadlines, sweeping. What happens on hosts is their agents' affair.

``look`` reads ids from indexes only. Volumes that wait for a backend at the same moment share one picture of the pools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from wolke.block_storage.model import Volume
from wolke.block_storage.service.life import Life
from wolke.block_storage.states import MACHINES
from wolke.block_storage.store import BY_KIND, VOLUMES
from wolke.core.batch import Batch
from wolke.core.db import Query
from wolke.core.loop import Leases, Loop

LOOP = "block_storage.tasks"
_MOST = 2000  # found at one look
_SWEEP_PERIOD_S = 60.0

_SCHEDULING = Query(sa.select(VOLUMES.sql.c.id).where(VOLUMES.sql.c.task == sa.literal("scheduling")).limit(_MOST))


def _late(kind: str) -> Query:
    c = BY_KIND[kind].sql.c
    late = c.deadline_at < sa.bindparam("now")
    if kind != "attachment":  # whose deadline is also that of a status
        late = sa.and_(c.task.in_([sa.literal(task) for task in sorted(MACHINES[kind].tasks)]), late)
    return Query(sa.select(c.id).where(late).limit(_MOST))


_OVERDUE = {kind: _late(kind) for kind in BY_KIND}


class Reconciler:
    """``run`` until cancelled. In tests: ``drain`` until nothing is due."""

    def __init__(self, life: Life, leases: Leases | None = None) -> None:
        self._life = life
        self._place: Batch[Volume, None] = Batch(self._place_all)
        self.tasks = Loop(LOOP, self._look, self._act, period_s=5.0, concurrency=64, leases=leases)
        self.sweeping = Loop("block_storage.sweeping", self._old, self._sweep, period_s=_SWEEP_PERIOD_S, leases=leases)
        life.db.on_wake(LOOP, self.tasks.wake)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.tasks.run())
            group.create_task(self.sweeping.run())

    async def drain(self) -> None:
        await self.tasks.drain()
        await self.sweeping.drain()

    async def _look(self) -> list[str]:
        """Keys are ``kind/id``."""
        db, now = self._life.db, self._life.clock.now()
        keys = [f"volume/{row[0]}" for row in await db.rows(_SCHEDULING)]
        for kind, query in _OVERDUE.items():
            keys += [f"{kind}/{row[0]}" for row in await db.rows(query, now=now)]
        return list(dict.fromkeys(keys))

    async def _act(self, key: str) -> None:
        kind, _, one_id = key.partition("/")
        row: Any = await self._life.db.get(BY_KIND[kind], id=one_id)
        if row is None:
            return
        if row.deadline_at is not None and row.deadline_at < self._life.clock.now():
            await self._life.overdue.end(kind, row)
        elif kind == "volume" and row.task == "scheduling":
            await self._place(row)

    async def _place_all(self, volumes: Sequence[Volume]) -> list[Exception | None]:
        await self._life.scheduling.place(volumes)
        return [None] * len(volumes)

    async def _old(self) -> list[str]:
        return ["sweep"] if await self._life.sweeping.is_due() else []

    async def _sweep(self, key: str) -> None:
        await self._life.sweeping.sweep()
