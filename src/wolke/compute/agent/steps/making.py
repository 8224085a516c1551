"""From a wish to what a driver needs to make a guest: files that are here, cards that can be plugged in."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.iso9660 import image as iso_image
from wolke.compute.agent.steps.volumes import of_wish, renew
from wolke.compute.drivers.base import Ephemeral, GuestSpec, Nic
from wolke.compute.model import Wish
from wolke.core.drivers import Failure

_PORT_TIMEOUT_S = 60.0


async def guest_spec(ground: Ground, wish: Wish, drive: Path | None, *, image_may_miss: bool = False) -> GuestSpec:
    """``image_may_miss``: without its image the guest can be made of something else."""
    wanted = wish.specification
    properties: Mapping[str, str] = wanted["image_properties"]
    image = await _image(ground, wanted["image_id"], image_may_miss=image_may_miss)
    kernel, ramdisk = properties.get("kernel_id"), properties.get("ramdisk_id")
    return GuestSpec(
        server_id=wish.server_id,
        name=wanted["name"],
        vcpus=wanted["vcpus"],
        ram_mib=wanted["ram_mib"],
        root_gib=wanted["root_gib"],
        ephemerals=[Ephemeral(one["size_gib"], one["format"]) for one in wanted["ephemerals"]],
        swap_mib=wanted["swap_mib"],
        image=image,
        image_format=image_format(wanted["image_format"]),
        kernel=await ground.images.fetch(kernel) if kernel else None,
        ramdisk=await ground.images.fetch(ramdisk) if ramdisk else None,
        kernel_arguments=properties.get("os_command_line", ""),
        config_drive=drive,
        nics=await nics(ground, wish),
        image_properties=properties,
        extra_specs=wanted["extra_specs"],
        volumes=await of_wish(ground, wish),
    )


async def _image(ground: Ground, image_id: str | None, *, image_may_miss: bool) -> Path | None:
    if not image_id:
        return None
    try:
        return await ground.images.fetch(image_id)
    except Failure:
        if image_may_miss:
            return None
        raise


def image_format(disk_format: str | None) -> str:
    return "raw" if disk_format in (None, "ami", "iso") else str(disk_format)


async def nics(ground: Ground, wish: Wish, only: str | None = None) -> list[Nic]:
    """The server's cards, each with something to be plugged into."""
    wanted = [nic for nic in wish.specification["nics"] if only in (None, nic["port_id"])]
    model = wish.specification["image_properties"].get("hw_vif_model", "virtio")
    return list(await asyncio.gather(*(_nic(ground, nic, model) for nic in wanted)))


async def ready(ground: Ground, wish: Wish) -> None:
    """What a guest that is there needs to be started: something to plug its cards into, and its volumes as they are now."""
    await asyncio.gather(nics(ground, wish), renew(ground, wish))


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


async def config_drive(ground: Ground, wish: Wish) -> Path | None:
    files: Mapping[str, str] | None = wish.specification["config_drive"]
    if files is None:
        return None
    content = iso_image({path: base64.b64decode(encoded) for path, encoded in files.items()})
    path = drive_path(ground, wish.server_id)
    part = path.with_suffix(".part")
    await asyncio.to_thread(part.write_bytes, content)
    part.rename(path)
    return path


def drive_path(ground: Ground, server_id: str) -> Path:
    return ground.state_dir / "config-drives" / f"{server_id}.iso"
