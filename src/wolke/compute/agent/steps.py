"""One function per task. Each makes the guest what is wished for and returns what it learnt; it may be called again after a
crash anywhere, because the driver's verbs look before they act. ``Failure`` says why it can never be."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.iso9660 import image as iso_image
from wolke.compute.drivers.base import GuestSpec, Nic, Power
from wolke.compute.model import Wish
from wolke.core.drivers import Failure

Learnt = dict[str, Any]
_GONE = (403, 404)
_PORT_TIMEOUT_S = 60.0


async def spawn(ground: Ground, wish: Wish) -> Learnt:
    drive = await _config_drive(ground, wish)
    await ground.driver.create(await _guest_spec(ground, wish, drive))
    if drive is not None:
        drive.unlink(missing_ok=True)
    await ground.driver.start(wish.server_id)
    return {"power": Power.RUNNING.value}


async def power_on(ground: Ground, wish: Wish) -> Learnt:
    await _nics(ground, wish)
    await ground.driver.start(wish.server_id)
    return {"power": Power.RUNNING.value}


async def power_off(ground: Ground, wish: Wish) -> Learnt:
    timeout_s = wish.arguments.get("timeout_s", ground.settings.guest_shutdown_timeout_s)
    await ground.driver.stop(wish.server_id, float(timeout_s))
    return {"power": Power.SHUTDOWN.value}


async def reboot(ground: Ground, wish: Wish) -> Learnt:
    await ground.driver.reboot(wish.server_id, hard=False)
    return {"power": Power.RUNNING.value}


async def reboot_hard(ground: Ground, wish: Wish) -> Learnt:
    await _nics(ground, wish)
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
    _drive_path(ground, wish.server_id).unlink(missing_ok=True)
    if unfinished := wish.arguments.get("image_id"):
        snapshot_path(ground, str(unfinished)).unlink(missing_ok=True)
    return {"power": Power.NOSTATE.value}


async def snapshot(ground: Ground, wish: Wish) -> Learnt:
    """A copy of the disk goes to the image that waits for it. The copy is kept until it has arrived."""
    image_id = str(wish.arguments["image_id"])
    try:
        image = await ground.client.get_json(f"/image/v2/images/{image_id}")
    except Exception as error:
        if getattr(error, "status", None) in _GONE:
            raise Failure("The image was deleted before the server's disk was in it.") from None
        raise
    target = snapshot_path(ground, image_id)
    if image["status"] != "active":
        if not target.exists():
            await ground.driver.snapshot(wish.server_id, target, image["disk_format"])
        await ground.client.upload("PUT", f"/image/v2/images/{image_id}/file", target)
    target.unlink(missing_ok=True)
    return {}


async def attach(ground: Ground, wish: Wish) -> Learnt:
    port_id = wish.arguments["port_id"]
    nic = next((nic for nic in await _nics(ground, wish, only=port_id)), None)
    if nic is None:
        raise Failure("The port is not the server's any more.")
    await ground.driver.attach_nic(wish.server_id, nic)
    return {}


async def detach(ground: Ground, wish: Wish) -> Learnt:
    if await ground.driver.look(wish.server_id) is not None:
        await ground.driver.detach_nic(wish.server_id, wish.arguments["port_id"])
    return {}


STEPS: Mapping[str, Callable[[Ground, Wish], Awaitable[Learnt]]] = {
    "spawning": spawn,
    "powering-on": power_on,
    "powering-off": power_off,
    "rebooting": reboot,
    "rebooting_hard": reboot_hard,
    "pausing": pause,
    "unpausing": unpause,
    "suspending": suspend,
    "resuming": power_on,
    "rebuilding": destroy,
    "rebuild_spawning": spawn,
    "image_snapshot": snapshot,
    "interface_attaching": attach,
    "interface_detaching": detach,
    "deleting": destroy,
    "clearing": destroy,
}


async def _guest_spec(ground: Ground, wish: Wish, drive: Path | None) -> GuestSpec:
    wanted = wish.specification
    properties: Mapping[str, str] = wanted["image_properties"]
    image = await ground.images.fetch(wanted["image_id"]) if wanted["image_id"] else None
    kernel, ramdisk = properties.get("kernel_id"), properties.get("ramdisk_id")
    return GuestSpec(
        server_id=wish.server_id,
        name=wanted["name"],
        vcpus=wanted["vcpus"],
        ram_mib=wanted["ram_mib"],
        root_gib=wanted["root_gib"],
        ephemeral_gib=wanted["ephemeral_gib"],
        swap_mib=wanted["swap_mib"],
        image=image,
        image_format=_format(wanted["image_format"]),
        kernel=await ground.images.fetch(kernel) if kernel else None,
        ramdisk=await ground.images.fetch(ramdisk) if ramdisk else None,
        kernel_arguments=properties.get("os_command_line", ""),
        config_drive=drive,
        nics=await _nics(ground, wish),
        image_properties=properties,
        extra_specs=wanted["extra_specs"],
    )


def _format(disk_format: str | None) -> str:
    return "raw" if disk_format in (None, "ami", "iso") else str(disk_format)


async def _nics(ground: Ground, wish: Wish, only: str | None = None) -> list[Nic]:
    """The server's cards, each with something to be plugged into."""
    wanted = [nic for nic in wish.specification["nics"] if only in (None, nic["port_id"])]
    model = wish.specification["image_properties"].get("hw_vif_model", "virtio")
    return list(await asyncio.gather(*(_nic(ground, nic, model) for nic in wanted)))


async def _nic(ground: Ground, nic: Mapping[str, Any], model: str) -> Nic:
    await ground.network.ensure_port(nic["network_id"], nic["port_id"], _PORT_TIMEOUT_S)
    plug = await ground.network.attachment(nic["network_id"], nic["port_id"])
    return Nic(
        port_id=nic["port_id"],
        mac_address=nic["mac_address"],
        backend=plug.backend,
        device=plug.device,
        netns=plug.netns,
        mtu=nic["mtu"],
        model=model,
        options=dict(plug.options),
    )


async def _config_drive(ground: Ground, wish: Wish) -> Path | None:
    files: Mapping[str, str] | None = wish.specification["config_drive"]
    if files is None:
        return None
    content = iso_image({path: base64.b64decode(encoded) for path, encoded in files.items()})
    path = _drive_path(ground, wish.server_id)
    part = path.with_suffix(".part")
    await asyncio.to_thread(part.write_bytes, content)
    part.rename(path)
    return path


def _drive_path(ground: Ground, server_id: str) -> Path:
    return ground.state_dir / "config-drives" / f"{server_id}.iso"


def snapshot_path(ground: Ground, image_id: str) -> Path:
    return ground.state_dir / "snapshots" / image_id
