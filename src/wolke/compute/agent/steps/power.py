"""Making a guest, switching it on and off, and taking it away."""

from __future__ import annotations

from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps.images import snapshot_path
from wolke.compute.agent.steps.making import config_drive, drive_path, guest_spec, ready
from wolke.compute.drivers.base import Power
from wolke.compute.model import Wish

Learnt = dict[str, Any]


async def spawn(ground: Ground, wish: Wish) -> Learnt:
    drive = await config_drive(ground, wish)
    await ground.driver.create(await guest_spec(ground, wish, drive))
    if drive is not None:
        drive.unlink(missing_ok=True)
    if wish.arguments.get("off"):
        return {"power": Power.SHUTDOWN.value}
    await ground.driver.start(wish.server_id)
    return {"power": Power.RUNNING.value}


async def power_on(ground: Ground, wish: Wish) -> Learnt:
    await ready(ground, wish)
    await ground.driver.start(wish.server_id)
    return {"power": Power.RUNNING.value}


async def power_off(ground: Ground, wish: Wish) -> Learnt:
    timeout_s = wish.arguments.get("timeout_s", ground.settings.guest_shutdown_timeout_s)
    await ground.driver.stop(wish.server_id, float(timeout_s))
    return {"power": Power.SHUTDOWN.value}


async def reboot(ground: Ground, wish: Wish) -> Learnt:
    await ready(ground, wish)
    await ground.driver.reboot(wish.server_id, hard=False)
    return {"power": Power.RUNNING.value}


async def reboot_hard(ground: Ground, wish: Wish) -> Learnt:
    await ready(ground, wish)
    await ground.driver.reboot(wish.server_id, hard=True)
    return {"power": Power.RUNNING.value}


async def pause(ground: Ground, wish: Wish) -> Learnt:
    await ground.driver.pause(wish.server_id)
    return {"power": Power.PAUSED.value}


async def unpause(ground: Ground, wish: Wish) -> Learnt:
    await ground.driver.unpause(wish.server_id)
    return {"power": Power.RUNNING.value}


async def suspend(ground: Ground, wish: Wish) -> Learnt:
    await ground.driver.suspend(wish.server_id)
    return {"power": Power.SUSPENDED.value}


async def destroy(ground: Ground, wish: Wish) -> Learnt:
    await ground.driver.destroy(wish.server_id)
    drive_path(ground, wish.server_id).unlink(missing_ok=True)
    if unfinished := wish.arguments.get("image_id"):
        snapshot_path(ground, str(unfinished)).unlink(missing_ok=True)
    return {"power": Power.NOSTATE.value}
