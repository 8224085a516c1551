"""Volumes leave the QEMU of a guest that stands still, and come back opened in another way: what was a file is served by its host.

A file has one writer. So that the host may serve it, the guest's QEMU has to close it first; its disk is on a node of nothing
meanwhile, of the same size, and nothing is read or written because no processor runs. Whoever comes after somebody that
died finds the note that it stands still, and whether it ran before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from wolke.compute.drivers.base import Volume
from wolke.compute.drivers.qemu import relocating, swaps, volume_nodes, volumes
from wolke.compute.drivers.qemu.home import Home
from wolke.compute.drivers.qemu.qmp import Refused, Session
from wolke.core.drivers import Failure
from wolke.core.files import whole, write_durably

NOTE = "standing"  # a file in the guest's directory: how it was before it stood still
_RAN = b"running"


def stands_still(home: Home) -> bool:
    return home.file(NOTE).exists()


def forget(home: Home) -> None:
    """A guest that is started has what it is started with."""
    home.file(NOTE).unlink(missing_ok=True)


async def let_go(qmp: Session, home: Home, files: Sequence[Volume]) -> None:
    for volume in files:
        if await relocating.copies(qmp, volume.volume_id):
            raise Failure(f"volume {volume.volume_id} is just moving to another storage backend")
    if not stands_still(home):
        was = await qmp.status()
        await whole(write_durably, home.file(NOTE), was.encode())
    await qmp.execute("stop")
    for volume in files:
        disk, on = await swaps.disk_of(qmp, volume_nodes.device_name(volume))
        nothing = _nothing(volume)
        if on != nothing:
            with suppress(Refused):
                await qmp.execute("blockdev-del", {"node-name": nothing})  # of somebody who died
            size = await swaps.size_of(qmp, on)
            node = {"driver": "null-co", "node-name": nothing, "size": size, "read-only": volume.read_only}
            await qmp.execute("blockdev-add", node)
            await swaps.put(qmp, disk, nothing)
        if not await volumes.forget(qmp, volume.volume_id):
            raise Failure(f"the server does not let go of volume {volume.volume_id}")


async def take_up(qmp: Session, home: Home, uid: int | None, volume: Volume) -> None:
    """Does nothing if it has it."""
    disk, on = await swaps.disk_of(qmp, volume_nodes.device_name(volume))
    if on != _nothing(volume):
        return
    await volumes.open_nodes(qmp, home, uid, volume)
    await swaps.put(qmp, disk, volume_nodes.top_name(volume))
    await qmp.execute("blockdev-del", {"node-name": on})


async def go_on(qmp: Session, home: Home, volumes_now: Sequence[Volume]) -> None:
    """All of its volumes are back: it is as it was. ``ConnectionError`` if one is not."""
    for volume in volumes_now:
        _, on = await swaps.disk_of(qmp, volume_nodes.device_name(volume))
        if on == _nothing(volume):
            raise ConnectionError(f"volume {volume.volume_id} has not come back yet")
    if home.file(NOTE).read_bytes() == _RAN and await qmp.status() == "paused":
        await qmp.execute("cont")
    await whole(forget, home)


def _nothing(volume: Volume) -> str:
    return f"none-{volume_nodes.prefix(volume.volume_id)}"
