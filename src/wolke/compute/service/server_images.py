"""Images of servers. Of a volume-backed one: a snapshot of each of its volumes, and an image without data that names them.

The snapshots, the image and the wish are one write; the image is active when the last snapshot is there (``life/pictures.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.block_storage.errors import QuotaExceeded
from wolke.compute import errors
from wolke.compute.model import BlockDevice, Server
from wolke.compute.service.needs import Needs
from wolke.compute.service.server_actions import ServerActions, snapshot_wish
from wolke.compute.service.servers import Servers
from wolke.compute.store import BLOCK_DEVICES
from wolke.core.context import Context
from wolke.core.db import Order, Transaction
from wolke.core.errors import BadRequest, Forbidden
from wolke.image.model import Image
from wolke.image.service import ImageWish

_ORDER = [Order("created_at"), Order("device_name"), Order("id")]
_OF_DISKS = ("base_image_ref", "image_location", "image_state")


class ServerImages:
    def __init__(self, needs: Needs, servers: Servers, actions: ServerActions) -> None:
        self._needs = needs
        self._servers = servers
        self._actions = actions

    async def create_image(self, ctx: Context, server_id: str, name: str, metadata: Mapping[str, str]) -> str:
        """The id of an image that is not there yet."""
        server = await self._servers.show(ctx, server_id)
        if not server.volume_backed:
            return await self._actions.create_image(ctx, server_id, name, metadata)
        self._actions.allowed(ctx, server, "snapshot_volumes", "createImage")
        return await self._of_volumes(ctx, server, name, metadata)

    async def create_backup(
        self, ctx: Context, server_id: str, name: str, kind: str, rotation: int, metadata: Mapping[str, str]
    ) -> str:
        server = await self._servers.show(ctx, server_id)
        if server.volume_backed:
            raise BadRequest("Backup is not supported for volume-backed instances.")
        return await self._actions.create_backup(ctx, server_id, name, kind, rotation, metadata)

    async def _of_volumes(self, ctx: Context, server: Server, name: str, metadata: Mapping[str, str]) -> str:
        images, storage = self._needs.images, self._needs.storage
        if images is None or storage is None:
            raise errors.NotOffered("images of servers")
        devices = await self._needs.db.find(BLOCK_DEVICES, server_id=server.id, order=_ORDER)
        taken = {device.id: "" for device in devices if device.volume_id is not None}

        async def begin(tx: Transaction, image: Image) -> None:
            held = await self._servers.held(tx, ctx, server.id)
            for device in devices:
                if device.id in taken:
                    taken[device.id] = await self._snapshot(tx, ctx, device, name)
            mapping = msgspec.json.encode(mapping_of(held, devices, taken)).decode()
            await images.describe_in(tx, image, {**image.properties, "block_device_mapping": mapping})
            arguments = {"image_id": image.id, "snapshot_ids": list(taken.values())}
            await self._actions.begin_in(tx, ctx, held, "snapshot_volumes", "createImage", arguments)

        return (await images.create(ctx, _wish(server, name, metadata), also=begin)).id

    async def _snapshot(self, tx: Transaction, ctx: Context, device: BlockDevice, name: str) -> str:
        storage = self._needs.storage
        assert storage is not None
        volume = await storage.volumes.held(tx, ctx, str(device.volume_id))
        try:
            made = await storage.snapshots.insert(tx, ctx, volume, f"snapshot for {name}"[:255], "")
        except QuotaExceeded as error:
            raise Forbidden(error.message) from None
        return made.id


def _wish(server: Server, name: str, metadata: Mapping[str, str]) -> ImageWish:
    wish = snapshot_wish(server, name, metadata)
    properties = {key: value for key, value in wish.properties.items() if key not in _OF_DISKS}
    properties |= {"bdm_v2": "True", "root_device_name": server.root_device_name}
    return ImageWish(
        name=name,
        owner=server.project_id,
        visibility="private",
        disk_format="raw",
        container_format="bare",
        min_ram=wish.min_ram,
        properties=properties,
    )


def mapping_of(server: Server, devices: Sequence[BlockDevice], snapshots: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a server that is made of the image shall have: ``block_device_mapping_v2`` as it is on the wire."""
    found: list[dict[str, Any]] = []
    for device in devices:
        if device.id in snapshots:
            entry = {
                "source_type": "snapshot",
                "destination_type": "volume",
                "snapshot_id": snapshots[device.id],
                "boot_index": device.boot_index,
                "delete_on_termination": device.delete_on_termination,
                "device_name": device.device_name,
                "volume_size": None,
                "tag": device.tag,
                "disk_bus": device.source.get("disk_bus"),
            }
            found.append(entry)
    for asked in server.block_devices:
        if asked["target"] == "local" and asked["source"] == "blank":
            local = {
                "source_type": "blank",
                "destination_type": "local",
                "boot_index": None,
                "volume_size": asked["size"],
            }
            found.append(local | {"guest_format": asked["guest_format"], "delete_on_termination": True})
    return found
