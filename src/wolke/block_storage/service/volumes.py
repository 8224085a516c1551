"""Volumes: finding, listing and changing what is written of them. What takes time is in ``volume_actions``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from wolke.block_storage import errors
from wolke.block_storage.model import Attachment, Volume
from wolke.block_storage.service import sight
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import ATTACHMENTS, SNAPSHOTS, VOLUMES
from wolke.core.context import Context
from wolke.core.db import Query, Transaction, Where
from wolke.core.paging import Page

MOST_METADATA = 128
_SUMMARY = Query(
    sa.select(
        sa.func.count(),
        sa.cast(sa.func.coalesce(sa.func.sum(VOLUMES.sql.c.size_gib), 0), sa.BigInteger),
    ).where(sa.or_(VOLUMES.sql.c.project_id == sa.bindparam("project_id"), sa.bindparam("everybody") == 1))
)
_MOST_SUMMARIZED = 10_000  # volumes whose metadata are put together


class Volumes:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db

    async def show(self, ctx: Context, volume_id: str) -> Volume:
        return sight.mine(ctx, await self._db.get(VOLUMES, id=volume_id), errors.VolumeNotFound(volume_id))

    async def index(self, ctx: Context, page: Page, where: Sequence[Where], *, offset: int = 0) -> list[Volume]:
        return await sight.find(self._db, ctx, VOLUMES, page, where, offset=offset)

    async def by_id(self, volume_ids: Sequence[str]) -> dict[str, Volume]:
        """Of those that there are; for callers in this process."""
        where = [Where("id", "in", list(volume_ids))]
        return {one.id: one for one in await self._db.find(VOLUMES, where=where)} if volume_ids else {}

    async def count(self, ctx: Context, where: Sequence[Where]) -> int:
        return await self._db.count(VOLUMES, where=where)

    async def attachments(self, volume_ids: Sequence[str]) -> Mapping[str, list[Attachment]]:
        """Of several volumes at once: what is attached, or on its way to and fro."""
        found: dict[str, list[Attachment]] = {volume_id: [] for volume_id in volume_ids}
        if not volume_ids:
            return found
        where = [Where("volume_id", "in", list(volume_ids)), Where("status", "ne", "detached")]
        # Put in order here: a database might rather walk through all there are in that order than sort these few.
        for one in sorted(await self._db.find(ATTACHMENTS, where=where), key=lambda one: (one.created_at, one.id)):
            found[one.volume_id].append(one)
        return found

    async def summary(self, ctx: Context, *, everybody: bool) -> tuple[int, int, dict[str, list[str]]]:
        """How many there are, how many GiB, and each value that a metadata key has."""
        rows = await self._db.rows(_SUMMARY, project_id=ctx.project_id or "", everybody=int(everybody))
        metadata: dict[str, set[str]] = {}
        where = [] if everybody else [Where("project_id", "eq", ctx.project_id or "")]
        where.append(Where("metadata", "ne", {}))
        for volume in await self._db.find(VOLUMES, where=where, limit=_MOST_SUMMARIZED):
            for key, value in volume.metadata.items():
                metadata.setdefault(key, set()).add(value)
        return int(rows[0][0]), int(rows[0][1]), {key: sorted(values) for key, values in sorted(metadata.items())}

    # -- changing

    async def held(self, tx: Transaction, ctx: Context, volume_id: str) -> Volume:
        """The volume, and nobody else in a transaction like this until ``tx`` ends."""
        await tx.lock(f"block_storage:volume:{volume_id}")
        return sight.mine(ctx, await tx.get(VOLUMES, id=volume_id), errors.VolumeNotFound(volume_id))

    async def write(self, tx: Transaction, volume: Volume, changes: Mapping[str, Any]) -> Volume:
        """Columns that no loop writes, so the generation need not move."""
        changes = {**changes, "updated_at": self._needs.clock.now()}
        await tx.update(VOLUMES, changes, id=volume.id)
        return msgspec.structs.replace(volume, **changes)

    async def change(self, ctx: Context, volume_id: str, changes: Mapping[str, Any]) -> Volume:
        """``name``, ``description``, ``metadata``, ``read_only``, ``bootable``."""
        async with self._db.transaction() as tx:
            volume = await self.held(tx, ctx, volume_id)
            return await self.write(tx, volume, changes)

    async def set_metadata(
        self, ctx: Context, volume_id: str, items: Mapping[str, str], *, replace: bool, column: str = "metadata"
    ) -> dict[str, str]:
        """``column``: or ``image_metadata``."""
        async with self._db.transaction() as tx:
            volume = await self.held(tx, ctx, volume_id)
            metadata = dict(items) if replace else {**getattr(volume, column), **items}
            check_metadata(metadata)
            await self.write(tx, volume, {column: metadata})
        return metadata

    async def delete_metadata_item(self, ctx: Context, volume_id: str, key: str, *, column: str = "metadata") -> None:
        async with self._db.transaction() as tx:
            volume = await self.held(tx, ctx, volume_id)
            metadata = getattr(volume, column)
            if key not in metadata:
                raise errors.MetadataNotFound(key)
            await self.write(tx, volume, {column: {name: v for name, v in metadata.items() if name != key}})

    async def has_snapshots(self, tx: Transaction, volume_id: str) -> bool:
        return bool(await tx.find(SNAPSHOTS, volume_id=volume_id, limit=1))


def check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > MOST_METADATA:
        raise errors.Invalid("metadata", f"Maximum number of metadata items exceeds {MOST_METADATA}.")
