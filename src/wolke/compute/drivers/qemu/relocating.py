"""A volume that a running guest has goes to other files of this host: QEMU copies it while the guest writes on, then the disk changes
over. It is the same volume before and after, so all that is new are its layers.

The copy of a large disk takes long. So this is one look at it, and whoever wants something else of the guest comes between two of
them; a guest that is switched off takes the copy along.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wolke.compute.drivers.base import Volume
from wolke.compute.drivers.qemu import swaps, volume_nodes, volumes
from wolke.compute.drivers.qemu.qmp import Refused, Session
from wolke.core.drivers import Failure

_END_S = 60.0


async def further(qmp: Session, old: Volume, new: Volume, ready: Callable[[], Awaitable[None]]) -> bool:
    """Whether the guest's disk stands on the layers of ``new`` by now, and has no others open. Raises ``Failure`` if it stays where it
    is."""
    _, on = await swaps.disk_of(qmp, volume_nodes.device_name(old))
    if on != volume_nodes.first_name(new):
        if not on.startswith(volume_nodes.prefix(old.volume_id)):
            raise Failure("the server does not have the volume open")
        try:
            if not await _copied(qmp, on, new, ready):
                return False
        except (Failure, Refused) as why:
            await stay(qmp, new.volume_id)
            raise Failure(f"the volume cannot be copied: {why}") from why
    await stay(qmp, new.volume_id)
    return True


async def _copied(qmp: Session, source: str, new: Volume, ready: Callable[[], Awaitable[None]]) -> bool:
    """Begins the copy, or ends it if it has caught up with what the guest writes."""
    job = swaps.job_of(new.volume_id)
    status = await swaps.job_status(qmp, job)
    if not status:
        await volumes.forget_idle(qmp, new.volume_id)
        await volumes.add_nodes(qmp, new)
        wish = {"job-id": job, "device": source, "target": volume_nodes.first_name(new), "sync": "full"}
        await qmp.execute("blockdev-mirror", wish | {"copy-mode": "write-blocking", "auto-dismiss": False})
    if status == "ready":
        await ready()
        await qmp.execute("job-complete", {"id": job})
        await qmp.until(("JOB_STATUS_CHANGE",), lambda: swaps.job_over(qmp, job), _END_S)
    if status not in ("ready", "concluded"):
        return False
    if error := (await swaps.find_job(qmp, job)).get("error"):
        raise Failure(str(error))
    if status == "concluded":  # and the disk is where it was
        raise Failure("the copy was broken off")
    return True


async def stay(qmp: Session, volume_id: str) -> None:
    """No copy of it is under way; what was opened for one is closed."""
    await swaps.end_copy(qmp, volume_id)
    await volumes.forget_idle(qmp, volume_id)


async def copies(qmp: Session, volume_id: str) -> bool:
    return await swaps.job_status(qmp, swaps.job_of(volume_id)) not in ("", "concluded")
