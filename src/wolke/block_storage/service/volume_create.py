"""Making volumes: look at everything that is asked for, then write the row, quota and the first task in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import Backup, Group, Snapshot, Volume, VolumeType
from wolke.block_storage.service import sight
from wolke.block_storage.service.hosts import Hosts
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.service.quotas import Quotas
from wolke.block_storage.service.types import Types
from wolke.block_storage.service.volumes import check_metadata
from wolke.block_storage.states import status_of
from wolke.block_storage.store import BACKUPS, GROUPS, SNAPSHOTS, VOLUMES
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Transaction
from wolke.core.errors import NotFound
from wolke.core.units import GIB
from wolke.image.model import Image

MOST_GIB = 2**31 - 1
_USABLE = ("available", "in-use")
_NOT_FOR_VOLUMES = "os_glance"
_LUKS = "luks"  # also the end of the long names that providers have had


class NewVolume(msgspec.Struct, kw_only=True):
    """What is asked for; at most one source. ``type``: name or id. For the cloud itself: ``backend``, where it must go, and
    ``near``, the host that it should be on if it can."""

    size_gib: int | None = None
    name: str | None = None
    description: str | None = None
    type: str | None = None
    availability_zone: str | None = None
    metadata: dict[str, str] = {}
    image_id: str | None = None
    snapshot_id: str | None = None
    source_volume_id: str | None = None
    backup_id: str | None = None
    group_id: str | None = None
    multiattach: bool = False
    hints: dict[str, Any] = {}
    backend: str | None = None
    near: str | None = None


Also = Callable[[Transaction, Volume], Awaitable[None]]


class _Origin(msgspec.Struct, kw_only=True):
    """What a source brings along."""

    size_gib: int = 0  # no smaller than this
    type_id: str | None = None
    backend: str | None = None
    zone: str | None = None
    bootable: bool = False
    image_metadata: dict[str, str] = {}
    encryption: dict[str, Any] | None = None
    secret_id: str | None = None
    source: dict[str, Any] | None = None


class Making:
    def __init__(self, needs: Needs, types: Types, quotas: Quotas, hosts: Hosts) -> None:
        self._needs = needs
        self._types = types
        self._quotas = quotas
        self._hosts = hosts

    async def create(self, ctx: Context, asked: NewVolume, also: Also | None = None) -> Volume:
        """A volume on its way; whether it arrives is seen in its status. ``also`` is part of the same write."""
        sources = [asked.image_id, asked.snapshot_id, asked.source_volume_id, asked.backup_id]
        if sum(one is not None for one in sources) > 1:
            raise errors.Invalid("input received", "a volume has at most one source.")
        check_metadata(asked.metadata)
        backup = await self._backup(ctx, asked.backup_id) if asked.backup_id else None
        origin = await self._origin(ctx, asked, backup)
        size_gib = _size(asked, origin)
        kind = await self._type(ctx, asked, origin)
        zone = asked.availability_zone
        if zone is not None:
            await self._hosts.check_zone(zone)
        volume = self._row(ctx, asked, origin, kind, size_gib, zone)
        async with self._needs.db.transaction() as tx:
            made = await self.insert(tx, ctx, volume, kind, asked, backup)
            if also is not None:
                await also(tx, made)
        return made

    async def insert(
        self,
        tx: Transaction,
        ctx: Context,
        volume: Volume,
        kind: VolumeType | None,
        asked: NewVolume,
        backup: Backup | None = None,
    ) -> Volume:
        """With its quota; and its key, if it is encrypted."""
        await self._quotas.check_size(volume.project_id, volume.size_gib, tx)
        wanted = {"volumes": 1, "gigabytes": volume.size_gib}
        await self._quotas.take(tx, volume.project_id, wanted, kind.name if kind else None)
        if asked.group_id is not None:
            await self._join(tx, ctx, asked.group_id, volume)
        await self._still_there(tx, volume)
        if volume.encryption is not None:
            volume = await self._key(tx, volume)
        await tx.insert(VOLUMES, volume)
        tx.wake("block_storage.tasks")
        if backup is not None:
            now = {"restore_volume_id": volume.id, "host": None}
            await self._needs.begin(tx, ctx, "backup", backup, "restore", {"made_for_it": True}, **now)
        return volume

    async def _key(self, tx: Transaction, volume: Volume) -> Volume:
        """A key of its own, or for a copy of an encrypted volume the same under another name."""
        now = self._needs.clock.now()
        if volume.secret_id is not None:
            return msgspec.structs.replace(volume, secret_id=await self._needs.secrets.copy(tx, volume.secret_id, now))
        return msgspec.structs.replace(volume, secret_id=await self._needs.secrets.make(tx, now))

    @staticmethod
    async def _still_there(tx: Transaction, volume: Volume) -> None:
        """What it is made of has not begun to go meanwhile."""
        if volume.snapshot_id is not None:
            snapshot = await tx.get(SNAPSHOTS, id=volume.snapshot_id)
            if snapshot is None or snapshot.status != "available" or snapshot.task == "deleting":
                raise errors.SnapshotNotFound(volume.snapshot_id)
        if volume.source_volume_id is not None:
            source = await tx.get(VOLUMES, id=volume.source_volume_id)
            if source is None or source.task == "deleting":
                raise errors.VolumeNotFound(volume.source_volume_id)

    # -- where it comes from

    async def _origin(self, ctx: Context, asked: NewVolume, backup: Backup | None) -> _Origin:
        if asked.image_id is not None:
            return await self._of_image(ctx, asked.image_id, asked.size_gib)
        if asked.snapshot_id is not None:
            return await self._of_snapshot(ctx, asked.snapshot_id)
        if asked.source_volume_id is not None:
            return await self._of_volume(ctx, asked.source_volume_id)
        if backup is not None:
            return await self._of_backup(backup)
        return _Origin()

    async def _of_image(self, ctx: Context, image_id: str, size_gib: int | None) -> _Origin:
        images = self._needs.images
        try:
            image = await images.image(ctx, image_id) if images is not None else None
        except NotFound:
            image = None
        if image is None:
            raise errors.Invalid("image identifier", "or unable to access requested image.")
        if image.status != "active":
            why = f"Image {image_id} is unacceptable: it is not active but {image.status}"
            raise errors.Invalid("input received", why)
        size_bytes = max(image.size or 0, image.virtual_size or 0)
        needed = max(-(-size_bytes // GIB), image.min_disk)
        if size_gib is not None and size_gib < needed:
            what = "minDisk size" if image.min_disk > size_gib else "image size"
            why = f"Volume size {size_gib}GB cannot be smaller than the {what} {needed}GB."
            raise errors.Invalid("input received", why)
        source = {"kind": "image", "id": image.id}
        return _Origin(size_gib=needed, bootable=True, image_metadata=kept_of(image), source=source)

    async def _of_snapshot(self, ctx: Context, snapshot_id: str) -> _Origin:
        missing = errors.SnapshotNotFound(snapshot_id)
        snapshot: Snapshot = sight.mine(ctx, await self._needs.db.get(SNAPSHOTS, id=snapshot_id), missing)
        shown = status_of("snapshot", snapshot.status, snapshot.task)
        if shown not in ("available", "backing-up"):
            raise errors.Invalid("snapshot", f"Originating snapshot status must be 'available', not '{shown}'.")
        volume = await self._needs.db.get(VOLUMES, id=snapshot.volume_id)
        if volume is None:
            raise missing
        origin = _of(volume, {"kind": "snapshot", "id": snapshot.id})
        return msgspec.structs.replace(origin, size_gib=snapshot.size_gib, backend=snapshot.backend)

    async def _of_volume(self, ctx: Context, volume_id: str) -> _Origin:
        missing = errors.VolumeNotFound(volume_id)
        volume: Volume = sight.mine(ctx, await self._needs.db.get(VOLUMES, id=volume_id), missing)
        if volume.status not in _USABLE or volume.task == "deleting":
            shown = status_of("volume", volume.status, volume.task)
            raise errors.Invalid("volume", f"Source volume status must be available or in-use, not {shown}.")
        return _of(volume, {"kind": "volume", "id": volume.id})

    async def _of_backup(self, backup: Backup) -> _Origin:
        """Of the type of the volume that it is a backup of, as long as that is known."""
        volume = await self._needs.db.get(VOLUMES, id=backup.volume_id)
        if backup.secret_id is None:
            return _Origin(size_gib=backup.size_gib, bootable=volume is not None and volume.bootable)
        if volume is None:
            why = "the volume of an encrypted backup is gone: restore it to a volume of an encrypted type."
            raise errors.Invalid("backup", why)
        return msgspec.structs.replace(_of(volume, {"kind": "backup"}), backend=None, secret_id=None, source=None)

    async def _backup(self, ctx: Context, backup_id: str) -> Backup:
        backup: Backup = sight.mine(
            ctx, await self._needs.db.get(BACKUPS, id=backup_id), errors.BackupNotFound(backup_id)
        )
        if backup.status != "available" or backup.task is not None:
            raise errors.NotSettled("backup", backup_id, "restore", status_of("backup", backup.status, backup.task))
        return backup

    # -- what it will be

    async def _type(self, ctx: Context, asked: NewVolume, origin: _Origin) -> VolumeType | None:
        """As asked for; else its source's, its image's, its project's, or the cloud's."""
        if asked.type is not None:
            kind: VolumeType | None = await self._types.named(ctx, asked.type)
        elif origin.type_id is not None:
            kind = (await self._types.by_id([origin.type_id])).get(origin.type_id)
        elif named := origin.image_metadata.get("cinder_img_volume_type"):
            kind = await self._types.named(ctx, named)
        else:
            kind = await self._types.default(ctx)
        wants = kind.encryption is not None if kind else False
        if kind is not None and kind.encryption is not None and _LUKS not in kind.encryption.provider.lower():
            why = f"there is no encryption provider {kind.encryption.provider[:64]!r} here, but luks."
            raise errors.Invalid("volume type", why)
        if origin.source is not None and origin.source["kind"] != "image" and wants != (origin.encryption is not None):
            raise errors.Invalid("volume type", "a copy cannot be encrypted where its source is not, or the other way.")
        return kind

    def _row(
        self,
        ctx: Context,
        asked: NewVolume,
        origin: _Origin,
        kind: VolumeType | None,
        size_gib: int,
        zone: str | None,
    ) -> Volume:
        now = self._needs.clock.now()
        encryption = origin.encryption
        if encryption is None and kind is not None and kind.encryption is not None:
            encryption = {
                name: getattr(kind.encryption, name) for name in ("provider", "cipher", "key_size", "control_location")
            }
        volume = Volume(
            id=ids.uuid(), project_id=ctx.project_id or "", user_id=ctx.user_id or "", name=asked.name,
            description=asked.description, size_gib=size_gib, status="creating", verb=None, task=None, generation=0,
            deadline_at=None, arguments={}, reason=None, backend=None, host=None,
            availability_zone=zone or origin.zone or self._needs.config.default_availability_zone,
            type_id=kind.id if kind else None, bootable=origin.bootable, multiattach=_multiattach(asked, kind),
            read_only=None, encryption=encryption, secret_id=origin.secret_id, metadata=dict(asked.metadata),
            image_metadata=origin.image_metadata, image_id=asked.image_id, snapshot_id=asked.snapshot_id,
            source_volume_id=asked.source_volume_id, group_id=asked.group_id, migration_status=None, hints=asked.hints,
            location={}, counted=True, counted_gib=size_gib, created_at=now, updated_at=None, launched_at=None,
        )  # fmt: skip
        arguments: dict[str, Any] = {"source": origin.source, "only": asked.backend or origin.backend, "zone": zone}
        arguments |= {"near": asked.near} if asked.near else {}
        return msgspec.structs.replace(volume, **self._needs.begun(ctx, "volume", volume, "create", arguments))

    async def _join(self, tx: Transaction, ctx: Context, group_id: str, volume: Volume) -> None:
        group: Group = sight.mine(ctx, await tx.get(GROUPS, id=group_id), errors.GroupNotFound(group_id))
        if volume.type_id not in group.type_ids:
            raise errors.Invalid("input received", f"Volume type is not among those of group {group_id}.")
        if group.status not in ("available", "creating") or group.task == "emptying":
            raise errors.NotSettled("group", group_id, "take volumes", status_of("group", group.status, group.task))


def kept_of(image: Image) -> dict[str, str]:
    """What a volume remembers of the image that it was made of."""
    kept = {k: v for k, v in image.properties.items() if v is not None and not k.startswith(_NOT_FOR_VOLUMES)}
    return kept | {
        "image_id": image.id, "image_name": image.name or "", "checksum": image.checksum or "",
        "container_format": image.container_format or "", "disk_format": image.disk_format or "",
        "min_disk": str(image.min_disk), "min_ram": str(image.min_ram), "size": str(image.size or 0),
    }  # fmt: skip


def _of(volume: Volume, source: dict[str, Any]) -> _Origin:
    return _Origin(
        size_gib=volume.size_gib, type_id=volume.type_id, backend=volume.backend, zone=volume.availability_zone,
        bootable=volume.bootable, image_metadata=volume.image_metadata, encryption=volume.encryption,
        secret_id=volume.secret_id, source=source,
    )  # fmt: skip


def _size(asked: NewVolume, origin: _Origin) -> int:
    size_gib = asked.size_gib if asked.size_gib is not None else origin.size_gib or None
    if size_gib is None or not 1 <= size_gib <= MOST_GIB:
        raise errors.Invalid("input received", f"Volume size '{size_gib}' must be an integer and greater than 0.")
    if size_gib < origin.size_gib:
        raise errors.Invalid(
            "input received",
            f"Volume size '{size_gib}'GB cannot be smaller than its source's size {origin.size_gib}GB.",
        )
    return size_gib


def _multiattach(asked: NewVolume, kind: VolumeType | None) -> bool:
    spec = kind.extra_specs.get("multiattach", "") if kind else ""
    return asked.multiattach or spec.lower() == "<is> true"
