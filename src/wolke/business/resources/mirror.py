"""The mirror: what projects have, as the cloud says, kept in tables of our own, which alone the pages read.

Servers come by what has changed since the last look, with those that are gone: one that lived two minutes is not lost. The others have no such
question and are compared as a whole, less often. Whatever we did ourselves is looked at at once.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from wolke.business.customers.model import Project
from wolke.business.openstack import shapes
from wolke.business.resources import model
from wolke.business.resources.base import Means, ready_projects, told
from wolke.business.resources.intervals import Running, follow
from wolke.business.resources.plans import Plans
from wolke.business.resources.stock import OBJECTS, Stock
from wolke.business.resources.store import (
    ACTIONS,
    ADDRESSES,
    DISKS,
    MARKS,
    SERVERS,
    SNAPSHOTS,
)
from wolke.core.clock import Instant, instant, moment
from wolke.core.db import Transaction, Where
from wolke.core.loop import Leases, Loop

SERVERS_, DISKS_, ADDRESSES_ = "servers", "disks", "addresses"  # as the meters are called
_SNAPSHOTS, _IMAGES, _NETWORKS, _SIZES = "snapshots", "images", "networks", "sizes"
_PERIODS_S = {
    SERVERS_: 5.0,
    DISKS_: 30.0,
    ADDRESSES_: 30.0,
    _SNAPSHOTS: 30.0,
    _IMAGES: 60.0,
    _NETWORKS: 120.0,
    _SIZES: 300.0,
    OBJECTS: 900.0,
}
#: What is looked at even where nobody has a project yet: the shop shows it.
_FOR_ALL = (_IMAGES, _SIZES)
_OVERLAP_S, _COMPARED_EACH_S = 5.0, 3600.0
_BUSY = (model.ORDERED, model.WORKING)
_HERE = Where("gone_at", "isnull", True)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Mirror:
    def __init__(self, means: Means, plans: Plans) -> None:
        self._means, self._plans = means, plans
        self._db = means.needs.db
        stock = Stock(means, plans)
        self._rounds: dict[str, Callable[[Instant], Awaitable[None]]] = {
            SERVERS_: self._servers, DISKS_: self._disks, ADDRESSES_: self._addresses, _SNAPSHOTS: self._snapshots, _IMAGES: stock.images,
            _NETWORKS: stock.networks, _SIZES: stock.sizes, OBJECTS: stock.objects,
        }  # fmt: skip

    def loop(self, leases: Leases | None) -> Loop:
        return Loop("business-mirror", self.due, self.look, period_s=2.5, concurrency=5, leases=leases)

    async def due(self) -> list[str]:
        """Where nobody has a project, the cloud is asked once for what the shop shows, and then left alone."""
        marks = {mark.name: mark for mark in await self._db.find(MARKS)}
        if not await ready_projects(self._db):
            return [name for name in _FOR_ALL if name not in marks]
        busy = await self._db.count(SERVERS, where=(Where("state", "in", _BUSY),))
        now = self._means.needs.clock.time()
        found = []
        for name, period_s in _PERIODS_S.items():
            wanted = min(period_s, 2.0) if busy and name == SERVERS_ else period_s
            if name not in marks or now - moment(marks[name].looked_at).timestamp() >= wanted:
                found.append(name)
        return found

    async def look(self, name: str) -> None:
        looked_at = self._means.now()
        await self._rounds[name](looked_at)
        if name != SERVERS_:
            await self._mark(name, looked_at)

    async def _mark(self, name: str, looked_at: Instant, *, cursor: Instant = "", compared_at: Instant = "") -> None:
        async with self._db.transaction() as tx:
            mark = await tx.get(MARKS, name=name)
            if mark is None:
                await tx.insert(MARKS, model.Mark(name, cursor, looked_at, compared_at or looked_at))
                return
            changes = {
                "looked_at": looked_at,
                "cursor": max(cursor, mark.cursor),
                "compared_at": compared_at or mark.compared_at,
            }
            await tx.update(MARKS, changes, name=name)

    # -- servers

    async def _servers(self, looked_at: Instant) -> None:
        mark = await self._db.get(MARKS, name=SERVERS_)
        cursor = mark.cursor if mark else ""
        since = instant(moment(cursor) - timedelta(seconds=_OVERLAP_S))[:19] + "Z" if cursor else ""
        seen = await self._means.cloud.provider(lambda side: list(side.servers(since)))
        projects = await ready_projects(self._db)
        for server in seen:
            if server.cloud_project_id in projects:
                await self.take_server(projects[server.cloud_project_id], server)
                cursor = max(cursor, server.changed_at)
        compared = mark.compared_at if mark else ""
        if not compared or moment(looked_at).timestamp() - moment(compared).timestamp() >= _COMPARED_EACH_S:
            await self._compare_servers(looked_at)
            compared = looked_at
        await self._mark(SERVERS_, looked_at, cursor=cursor, compared_at=compared)

    async def _compare_servers(self, looked_at: Instant) -> None:
        """What the cloud knows nothing of any more is gone, however that escaped us."""
        there = {server.id for server in await self._means.cloud.provider(lambda side: list(side.servers()))}
        async with self._db.transaction() as tx:
            for row in await tx.find(SERVERS, where=_settled(looked_at)):
                if row.cloud_id not in there:
                    await self.server_gone(tx, row, looked_at)

    async def take_server(self, project: Project, seen: shapes.Server) -> model.Server | None:
        """What the cloud says of a server, into its row; a row is made for one that somebody else has ordered."""
        async with self._db.transaction() as tx:
            await tx.lock(f"business-server:{seen.id}")
            row = await tx.get(SERVERS, cloud_id=seen.id)
            if row is None and seen.label:
                row = await tx.get(SERVERS, id=seen.label, project_id=project.id)
            if row is None:
                if seen.state == shapes.GONE and not seen.began_at:
                    return None
                row = await self._found_server(tx, project, seen)
            if row.gone_at is not None:
                return row
            changes = await self._server_changes(tx, row, seen)
            if changes:
                await tx.update(SERVERS, changes | {"touched_at": self._means.now()}, id=row.id)
                told(tx)
            row = await tx.get(SERVERS, id=row.id)
            assert row is not None
            await follow(tx, self._running(row), row.began_at, row.gone_at, row.changed_at)
            return row

    async def _found_server(self, tx: Transaction, project: Project, seen: shapes.Server) -> model.Server:
        plan = await self._plans.of_size(seen.size_name, tx)
        row = model.Server(
            id=seen.id, company_id=project.company_id, project_id=project.id, name=seen.name, state=model.WORKING, doing="", reason=None,
            plan_id=plan.id if plan else "", size_name=seen.size_name, vcpus=seen.vcpus, ram_mib=seen.ram_mib, disk_gib=seen.disk_gib,
            image_id=seen.image_id, image_name="", key_id=None, public_address="", private_addresses=[], cloud_id=seen.id, host=seen.host,
            ordered_at=seen.created_at, began_at=None, changed_at=seen.changed_at, gone_at=None, words=seen.name.lower(),
            touched_at=self._means.now(),
        )  # fmt: skip
        await tx.insert(SERVERS, row)
        return row

    async def _server_changes(self, tx: Transaction, row: model.Server, seen: shapes.Server) -> dict[str, Any]:
        found: dict[str, Any] = {
            "state": seen.state, "doing": seen.doing, "reason": seen.reason[:500] or None, "host": seen.host or row.host,
            "private_addresses": seen.addresses, "cloud_id": seen.id, "began_at": row.began_at or seen.began_at or None,
            "gone_at": seen.ended_at or None, "changed_at": seen.changed_at, "name": seen.name, "words": f"{seen.name} {row.public_address}".lower(),
        }  # fmt: skip
        if seen.size_name and seen.size_name != row.size_name and seen.state != shapes.WORKING:
            plan = await self._plans.of_size(seen.size_name, tx)
            found |= {"plan_id": plan.id if plan else "", "size_name": seen.size_name, "vcpus": seen.vcpus, "ram_mib": seen.ram_mib,
                      "disk_gib": seen.disk_gib}  # fmt: skip
        if not seen.doing and await tx.count(ACTIONS, object_id=row.id, where=(Where("due_at", "isnull", False),)):
            found["doing"] = row.doing  # it was asked for and has not begun
        return {name: value for name, value in found.items() if value != getattr(row, name)}

    async def server_gone(self, tx: Transaction, row: model.Server, at: Instant) -> None:
        changes = {"state": model.GONE, "doing": "", "gone_at": at, "changed_at": at, "touched_at": self._means.now()}
        await tx.update(SERVERS, changes, id=row.id)
        await follow(tx, self._running(row), row.began_at, at, at)
        told(tx)

    def _running(self, row: model.Server) -> Running:
        return Running("servers", row.id, row.name, row.project_id, row.company_id, row.plan_id, "1")

    # -- disks

    async def _disks(self, looked_at: Instant) -> None:
        seen = await self._means.cloud.provider(lambda side: list(side.disks()))
        projects = await ready_projects(self._db)
        for disk in seen:
            if disk.cloud_project_id in projects:
                await self.take_disk(projects[disk.cloud_project_id], disk)
        there = {disk.id for disk in seen}
        for row in await self._db.find(DISKS, where=_settled(looked_at)):
            if row.cloud_id not in there:
                await self.disk_gone(row.id, looked_at)

    async def take_disk(self, project: Project, seen: shapes.Disk) -> None:
        async with self._db.transaction() as tx:
            await tx.lock(f"business-disk:{seen.id}")
            row = await tx.get(DISKS, cloud_id=seen.id)
            if row is None and seen.label:
                row = await tx.get(DISKS, id=seen.label, project_id=project.id)
            plan = await self._plans.of_kind("disk", seen.kind, tx)
            if row is None:
                row = model.Disk(
                    id=seen.id, company_id=project.company_id, project_id=project.id, name=seen.name, state=model.WORKING, reason=None,
                    plan_id=plan.id if plan else "", kind=seen.kind, size_gib=seen.size_gib, server_id=None, cloud_id=seen.id,
                    ordered_at=seen.created_at, began_at=None, gone_at=None, words=seen.name.lower(), touched_at=self._means.now(),
                )  # fmt: skip
                await tx.insert(DISKS, row)
            if row.gone_at is not None:
                return
            server = await tx.get(SERVERS, cloud_id=seen.server_id) if seen.server_id else None
            began = row.began_at or (seen.created_at if seen.state in (model.READY, model.USED) else None)
            found: dict[str, Any] = {"state": seen.state, "size_gib": seen.size_gib, "kind": seen.kind, "cloud_id": seen.id,
                                     "server_id": server.id if server else None, "began_at": began}  # fmt: skip
            changed = {name: value for name, value in found.items() if value != getattr(row, name)}
            if changed:
                await tx.update(DISKS, changed | {"touched_at": self._means.now()}, id=row.id)
                told(tx)
            await follow(tx, _disk_running(row, seen.size_gib), began, None, self._means.now())

    async def disk_gone(self, disk_id: str, at: Instant) -> None:
        async with self._db.transaction() as tx:
            row = await tx.get(DISKS, id=disk_id)
            if row is None or row.gone_at is not None:
                return
            changes = {"state": model.GONE, "server_id": None, "gone_at": at, "touched_at": self._means.now()}
            await tx.update(DISKS, changes, id=row.id)
            await follow(tx, _disk_running(row, row.size_gib), row.began_at, at, at)
            told(tx)

    # -- addresses

    async def _addresses(self, looked_at: Instant) -> None:
        seen = await self._means.cloud.provider(lambda side: list(side.addresses()))
        projects = await ready_projects(self._db)
        own = [address for address in seen if address.cloud_project_id in projects]
        doors: dict[str, str] = {}
        if any(address.door_id for address in own):
            doors = {
                door.id: door.server_id for door in await self._means.cloud.provider(lambda side: list(side.doors()))
            }
        for address in own:
            await self.take_address(projects[address.cloud_project_id], address, doors.get(address.door_id, ""))
        there = {address.id for address in seen}
        for row in await self._db.find(ADDRESSES, where=_settled(looked_at)):
            if row.cloud_id not in there:
                await self.address_gone(row.id, looked_at)

    async def take_address(self, project: Project, seen: shapes.Address, cloud_server_id: str) -> None:
        async with self._db.transaction() as tx:
            await tx.lock(f"business-address:{seen.id}")
            row = await tx.get(ADDRESSES, cloud_id=seen.id)
            if row is None and seen.label and _ID.fullmatch(seen.label):
                row = await tx.get(ADDRESSES, id=seen.label, project_id=project.id)
            if row is None:
                plan = await self._plans.of_kind("address", "", tx)
                row = model.Address(
                    id=seen.id, company_id=project.company_id, project_id=project.id, address=seen.address, name="", state=model.READY, reason=None,
                    plan_id=plan.id if plan else "", server_id=None, cloud_id=seen.id, ordered_at=seen.created_at or self._means.now(),
                    began_at=None, gone_at=None, words=seen.address, touched_at=self._means.now(),
                )  # fmt: skip
                await tx.insert(ADDRESSES, row)
            if row.gone_at is not None:
                return
            server = await tx.get(SERVERS, cloud_id=cloud_server_id) if cloud_server_id else None
            began = row.began_at or seen.created_at or row.ordered_at
            found: dict[str, Any] = {"state": model.USED if server else model.READY, "address": seen.address, "cloud_id": seen.id,
                                     "server_id": server.id if server else None, "began_at": began,
                                     "words": f"{row.name} {seen.address}".lower()}  # fmt: skip
            changed = {name: value for name, value in found.items() if value != getattr(row, name)}
            if changed:
                await tx.update(ADDRESSES, changed | {"touched_at": self._means.now()}, id=row.id)
                await self._shown_at(tx, row.server_id, server, seen.address)
                told(tx)
            await follow(tx, _address_running(row), began, None, self._means.now())

    async def _shown_at(self, tx: Transaction, before: str | None, server: model.Server | None, address: str) -> None:
        """A server's row shows the address that leads to it."""
        now = self._means.now()
        if before is not None and (server is None or server.id != before):
            await tx.update(SERVERS, {"public_address": "", "touched_at": now}, id=before, public_address=address)
        if server is not None:
            words = f"{server.name} {address}".lower()
            await tx.update(SERVERS, {"public_address": address, "words": words, "touched_at": now}, id=server.id)

    async def address_gone(self, address_id: str, at: Instant) -> None:
        async with self._db.transaction() as tx:
            row = await tx.get(ADDRESSES, id=address_id)
            if row is None or row.gone_at is not None:
                return
            changes = {"state": model.GONE, "server_id": None, "gone_at": at, "touched_at": self._means.now()}
            await tx.update(ADDRESSES, changes, id=row.id)
            await self._shown_at(tx, row.server_id, None, row.address)
            await follow(tx, _address_running(row), row.began_at, at, at)
            told(tx)

    # -- snapshots

    async def _snapshots(self, looked_at: Instant) -> None:
        seen = await self._means.cloud.provider(lambda side: list(side.images(public=False)))
        projects = await ready_projects(self._db)
        for one in seen:
            if one.cloud_project_id in projects and not one.public:
                await self.take_snapshot(projects[one.cloud_project_id], one)
        there = {one.id for one in seen}
        for row in await self._db.find(SNAPSHOTS, where=_settled(looked_at)):
            if row.cloud_id not in there:
                await self.snapshot_gone(row.id, looked_at)

    async def take_snapshot(self, project: Project, seen: shapes.Image) -> None:
        async with self._db.transaction() as tx:
            row = await tx.get(SNAPSHOTS, cloud_id=seen.id)
            if row is None and seen.label:
                row = await tx.get(SNAPSHOTS, id=seen.label, project_id=project.id)
            found: dict[str, Any] = {"name": seen.name, "state": seen.state, "size_bytes": seen.size_bytes, "least_disk_gib": seen.least_disk_gib,
                                     "cloud_id": seen.id}  # fmt: skip
            now = self._means.now()
            if row is None:
                server = await tx.get(SERVERS, cloud_id=seen.made_of) if seen.made_of else None
                await tx.insert(
                    SNAPSHOTS,
                    model.Snapshot(
                        id=seen.id, company_id=project.company_id, project_id=project.id, reason=None, server_id=server.id if server else None,
                        ordered_at=seen.created_at, gone_at=None, words=seen.name.lower(), touched_at=now, **found,
                    ),
                )  # fmt: skip
                told(tx)
            elif row.gone_at is None and any(getattr(row, name) != value for name, value in found.items()):
                await tx.update(SNAPSHOTS, found | {"touched_at": now}, id=row.id)
                told(tx)

    async def snapshot_gone(self, snapshot_id: str, at: Instant) -> None:
        async with self._db.transaction() as tx:
            changes = {"state": model.GONE, "gone_at": at, "touched_at": self._means.now()}
            if await tx.update(SNAPSHOTS, changes, id=snapshot_id, gone_at=None):
                told(tx)


def _settled(looked_at: Instant) -> tuple[Where, ...]:
    """Rows of what the cloud has known since before it was looked at."""
    return (_HERE, Where("cloud_id", "isnull", False), Where("touched_at", "lt", looked_at))


def _disk_running(row: model.Disk, size_gib: int) -> Running:
    return Running("disks", row.id, row.name, row.project_id, row.company_id, row.plan_id, str(size_gib))


def _address_running(row: model.Address) -> Running:
    return Running("addresses", row.id, row.address, row.project_id, row.company_id, row.plan_id, "1")
