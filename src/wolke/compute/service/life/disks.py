"""A server's volumes in its life: how its host opens them, and what Block Storage hears when they come and go.

What is written of a volume's attachment is part of the write about its server: both say the same at any moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.block_storage.errors import HostSilent
from wolke.block_storage.model import Attachment
from wolke.block_storage.service import BlockStorage
from wolke.compute.errors import ServerNotFound
from wolke.compute.model import BlockDevice, Server
from wolke.compute.service.life.ground import Ground
from wolke.compute.states import acting_host
from wolke.compute.store import BLOCK_DEVICES, SERVERS
from wolke.core.context import system_context
from wolke.core.db import Order, Transaction, Where
from wolke.core.errors import CloudError, Conflict, Unavailable
from wolke.core.log import get_logger

log = get_logger(__name__)

_CLOUD = system_context()
_ORDER = [Order("created_at"), Order("device_name"), Order("id")]


class Disks:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._storage = ground.storage

    async def of_servers(self, server_ids: Sequence[str]) -> dict[str, list[BlockDevice]]:
        if self._storage is None:
            return {}
        found: dict[str, list[BlockDevice]] = {}
        where = [Where("server_id", "in", list(server_ids))]
        for device in await self._ground.db.find(BLOCK_DEVICES, where=where, order=_ORDER):
            found.setdefault(device.server_id, []).append(device)
        return found

    async def connections(
        self, host: str, server_id: str, device_ids: Sequence[str], *, served: bool = False
    ) -> dict[str, Any]:
        """How ``host`` opens these of the server's volumes, as of now, keys included; or why it cannot be. ``served``: from now on over
        the network, wherever they are."""
        server = await self._ground.db.get(SERVERS, id=server_id)
        mine = server and acting_host(server.task, server.host, server.other_host) == host
        if server is None or not mine or self._storage is None:
            raise ServerNotFound(server_id)
        devices = (await self.of_servers([server_id])).get(server_id, [])
        found = []
        for device in devices:
            if device.id in device_ids:
                try:
                    if server.verb == "swap_volume":
                        device = _swapped(device, server)
                    found.append(await self._connection(self._storage, host, server, device, served))
                except HostSilent as error:
                    raise Unavailable(error.message) from None
                except CloudError as error:
                    return {
                        "connections": [],
                        "failure": f"The volume {device.volume_id} cannot be had: {error.message}",
                    }
        return {"connections": found, "failure": None}

    async def _connection(
        self, storage: BlockStorage, host: str, server: Server, device: BlockDevice, served: bool
    ) -> dict[str, Any]:
        if server.task == "live_receiving":  # it is the other host's yet, and both open it as that one does
            connected = await storage.attachments.show(_CLOUD, device.attachment_id or "")
            if not _movable(connected):
                raise Conflict("it is not served over the network.")
        else:
            connector: dict[str, Any] = {"host": host, "instance": device.server_id, "mountpoint": device.device_name}
            if served:
                connector["served"] = True
            connected = await storage.attachments.connect(_CLOUD, device.attachment_id or "", connector)
        volume = await storage.volumes.show(_CLOUD, connected.volume_id)
        key = await storage.needs.secrets.open(storage.db, volume.secret_id) if volume.secret_id else None
        return {
            "volume_id": volume.id,
            "size_gib": volume.size_gib,
            "connection": connected.connection,
            "passphrase": key,
            "root": device.boot_index == 0,
            "bus": device.source.get("disk_bus") or "",
            "boot_index": device.boot_index,
            "shared": volume.multiattach,
        }

    # -- going to another host

    async def stuck(self, server: Server) -> str | None:
        """Why two hosts cannot have the server's volumes open at once, as they must while it moves and runs; None if they can."""
        there = await self._storage.attachments.of_server(server.id) if self._storage is not None else []
        for attachment in there:
            if not _movable(attachment) and not await self._servable(attachment):
                return (
                    f"The server has volumes, which cannot be handed over to another host while it runs: volume "
                    f"{attachment.volume_id} is not served over the network, and its back end cannot do so."
                )
        return None

    async def lost(self, server: Server) -> str | None:
        """Why no other host can have the server's volumes: theirs is down as well. None if they can be had."""
        if self._storage is None:
            return None
        attached = await self._storage.attachments.of_server(server.id)
        hosts = {host.name: host for host in await self._storage.hosts.all()} if attached else {}
        for attachment in attached:
            host = hosts.get(attachment.host or "")
            if host is None or not self._storage.hosts.is_up(host):
                return f"The server cannot be made anew without volume {attachment.volume_id}, which is on a host that is down."
        return None

    async def _servable(self, attachment: Attachment) -> bool:
        """Whether its host can serve what its guest has open as a file."""
        assert self._storage is not None
        volume = (await self._storage.volumes.by_id([attachment.volume_id])).get(attachment.volume_id)
        pool = await self._storage.hosts.pool_at(volume.backend) if volume is not None and volume.backend else None
        return pool is not None and bool(pool.backend.capabilities.get("remote"))

    async def hold(self, tx: Transaction, server: Server) -> list[BlockDevice]:
        """Nobody changes the server's volumes until this write is done. Before the server itself is written to: all lock in that order."""
        devices = await tx.find(BLOCK_DEVICES, server_id=server.id, order=_ORDER)
        for volume_id in sorted(device.volume_id for device in devices if device.volume_id):
            await tx.lock(f"block_storage:volume:{volume_id}")
        return devices

    async def follow(self, tx: Transaction, devices: Sequence[BlockDevice], host: str) -> None:
        """The server is on ``host``, by the same write."""
        for device in devices:
            if self._storage is not None and device.attachment_id is not None:
                await self._storage.attachments.moved_in(tx, device.attachment_id, host)

    # -- endings; each is part of the write with which its verb ends

    async def attached(self, tx: Transaction, server: Server, changes: Mapping[str, Any]) -> None:
        device = await self._device(tx, server)
        if device is not None and self._storage is not None and device.attachment_id:
            await self._storage.attachments.settle_in(tx, device.attachment_id, device.device_name)

    async def detached(self, tx: Transaction, server: Server, changes: Mapping[str, Any]) -> None:
        """Also the end of an attach that failed."""
        device = await self._device(tx, server)
        if device is not None:
            await self._drop(tx, device)

    async def stayed(self, tx: Transaction, server: Server) -> None:
        """The guest did not let go: the volume is attached as before. So is one of which it was the attaching that failed."""
        await self.attached(tx, server, {})

    async def swapped(self, tx: Transaction, server: Server, changes: Mapping[str, Any]) -> None:
        device = await self._device(tx, server)
        if device is None or self._storage is None:
            return
        new = _swapped(device, server)
        written = {"volume_id": new.volume_id, "attachment_id": new.attachment_id}
        await tx.update(BLOCK_DEVICES, written | {"updated_at": self._ground.clock.now()}, id=device.id)
        await self._storage.attachments.settle_in(tx, new.attachment_id or "", device.device_name)
        await self._storage.attachments.drop_in(tx, device.attachment_id or "")

    async def kept(self, tx: Transaction, server: Server, changes: Mapping[str, Any]) -> None:
        """The old one stays, the new one is anybody's."""
        device = await self._device(tx, server)
        if device is not None and self._storage is not None:
            await self._storage.attachments.settle_in(tx, device.attachment_id or "", device.device_name)
            await self._storage.attachments.drop_in(tx, str(server.arguments["new_attachment_id"]))

    async def came_along(self, tx: Transaction, server: Server) -> None:
        """The server was started with all of its volumes."""
        now = await tx.get(SERVERS, id=server.id)
        if self._storage is None or now is None or now.generation != server.generation:
            return
        for device in await tx.find(BLOCK_DEVICES, server_id=server.id, order=_ORDER):
            if device.attachment_id is not None:
                await self._storage.attachments.settle_in(tx, device.attachment_id, device.device_name)

    async def forget_snapshots(self, tx: Transaction, server: Server) -> None:
        """Of an image that will not come about."""
        for snapshot_id in server.arguments.get("snapshot_ids", ()):
            if self._storage is None:
                return
            try:
                snapshot = await self._storage.snapshots.held(tx, _CLOUD, snapshot_id)
                if snapshot.task != "deleting":
                    await self._storage.snapshots.delete_in(tx, _CLOUD, snapshot, force=True)
            except CloudError as error:
                log.info("a snapshot stays without its image", snapshot_id=snapshot_id, reason=error.message)

    async def release(self, tx: Transaction, server: Server) -> None:
        """The server is no more: its volumes are anybody's, but for those that go with it. So do those that were made for a server
        that never was."""
        await self.forget_snapshots(tx, server)
        for device in await tx.find(BLOCK_DEVICES, server_id=server.id, order=_ORDER):
            await self._drop(tx, device)
            if device.volume_id is None:
                continue
            in_vain = "kind" in device.source and server.launched_at is None
            if in_vain or device.delete_on_termination:
                await self._delete(tx, device.volume_id, force=in_vain)
        if self._storage is not None:  # one that was to take another's place
            for attachment in await self._storage.attachments.of_server(server.id):
                await self._storage.attachments.drop_in(tx, attachment.id)

    async def _device(self, tx: Transaction, server: Server) -> BlockDevice | None:
        """What the verb is about, unless somebody has written to the server since: then nothing of this is to be."""
        now = await tx.get(SERVERS, id=server.id)
        if now is None or now.generation != server.generation:
            return None
        return await tx.get(BLOCK_DEVICES, id=str(server.arguments.get("device_id")))

    async def _drop(self, tx: Transaction, device: BlockDevice) -> None:
        if self._storage is not None and device.attachment_id is not None:
            await self._storage.attachments.drop_in(tx, device.attachment_id)
        await tx.delete(BLOCK_DEVICES, id=device.id)

    async def _delete(self, tx: Transaction, volume_id: str, *, force: bool) -> None:
        assert self._storage is not None
        try:
            volume = await self._storage.volumes.held(tx, _CLOUD, volume_id)
            if volume.task != "deleting":
                cascade = force or await self._storage.snapshots.all_going(tx, volume_id)
                await self._storage.volume_actions.delete_in(tx, _CLOUD, volume, cascade=cascade, force=force)
        except CloudError as error:
            log.info("a volume stays without its server", volume_id=volume_id, reason=error.message)


def _movable(attachment: Attachment) -> bool:
    return (attachment.connection or {}).get("type") == "nbd"


def _swapped(device: BlockDevice, server: Server) -> BlockDevice:
    """As it will be when the swap under way is done."""
    asked = server.arguments
    if device.id != asked.get("device_id"):
        return device
    return msgspec.structs.replace(device, volume_id=asked["new_volume_id"], attachment_id=asked["new_attachment_id"])
