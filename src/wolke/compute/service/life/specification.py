"""A server as its host's agent is told of it. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.compute.model import BlockDevice, Server, Wish
from wolke.network.model import ServerPort


def wish_of(
    server: Server,
    ports: Sequence[ServerPort],
    files: Mapping[str, bytes] | None,
    move: dict[str, Any] | None = None,
    devices: Sequence[BlockDevice] = (),
) -> Wish:
    """``files``: of the config drive, if the server has one."""
    return Wish(
        server_id=server.id,
        generation=server.generation,
        verb=server.verb or "",
        task=server.task or "",
        arguments=server.arguments,
        status=server.status,
        specification=specification(server, ports, files) | {"volumes": [_volume(device) for device in devices]},
        move=move,
    )


def _volume(device: BlockDevice) -> dict[str, Any]:
    """How it is opened is asked for when it is needed: it changes."""
    return {"device_id": device.id, "volume_id": device.volume_id}


def specification(server: Server, ports: Sequence[ServerPort], files: Mapping[str, bytes] | None) -> dict[str, Any]:
    flavor = server.flavor
    properties = {name: str(value) for name, value in server.image.get("properties", {}).items() if value is not None}
    return {
        "name": server.name,
        "vcpus": flavor.vcpus,
        "ram_mib": flavor.ram_mib,
        "root_gib": 0 if server.volume_backed else flavor.disk_gib,
        "ephemerals": [msgspec.to_builtins(one) for one in server.ephemerals],
        "swap_mib": _swap(server),
        **_root_image(server),
        "image_properties": properties,
        "extra_specs": flavor.extra_specs,
        "config_drive": None if files is None else {p: base64.b64encode(c).decode() for p, c in files.items()},
        "nics": [
            {"port_id": p.id, "network_id": p.network_id, "mac_address": p.mac_address, "mtu": p.mtu} for p in ports
        ],
    }


def _swap(server: Server) -> int:
    """As its flavor has it, unless less of it was asked for."""
    most = server.flavor.swap_mib
    sizes = [one["size"] for one in server.block_devices if one["guest_format"] == "swap"]
    return min(most, sizes[0] or most) if sizes else most


def _root_image(server: Server) -> dict[str, Any]:
    """What the root disk is, or will be, made of: an image of it, if the server has been shelved since it was made."""
    for image_id, image_format in (("shelved_image_id", "shelved_format"), ("made_of", "made_of_format")):
        if server.kept.get(image_id):
            return {"image_id": server.kept[image_id], "image_format": server.kept[image_format]}
    return {"image_id": server.image_id, "image_format": server.image.get("disk_format")}
