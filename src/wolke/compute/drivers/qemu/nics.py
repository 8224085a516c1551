"""Plugging network cards into a running guest and pulling them out."""

from __future__ import annotations

import os

from wolke.compute.drivers.base import Nic
from wolke.compute.drivers.qemu import command
from wolke.compute.drivers.qemu.definition import Definition
from wolke.compute.drivers.qemu.qmp import Refused, Session
from wolke.compute.drivers.qemu.taps import open_tap

PLUGGED = "/machine/peripheral"


async def plug(qmp: Session, definition: Definition, nic: Nic) -> None:
    """The card is in the machine afterwards, in the place that ``definition`` has for it."""
    if await _plugged(qmp, nic.port_id):
        return
    await _forget_backend(qmp, nic.port_id)
    name = f"tap-{nic.port_id}"
    if nic.backend == "tap":
        descriptor = await open_tap(nic)
        try:
            qmp.send_descriptor(descriptor)
            await qmp.execute("getfd", {"fdname": name})
        finally:
            os.close(descriptor)
    backend = command.netdev(nic, name)
    if backend:
        await qmp.execute("netdev_add", backend)
    await qmp.execute("device_add", command.nic_device(nic, definition))


async def unplug(qmp: Session, port_id: str, timeout_s: float) -> None:
    """No such card afterwards. Raises ``TimeoutError`` if the guest does not let go of it (none booted, or it hangs).

    Its cable is pulled in any case, at once.
    """

    async def out() -> bool | None:
        return None if await _plugged(qmp, port_id) else True

    if await _plugged(qmp, port_id):
        try:
            await qmp.execute("set_link", {"name": f"nic-{port_id}", "up": False})
            await qmp.execute("device_del", {"id": f"nic-{port_id}"})
        except Refused:
            pass  # already asked, or it went just now; waiting will tell
        await qmp.until(("DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR"), out, timeout_s)
    await _forget_backend(qmp, port_id)


async def _plugged(qmp: Session, port_id: str) -> bool:
    return any(item["name"] == f"nic-{port_id}" for item in await qmp.execute("qom-list", {"path": PLUGGED}))


async def _forget_backend(qmp: Session, port_id: str) -> None:
    try:
        await qmp.execute("netdev_del", {"id": f"net-{port_id}"})
    except Refused:
        pass  # there is none
