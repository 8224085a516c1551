"""The provider's look at the cloud: whether all of it goes, what hangs, and how much is left."""

from __future__ import annotations

import asyncio

import msgspec

from wolke.business.errors import BusinessError
from wolke.business.openstack import shapes
from wolke.business.openstack.shapes import CloudPart, Host
from wolke.business.resources import model
from wolke.business.resources.base import Means
from wolke.business.resources.store import ACTIONS, SERVERS
from wolke.business.resources.views import ServerShown, shown
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Order, Where

_STUCK_S = 600.0
_MOST = 100
NOT_RUNNING = "Only a running server moves by itself."
#: For so long what the cloud said of itself is shown again: a page that many look at does not ask it each time.
_FRESH_S = 10.0
_LIVING = (model.ORDERED, model.WORKING, model.RUNNING, model.STOPPED, model.FAILED)


class Fleet(msgspec.Struct, frozen=True):
    """``stuck``: servers that have been on their way for too long. ``late``: wishes that are not fulfilled yet and should be."""

    hosts: list[Host]
    parts: list[CloudPart]
    down: int
    stuck: list[ServerShown]
    stuck_count: int
    late_count: int
    servers: int
    running: int
    vcpus: int
    vcpus_used: int
    ram_mib: int
    ram_mib_used: int
    disk_gib: int
    disk_gib_used: int
    at: Instant


class Staying(msgspec.Struct, frozen=True):
    id: str
    name: str
    reason: str


class Drained(msgspec.Struct, frozen=True):
    """``servers``: how many began to move. ``staying``: those that could not, each with its reason."""

    servers: int
    staying: list[Staying]


class Fleets:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._seen: tuple[Instant, list[Host], list[CloudPart]] | None = None
        self._asking = asyncio.Lock()

    async def look(self) -> Fleet:
        """The cloud's own part of it is at most ten seconds old; ``at`` says of when."""
        at, hosts, parts = await self._cloud()
        db, before = self._means.needs.db, self._means.needs.clock.after(-_STUCK_S)
        hanging = (Where("state", "in", (model.ORDERED, model.WORKING)), Where("changed_at", "lt", before))
        stuck = await db.find(SERVERS, where=hanging, order=(Order("changed_at"),), limit=_MOST)
        usable = [host for host in hosts if host.enabled and host.state == "up"]
        figures = {
            name: sum(getattr(host, name) for host in usable)
            for name in ("vcpus", "vcpus_used", "ram_mib", "ram_mib_used", "disk_gib", "disk_gib_used")
        }
        return Fleet(
            hosts=hosts, parts=parts, down=sum(part.state != "up" for part in parts), stuck=[shown(ServerShown, row) for row in stuck],
            stuck_count=await db.count(SERVERS, where=hanging), late_count=await db.count(ACTIONS, where=(Where("due_at", "isnull", False), Where("at", "lt", before))),
            servers=await db.count(SERVERS, where=(Where("state", "in", _LIVING),)), running=await db.count(SERVERS, state=model.RUNNING),
            at=at, **figures,
        )  # fmt: skip

    async def _cloud(self) -> tuple[Instant, list[Host], list[CloudPart]]:
        """Of several who look at once, one asks."""
        async with self._asking:
            if self._seen is None or self._seen[0] < self._means.needs.clock.after(-_FRESH_S):
                at = self._means.now()
                hosts = await self._means.cloud.provider(lambda side: side.hosts())
                self._seen = at, hosts, await self._means.cloud.provider(lambda side: side.parts())
            return self._seen

    async def switch(self, who: Who, host: str, *, enabled: bool, reason: str = "") -> None:
        await self._means.cloud.provider(lambda side: side.switch_host(host, enabled=enabled, reason=reason))
        await self._told(
            who, "hosts.enable" if enabled else "hosts.disable", host, {"reason": reason} if reason else {}
        )

    async def drain(self, who: Who, host: str) -> Drained:
        """Nothing new comes to it, and all that runs there begins to move to other hosts; what cannot, stays where it is, and it is said why."""
        await self._means.cloud.provider(lambda side: side.switch_host(host, enabled=False, reason="is being emptied"))
        there = await self._means.cloud.provider(lambda side: side.servers_on(host))
        moving, staying = 0, []
        for row in there:
            if reason := await self._move_away(row):
                staying.append(Staying(row.label or row.id, row.name, reason))
            else:
                moving += 1
        await self._told(who, "hosts.drain", host, {"servers": moving, "staying": [one.id for one in staying]})
        return Drained(moving, staying)

    async def _move_away(self, row: shapes.Server) -> str:
        """Why it stays; empty if it moves."""
        if row.state != model.RUNNING:
            return NOT_RUNNING
        try:
            await self._means.cloud.provider(lambda side: side.move_away(row.id))
        except BusinessError as error:
            return error.message
        return ""

    async def _told(self, who: Who, action: str, host: str, details: dict[str, object]) -> None:
        self._seen = None
        async with self._means.needs.db.transaction() as tx:
            await self._means.needs.audit.write(tx, who, action, host, details)
