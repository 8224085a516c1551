"""Starting a guest from another disk than its own, and from its own again."""

from __future__ import annotations

from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps import power
from wolke.compute.agent.steps.making import image_format, ready
from wolke.compute.drivers.base import Power, RescueSpec
from wolke.compute.model import Wish
from wolke.core.drivers import Failure

Learnt = dict[str, Any]
_STABLE = ("hw_rescue_device", "hw_rescue_bus")


async def rescue(ground: Ground, wish: Wish) -> Learnt:
    if not ground.driver.capabilities.rescue:
        raise Failure("the hypervisor of this host cannot rescue servers")
    spec = await _spec(ground, wish.arguments)
    await power.power_off(ground, wish)
    await ground.driver.rescue(wish.server_id, spec)
    return await power.power_on(ground, wish)


async def _spec(ground: Ground, asked: dict[str, Any]) -> RescueSpec:
    """A rescue image that says which device it wants to be is a stable one."""
    properties = asked["properties"]
    device = properties.get("hw_rescue_device", "disk")
    bus = "scsi" if device == "cdrom" else "virtio"
    kernel, ramdisk = properties.get("kernel_id"), properties.get("ramdisk_id")
    return RescueSpec(
        image=await ground.images.fetch(asked["rescue_image_id"]),
        image_format=image_format(asked["disk_format"]),
        kernel=await ground.images.fetch(kernel) if kernel else None,
        ramdisk=await ground.images.fetch(ramdisk) if ramdisk else None,
        stable=any(name in properties for name in _STABLE),
        device=device,
        bus=properties.get("hw_rescue_bus", bus),
    )


async def unrescue(ground: Ground, wish: Wish) -> Learnt:
    """Also what becomes of a rescue that failed: then it is as it was, off if it was off."""
    if "failure" not in wish.arguments:
        await power.power_off(ground, wish)
    await ground.driver.unrescue(wish.server_id)
    if wish.arguments.get("was") == "SHUTOFF" and "failure" in wish.arguments:
        return {"power": Power.SHUTDOWN.value}
    await ready(ground, wish)
    await ground.driver.start(wish.server_id)
    return {"power": Power.RUNNING.value}
