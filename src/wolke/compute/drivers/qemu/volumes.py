"""Plugging volumes into a running guest and pulling them out, and changing them under it."""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import re
import stat
from typing import Any

from wolke.compute.drivers.base import Layer, Remote, Volume
from wolke.compute.drivers.qemu import volume_nodes
from wolke.compute.drivers.qemu.definition import Definition
from wolke.compute.drivers.qemu.faults import explain
from wolke.compute.drivers.qemu.home import Home
from wolke.compute.drivers.qemu.qmp import Refused, Session
from wolke.compute.drivers.qemu.remote import key_folder
from wolke.compute.drivers.qemu.volume_nodes import Way
from wolke.core.drivers import Failure

PLUGGED = "/machine/peripheral"
ASK_AGAIN_S = 3.0  # a guest that boots misses the first time
_LARGEST_SECTOR = 4096
_THERE = "is used as backing hd of '{}'"  # what QEMU says of what is below an overlay already


def open_layer(layer: Layer, *, writable: bool) -> int:
    """Raises ``Failure`` if it is not there."""
    try:
        return os.open(layer.path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Failure("a part of the volume is not on this host") from None


def way(descriptor: int) -> Way:
    return Way(stat.S_ISBLK(os.fstat(descriptor).st_mode), _direct(descriptor))


def _direct(descriptor: int) -> bool:
    """Whether its file system can do without the page cache. A flag may be taken that no read is done with, so one is tried."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    with mmap.mmap(-1, _LARGEST_SECTOR) as room:
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
            os.preadv(descriptor, [room], 0)
        except OSError:
            return False
        finally:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
    return True


def modes(volume: Volume, index: int) -> tuple[bool, ...]:
    """How a layer's set of descriptors is opened; what is written to must be readable only too, for the day it is frozen."""
    return (True, False) if index == 0 and not volume.read_only else (False,)


async def plug(qmp: Session, home: Home, definition: Definition, volume: Volume) -> None:
    """The disk is in the machine afterwards, in the place that ``definition`` has for it."""
    if await _plugged(qmp, volume):
        return
    await open_nodes(qmp, home, definition.uid, volume)
    try:
        await qmp.execute("device_add", volume_nodes.device(definition, volume))
    except Refused as why:
        await forget(qmp, volume.volume_id)
        raise Failure(f"the volume cannot be opened: {why}") from why


async def open_nodes(qmp: Session, home: Home, uid: int | None, volume: Volume) -> None:
    """It is open in QEMU, but no disk of the guest. ``Failure`` if it cannot be."""
    await forget(qmp, volume.volume_id)
    try:
        if volume.encrypted:
            key = {"qom-type": "secret", "id": volume_nodes.secret_name(volume.volume_id), "data": volume.passphrase}
            await qmp.execute("object-add", key)
        if volume.remote:
            await _show_key(qmp, home, uid, volume, volume.remote)
        await add_nodes(qmp, volume)
    except Refused as why:
        await forget(qmp, volume.volume_id)
        known = explain(str(why)) if volume.remote else None
        raise known or Failure(f"the volume cannot be opened: {why}") from why


async def add_nodes(qmp: Session, volume: Volume) -> None:
    """Raises ``Failure`` if a layer is not there, ``Refused`` if QEMU cannot open it."""
    sets, ways = [], []
    for index, layer in enumerate(volume.layers):
        handed, opened = await _hand_over(qmp, volume.volume_id, layer, modes(volume, index))
        sets.append(handed)
        ways.append(opened)
    for node in volume_nodes.nodes(volume, sets, ways):
        await qmp.execute("blockdev-add", node)


async def _show_key(qmp: Session, home: Home, uid: int | None, volume: Volume, remote: Remote) -> None:
    with key_folder(home, uid, volume) as folder:
        qmp.send_descriptor(folder)
        there = await qmp.execute("add-fd", {"opaque": volume.volume_id})
        await qmp.execute("object-add", volume_nodes.tls(volume, remote, f"/proc/self/fd/{there['fd']}"))
    await qmp.execute("remove-fd", {"fdset-id": there["fdset-id"]})


async def _hand_over(qmp: Session, volume_id: str, layer: Layer, writable: tuple[bool, ...]) -> tuple[int, Way]:
    """The set of a layer's descriptors in QEMU."""
    arguments: dict[str, Any] = {"opaque": volume_id}
    found = Way(block=False, direct=False)
    for mode in writable:
        descriptor = open_layer(layer, writable=mode)
        try:
            found = way(descriptor)
            qmp.send_descriptor(descriptor)
            arguments["fdset-id"] = (await qmp.execute("add-fd", arguments))["fdset-id"]
        finally:
            os.close(descriptor)
    return arguments["fdset-id"], found


async def unplug(qmp: Session, volume: Volume, timeout_s: float) -> None:
    """No such disk afterwards. Raises ``Failure`` if the guest does not let go of it (none booted, or it is in use there)."""

    async def out() -> bool | None:
        if not await _plugged(qmp, volume):  # its device may end a little later, and hold the disk until then
            return await forget(qmp, volume.volume_id) or None
        try:
            await qmp.execute("device_del", {"id": volume_nodes.device_name(volume)})
        except Refused:
            pass  # asked already, or it went just now; waiting will tell
        return None

    try:
        await qmp.until(("DEVICE_DELETED",), out, timeout_s)
    except TimeoutError:
        raise Failure("the server's operating system did not let go of the volume") from None


async def _plugged(qmp: Session, volume: Volume) -> bool:
    name = volume_nodes.device_name(volume)
    return any(item["name"] == name for item in await qmp.execute("qom-list", {"path": PLUGGED}))


async def forget(qmp: Session, volume_id: str) -> bool:
    """Its nodes go from the top down, then what they were opened with. Whether all went: QEMU keeps what is in use."""
    while names := await _nodes(qmp, volume_id):
        gone = False
        for name in names:
            gone |= await _try(qmp, "blockdev-del", {"node-name": name})
        if not gone:
            return False
    for found in await qmp.execute("query-fdsets"):
        if any(one.get("opaque") == volume_id for one in found["fds"]):
            await _try(qmp, "remove-fd", {"fdset-id": found["fdset-id"]})
    for name in (volume_nodes.secret_name(volume_id), volume_nodes.tls_name(volume_id)):
        await _try(qmp, "object-del", {"id": name})
    return True


async def forget_idle(qmp: Session, volume_id: str) -> None:
    """Those of its nodes that no disk stands on go, with the files that were opened for them."""
    gone = True
    while gone:
        gone = False
        for name in await _nodes(qmp, volume_id):
            gone |= await _try(qmp, "blockdev-del", {"node-name": name})
    open_nodes = json.dumps(await qmp.execute("query-named-block-nodes", {"flat": True}))
    used = {int(number) for number in re.findall(r"/dev/fdset/(\d+)", open_nodes)}
    for found in await qmp.execute("query-fdsets"):
        if found["fdset-id"] not in used and any(one.get("opaque") == volume_id for one in found["fds"]):
            await _try(qmp, "remove-fd", {"fdset-id": found["fdset-id"]})


async def _nodes(qmp: Session, volume_id: str) -> list[str]:
    found = await qmp.execute("query-named-block-nodes", {"flat": True})
    names = [str(one["node-name"]) for one in found]
    return [name for name in names if name.startswith(volume_nodes.prefix(volume_id))]


async def _try(qmp: Session, command: str, arguments: dict[str, Any]) -> bool:
    try:
        await qmp.execute(command, arguments)
    except Refused:
        return False
    return True


async def overlay(qmp: Session, volume: Volume, layer: Layer) -> None:
    """It writes to ``layer`` afterwards."""
    name = volume_nodes.layer_name(volume.volume_id, layer.path)
    if name not in await _nodes(qmp, volume.volume_id):
        handed, found = await _hand_over(qmp, volume.volume_id, layer, (True, False))
        node = volume_nodes.layer_node(name, layer.format, handed, found, read_only=False)
        await qmp.execute("blockdev-add", node | {"backing": None})
    below = volume_nodes.first_name(volume)
    try:
        await qmp.execute("blockdev-snapshot", {"node": below, "overlay": name})
    except Refused as why:
        if _THERE.format(name) not in str(why):
            raise Failure(f"the volume cannot be frozen: {why}") from why


async def resize(qmp: Session, volume: Volume, size_bytes: int) -> None:
    """``size_bytes`` are the first layer's; of LUKS the guest sees what its header leaves."""
    top, inner = volume_nodes.top_name(volume), volume_nodes.first_name(volume)
    sizes = {
        one["node-name"]: int(one["image"]["virtual-size"])
        for one in await qmp.execute("query-named-block-nodes", {"flat": True})
        if one["node-name"] in (top, inner)
    }
    head_bytes = sizes[inner] - sizes[top]
    if sizes[inner] < size_bytes:
        await qmp.execute("block_resize", {"node-name": top, "size": size_bytes - head_bytes})
