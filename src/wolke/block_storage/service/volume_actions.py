"""What is done to volumes: each verb looks, and records a wish; agents and loops fulfil it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.model import Snapshot, Volume, VolumeType
from wolke.block_storage.scheduler import NoPool, Request, choose
from wolke.block_storage.service.endings import Endings
from wolke.block_storage.service.hosts import Hosts
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.service.quotas import Quotas
from wolke.block_storage.service.snapshots import Snapshots
from wolke.block_storage.service.types import Types
from wolke.block_storage.service.volume_create import kept_of
from wolke.block_storage.service.volumes import Volumes
from wolke.block_storage.states import status_of
from wolke.block_storage.store import ATTACHMENTS, GROUPS, SNAPSHOTS, TRANSFERS, TYPES
from wolke.core.context import Context
from wolke.core.db import Order, Transaction, Where
from wolke.core.errors import NotFound
from wolke.image.model import Image
from wolke.image.service import ImageWish

_DELETABLE = (
    "available", "error", "error_restoring", "error_extending", "error_deleting", "error_managing", "error_unmanaging",
    "error_backing-up", "maintenance",
)  # fmt: skip


class VolumeActions:
    def __init__(
        self,
        needs: Needs,
        endings: Endings,
        volumes: Volumes,
        snapshots: Snapshots,
        types: Types,
        quotas: Quotas,
        hosts: Hosts,
    ) -> None:
        self._needs = needs
        self._db = needs.db
        self._endings = endings
        self._volumes = volumes
        self._snapshots = snapshots
        self._types = types
        self._quotas = quotas
        self._hosts = hosts

    # -- deleting

    async def delete(self, ctx: Context, volume_id: str, *, cascade: bool = False, force: bool = False) -> None:
        """``cascade``: with its snapshots. ``force``: whatever it is doing, and whoever says that it is attached."""
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            if volume.task == "deleting":
                return
            await self.delete_in(tx, ctx, volume, cascade=cascade, force=force)

    async def delete_in(
        self, tx: Transaction, ctx: Context, volume: Volume, *, cascade: bool = False, force: bool = False
    ) -> None:
        if not force:
            await self._check_deletable(tx, volume)
        snapshots = await tx.find(SNAPSHOTS, volume_id=volume.id)
        if snapshots and not cascade:
            raise errors.Invalid("volume", f"Volume {volume.id} still has {len(snapshots)} dependent snapshots.")
        for snapshot in snapshots:
            if snapshot.task != "deleting":
                await self._snapshots.delete_in(tx, ctx, snapshot, force=force)
        if force:
            await tx.delete(TRANSFERS, volume_id=volume.id)
        verb = "force_delete" if force else "delete"
        if volume.host is None:
            await self._endings.remove(tx, "volume", volume)
            return
        await self._needs.begin(tx, ctx, "volume", volume, verb, {"was": volume.status})

    async def _check_deletable(self, tx: Transaction, volume: Volume) -> None:
        shown = status_of("volume", volume.status, volume.task)
        if volume.status == "awaiting-transfer":
            raise errors.Invalid("volume", f"Volume {volume.id} is awaiting transfer: delete the transfer first.")
        if shown not in _DELETABLE:
            raise errors.Invalid(
                "volume",
                f"Volume status must be available or error or error_restoring or error_extending or error_managing and "
                f"must not be migrating, attached, belong to a group, have snapshots or be disassociated from snapshots "
                f"after volume transfer, but it is {shown}.",
            )
        if await tx.find(ATTACHMENTS, volume_id=volume.id, where=[Where("status", "ne", "detached")], limit=1):
            raise errors.InUse(volume.id)
        if volume.group_id is not None and await tx.get(GROUPS, id=volume.group_id, task="emptying") is None:
            raise errors.Invalid("volume", f"Volume {volume.id} belongs to group {volume.group_id}.")

    # -- size

    async def extend(self, ctx: Context, volume_id: str, size_gib: int, *, in_use: bool) -> None:
        """``in_use``: whether the caller may extend a volume that is attached."""
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            allowed = ("available", "in-use") if in_use else ("available",)
            if volume.status not in allowed or volume.task is not None:
                shown = status_of("volume", volume.status, volume.task)
                why = f"Volume {volume_id} status must be {' or '.join(allowed)} to extend, currently {shown}."
                raise errors.Invalid("volume", why)
            if size_gib <= volume.size_gib:
                why = (
                    f"New size for extend must be greater than current size. (current: {volume.size_gib}, "
                    f"extended: {size_gib})."
                )
                raise errors.Invalid("input received", why)
            await self._quotas.check_size(volume.project_id, size_gib, tx)
            name = await self._type_name(tx, volume.type_id)
            await self._quotas.take(tx, volume.project_id, {"gigabytes": size_gib - volume.size_gib}, name)
            arguments: dict[str, Any] = {"size_gib": size_gib}
            await self._needs.begin(tx, ctx, "volume", volume, "extend", arguments, counted_gib=size_gib)

    async def finish_extend(self, ctx: Context, volume_id: str, *, error: bool) -> None:
        """Whoever has a volume in use reports that the guest saw it grow. There is nothing that waits for it here."""
        volume = await self._volumes.show(ctx, volume_id)
        why = f"Volume {volume_id} has no extend operation that waits to be completed."
        if volume.task != "extending":
            raise errors.Invalid("volume", why)

    # -- images

    async def upload_image(
        self, ctx: Context, volume_id: str, wish: ImageWish, *, force: bool
    ) -> tuple[Volume, Image, VolumeType | None]:
        """An image that is queued, and the wish to fill it, come about together."""
        images = self._needs.images
        if images is None:
            raise errors.NotOffered("images")
        volume = await self._volumes.show(ctx, volume_id)
        if volume.status == "in-use" and not force:
            raise errors.Invalid("volume", f"Volume {volume_id} status must be available, currently in-use.")
        if volume.encryption is not None and wish.disk_format not in ("raw", "luks"):
            raise errors.Invalid("input received", "an encrypted volume can only be uploaded as it is: in format raw.")
        begun: list[Volume] = []

        async def also(tx: Transaction, image: Image) -> None:
            held = await self._volumes.held(tx, ctx, volume_id)
            arguments = {
                "image_id": image.id, "disk_format": wish.disk_format, "container_format": wish.container_format,
            }  # fmt: skip
            begun.append(await self._needs.begin(tx, ctx, "volume", held, "upload_image", arguments))

        image = await images.create(ctx, wish, also)
        return begun[0], image, (await self._types.by_id([volume.type_id])).get(volume.type_id or "")

    async def reimage(self, ctx: Context, volume_id: str, image_id: str, *, reserved: bool) -> None:
        """Content anew, from an image. ``reserved``: also of a volume that somebody holds reserved for this."""
        async with self._db.transaction() as tx:
            await self.reimage_in(tx, ctx, volume_id, await self._usable(ctx, image_id), reserved=reserved)

    async def _usable(self, ctx: Context, image_id: str) -> Image:
        images = self._needs.images
        try:
            image = await images.image(ctx, image_id) if images is not None else None
        except NotFound:
            image = None
        if image is None or image.status != "active":
            raise errors.Invalid("input received", f"Image {image_id} cannot be used.")
        return image

    async def reimage_in(self, tx: Transaction, ctx: Context, volume_id: str, image: Image, *, reserved: bool) -> None:
        """As ``reimage``, as part of somebody's write."""
        volume = await self._volumes.held(tx, ctx, volume_id)
        if volume.status == "reserved" and not reserved:
            raise errors.NotSettled("volume", volume_id, "reimage", "reserved")
        if image.min_disk > volume.size_gib:
            raise errors.Invalid("input received", f"Volume size {volume.size_gib}GB is smaller than the image needs.")
        arguments = {"source": {"kind": "image", "id": image.id}}
        kept = {"image_id": image.id, "image_metadata": kept_of(image), "bootable": True}
        await self._needs.begin(tx, ctx, "volume", volume, "reimage", arguments, **kept)

    # -- where it is, and of what type

    async def retype(self, ctx: Context, volume_id: str, name_or_id: str, *, migrate: bool) -> None:
        """``migrate``: even if its content has to move."""
        kind = await self._types.named(ctx, name_or_id)
        volume = await self._volumes.show(ctx, volume_id)
        if volume.type_id == kind.id:
            raise errors.Invalid("input received", f"New volume_type same as original: {name_or_id}.")
        destination = await self._destination(volume, kind)
        if destination != volume.backend and not migrate:
            why = "The volume would have to move to another backend: the migration policy must be on-demand."
            raise errors.Invalid("input received", why)
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            await self._check_retype(tx, volume, kind)
            if destination == volume.backend:
                self._needs.begun(ctx, "volume", volume, "retype")  # refuses as the rest would
                await self._volumes.write(tx, volume, {"type_id": kind.id, "multiattach": _multiattach(kind)})
                await self._needs.tell_servers(tx, volume, "retype")
            else:
                await self._check_movable(tx, volume)
                arguments = {"destination": destination, "type_id": kind.id, "multiattach": _multiattach(kind)}
                await self._needs.begin(tx, ctx, "volume", volume, "retype", arguments)

    async def _check_retype(self, tx: Transaction, volume: Volume, kind: VolumeType) -> None:
        if (kind.encryption is not None) != (volume.encryption is not None):
            raise errors.Invalid("input received", "Retype cannot change whether a volume is encrypted.")
        if volume.group_id is not None:
            raise errors.Invalid("volume", f"Volume {volume.id} belongs to a group.")
        if volume.status == "in-use" and _multiattach(kind) != volume.multiattach:
            raise errors.Invalid("input received", "Retype cannot change multiattach of a volume that is in use.")
        wanted = {"volumes": 0, "gigabytes": 0}
        await self._quotas.take(tx, volume.project_id, wanted, kind.name)

    async def _destination(self, volume: Volume, kind: VolumeType) -> str:
        """Where a volume can be with another type: where it is, if it may stay."""
        pools = await self._hosts.pools()
        asked = Request(0, extra_specs=kind.extra_specs, encrypted=volume.encryption is not None)
        here = [pool.view for pool in pools if str(pool.address) == volume.backend]
        try:
            return choose(here, asked).address
        except NoPool:
            pass
        elsewhere = [pool.view for pool in pools if pool.address.host == volume.host]
        try:
            return choose(elsewhere, Request(volume.size_gib, extra_specs=kind.extra_specs)).address
        except NoPool as why:
            raise errors.Invalid("input received", f"No valid backend was found for the new type. {why}") from None

    async def migrate(self, ctx: Context, volume_id: str, destination: str) -> None:
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            pool = await self._hosts.pool_at(destination, tx)
            if pool is None:
                raise errors.Invalid("host", f"No available service named {destination[:255]}")
            if destination == volume.backend:
                raise errors.Invalid("host", "Destination host must be different than the current host.")
            if pool.address.host != volume.host:
                raise errors.Invalid("host", "A volume can move among the backends of its host only.")
            await self._check_movable(tx, volume)
            arguments = {"destination": destination}
            await self._needs.begin(tx, ctx, "volume", volume, "migrate", arguments, migration_status="migrating")

    async def _check_movable(self, tx: Transaction, volume: Volume) -> None:
        """400 unless it can go to another backend: if it is in use, its guest takes it there."""
        if await self._volumes.has_snapshots(tx, volume.id):
            raise errors.Invalid("volume", f"Volume {volume.id} has snapshots: it cannot move.")
        if volume.status != "in-use":
            return
        if volume.multiattach or volume.encryption is not None:
            why = f"Volume {volume.id} is in use, and encrypted or several servers may have it: it cannot move."
            raise errors.Invalid("volume", why)
        servers = self._needs.servers
        for one in await tx.find(ATTACHMENTS, volume_id=volume.id, where=[Where("status", "ne", "detached")]):
            if (one.connection or {}).get("type") != "file":
                why = f"Volume {volume.id} is served to its server over the network: it cannot move."
                raise errors.Invalid("volume", why)
            if servers is None or not await servers.runs(tx, one):
                why = f"Volume {volume.id} is in use by a server that does not run, or that something is done to."
                raise errors.Invalid("volume", why)

    # -- back to a snapshot

    async def revert(self, ctx: Context, volume_id: str, snapshot_id: str) -> None:
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            newest = await tx.find(
                SNAPSHOTS, volume_id=volume_id, order=[Order("created_at", True), Order("id", True)], limit=1
            )
            snapshot: Snapshot | None = await tx.get(SNAPSHOTS, id=snapshot_id, volume_id=volume_id)
            if snapshot is None:
                raise errors.SnapshotNotFound(snapshot_id)
            if newest[0].id != snapshot_id:
                why = f"Specified snapshot {snapshot_id} is not the latest one of volume {volume_id}."
                raise errors.Invalid("snapshot", why)
            if volume.size_gib != snapshot.size_gib:
                why = "The volume was extended since the snapshot was taken: it cannot be reverted."
                raise errors.Invalid("volume", why)
            await self._needs.begin(tx, ctx, "snapshot", snapshot, "revert")
            await self._needs.begin(tx, ctx, "volume", volume, "revert", {"snapshot_id": snapshot_id})

    # -- by administrators

    async def reset(self, ctx: Context, volume_id: str, changes: Mapping[str, str]) -> None:
        """``status``, ``attach_status``, ``migration_status`` by hand. Whatever is under way is forgotten."""
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            written: dict[str, Any] = {
                "verb": None, "task": None, "deadline_at": None, "arguments": {}, "generation": volume.generation + 1,
                "counted_gib": volume.size_gib,
            }  # fmt: skip
            if changes.get("attach_status") == "detached":
                await tx.delete(ATTACHMENTS, volume_id=volume_id)
                written["status"] = "available"
            if "status" in changes:
                written["status"] = changes["status"]
            if "migration_status" in changes:
                written["migration_status"] = (
                    None if changes["migration_status"] == "none" else changes["migration_status"]
                )
            if not await self._needs.write(tx, "volume", volume, written):
                raise errors.Changed("volume", volume_id)

    async def _type_name(self, tx: Transaction, type_id: str | None) -> str | None:
        found = await tx.get(TYPES, id=type_id) if type_id else None
        return found.name if found else None


def _multiattach(kind: VolumeType) -> bool:
    return kind.extra_specs.get("multiattach", "").lower() == "<is> true"
