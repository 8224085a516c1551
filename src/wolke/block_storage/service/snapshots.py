"""Snapshots of volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import Snapshot, Volume
from wolke.block_storage.service import sight
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.service.quotas import Quotas
from wolke.block_storage.service.volumes import Volumes, check_metadata
from wolke.block_storage.states import status_of
from wolke.block_storage.store import BACKUPS, SNAPSHOTS, TYPES, VOLUMES
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Transaction, Where
from wolke.core.paging import Page

_DELETABLE = ("available", "error", "error_deleting")


class Snapshots:
    def __init__(self, needs: Needs, volumes: Volumes, quotas: Quotas) -> None:
        self._needs = needs
        self._db = needs.db
        self._volumes = volumes
        self._quotas = quotas

    async def show(self, ctx: Context, snapshot_id: str) -> Snapshot:
        return sight.mine(ctx, await self._db.get(SNAPSHOTS, id=snapshot_id), errors.SnapshotNotFound(snapshot_id))

    async def by_id(self, snapshot_ids: Sequence[str]) -> dict[str, Snapshot]:
        """Of those that there are; for callers in this process."""
        where = [Where("id", "in", list(snapshot_ids))]
        return {one.id: one for one in await self._db.find(SNAPSHOTS, where=where)} if snapshot_ids else {}

    async def index(self, ctx: Context, page: Page, where: Sequence[Where], *, offset: int = 0) -> list[Snapshot]:
        return await sight.find(self._db, ctx, SNAPSHOTS, page, where, offset=offset)

    async def count(self, ctx: Context, where: Sequence[Where]) -> int:
        return await self._db.count(SNAPSHOTS, where=where)

    async def create(
        self,
        ctx: Context,
        volume_id: str,
        *,
        name: str | None,
        description: str | None,
        metadata: Mapping[str, str],
        force: bool,
    ) -> Snapshot:
        """``force``: even if it is in use."""
        check_metadata(metadata)
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            if volume.status == "in-use" and not force:
                raise errors.Invalid(
                    "volume", f"Volume {volume_id} status must be available, but current status is: in-use."
                )
            return await self.insert(tx, ctx, volume, name, description, metadata)

    async def insert(
        self,
        tx: Transaction,
        ctx: Context,
        volume: Volume,
        name: str | None,
        description: str | None,
        metadata: Mapping[str, str] = {},
        group_snapshot_id: str | None = None,
        reference: Mapping[str, str] | None = None,
    ) -> Snapshot:
        """``reference``: of one that is on the backend already and is to be managed."""
        if volume.status not in ("available", "in-use") or volume.task not in (None, "backing-up"):
            shown = status_of("volume", volume.status, volume.task)
            why = f"Volume {volume.id} status must be available or in-use, but current status is: {shown}."
            raise errors.Invalid("volume", why)
        kind = await tx.get(TYPES, id=volume.type_id) if volume.type_id else None
        wanted = {"snapshots": 1, "gigabytes": volume.size_gib}
        await self._quotas.take(tx, volume.project_id, wanted, kind.name if kind else None)
        snapshot = Snapshot(
            id=ids.uuid(), volume_id=volume.id, project_id=volume.project_id, user_id=ctx.user_id or "", name=name,
            description=description, size_gib=volume.size_gib, status="creating", verb=None, task=None, generation=0,
            deadline_at=None, arguments={}, reason=None, backend=volume.backend, host=volume.host,
            type_id=volume.type_id, metadata=dict(metadata), group_snapshot_id=group_snapshot_id, location={},
            counted=True, created_at=self._needs.clock.now(), updated_at=None,
        )  # fmt: skip
        verb, arguments = ("manage", {"reference": reference}) if reference else ("create", {})
        snapshot = msgspec.structs.replace(snapshot, **self._needs.begun(ctx, "snapshot", snapshot, verb, arguments))
        await tx.insert(SNAPSHOTS, snapshot)
        tx.wake(f"block_storage.host.{snapshot.host}")
        return snapshot

    async def delete(self, ctx: Context, snapshot_id: str, *, force: bool = False) -> None:
        async with self._db.transaction() as tx:
            snapshot = await self.held(tx, ctx, snapshot_id)
            if snapshot.task == "deleting":
                return
            if snapshot.group_snapshot_id is not None and not force:
                why = f"Snapshot {snapshot_id} is part of group snapshot {snapshot.group_snapshot_id}."
                raise errors.Invalid("snapshot", why)
            await self.delete_in(tx, ctx, snapshot, force=force)

    async def delete_in(self, tx: Transaction, ctx: Context, snapshot: Snapshot, *, force: bool = False) -> None:
        shown = status_of("snapshot", snapshot.status, snapshot.task)
        if not force and shown not in _DELETABLE:
            why = f"Volume Snapshot status must be available or error, but it is {shown}."
            raise errors.Invalid("snapshot", why)
        if not force and await tx.find(VOLUMES, snapshot_id=snapshot.id, status="creating", limit=1):
            raise errors.Invalid("snapshot", f"Snapshot {snapshot.id} is being made into a volume.")
        await self._needs.begin(tx, ctx, "snapshot", snapshot, "force_delete" if force else "delete")

    async def all_going(self, tx: Transaction, volume_id: str) -> bool:
        """Whether each snapshot that there is of a volume is being deleted."""
        return all(one.task == "deleting" for one in await tx.find(SNAPSHOTS, volume_id=volume_id))

    async def change(self, ctx: Context, snapshot_id: str, changes: Mapping[str, Any]) -> Snapshot:
        async with self._db.transaction() as tx:
            snapshot = await self.held(tx, ctx, snapshot_id)
            return await self._write(tx, snapshot, changes)

    async def set_metadata(
        self, ctx: Context, snapshot_id: str, items: Mapping[str, str], *, replace: bool
    ) -> dict[str, str]:
        async with self._db.transaction() as tx:
            snapshot = await self.held(tx, ctx, snapshot_id)
            metadata = dict(items) if replace else {**snapshot.metadata, **items}
            check_metadata(metadata)
            await self._write(tx, snapshot, {"metadata": metadata})
        return metadata

    async def delete_metadata_item(self, ctx: Context, snapshot_id: str, key: str) -> None:
        async with self._db.transaction() as tx:
            snapshot = await self.held(tx, ctx, snapshot_id)
            if key not in snapshot.metadata:
                raise errors.MetadataNotFound(key)
            left = {name: value for name, value in snapshot.metadata.items() if name != key}
            await self._write(tx, snapshot, {"metadata": left})

    async def unmanage(self, ctx: Context, snapshot_id: str) -> None:
        async with self._db.transaction() as tx:
            snapshot = await self.held(tx, ctx, snapshot_id)
            if await tx.find(BACKUPS, snapshot_id=snapshot_id, task="storing", limit=1):
                raise errors.NotSettled("snapshot", snapshot_id, "unmanage", "backing-up")
            await self._needs.begin(tx, ctx, "snapshot", snapshot, "unmanage")

    async def reset(self, ctx: Context, snapshot_id: str, status: str, progress: str | None = None) -> None:
        """By administrators, and by whoever takes snapshots for us. Whatever is under way is forgotten."""
        async with self._db.transaction() as tx:
            snapshot = await self.held(tx, ctx, snapshot_id)
            changes: dict[str, Any] = {
                "status": status, "verb": None, "task": None, "deadline_at": None, "arguments": {"progress": progress} if progress else {},
                "generation": snapshot.generation + 1,
            }  # fmt: skip
            if not await self._needs.write(tx, "snapshot", snapshot, changes):
                raise errors.Changed("snapshot", snapshot_id)

    async def held(self, tx: Transaction, ctx: Context, snapshot_id: str) -> Snapshot:
        await tx.lock(f"block_storage:snapshot:{snapshot_id}")
        missing = errors.SnapshotNotFound(snapshot_id)
        return sight.mine(ctx, await tx.get(SNAPSHOTS, id=snapshot_id), missing)

    async def _write(self, tx: Transaction, snapshot: Snapshot, changes: Mapping[str, Any]) -> Snapshot:
        changes = {**changes, "updated_at": self._needs.clock.now()}
        await tx.update(SNAPSHOTS, changes, id=snapshot.id)
        return msgspec.structs.replace(snapshot, **changes)
