"""How each wish is fulfilled. Every step looks first, so that it may be asked any number of times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.openstack import NewServer, shapes
from wolke.business.resources import model
from wolke.business.resources.acts import Step, Work
from wolke.business.resources.store import KEYS, SERVERS
from wolke.core.clock import instant, moment

_BEFORE = timedelta(minutes=10)  # the cloud's clock may be behind ours


# -- servers


async def make_server(work: Work) -> bool:
    row: model.Server = await work.row()
    if row.gone_at is not None:
        return True
    if row.cloud_id is not None:
        return (await _seen(work, row.cloud_id)).state != shapes.WORKING
    found = await work.ask(lambda side: side.find_server(row.id, _since(row.ordered_at)))
    cloud_id = found.id if found is not None else await _order(work, row)
    await work.note(cloud_id=cloud_id)
    await _seen(work, cloud_id)
    return False


async def _order(work: Work, row: model.Server) -> str:
    network_id = await work.ask(lambda side: side.ensure_network())
    key = await work.means.needs.db.get(KEYS, id=row.key_id) if row.key_id else None
    if key is not None:
        await work.ask(lambda side: side.ensure_key(f"wolke-{key.id}", key.public_key))
    wanted = NewServer(
        name=row.name, label=row.id, size_name=row.size_name, image_id=row.image_id, key_name=f"wolke-{key.id}" if key else "",
        network_id=network_id, first_words=str(work.action.details.get("first_words", "")),
    )  # fmt: skip
    return str(await work.ask(lambda side: side.make_server(wanted)))


def _since(at: str) -> str:
    return instant(moment(at) - _BEFORE)[:19] + "Z"


async def _seen(work: Work, cloud_id: str) -> shapes.Server:
    """What the cloud says of it now, which goes into the mirror too."""
    found: shapes.Server = await work.ask(lambda side: side.server(cloud_id))
    await work.mirror.take_server(work.project, found)
    return found


async def _settled(work: Work) -> shapes.Server | None:
    """The server, unless it is in the middle of something."""
    row: model.Server = await work.row()
    if row.gone_at is not None or row.cloud_id is None:
        raise NotThere("It is not there any more.")
    found = await _seen(work, row.cloud_id)
    if found.state == shapes.GONE:
        raise NotThere("It is not there any more.")
    return None if found.state == shapes.WORKING or found.doing else found


async def start(work: Work) -> bool:
    return await _towards(work, shapes.RUNNING, lambda side, server_id: side.start(server_id))


async def stop(work: Work) -> bool:
    return await _towards(work, shapes.STOPPED, lambda side, server_id: side.stop(server_id))


async def _towards(work: Work, state: str, order: Any) -> bool:
    found = await _settled(work)
    if found is None:
        return False
    if found.state == state:
        return True
    await work.ask(lambda side: order(side, found.id))
    return False


async def restart(work: Work) -> bool:
    """A server does not say whether it was restarted, but how often: that is kept before it is asked for once more."""
    found = await _settled(work)
    if found is None:
        return False
    times = sum(event.what == "reboot" for event in await work.ask(lambda side: side.events(found.id)))
    before = work.remembered("before")
    if before is not None and times > before:
        return True
    if found.state != shapes.RUNNING:
        raise Invalid("Only a running server can be restarted. Start it instead.")
    if before is None:
        await work.remember("before", times)
    await work.ask(lambda side: side.restart(found.id, hard=bool(work.action.details.get("hard"))))
    return False


async def resize(work: Work) -> bool:
    row: model.Server = await work.row()
    if row.cloud_id is not None and await work.ask(lambda side: side.waits_for_confirmation(row.cloud_id)):
        await work.ask(lambda side: side.confirm_resize(row.cloud_id))
        return False
    found = await _settled(work)
    if found is None:
        return False
    if found.size_name == work.action.details["size_name"]:
        return True
    if work.remembered("asked"):
        raise Invalid("The server could not get this size; it is as it was. Another size may fit.")
    await work.ask(lambda side: side.resize(found.id, work.action.details["size_name"]))
    await work.remember("asked")
    return False


async def rename(work: Work) -> bool:
    found = await _settled(work)
    if found is None:
        return False
    if found.name != work.action.details["name"]:
        await work.ask(lambda side: side.rename_server(found.id, work.action.details["name"]))
        await _seen(work, found.id)
    return True


async def delete_server(work: Work) -> bool:
    row: model.Server = await work.row()
    if row.gone_at is not None:
        return True
    try:
        found = await _of_order(work, row)
        if found is not None and found.state != shapes.GONE:
            cloud_id = found.id
            await work.ask(lambda side: side.delete_server(cloud_id))
            found = await _seen(work, cloud_id)
    except NotThere:
        found = None
    if found is not None and found.state != shapes.GONE:
        return False
    async with work.means.needs.db.transaction() as tx:
        row = await tx.get(SERVERS, id=row.id) or row
        if row.gone_at is None:
            await work.mirror.server_gone(tx, row, work.means.now())
    return True


async def _of_order(work: Work, row: model.Server) -> shapes.Server | None:
    """Also one whose order went out just before the process died."""
    if row.cloud_id is not None:
        return await _seen(work, row.cloud_id)
    found: shapes.Server | None = await work.ask(lambda side: side.find_server(row.id, _since(row.ordered_at)))
    if found is not None:
        await work.mirror.take_server(work.project, found)
    return found


# -- snapshots


async def make_snapshot(work: Work) -> bool:
    row: model.Snapshot = await work.row()
    found = await work.ask(lambda side: side.find_snapshot(row.id))
    if found is not None:
        await work.mirror.take_snapshot(work.project, found)
        if found.state == model.FAILED:
            raise Invalid("The snapshot could not be made. Try again, or open a ticket.")
        return bool(found.state == model.READY)
    server = await work.means.needs.db.get(SERVERS, id=row.server_id or "")
    if server is None or server.cloud_id is None or server.gone_at is not None:
        raise NotThere("The server is not there any more.")
    if work.remembered("asked"):
        raise NotNow("The snapshot has not begun yet.")
    await work.ask(lambda side: side.snapshot(server.cloud_id, row.name, row.id))
    await work.remember("asked")
    return False


async def delete_snapshot(work: Work) -> bool:
    row: model.Snapshot = await work.row()
    found = await work.ask(lambda side: side.find_snapshot(row.id)) if row.cloud_id is None else None
    cloud_id = row.cloud_id or (found.id if found else None)
    if cloud_id:
        await work.ask(lambda side: side.delete_snapshot(cloud_id))
    await work.mirror.snapshot_gone(row.id, work.means.now())
    return True


# -- disks


async def make_disk(work: Work) -> bool:
    row: model.Disk = await work.row()
    if row.gone_at is not None:
        return True
    found = await _disk_of_order(work, row)
    if found is None:
        cloud_id = await work.ask(lambda side: side.make_disk(row.name, row.id, row.size_gib, row.kind))
        await work.note(cloud_id=cloud_id)
        return False
    await work.mirror.take_disk(work.project, found)
    return found.state != model.WORKING


async def _disk_of_order(work: Work, row: model.Disk) -> shapes.Disk | None:
    found: shapes.Disk | None
    if row.cloud_id is not None:
        found = await work.ask(lambda side: side.disk(row.cloud_id))
    else:
        found = await work.ask(lambda side: side.find_disk(row.id))
    return found


async def _settled_disk(work: Work) -> shapes.Disk | None:
    row: model.Disk = await work.row()
    if row.gone_at is not None or row.cloud_id is None:
        raise NotThere("It is not there any more.")
    found: shapes.Disk = await work.ask(lambda side: side.disk(row.cloud_id))
    await work.mirror.take_disk(work.project, found)
    return None if found.state == model.WORKING else found


async def attach_disk(work: Work) -> bool:
    found = await _settled_disk(work)
    if found is None:
        return False
    server = await work.means.needs.db.get(SERVERS, id=work.action.details["server_id"])
    if server is None or server.gone_at is not None or server.state == model.FAILED:
        raise NotThere("The server is not there any more.")
    if server.cloud_id is None or server.state in (model.ORDERED, model.WORKING):
        return False  # it is on its way
    if found.server_id == server.cloud_id:
        return True
    if found.server_id:
        raise Invalid("Another server uses this disk. Detach it there first.")
    await work.ask(lambda side: side.attach(server.cloud_id, found.id))
    return False


async def detach_disk(work: Work) -> bool:
    found = await _settled_disk(work)
    if found is None:
        return False
    if not found.server_id:
        return True
    await work.ask(lambda side: side.detach(found.server_id, found.id))
    return False


async def grow_disk(work: Work) -> bool:
    found = await _settled_disk(work)
    if found is None:
        return False
    size_gib = int(work.action.details["size_gib"])
    if found.size_gib >= size_gib:
        return True
    if work.remembered("asked") and found.state == model.FAILED:
        raise Invalid("The disk could not be made larger. Open a ticket, and we look after it.")
    await work.ask(lambda side: side.grow_disk(found.id, size_gib))
    await work.remember("asked")
    return False


async def delete_disk(work: Work) -> bool:
    row: model.Disk = await work.row()
    if row.gone_at is not None:
        return True
    try:
        found = await _disk_of_order(work, row)
        if found is not None:
            await _off(work, found)
            return False
    except NotThere:
        pass  # as it was wished
    await work.mirror.disk_gone(row.id, work.means.now())
    return True


async def _off(work: Work, found: shapes.Disk) -> None:
    """One step nearer to its end."""
    if found.server_id:
        await work.ask(lambda side: side.detach(found.server_id, found.id))
    elif found.state != model.WORKING or not work.remembered("asked"):
        await work.remember("asked")
        await work.ask(lambda side: side.delete_disk(found.id))


# -- addresses


async def make_address(work: Work) -> bool:
    row: model.Address = await work.row()
    if row.gone_at is not None or row.cloud_id is not None:
        return True
    found = await work.ask(lambda side: side.find_address(row.id) or side.make_address(row.id))
    await work.mirror.take_address(work.project, found, "")
    return True


async def assign_address(work: Work) -> bool:
    """``server_id`` "" takes it away from any."""
    row: model.Address = await work.row()
    if row.gone_at is not None or row.cloud_id is None:
        raise NotThere("It is not there any more.")
    wanted = ""
    if work.action.details["server_id"]:
        server = await work.means.needs.db.get(SERVERS, id=work.action.details["server_id"])
        if server is None or server.gone_at is not None or server.state == model.FAILED:
            raise NotThere("The server is not there any more.")
        if server.cloud_id is None or server.state in (model.ORDERED, model.WORKING):
            return False  # it is on its way
        wanted = server.cloud_id
    if await work.ask(lambda side: side.door_of(row.cloud_id)) != wanted:
        await work.ask(lambda side: side.assign(row.cloud_id, wanted))
    found = await work.ask(lambda side: side.address(row.cloud_id))
    await work.mirror.take_address(work.project, found, wanted)
    return True


async def delete_address(work: Work) -> bool:
    row: model.Address = await work.row()
    if row.gone_at is not None:
        return True
    found = await work.ask(lambda side: side.find_address(row.id)) if row.cloud_id is None else None
    cloud_id = row.cloud_id or (found.id if found else None)
    if cloud_id:
        await work.ask(lambda side: side.delete_address(cloud_id))
    await work.mirror.address_gone(row.id, work.means.now())
    return True


STEPS: Mapping[tuple[str, str], Step] = {
    (model.SERVER, "order"): make_server,
    (model.SERVER, "start"): start,
    (model.SERVER, "stop"): stop,
    (model.SERVER, "restart"): restart,
    (model.SERVER, "resize"): resize,
    (model.SERVER, "rename"): rename,
    (model.SERVER, "delete"): delete_server,
    (model.SNAPSHOT, "order"): make_snapshot,
    (model.SNAPSHOT, "delete"): delete_snapshot,
    (model.DISK, "order"): make_disk,
    (model.DISK, "attach"): attach_disk,
    (model.DISK, "detach"): detach_disk,
    (model.DISK, "grow"): grow_disk,
    (model.DISK, "delete"): delete_disk,
    (model.ADDRESS, "order"): make_address,
    (model.ADDRESS, "assign"): assign_address,
    (model.ADDRESS, "delete"): delete_address,
}
