"""The loop "compute.servers": the tasks that controllers do themselves, whatever is past its deadline, and what begins by itself.

``look`` reads ids from indexes only. ``act`` follows one server for as long as the next task is a controller's too; what many
servers need at the same moment (a picture of the hosts, a transaction) they share in a batch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wolke.block_storage.service.endings import SETTLED
from wolke.compute.model import Server
from wolke.compute.service.life import Life
from wolke.compute.states import CLEANUPS, CONTROLLER_TASKS, HOST_TASKS, OTHER_HOST_TASKS, SERVER, WAITING, acting_host
from wolke.compute.store import SERVERS
from wolke.core.batch import Batch
from wolke.core.db import Query
from wolke.core.loop import Leases, Loop

LOOP = "compute.servers"
_MOST = 2000  # found at one look
_CONCURRENCY = 64

_servers = SERVERS.sql.c


def _among(tasks: Iterable[str]) -> Any:
    return _servers.task.in_([sa.literal(task) for task in sorted(tasks)])


_DUE = Query(sa.select(_servers.id).where(_among(CONTROLLER_TASKS - WAITING)).limit(_MOST))
_WAITING = Query(sa.select(_servers.id, _servers.task).where(_among(WAITING)).limit(_MOST))
_HOSTLESS = Query(
    sa.select(_servers.id)
    .where(
        sa.or_(
            sa.and_(_servers.host.is_(None), _among(CLEANUPS & HOST_TASKS)),
            sa.and_(_servers.other_host.is_(None), _among(CLEANUPS & OTHER_HOST_TASKS)),
        )
    )
    .limit(_MOST)
)
_OVERDUE = Query(
    sa.select(_servers.id).where(_among(SERVER.tasks), _servers.deadline_at < sa.bindparam("now")).limit(_MOST)
)
_TIMED = Query(
    sa.select(_servers.id)
    .where(_servers.due_at.is_not(None), _servers.due_at < sa.bindparam("now"), _servers.task.is_(None))
    .limit(_MOST)
)


def servers_loop(life: Life, leases: Leases | None = None) -> Loop:
    steps = Steps(life)
    loop = Loop(LOOP, steps.look, steps.act, period_s=5.0, concurrency=_CONCURRENCY, leases=leases)
    life.db.on_wake(LOOP, loop.wake)
    life.db.on_wake(SETTLED, loop.wake)
    return loop


class Steps:
    def __init__(self, life: Life) -> None:
        self._life = life
        self._schedule: Batch[Server, None] = Batch(self._schedule_all)
        building, moving = life.building, life.moving
        self.by_task: Mapping[str, Callable[[Server], Awaitable[None]]] = {
            "scheduling": self._schedule,
            "networking": building.connect,
            "block_device_mapping": life.block_devices.build,
            "rebuild_block_device_mapping": life.pictures.reimage,
            "image_snapshot_pending": life.pictures.picture,
            "interface_releasing": building.release_interface,
            "abandoning": building.take_back,
            "releasing": building.take_back,
            "resize_prep": moving.prepare,
            "resize_migrated": moving.hand_over,
            "confirmed": moving.confirm,
            "resize_unbinding": moving.unbind,
            "live_prep": moving.prepare,
            "live_binding": life.live.bind,
            "live_settling": life.live.settle,
            "live_released": life.live.release,
            "live_undone": life.live.undone,
            "evacuating": life.evacuating.place,
            "evacuating_binding": life.shelving.bind,
            "offloaded": life.shelving.offloaded,
            "unshelving_scheduling": self._schedule,
            "unshelving_binding": life.shelving.bind,
            "unshelved": life.shelving.unshelved,
            "backup_rotating": life.shelving.rotate,
        }

    async def look(self) -> list[str]:
        db, now = self._life.db, self._life.ground.clock.now()
        rows = [*await db.rows(_DUE), *await db.rows(_HOSTLESS), *await db.rows(_OVERDUE, now=now)]
        rows += await db.rows(_TIMED, now=now)
        due = dict.fromkeys(row[0] for row in rows)
        return list(due | dict.fromkeys(await self._awaited()))

    async def _awaited(self) -> list[str]:
        """Those that have waited for Block Storage, and need no longer."""
        rows = await self._life.db.rows(_WAITING)
        building = [row[0] for row in rows if row[1] == "block_device_mapping"]
        waiting = await self._life.block_devices.waits(building) if building else set()
        for server_id, task in rows:
            if task != "block_device_mapping":
                server = await self._life.db.get(SERVERS, id=server_id)
                if server is not None and await self._life.pictures.waits(server):
                    waiting.add(server_id)
        return [row[0] for row in rows if row[0] not in waiting]

    async def act(self, server_id: str) -> None:
        before = -1
        while (server := await self._life.db.get(SERVERS, id=server_id)) and server.generation != before:
            before = server.generation
            if server.task is None:
                if server.due_at is not None and server.due_at < self._life.ground.clock.now():
                    await self._life.timed.begin(server)
                continue
            if server.deadline_at is not None and server.deadline_at < self._life.ground.clock.now():
                await self._life.overdue.end(server)
            elif server.task in self.by_task:
                await self.by_task[server.task](server)
            elif server.task in CLEANUPS and acting_host(server.task, server.host, server.other_host) is None:
                await self._life.building.skip_host(server)
            else:
                return

    async def _schedule_all(self, servers: Sequence[Server]) -> list[Exception | None]:
        await self._life.building.schedule(servers)
        return [None] * len(servers)
