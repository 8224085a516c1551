"""The volumes of a server that is being built: the controller's part.

    no volume ── made of its source ──► creating ── it is there ──► reserved for the server ──► (agent) spawning

Block Storage makes a volume at its own pace; until something comes of it there is nothing to do here, and ``waits`` says so to
whoever looks for work. The device's row learns of its volume in the write that makes it, so that no volume is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.block_storage.model import Attachment, Snapshot, Volume
from wolke.block_storage.service import BlockStorage, NewVolume
from wolke.compute.model import BlockDevice, Server
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.ground import Ground
from wolke.compute.states import SERVER
from wolke.compute.store import BLOCK_DEVICES
from wolke.core.context import Context
from wolke.core.db import Transaction
from wolke.core.errors import CloudError

#: What Block Storage says of the volumes and snapshots in question, by id.
_Seen = Mapping[str, Volume | Snapshot]


class _Waiting(Exception):
    """Block Storage is still at it."""


class _Impossible(Exception):
    """This volume will never be had; the text is for the user."""


class _Superseded(Exception):
    """Somebody wrote to the server meanwhile: nothing of this is to be."""


class BlockDevices:
    def __init__(self, ground: Ground, building: Building) -> None:
        self._ground = ground
        self._storage = ground.storage
        self._building = building
        self._disks = Disks(ground)

    async def waits(self, server_ids: Sequence[str]) -> set[str]:
        """Those of them for which nothing can be done yet."""
        coming = {
            server_id: [device for device in devices if device.attachment_id is None]
            for server_id, devices in (await self._disks.of_servers(server_ids)).items()
        }
        seen = await self._look([device for devices in coming.values() for device in devices])
        return {
            server_id
            for server_id, devices in coming.items()
            if devices and all(_waits(device, seen) for device in devices)
        }

    async def late(self, server: Server) -> str:
        """Which volumes are not there, for the user."""
        found = []
        for device in (await self._disks.of_servers([server.id])).get(server.id, []):
            if device.attachment_id is None:
                name = f"Volume {device.volume_id}" if device.volume_id else f"The volume {device.device_name}"
                found.append(f"{name} was still being made.")
        return " ".join(found)

    async def build(self, server: Server) -> None:
        """As far as each device can go by now; when all are reserved, the server goes on."""
        devices = (await self._disks.of_servers([server.id])).get(server.id, [])
        coming = [device for device in devices if device.attachment_id is None]
        seen = await self._look(coming)
        for device in coming:
            try:
                await self._further(server, device, seen)
            except _Waiting:
                continue
            except _Superseded:
                return
            except _Impossible as why:
                await self._building.give_up(server, f"Build of instance {server.id} aborted: {why}")
                return
        devices = (await self._disks.of_servers([server.id])).get(server.id, [])
        if all(device.attachment_id is not None for device in devices):
            async with self._ground.db.transaction() as tx:
                await self._ground.write(tx, server, SERVER.learn(server, {}))

    async def _further(self, server: Server, device: BlockDevice, seen: _Seen) -> None:
        volume = _volume(device, seen)
        try:
            if volume is None:
                await self._make(server, device)
            else:
                await self._reserve(server, device, volume)
        except CloudError as error:
            if error.status >= 500:
                raise
            what = f"Volume {volume.id}" if volume else f"The volume {device.device_name}"
            raise _Impossible(f"{what} cannot be had: {error.message}") from None

    async def _look(self, devices: Sequence[BlockDevice]) -> _Seen:
        if self._storage is None:
            return {}
        volumes = [device.volume_id for device in devices if device.volume_id is not None]
        sources = [device.source for device in devices if device.volume_id is None]
        snapshots = [source["id"] for source in sources if source["kind"] == "snapshot"]
        return await self._storage.volumes.by_id(volumes) | await self._storage.snapshots.by_id(snapshots)

    async def _make(self, server: Server, device: BlockDevice) -> None:
        source = device.source
        wish = NewVolume(
            size_gib=source["size_gib"],
            name=f"{server.id}-blank-vol" if source["kind"] == "blank" else "",
            description="",
            type=source.get("volume_type"),
            image_id=source["id"] if source["kind"] == "image" else None,
            snapshot_id=source["id"] if source["kind"] == "snapshot" else None,
            near=server.host,
        )

        async def note(tx: Transaction, volume: Volume) -> None:
            await self._note(tx, server, device, {"volume_id": volume.id})

        await self._there.making.create(_owner(server), wish, note)

    async def _reserve(self, server: Server, device: BlockDevice, volume: Volume) -> None:
        async def note(tx: Transaction, attachment: Attachment) -> None:
            await self._note(tx, server, device, {"attachment_id": attachment.id})

        await self._there.attachments.reserve(
            _owner(server), volume.id, server_id=server.id, host=server.host, also=note
        )

    async def _note(self, tx: Transaction, server: Server, device: BlockDevice, learnt: dict[str, Any]) -> None:
        """Whoever gives the server up writes to it first, and finds what is noted here; or this is not written."""
        if not await self._ground.write(tx, server, {}):
            raise _Superseded
        await tx.update(BLOCK_DEVICES, {**learnt, "updated_at": self._ground.clock.now()}, id=device.id)

    @property
    def _there(self) -> BlockStorage:
        if self._storage is None:
            raise _Impossible("this cloud has no Block Storage.")
        return self._storage


def _volume(device: BlockDevice, seen: _Seen) -> Volume | None:
    """The device's volume, whole; None if it has yet to be made, and can be. Raises ``_Waiting`` or ``_Impossible``."""
    if device.volume_id is None:
        if device.source["kind"] == "snapshot":
            _check(seen.get(device.source["id"]), f"Snapshot {device.source['id']}")
        return None
    volume = seen.get(device.volume_id)
    _check(volume, f"Volume {device.volume_id}")
    return volume if isinstance(volume, Volume) else None


def _waits(device: BlockDevice, seen: _Seen) -> bool:
    try:
        _volume(device, seen)
    except _Waiting:
        return True
    except _Impossible:
        pass
    return False


def _check(one: Volume | Snapshot | None, what: str) -> None:
    if one is None:
        raise _Impossible(f"{what} is not there any more.")
    if one.status == "creating" and one.task is not None:
        raise _Waiting
    if one.status != "available":
        raise _Impossible(f"{what} did not come about: {one.reason or 'it is ' + one.status}")


def _owner(server: Server) -> Context:
    """Whoever the server is made for, with a member's rights, whether they are still there or not."""
    return Context(project_id=server.project_id, user_id=server.user_id, roles=frozenset({"member", "reader"}))
