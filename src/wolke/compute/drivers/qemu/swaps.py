"""Another volume in the place of one that a running guest has: QEMU copies it while the guest writes on, then the disk changes over.

What the guest's disk stands on says how far it is, and the job's name for what: so whoever comes after us goes on with a copy
that we began. The disk keeps the name and the serial number that it was plugged in with until the guest's next start.
"""

from __future__ import annotations

from typing import Any

from wolke.compute.drivers.base import Volume
from wolke.compute.drivers.qemu import volume_nodes, volumes
from wolke.compute.drivers.qemu.definition import Definition
from wolke.compute.drivers.qemu.home import Home
from wolke.compute.drivers.qemu.qmp import Refused, Session
from wolke.core.drivers import Failure

CANCEL_S = 30.0
_COPY_S = 14400.0


async def swap(qmp: Session, home: Home, definition: Definition, volume_id: str, new: Volume) -> None:
    """The disk is on ``new`` afterwards, and the other one open no more. Raises ``Failure`` if it stays where it is."""
    there = definition.volume(volume_id) or definition.volume(new.volume_id)
    if there is None:
        raise Failure("the server does not have the volume")
    disk, on = await disk_of(qmp, volume_nodes.device_name(there))
    if not on.startswith(volume_nodes.prefix(new.volume_id)):
        await _copy(qmp, home, definition.uid, on, new)
        disk, on = await disk_of(qmp, volume_nodes.device_name(there))
    await end_copy(qmp, volume_id)  # a copy the other way that was not to be
    await end_copy(qmp, new.volume_id)
    await volumes.forget(qmp, volume_id)
    top = volume_nodes.top_name(new)
    if on == _fitting(new):
        await put(qmp, disk, top)
        await qmp.execute("blockdev-del", {"node-name": on})
    await qmp.execute("block_resize", {"node-name": top, "size": await size_of(qmp, top)})  # so the guest hears of it


async def disk_of(qmp: Session, device: str) -> tuple[str, str]:
    """What QEMU calls the guest's disk, and the node that it is on."""
    for one in await qmp.execute("query-block"):
        if one.get("qdev") == device or str(one.get("qdev")).startswith(f"/machine/peripheral/{device}/"):
            return str(one["qdev"]), str(one["inserted"]["node-name"])
    raise Failure("the server does not have the volume")


async def put(qmp: Session, disk: str, node: str) -> None:
    """The guest's disk is on ``node`` from now on."""
    path = disk if disk.startswith("/") else f"/machine/peripheral/{disk}"
    await qmp.execute("qom-set", {"path": path, "property": "drive", "value": node})


async def _copy(qmp: Session, home: Home, uid: int | None, source: str, new: Volume) -> None:
    """Goes on with one that is under way."""
    job = job_of(new.volume_id)

    async def copied() -> str | None:
        status = await job_status(qmp, job)
        return status if status in ("ready", "concluded", "") else None

    try:
        if await job_status(qmp, job) in ("", "concluded"):
            await end_copy(qmp, new.volume_id)
            await volumes.open_nodes(qmp, home, uid, new)
            wish = {"job-id": job, "device": source, "target": await _target(qmp, source, new), "sync": "full"}
            await qmp.execute("blockdev-mirror", wish | {"copy-mode": "write-blocking", "auto-dismiss": False})
        if await qmp.until(("JOB_STATUS_CHANGE",), copied, _COPY_S) == "ready":
            await qmp.execute("job-complete", {"id": job})
        await qmp.until(("JOB_STATUS_CHANGE",), lambda: job_over(qmp, job), CANCEL_S)
        if error := (await find_job(qmp, job)).get("error"):
            raise Failure(f"the volume cannot be copied: {error}")
    except (Failure, Refused) as why:
        await end_copy(qmp, new.volume_id)
        await volumes.forget(qmp, new.volume_id)
        if isinstance(why, Refused):
            raise Failure(f"the volume cannot be copied: {why}") from why
        raise


def _fitting(new: Volume) -> str:
    return f"{volume_nodes.prefix(new.volume_id)}fit"


async def _target(qmp: Session, source: str, new: Volume) -> str:
    """The node that is copied to. QEMU copies only to what is as large, so of a larger volume it sees that much until it is done."""
    top = volume_nodes.top_name(new)
    size = await size_of(qmp, source)
    if await size_of(qmp, top) <= size:
        return top
    await qmp.execute("blockdev-add", {"driver": "raw", "node-name": _fitting(new), "file": top, "size": size})
    return _fitting(new)


def job_of(volume_id: str) -> str:
    """The copy to a volume."""
    return f"swap-{volume_id}"


async def find_job(qmp: Session, job: str) -> dict[str, Any]:
    return next((one for one in await qmp.execute("query-jobs") if one["id"] == job), {})


async def job_status(qmp: Session, job: str) -> str:
    return str((await find_job(qmp, job)).get("status", ""))


async def job_over(qmp: Session, job: str) -> bool | None:
    return True if await job_status(qmp, job) in ("concluded", "") else None


async def end_copy(qmp: Session, volume_id: str) -> None:
    """No copy to the volume is under way."""
    job = job_of(volume_id)
    status = await job_status(qmp, job)
    if not status:
        return
    if status != "concluded":
        await qmp.execute("block-job-cancel", {"device": job, "force": True})
        await qmp.until(("JOB_STATUS_CHANGE",), lambda: job_over(qmp, job), CANCEL_S)
    await qmp.execute("job-dismiss", {"id": job})


async def size_of(qmp: Session, node: str) -> int:
    found = await qmp.execute("query-named-block-nodes", {"flat": True})
    return next(int(one["image"]["virtual-size"]) for one in found if one["node-name"] == node)
