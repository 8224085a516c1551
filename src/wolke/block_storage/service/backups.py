"""Backups of volumes in Object Storage: full or built on the one before, restored, and moved between clouds by their records."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import Backup, Snapshot, Volume
from wolke.block_storage.service import sight
from wolke.block_storage.service.endings import Endings
from wolke.block_storage.service.hosts import Hosts
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.service.quotas import Quotas
from wolke.block_storage.service.snapshots import Snapshots
from wolke.block_storage.service.volume_create import Making, NewVolume
from wolke.block_storage.service.volumes import Volumes, check_metadata
from wolke.block_storage.states import status_of
from wolke.block_storage.store import BACKUPS
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Order, Transaction, Where
from wolke.core.paging import Page

BACKUP_SERVICE = "cinder.backup.drivers.wolke"  # clients expect what it begins with
_DELETABLE = ("available", "error", "error_deleting")
_MOST_PARENTS = 200


class BackupRecord(msgspec.Struct, frozen=True):
    """What another cloud, or this one after a loss, must know to read a backup from Object Storage."""

    id: str
    volume_id: str
    size_gib: int
    name: str | None
    description: str | None
    container: str | None
    object_count: int
    incremental: bool
    parent_id: str | None
    contents: dict[str, Any]
    data_timestamp: str
    metadata: dict[str, str] = {}
    kept: dict[str, Any] = {}


class Backups:
    def __init__(
        self,
        needs: Needs,
        endings: Endings,
        volumes: Volumes,
        snapshots: Snapshots,
        making: Making,
        quotas: Quotas,
        hosts: Hosts,
    ) -> None:
        self._needs = needs
        self._db = needs.db
        self._endings = endings
        self._volumes = volumes
        self._snapshots = snapshots
        self._making = making
        self._quotas = quotas
        self._hosts = hosts

    async def show(self, ctx: Context, backup_id: str) -> Backup:
        return sight.mine(ctx, await self._db.get(BACKUPS, id=backup_id), errors.BackupNotFound(backup_id))

    async def index(self, ctx: Context, page: Page, where: Sequence[Where], *, offset: int = 0) -> list[Backup]:
        return await sight.find(self._db, ctx, BACKUPS, page, where, offset=offset)

    async def count(self, ctx: Context, where: Sequence[Where]) -> int:
        return await self._db.count(BACKUPS, where=where)

    async def with_dependents(self, backup_ids: Sequence[str]) -> set[str]:
        """Those on which others are built."""
        if not backup_ids:
            return set()
        found = await self._db.find(BACKUPS, where=[Where("parent_id", "in", list(backup_ids))])
        return {one.parent_id for one in found if one.parent_id is not None}

    # -- making

    async def create(
        self,
        ctx: Context,
        volume_id: str,
        *,
        name: str | None,
        description: str | None,
        container: str | None,
        incremental: bool,
        force: bool,
        snapshot_id: str | None,
        metadata: Mapping[str, str],
        availability_zone: str | None = None,
    ) -> Backup:
        check_metadata(metadata)
        if availability_zone is not None:
            await self._hosts.check_zone(availability_zone)
        if await self._hosts.backup_host(None) is None:
            raise errors.ServiceNotFound("that could make backups")
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            snapshot = await self._source(tx, ctx, volume, snapshot_id, force=force)
            parent = await self._parent(tx, volume, snapshot) if incremental else None
            wanted = {"backups": 1, "backup_gigabytes": volume.size_gib}
            await self._quotas.take(tx, volume.project_id, wanted)
            now = self._needs.clock.now()
            backup = Backup(
                id=ids.uuid(), project_id=volume.project_id, user_id=ctx.user_id or "", volume_id=volume_id,
                snapshot_id=snapshot_id, parent_id=parent.id if parent else None, name=name, description=description,
                size_gib=volume.size_gib, status="creating", verb=None, task=None, generation=0, deadline_at=None,
                arguments={}, reason=None, host=volume.host, availability_zone=availability_zone or volume.availability_zone,
                container=container or (parent.container if parent else None), object_count=0, incremental=incremental,
                metadata=dict(metadata), contents={}, kept=_kept(volume), restore_volume_id=None,
                data_timestamp=snapshot.created_at if snapshot else now, secret_id=await self._key(tx, volume), created_at=now,
                updated_at=None,
            )  # fmt: skip
            backup = msgspec.structs.replace(backup, **self._needs.begun(ctx, "backup", backup, "create"))
            await tx.insert(BACKUPS, backup)
            await self._needs.begin(tx, ctx, "volume", volume, "backup", {"backup_id": backup.id})
            if snapshot is not None:
                await self._needs.begin(tx, ctx, "snapshot", snapshot, "backup", {"backup_id": backup.id})
            tx.wake(f"block_storage.host.{backup.host}")
        return backup

    async def _source(
        self, tx: Transaction, ctx: Context, volume: Volume, snapshot_id: str | None, *, force: bool
    ) -> Snapshot | None:
        if snapshot_id is None:
            if volume.status == "in-use" and not force:
                why = "Backing up an in-use volume must use the force flag."
                raise errors.Invalid("volume", why)
            return None
        snapshot = await self._snapshots.held(tx, ctx, snapshot_id)
        if snapshot.volume_id != volume.id:
            raise errors.Invalid("snapshot", f"Snapshot {snapshot_id} is not one of volume {volume.id}.")
        return snapshot

    async def _key(self, tx: Transaction, volume: Volume) -> str | None:
        """What is backed up of an encrypted volume is encrypted: its key must outlive it."""
        if volume.secret_id is None:
            return None
        return await self._needs.secrets.copy(tx, volume.secret_id, self._needs.clock.now())

    @staticmethod
    async def _parent(tx: Transaction, volume: Volume, snapshot: Snapshot | None) -> Backup:
        """The newest that is whole, and older than what is to be backed up."""
        where = [Where("status", "eq", "available")]
        if snapshot is not None:
            where.append(Where("data_timestamp", "lt", snapshot.created_at))
        found = await tx.find(
            BACKUPS, volume_id=volume.id, where=where, order=[Order("data_timestamp", True), Order("id")], limit=1
        )
        if not found or found[0].task is not None:
            why = "No backups available to do an incremental backup."
            raise errors.Invalid("backup", why)
        return found[0]

    async def change(self, ctx: Context, backup_id: str, changes: Mapping[str, Any]) -> Backup:
        async with self._db.transaction() as tx:
            backup = await self._held(tx, ctx, backup_id)
            changes = {**changes, "updated_at": self._needs.clock.now()}
            check_metadata(changes.get("metadata", {}))
            await tx.update(BACKUPS, changes, id=backup_id)
        return msgspec.structs.replace(backup, **changes)

    async def delete(self, ctx: Context, backup_id: str, *, force: bool = False) -> None:
        async with self._db.transaction() as tx:
            backup = await self._held(tx, ctx, backup_id)
            shown = status_of("backup", backup.status, backup.task)
            if shown == "deleting":
                return
            if not force and shown not in _DELETABLE:
                raise errors.Invalid("backup", "Backup status must be available or error")
            if await tx.find(BACKUPS, parent_id=backup_id, limit=1):
                raise errors.Invalid("backup", "Incremental backups exist for this backup.")
            host = await self._hosts.backup_host(backup.host, tx)
            if host is None:
                raise errors.ServiceNotFound("that could delete backups")
            await self._endings.let_go(tx, backup)
            verb = "force_delete" if force else "delete"
            await self._needs.begin(tx, ctx, "backup", backup, verb, host=host)

    # -- restoring

    async def restore(
        self, ctx: Context, backup_id: str, volume_id: str | None, name: str | None
    ) -> tuple[Backup, str, str]:
        """Into a volume, or a new one. The backup, and the volume's id and name."""
        if volume_id is None:
            backup = await self.show(ctx, backup_id)
            asked = NewVolume(
                size_gib=backup.size_gib, name=name or f"restore_backup_{backup_id}", backup_id=backup_id,
                description=f"auto-created_from_restore_from_backup_{backup_id}",
            )  # fmt: skip
            volume = await self._making.create(ctx, asked)
            return backup, volume.id, volume.name or ""
        async with self._db.transaction() as tx:
            backup = await self._held(tx, ctx, backup_id)
            volume = await self._volumes.held(tx, ctx, volume_id)
            if volume.status != "available" or volume.task is not None:
                raise errors.Invalid("volume", "Volume to be restored to must be available")
            if volume.size_gib < backup.size_gib:
                why = f"volume size {volume.size_gib} is too small to restore backup of size {backup.size_gib}."
                raise errors.Invalid("volume", why)
            if (volume.secret_id is None) != (backup.secret_id is None):
                raise errors.Invalid("volume", "Volume and backup must both be encrypted, or neither.")
            backup = await self._needs.begin(tx, ctx, "backup", backup, "restore", restore_volume_id=volume_id)
            await self._endings.restore(tx, backup)
        return backup, volume.id, volume.name or ""

    async def reset(self, ctx: Context, backup_id: str, status: str) -> None:
        """By administrators. Whatever is under way is forgotten."""
        async with self._db.transaction() as tx:
            backup = await self._held(tx, ctx, backup_id)
            await self._endings.let_go(tx, backup)
            changes = {
                "status": status, "verb": None, "task": None, "deadline_at": None, "generation": backup.generation + 1,
            }  # fmt: skip
            if not await self._needs.write(tx, "backup", backup, changes):
                raise errors.Changed("backup", backup_id)

    # -- records

    async def export_record(self, ctx: Context, backup_id: str) -> str:
        """The record as text."""
        backup = await self.show(ctx, backup_id)
        if backup.status != "available" or backup.task is not None:
            raise errors.Invalid("backup", f"Backup status must be available and not {backup.status}.")
        record = BackupRecord(**{name: getattr(backup, name) for name in BackupRecord.__struct_fields__})
        return base64.b64encode(msgspec.json.encode(record)).decode()

    async def import_record(self, ctx: Context, service: str, text: str) -> Backup:
        """A backup whose objects are looked for; until then it is being created."""
        if service != BACKUP_SERVICE:
            raise errors.ServiceNotFound(service[:255])
        record = _read(text)
        host = await self._hosts.backup_host(None)
        if host is None:
            raise errors.ServiceNotFound("that could import backups")
        now = self._needs.clock.now()
        backup = Backup(
            project_id=ctx.project_id or "", user_id=ctx.user_id or "", snapshot_id=None, status="creating", verb=None,
            task=None, generation=0, deadline_at=None, arguments={}, reason=None, host=host, availability_zone=None,
            restore_volume_id=None, secret_id=None, created_at=now, updated_at=None,
            **{name: getattr(record, name) for name in BackupRecord.__struct_fields__},
        )  # fmt: skip
        backup = msgspec.structs.replace(backup, **self._needs.begun(ctx, "backup", backup, "import"))
        async with self._db.transaction() as tx:
            if await tx.get(BACKUPS, id=record.id) is not None:
                raise errors.Invalid("backup", "Backup already exists in database.")
            if record.parent_id is not None and await tx.get(BACKUPS, id=record.parent_id) is None:
                raise errors.Invalid("backup", f"Its parent {record.parent_id} must be imported first.")
            wanted = {"backups": 1, "backup_gigabytes": record.size_gib}
            await self._quotas.take(tx, backup.project_id, wanted)
            await tx.insert(BACKUPS, backup)
            tx.wake(f"block_storage.host.{host}")
        return backup

    async def _held(self, tx: Transaction, ctx: Context, backup_id: str) -> Backup:
        await tx.lock(f"block_storage:backup:{backup_id}")
        return sight.mine(ctx, await tx.get(BACKUPS, id=backup_id), errors.BackupNotFound(backup_id))


def _kept(volume: Volume) -> dict[str, Any]:
    return {
        "metadata": volume.metadata,
        "image_metadata": volume.image_metadata,
        "bootable": volume.bootable,
    }


def _read(text: str) -> BackupRecord:
    try:
        record = msgspec.json.decode(base64.b64decode(text, validate=True), type=BackupRecord)
    except (binascii.Error, msgspec.DecodeError, msgspec.ValidationError, ValueError):
        raise errors.Invalid("input received", "Can't parse backup record.") from None
    if not all(ids.is_uuid(one) for one in (record.id, record.volume_id)) or not 0 < record.size_gib < 2**31:
        raise errors.Invalid("input received", "Can't parse backup record.")
    return record


async def chain(reader: Any, backup: Backup) -> list[Backup]:
    """What it was built on, nearest first."""
    found: list[Backup] = []
    one: Backup | None = backup
    while one is not None and one.parent_id is not None and len(found) < _MOST_PARENTS:
        one = await reader.get(BACKUPS, id=one.parent_id)
        if one is not None:
            found.append(one)
    return found
