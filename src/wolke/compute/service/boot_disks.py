"""The disks of a new server: what they are made of is there and is the caller's, and existing volumes are reserved for it.

Volumes that have to be made first are made while the server is built (``life/block_devices.py``); here only their rows are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from wolke.block_storage.errors import VolumeNotFound
from wolke.block_storage.model import Volume
from wolke.block_storage.service import BlockStorage
from wolke.compute import errors
from wolke.compute.model import BlockDevice, FlavorCopy, Server
from wolke.compute.service.block_devices import (
    MAPPING_PROPERTIES,
    NewDevice,
    check_locals,
    check_volumes,
    devices_of,
    merged,
    named,
    own_disks,
)
from wolke.compute.service.needs import Needs
from wolke.compute.store import BLOCK_DEVICES
from wolke.core import ids
from wolke.core.context import Context, system_context
from wolke.core.db import Transaction
from wolke.core.errors import BadRequest, CloudError, Conflict, NotFound
from wolke.core.units import GIB
from wolke.image.model import Image

ROOT = "/dev/vda"
_OF_IMAGES = ("min_ram", "min_disk", "size")


class Disks(msgspec.Struct, frozen=True, kw_only=True):
    """``image``: as a server keeps it (``image_copy``), of whatever the root disk is made of. ``image_id``: None if
    that is a volume."""

    devices: list[NewDevice]
    image_id: str | None
    image: dict[str, Any]
    root_name: str

    @property
    def volumes(self) -> list[NewDevice]:
        return [one for one in self.devices if one.target == "volume"]

    @property
    def asked(self) -> list[dict[str, Any]]:
        """For ``Server.block_devices``; nothing, if the root disk is all there is."""
        found = [one for one in self.devices if one.source != "image" or one.target == "volume"]
        return [msgspec.to_builtins(one) for one in found]


class BootDisks:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._storage = needs.storage

    async def of_image(
        self, ctx: Context, image_id: str | None, asked: Sequence[NewDevice]
    ) -> tuple[Image | None, list[NewDevice]]:
        """The image that a server is made of, if there is one, and all disks that it shall have; 400 in Nova's words."""
        if image_id is None:
            if not asked:
                raise BadRequest("Missing imageRef attribute")
            return None, merged(asked, None, [])
        image = await self.image(ctx, image_id, "Invalid imageRef provided.", "Can not find requested image")
        for one in asked:
            if one.target == "local" and one.source == "image" and one.source_id != image.id:
                raise errors.InvalidMapping("it boots from another image than imageRef.")
        return image, merged(asked, image.id, _mapping_of(image))

    async def plan(
        self, ctx: Context, image: Image | None, devices: Sequence[NewDevice], flavor: FlavorCopy, most: int
    ) -> Disks:
        """Look at all that these disks of ``most`` servers are made of."""
        check_locals(devices, flavor)
        check_volumes(devices)
        if self._storage is None and any(one.target == "volume" for one in devices):
            raise errors.InvalidMapping("this cloud has no Block Storage.")
        root, looked = devices[0], []
        kept: dict[str, Any] = {"properties": {}}
        for one in devices:
            size_gib, copy = await self._look(ctx, one, most) if one.target == "volume" else (one.size, {})
            looked.append(msgspec.structs.replace(one, size=size_gib))
            if one is root and one.target == "volume":
                kept = _kept(image) if image is not None else copy
                _check_root(kept, size_gib or 0, flavor)
        asked_name = str((image.properties.get("root_device_name") or "") if image is not None else "")
        root_name = root.device_name or (asked_name if asked_name.startswith("/dev/") else ROOT)
        volume_backed = root.target == "volume"
        return Disks(
            devices=named(looked, root_name, own_disks(flavor, [msgspec.to_builtins(one) for one in devices])),
            image_id=None if volume_backed or image is None else image.id,
            image=kept | {"disk_format": None} if volume_backed or image is None else image_copy(image),
            root_name=root_name,
        )

    # -- what they are made of

    async def _look(self, ctx: Context, device: NewDevice, most: int) -> tuple[int | None, dict[str, Any]]:
        """How large it will be, and what is known of the image that it came from."""
        storage = self._storage
        assert storage is not None
        if device.volume_type is not None and device.source != "volume":
            try:
                await storage.types.named(ctx, device.volume_type)
            except NotFound:
                raise BadRequest(f"Volume type {device.volume_type[:255]} could not be found.") from None
        if device.source == "volume":
            return await self._look_at_volume(ctx, storage, device, most)
        if device.source == "snapshot":
            return await self._look_at_snapshot(ctx, storage, device)
        if device.source == "image":
            why = f"Block Device Mapping is Invalid: failed to get image {str(device.source_id)[:64]}."
            image = await self.image(ctx, str(device.source_id), why, why)
            return device.size, _kept(image)
        return device.size, {"properties": {}}

    async def _look_at_volume(
        self, ctx: Context, storage: BlockStorage, device: NewDevice, most: int
    ) -> tuple[int | None, dict[str, Any]]:
        try:
            volume = await storage.volumes.show(ctx, str(device.source_id))
        except NotFound:
            raise _no_volume(device) from None
        if most > 1 and not volume.multiattach:
            raise BadRequest("Cannot attach one or more volumes to multiple instances")
        if device.boot_index == 0 and not volume.bootable:
            raise errors.InvalidMapping(f"Block Device {volume.id} is not bootable.")
        return volume.size_gib, _kept_by(volume)

    async def _look_at_snapshot(
        self, ctx: Context, storage: BlockStorage, device: NewDevice
    ) -> tuple[int | None, dict[str, Any]]:
        try:
            snapshot = await storage.snapshots.show(ctx, str(device.source_id))
        except NotFound:
            why = f"failed to get snapshot {str(device.source_id)[:64]}."
            raise errors.InvalidMapping(why) from None
        if device.size is not None and device.size < snapshot.size_gib:
            raise errors.InvalidMapping(f"a volume of snapshot {snapshot.id} has at least {snapshot.size_gib} GiB.")
        kept: dict[str, Any] = {"properties": {}}
        with contextlib.suppress(NotFound):
            kept = _kept_by(await storage.volumes.show(ctx, snapshot.volume_id))
        return device.size or snapshot.size_gib, kept

    async def image(self, ctx: Context, image_id: str, invalid: str, missing: str) -> Image:
        """One that is active and the caller's to use; 400 in these words."""
        images = self._needs.images
        if images is None or not ids.is_uuid(image_id):
            raise BadRequest(invalid)
        try:
            image = await images.image(ctx, image_id)
        except NotFound:
            raise BadRequest(missing) from None
        if image.status != "active":
            raise BadRequest(f"Image {image.id} is not active.")
        return image

    async def refuse_shared(self, disks: Disks) -> None:
        """For clients that do not know that a volume may have several servers."""
        there = [str(one.source_id) for one in disks.volumes if one.source == "volume"]
        found = await self._storage.volumes.by_id(there) if self._storage is not None else {}
        if any(volume.multiattach for volume in found.values()):
            raise BadRequest("Multiattach volumes are only supported starting with compute API version 2.60.")

    # -- of a server that is there

    async def root_volume(self, server: Server) -> Volume:
        """What it starts from. Raises ``Conflict`` if there is none any more."""
        found = await self._needs.db.find(BLOCK_DEVICES, server_id=server.id, boot_index=0)
        if self._storage is None or not found or found[0].volume_id is None:
            raise Conflict(f"Instance {server.id} has no root volume.")
        return await self._storage.volumes.show(system_context(), found[0].volume_id)

    async def new_root(self, ctx: Context, server: Server, image_id: str) -> tuple[Image, dict[str, Any]]:
        """An image that its root volume can be made of anew, and what the server keeps of it; 400 in Nova's words."""
        image = await self.image(ctx, image_id, "Invalid imageRef provided.", "Can not find requested image")
        volume = await self.root_volume(server)
        kept = _kept(image)
        _check_root(kept, volume.size_gib, server.flavor)
        if (needed := max(image.size or 0, image.virtual_size or 0)) > volume.size_gib * GIB:
            raise errors.VolumeTooSmall(volume.size_gib * GIB, needed)
        return image, kept | {"disk_format": None}

    # -- rows

    async def write(self, tx: Transaction, ctx: Context, server: Server, disks: Disks) -> None:
        """What is to be the server's, with its row: volumes that are there are reserved, or it is refused."""
        for device in sorted(disks.volumes, key=lambda one: str(one.source_id)):
            volume_id, attachment_id = None, None
            if device.source == "volume":
                volume_id = str(device.source_id)
                attachment_id = await self._reserve(tx, ctx, server, device)
            await tx.insert(BLOCK_DEVICES, self._row(server, device, volume_id, attachment_id))

    async def _reserve(self, tx: Transaction, ctx: Context, server: Server, device: NewDevice) -> str:
        assert self._storage is not None
        try:
            attachment = await self._storage.attachments.reserve_in(tx, ctx, str(device.source_id), server_id=server.id)
        except VolumeNotFound:
            raise _no_volume(device) from None
        except CloudError as error:
            raise BadRequest(error.message) from None
        return attachment.id

    def _row(self, server: Server, device: NewDevice, volume_id: str | None, attachment_id: str | None) -> BlockDevice:
        source: dict[str, Any] = {"disk_bus": device.disk_bus} if device.disk_bus else {}
        if volume_id is None:
            source |= {"kind": device.source, "id": device.source_id, "size_gib": device.size}
            source |= {"volume_type": device.volume_type}
        return BlockDevice(
            id=ids.uuid(),
            server_id=server.id,
            project_id=server.project_id,
            volume_id=volume_id,
            attachment_id=attachment_id,
            device_name=device.device_name,
            boot_index=device.boot_index,
            tag=device.tag,
            delete_on_termination=device.delete_on_termination,
            source=source,
            created_at=self._needs.clock.now(),
        )


def image_copy(image: Image) -> dict[str, Any]:
    """What a server keeps of its image."""
    return {
        "name": image.name,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "size": image.size,
        "properties": {name: str(value) for name, value in image.properties.items() if value is not None},
    }


def _mapping_of(image: Image) -> list[NewDevice]:
    """What an image that was made of a server with volumes says of them. One that says nonsense is refused."""
    text = image.properties.get("block_device_mapping")
    if not text:
        return []
    try:
        wanted = msgspec.json.decode(str(text), type=list[dict[str, Any]])
    except msgspec.DecodeError:
        raise errors.InvalidMapping(f"image {image.id} has one that cannot be read.") from None
    return devices_of(wanted, image_given=True)


def _kept(image: Image) -> dict[str, Any]:
    """Of the image that a root volume is made of."""
    copy = image_copy(image)
    properties = {name: value for name, value in copy["properties"].items() if name not in MAPPING_PROPERTIES}
    return copy | {"properties": properties}


_NOT_PROPERTIES = frozenset(
    {"image_id", "image_name", "checksum", "container_format", "disk_format", "min_disk", "min_ram", "size"}
)


def _kept_by(volume: Volume) -> dict[str, Any]:
    """What a volume remembers of its image, as a server would keep it."""
    known = volume.image_metadata
    numbers = {name: int(known[name]) if known.get(name, "").isdecimal() else 0 for name in _OF_IMAGES}
    properties = {k: v for k, v in known.items() if k not in _NOT_PROPERTIES and k not in MAPPING_PROPERTIES}
    return {"name": known.get("image_name"), **numbers, "properties": properties}


def _check_root(image: dict[str, Any], size_gib: int, flavor: FlavorCopy) -> None:
    """Whether the root volume and the flavor are enough for what is on it."""
    if flavor.ram_mib < int(image.get("min_ram") or 0):
        raise BadRequest("Flavor's memory is too small for requested image.")
    if size_gib < int(image.get("min_disk") or 0):
        raise errors.VolumeTooSmall(size_gib * GIB, int(image["min_disk"]) * GIB)


def _no_volume(device: NewDevice) -> BadRequest:
    return errors.InvalidMapping(f"failed to get volume {str(device.source_id)[:64]}.")
