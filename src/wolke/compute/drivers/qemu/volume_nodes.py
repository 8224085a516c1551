"""A volume as QEMU's block nodes and the disk that a guest sees: pure, for the command line and for the monitor alike.

Each layer is a node of its own, on the one below it, opened from a descriptor that is handed over (``home.py``); for LUKS one
more lies on top. One that another host serves is a single node below that, without files. A node's name says which volume it is of, so that all of them are found again when it goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wolke.compute.drivers.base import Remote, Volume
from wolke.compute.drivers.qemu.definition import Definition
from wolke.core.drivers import Failure

Json = dict[str, Any]
#: Where volumes sit on bus 0 of a pc; on q35 each has a port of its own, function by function from PORTS_AT on.
PLACES = (0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x0D, 0x0E, 0x0F)
PORTS_AT = 0x11
BUSES = ("virtio", "scsi")
_FIRST_LUN = 16  # below are the guest's own disks
_FIRST_CHASSIS = 9
_RECONNECT_S = 120
_OPEN_S = 5


@dataclass(frozen=True, slots=True)
class Way:
    """How a layer can be opened. ``block``: it is a block device; ``direct``: past the host's page cache."""

    block: bool
    direct: bool


def prefix(volume_id: str) -> str:
    """How the names of all its nodes begin."""
    return f"v{volume_id.replace('-', '')[:14]}-"


def first_name(volume: Volume) -> str:
    """The node with what is written to, ciphertext or not."""
    return layer_name(volume.volume_id, volume.remote.export if volume.remote else volume.layers[0].path)


def layer_name(volume_id: str, path: str) -> str:
    """At most 31 characters, as QEMU has it."""
    return prefix(volume_id) + hashlib.sha256(path.encode()).hexdigest()[:14]


def top_name(volume: Volume) -> str:
    """The node that the guest's disk is on."""
    return prefix(volume.volume_id) + "luks" if volume.encrypted else first_name(volume)


def secret_name(volume_id: str) -> str:
    return f"key-{volume_id}"


def tls_name(volume_id: str) -> str:
    return f"tls-{volume_id}"


def device_name(volume: Volume) -> str:
    return "disk-root" if volume.root else f"volume-{volume.plugged_as or volume.volume_id}"


def nodes(volume: Volume, sets: Sequence[int], ways: Sequence[Way]) -> list[Json]:
    """Those below first. ``sets``: the descriptor set of each layer."""
    found: list[Json] = []
    below: str | None = None
    if volume.remote:
        below = first_name(volume)
        found.append(_remote_node(below, volume, volume.remote))
    for index in reversed(range(len(volume.layers))):
        layer = volume.layers[index]
        name = layer_name(volume.volume_id, layer.path)
        # Many volumes may share what is below, and then the host's cache is worth having.
        way = Way(ways[index].block, direct=ways[index].direct and index == 0)
        node = layer_node(name, layer.format, sets[index], way, read_only=index > 0 or volume.read_only)
        if layer.format == "qcow2":
            node["backing"] = below
        found.append(node)
        below = name
    if volume.encrypted:
        luks = {"driver": "luks", "node-name": top_name(volume), "file": below, "read-only": volume.read_only}
        found.append(
            luks | {"key-secret": secret_name(volume.volume_id)} | ({} if volume.read_only else {"discard": "unmap"})
        )
    return found


def tls(volume: Volume, remote: Remote, folder: str) -> Json:
    """What QEMU shows the other side who it is with; it reads ``folder``/keys.psk, once."""
    kind = {"qom-type": "tls-creds-psk", "id": tls_name(volume.volume_id), "endpoint": "client"}
    return kind | {"dir": folder, "username": remote.username}


def _remote_node(name: str, volume: Volume, remote: Remote) -> Json:
    """A guest whose volume's host is away waits, and goes on when that comes back in time; then it sees errors."""
    trim = {} if volume.read_only else {"discard": "unmap"}
    server = {"type": "inet", "host": remote.host, "port": str(remote.port)}
    node = {"driver": "nbd", "node-name": name, "server": server, "export": remote.export}
    patience = {"reconnect-delay": _RECONNECT_S, "open-timeout": _OPEN_S}
    return node | {"tls-creds": tls_name(volume.volume_id), "read-only": volume.read_only} | patience | trim


def layer_node(name: str, disk_format: str, descriptor_set: int, way: Way, *, read_only: bool) -> Json:
    """What can be read and written directly is: a guest has a cache of its own, and a second one here costs memory and a copy of
    every byte. Threads do it: measured beside them (``tests.bench.volumes``) the kernel's own queue was slower, and io_uring, which
    not every host has, faster at reading and slower at writing.
    """
    trim = {} if read_only else {"discard": "unmap"}
    cache = {"cache": {"direct": True}} if way.direct else {}
    file = {
        "driver": "host_device" if way.block else "file",
        "filename": f"/dev/fdset/{descriptor_set}",
        "read-only": read_only,
    }
    node = {"driver": disk_format, "node-name": name, "read-only": read_only, "file": file | trim | cache}
    return node | trim | cache


def bus_of(definition: Definition, volume: Volume) -> str:
    """What the image asks for, if that is a bus for volumes; unless the volume itself asks for one."""
    return volume.bus or ("scsi" if definition.spec.image_properties.get("hw_disk_bus") == "scsi" else "virtio")


def device(definition: Definition, volume: Volume) -> Json:
    """The disk, as ``device_add`` has it. Not for one that the guest starts from."""
    place = definition.volume_places[volume.volume_id]
    disk: Json = {"id": device_name(volume), "drive": top_name(volume), "serial": volume.volume_id}
    if volume.shared:
        disk["share-rw"] = True
    if volume.boot_index:
        disk["bootindex"] = 1 + volume.boot_index  # the root disk has 1
    bus = bus_of(definition, volume)
    if bus == "scsi":
        return {"driver": "scsi-hd", "bus": "scsi.0", "lun": _FIRST_LUN + place} | disk
    if bus not in BUSES:
        raise Failure(f"this host has no bus {bus!r} for a volume that is no root disk; it has {', '.join(BUSES)}")
    disk["serial"] = volume.volume_id[:20]  # as much as virtio has room for
    if "q35" in definition.machine:
        return {"driver": "virtio-blk-pci", "bus": f"vport{place}", "addr": "0x0"} | disk
    return {"driver": "virtio-blk-pci", "bus": "pci.0", "addr": f"{PLACES[place]:#x}"} | disk


def ports() -> list[Json]:
    """Of a q35, whose own bus takes nothing while it runs."""
    return [
        {
            "driver": "pcie-root-port", "id": f"vport{place}", "bus": "pcie.0", "chassis": _FIRST_CHASSIS + place,
            "addr": f"{PORTS_AT + place // 8:#x}.{place % 8}", "multifunction": True,
        }
        for place in range(len(PLACES))
    ]  # fmt: skip
