"""Disks, snapshots and public addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wolke.business.errors import NotNow
from wolke.business.resources import model
from wolke.business.resources.acts import wish
from wolke.business.resources.orders import Label, LargerDisk, NewAddress, NewDisk, Ordered
from wolke.business.resources.store import ADDRESSES, DISKS, SERVERS, SNAPSHOTS
from wolke.business.resources.verbs.listing import Confirmed, ListedBeside, confirm, found, own
from wolke.business.resources.views import AddressShown, DiskShown, SnapshotShown, shown
from wolke.business.verb import BUYERS, MEMBERS, TECHNICIANS, Found, Verb
from wolke.business.who import Who
from wolke.core import ids
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk


class ToServer(msgspec.Struct, frozen=True):
    server_id: str


class NewSnapshot(msgspec.Struct, frozen=True):
    name: Label


# -- disks


async def list_disks(desk: Desk, who: Who, asked: ListedBeside, project_id: str) -> Found:
    return await _with_servers(desk, await found(desk, DISKS, DiskShown, asked, project_id))


async def show_disk(desk: Desk, who: Who, asked: None, project_id: str, disk_id: str) -> DiskShown:
    return shown(DiskShown, await own(desk.needs.db, DISKS, project_id, disk_id, gone=True))


async def order_disk(desk: Desk, who: Who, asked: NewDisk, project_id: str) -> Ordered:
    return await desk.resources.requests.order(who, project_id, "disks.order", asked)


async def grow_disk(desk: Desk, who: Who, asked: LargerDisk, project_id: str, disk_id: str) -> Ordered:
    return await desk.resources.requests.order(who, project_id, "disks.grow", asked, disk_id)


async def attach_disk(desk: Desk, who: Who, asked: ToServer, project_id: str, disk_id: str) -> DiskShown:
    async with desk.needs.db.transaction() as tx:
        await own(tx, SERVERS, project_id, asked.server_id)
        row = await own(tx, DISKS, project_id, disk_id)
        if row.server_id not in (None, asked.server_id):
            raise NotNow("Another server uses this disk. Detach it there first.")
        await wish(tx, desk.resources.means, who, row, model.DISK, "attach", {"server_id": asked.server_id})
        return shown(DiskShown, row)


async def detach_disk(desk: Desk, who: Who, asked: None, project_id: str, disk_id: str) -> DiskShown:
    async with desk.needs.db.transaction() as tx:
        row = await own(tx, DISKS, project_id, disk_id)
        await wish(tx, desk.resources.means, who, row, model.DISK, "detach")
        return shown(DiskShown, row)


async def delete_disk(desk: Desk, who: Who, asked: Confirmed, project_id: str, disk_id: str) -> DiskShown:
    async with desk.needs.db.transaction() as tx:
        row = await own(tx, DISKS, project_id, disk_id)
        confirm(asked, row.name)
        if row.server_id is not None:
            raise NotNow("A server uses this disk. Detach it there first.")
        await wish(tx, desk.resources.means, who, row, model.DISK, "delete")
        return shown(DiskShown, row)


# -- snapshots


async def list_snapshots(desk: Desk, who: Who, asked: ListedBeside, project_id: str) -> Found:
    return await _with_servers(desk, await found(desk, SNAPSHOTS, SnapshotShown, asked, project_id))


async def order_snapshot(desk: Desk, who: Who, asked: NewSnapshot, project_id: str, server_id: str) -> SnapshotShown:
    means, now = desk.resources.means, desk.needs.clock.now()
    async with desk.needs.db.transaction() as tx:
        server = await own(tx, SERVERS, project_id, server_id)
        if server.state not in (model.RUNNING, model.STOPPED):
            raise NotNow("A server must run, or have been stopped, for a snapshot of it. Wait a moment and try again.")
        row = model.Snapshot(
            id=ids.uuid(), company_id=server.company_id, project_id=project_id, name=asked.name, state=model.ORDERED, reason=None, size_bytes=0,
            least_disk_gib=server.disk_gib, server_id=server_id, cloud_id=None, ordered_at=now, gone_at=None, words=asked.name.lower(),
            touched_at=now,
        )  # fmt: skip
        await tx.insert(SNAPSHOTS, row)
        await wish(tx, means, who, row, model.SNAPSHOT, "order", {"server": server.name})
        return shown(SnapshotShown, row)


async def delete_snapshot(desk: Desk, who: Who, asked: None, project_id: str, snapshot_id: str) -> SnapshotShown:
    return shown(SnapshotShown, await _delete(desk, who, SNAPSHOTS, model.SNAPSHOT, project_id, snapshot_id))


# -- addresses


async def list_addresses(desk: Desk, who: Who, asked: ListedBeside, project_id: str) -> Found:
    return await _with_servers(desk, await found(desk, ADDRESSES, AddressShown, asked, project_id))


async def show_address(desk: Desk, who: Who, asked: None, project_id: str, address_id: str) -> AddressShown:
    return shown(AddressShown, await own(desk.needs.db, ADDRESSES, project_id, address_id, gone=True))


async def order_address(desk: Desk, who: Who, asked: NewAddress, project_id: str) -> Ordered:
    return await desk.resources.requests.order(who, project_id, "addresses.order", asked)


async def assign_address(desk: Desk, who: Who, asked: ToServer, project_id: str, address_id: str) -> AddressShown:
    async with desk.needs.db.transaction() as tx:
        if asked.server_id:
            await own(tx, SERVERS, project_id, asked.server_id)
        row = await own(tx, ADDRESSES, project_id, address_id)
        await wish(tx, desk.resources.means, who, row, model.ADDRESS, "assign", {"server_id": asked.server_id})
        return shown(AddressShown, row)


async def release_address(desk: Desk, who: Who, asked: None, project_id: str, address_id: str) -> AddressShown:
    return shown(AddressShown, await _delete(desk, who, ADDRESSES, model.ADDRESS, project_id, address_id))


async def _delete(desk: Desk, who: Who, table: Any, kind: str, project_id: str, object_id: str) -> Any:
    async with desk.needs.db.transaction() as tx:
        row = await own(tx, table, project_id, object_id)
        await wish(tx, desk.resources.means, who, row, kind, "delete")
        return row


async def _with_servers(desk: Desk, listed: Found) -> Found:
    """Each row with the name of its server."""
    wanted = sorted({row.server_id for row in listed.items if row.server_id})
    servers = await desk.needs.db.find(SERVERS, where=(Where("id", "in", wanted),)) if wanted else []
    names = {server.id: server.name for server in servers}
    items = [msgspec.structs.replace(row, server_name=names.get(row.server_id, "")) for row in listed.items]
    return msgspec.structs.replace(listed, items=items)


_P = "/projects/{project_id}"
_DISK, _ADDRESS = f"{_P}/disks/{{disk_id}}", f"{_P}/addresses/{{address_id}}"
VERBS = (
    Verb("disks.list", "GET", f"{_P}/disks", list_disks, MEMBERS, "A project's disks", takes=ListedBeside, gives=Found),
    Verb("disks.show", "GET", _DISK, show_disk, MEMBERS, "One disk", gives=DiskShown),
    Verb("disks.order", "POST", f"{_P}/disks", order_disk, BUYERS, "Order a disk", takes=NewDisk, gives=Ordered, status=201),
    Verb("disks.grow", "POST", f"{_DISK}/grow", grow_disk, BUYERS, "Make it larger", takes=LargerDisk, gives=Ordered, status=202),
    Verb("disks.attach", "POST", f"{_DISK}/attach", attach_disk, TECHNICIANS, "Let a server use it", takes=ToServer, gives=DiskShown, status=202),
    Verb("disks.detach", "POST", f"{_DISK}/detach", detach_disk, TECHNICIANS, "Take it from its server", gives=DiskShown, status=202),
    Verb("disks.delete", "DELETE", _DISK, delete_disk, TECHNICIANS, "Delete it with all that is on it", takes=Confirmed, gives=DiskShown, status=202),
    Verb("snapshots.list", "GET", f"{_P}/snapshots", list_snapshots, MEMBERS, "A project's snapshots", takes=ListedBeside, gives=Found),
    Verb("snapshots.order", "POST", f"{_P}/servers/{{server_id}}/snapshots", order_snapshot, TECHNICIANS, "Make a picture of a server's disk",
         takes=NewSnapshot, gives=SnapshotShown, status=201),
    Verb("snapshots.delete", "DELETE", f"{_P}/snapshots/{{snapshot_id}}", delete_snapshot, TECHNICIANS, "Delete a snapshot", gives=SnapshotShown,
         status=202),
    Verb("addresses.list", "GET", f"{_P}/addresses", list_addresses, MEMBERS, "A project's public addresses", takes=ListedBeside, gives=Found),
    Verb("addresses.show", "GET", _ADDRESS, show_address, MEMBERS, "One public address", gives=AddressShown),
    Verb("addresses.order", "POST", f"{_P}/addresses", order_address, BUYERS, "Order a public address", takes=NewAddress, gives=Ordered, status=201),
    Verb("addresses.assign", "POST", f"{_ADDRESS}/assign", assign_address, TECHNICIANS, "Lead it to a server, or to none", takes=ToServer,
         gives=AddressShown, status=202),
    Verb("addresses.release", "DELETE", _ADDRESS, release_address, TECHNICIANS, "Give it back", gives=AddressShown, status=202),
)  # fmt: skip
