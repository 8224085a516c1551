"""Volumes and snapshots by Compute's old names, until 2.35: Block Storage keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.block_storage.model import Attachment, Snapshot, Volume
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.volume_create import NewVolume
from wolke.compute.errors import NotOffered
from wolke.core.context import Context
from wolke.core.db import Order, Where
from wolke.core.paging import Page

_ORDER = (Order("created_at"), Order("id"))

#: A volume, who uses it, and its type's name.
Shown = tuple[Volume, Sequence[Attachment], str | None]


class OldVolumes:
    def __init__(self, storage: BlockStorage | None) -> None:
        self._optional = storage

    @property
    def _storage(self) -> BlockStorage:
        if self._optional is None:
            raise NotOffered("volumes")
        return self._optional

    async def index(self, ctx: Context, *, limit: int, offset: int) -> list[Shown]:
        page = Page(_ORDER, limit)
        return await self._shown(await self._storage.volumes.index(ctx, page, _mine(ctx), offset=offset))

    async def show(self, ctx: Context, volume_id: str) -> Shown:
        return (await self._shown([await self._storage.volumes.show(ctx, volume_id)]))[0]

    async def create(self, ctx: Context, wish: Mapping[str, Any]) -> Shown:
        return (await self._shown([await self._storage.making.create(ctx, NewVolume(**wish))]))[0]

    async def delete(self, ctx: Context, volume_id: str) -> None:
        await self._storage.volume_actions.delete(ctx, volume_id)

    async def _shown(self, volumes: Sequence[Volume]) -> list[Shown]:
        attachments = await self._storage.volumes.attachments([one.id for one in volumes])
        types = await self._storage.types.by_id([one.type_id for one in volumes])
        return [
            (one, attachments[one.id], kind.name if (kind := types.get(one.type_id or "")) else None) for one in volumes
        ]

    # -- snapshots

    async def snapshots(self, ctx: Context, *, limit: int, offset: int) -> list[Snapshot]:
        return await self._storage.snapshots.index(ctx, Page(_ORDER, limit), _mine(ctx), offset=offset)

    async def snapshot(self, ctx: Context, snapshot_id: str) -> Snapshot:
        return await self._storage.snapshots.show(ctx, snapshot_id)

    async def create_snapshot(
        self, ctx: Context, volume_id: str, *, name: str | None, description: str | None, force: bool
    ) -> Snapshot:
        return await self._storage.snapshots.create(
            ctx, volume_id, name=name, description=description, metadata={}, force=force
        )

    async def delete_snapshot(self, ctx: Context, snapshot_id: str) -> None:
        await self._storage.snapshots.delete(ctx, snapshot_id)


def _mine(ctx: Context) -> list[Where]:
    return [Where("project_id", "eq", ctx.project_id or "")]
