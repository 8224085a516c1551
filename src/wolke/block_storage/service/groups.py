"""Groups of volumes, and snapshots of all volumes of a group at once. Members do the work; a group is done when they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import Group, GroupSnapshot, Volume
from wolke.block_storage.service import sight
from wolke.block_storage.service.endings import Endings
from wolke.block_storage.service.group_types import GroupTypes
from wolke.block_storage.service.hosts import Hosts
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.service.quotas import Quotas
from wolke.block_storage.service.snapshots import Snapshots
from wolke.block_storage.service.types import Types
from wolke.block_storage.service.volume_actions import VolumeActions
from wolke.block_storage.service.volume_create import Making, NewVolume
from wolke.block_storage.service.volumes import Volumes
from wolke.block_storage.states import status_of
from wolke.block_storage.store import GROUP_SNAPSHOTS, GROUPS, SNAPSHOTS, VOLUMES
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Order, Transaction, Where
from wolke.core.paging import Page

_OLDEST_FIRST = (Order("created_at"), Order("id"))


class Groups:
    def __init__(
        self,
        needs: Needs,
        endings: Endings,
        volumes: Volumes,
        actions: VolumeActions,
        snapshots: Snapshots,
        making: Making,
        types: Types,
        group_types: GroupTypes,
        quotas: Quotas,
        hosts: Hosts,
    ) -> None:
        self._needs = needs
        self._db = needs.db
        self._endings = endings
        self._volumes = volumes
        self._actions = actions
        self._snapshots = snapshots
        self._making = making
        self._types = types
        self._group_types = group_types
        self._quotas = quotas
        self._hosts = hosts

    async def show(self, ctx: Context, group_id: str) -> Group:
        return sight.mine(ctx, await self._db.get(GROUPS, id=group_id), errors.GroupNotFound(group_id))

    async def index(self, ctx: Context, page: Page, where: Sequence[Where], *, offset: int = 0) -> list[Group]:
        return await sight.find(self._db, ctx, GROUPS, page, where, offset=offset)

    async def members(self, group_ids: Sequence[str]) -> Mapping[str, list[str]]:
        """The ids of the volumes of several groups."""
        found: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
        if group_ids:
            where = [Where("group_id", "in", list(group_ids))]
            rows = await self._db.find(VOLUMES, where=where)
            for volume in sorted(rows, key=lambda one: (one.created_at, one.id)):
                found[volume.group_id or ""].append(volume.id)
        return found

    # -- making

    async def create(
        self,
        ctx: Context,
        *,
        name: str | None,
        description: str | None,
        group_type: str,
        volume_types: Sequence[str],
        availability_zone: str | None,
    ) -> Group:
        kind = await self._group_types.named(ctx, group_type)
        types = [(await self._types.named(ctx, one)).id for one in volume_types]
        if availability_zone is not None:
            await self._hosts.check_zone(availability_zone)
        async with self._db.transaction() as tx:
            group = self._row(ctx, name, description, kind.id, types, availability_zone)
            group = msgspec.structs.replace(group, status="available")
            await self._quotas.take(tx, group.project_id, {"groups": 1})
            await tx.insert(GROUPS, group)
        return group

    def _row(
        self,
        ctx: Context,
        name: str | None,
        description: str | None,
        kind_id: str,
        type_ids: list[str],
        zone: str | None,
    ) -> Group:
        return Group(
            id=ids.uuid(), project_id=ctx.project_id or "", user_id=ctx.user_id or "", name=name,
            description=description, status="creating", verb=None, task=None, generation=0, deadline_at=None,
            reason=None, availability_zone=zone or self._needs.config.default_availability_zone,
            group_type_id=kind_id, type_ids=type_ids, group_snapshot_id=None, source_group_id=None,
            created_at=self._needs.clock.now(), updated_at=None,
        )  # fmt: skip

    async def create_from(
        self, ctx: Context, *, name: str | None, description: str | None, snapshot_id: str | None, group_id: str | None
    ) -> Group:
        """A group like another, of copies of its volumes as they are, or as they were in a snapshot."""
        if snapshot_id is not None:
            snapshot = await self.show_snapshot(ctx, snapshot_id)
            source = await self.show(ctx, snapshot.group_id)
            rows = await self._db.find(SNAPSHOTS, group_snapshot_id=snapshot_id, order=_OLDEST_FIRST)
            wishes = [NewVolume(name=one.name, snapshot_id=one.id, type=one.type_id) for one in rows]
        else:
            source = await self.show(ctx, group_id or "")
            volumes = await self._db.find(VOLUMES, group_id=source.id, order=_OLDEST_FIRST)
            wishes = [NewVolume(name=one.name, source_volume_id=one.id, type=one.type_id) for one in volumes]
        if not wishes:
            raise errors.Invalid("group", "The source has no volumes to make a group of.")
        group = self._row(ctx, name, description, source.group_type_id, source.type_ids, source.availability_zone)
        group = msgspec.structs.replace(group, group_snapshot_id=snapshot_id, source_group_id=group_id)
        group = msgspec.structs.replace(group, **self._needs.begun(ctx, "group", group, "create"))
        async with self._db.transaction() as tx:
            await self._quotas.take(tx, group.project_id, {"groups": 1})
            await tx.insert(GROUPS, group)
        for wish in wishes:
            wish.group_id = group.id
        await self._fill(ctx, group, wishes)
        return group

    async def _fill(self, ctx: Context, group: Group, wishes: Sequence[NewVolume]) -> None:
        """Its volumes; if one of them is refused, the group goes with those that were made."""
        try:
            for wish in wishes:
                await self._making.create(ctx, wish)
        except BaseException:
            await self.delete(ctx, group.id, with_volumes=True, force=True)
            raise

    # -- changing

    async def update(
        self,
        ctx: Context,
        group_id: str,
        *,
        changes: Mapping[str, Any],
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> None:
        async with self._db.transaction() as tx:
            group = await self._held(tx, ctx, group_id)
            if group.task is not None or ((add or remove) and group.status != "available"):
                raise errors.NotSettled("group", group_id, "update", status_of("group", group.status, group.task))
            if both := set(add) & set(remove):
                raise errors.Invalid("volume", f"UUIDs {sorted(both)} are in both add and remove volume list.")
            for volume_id in add:
                await self._volumes.write(tx, await self._joinable(tx, ctx, group, volume_id), {"group_id": group_id})
            for volume_id in remove:
                volume = await self._volumes.held(tx, ctx, volume_id)
                if volume.group_id != group_id:
                    raise errors.Invalid("volume", f"Cannot remove volume {volume_id}: it is not in the group.")
                await self._volumes.write(tx, volume, {"group_id": None})
            if changes:
                await tx.update(GROUPS, {**changes, "updated_at": self._needs.clock.now()}, id=group_id)

    async def _joinable(self, tx: Transaction, ctx: Context, group: Group, volume_id: str) -> Volume:
        volume = await self._volumes.held(tx, ctx, volume_id)
        if volume.group_id not in (None, group.id):
            raise errors.Invalid("volume", f"Cannot add volume {volume_id}: it is in another group.")
        if volume.type_id not in group.type_ids:
            raise errors.Invalid("volume", f"Cannot add volume {volume_id}: its type is not supported by the group.")
        if volume.status not in ("available", "in-use") or volume.task is not None:
            raise errors.Invalid("volume", f"Cannot add volume {volume_id}: it is {volume.status}.")
        return volume

    async def delete(self, ctx: Context, group_id: str, *, with_volumes: bool, force: bool = False) -> None:
        async with self._db.transaction() as tx:
            group = await self._held(tx, ctx, group_id)
            if group.task == "emptying":
                return
            if not force and (group.task is not None or group.status not in ("available", "error", "error_deleting")):
                raise errors.NotSettled("group", group_id, "delete", status_of("group", group.status, group.task))
            if await tx.find(GROUP_SNAPSHOTS, group_id=group_id, limit=1):
                raise errors.Invalid("group", f"Cannot delete group {group_id}: it has dependent group snapshots.")
            volumes = await tx.find(VOLUMES, group_id=group_id, order=_OLDEST_FIRST)
            if volumes and not with_volumes:
                why = f"Cannot delete group {group_id}: delete-volumes flag must be set as it has volumes."
                raise errors.Invalid("group", why)
            await self._needs.begin(tx, ctx, "group", group, "delete")
            for volume in volumes:
                held = await self._volumes.held(tx, ctx, volume.id)
                if held.task != "deleting":
                    await self._actions.delete_in(tx, ctx, held, force=force)
            await self._endings.gather(tx, "group", group_id)

    async def reset(self, ctx: Context, group_id: str, status: str) -> None:
        async with self._db.transaction() as tx:
            group = await self._held(tx, ctx, group_id)
            await self._reset(tx, "group", group, status)

    async def _reset(self, tx: Transaction, kind: str, row: Any, status: str) -> None:
        changes = {"status": status, "verb": None, "task": None, "deadline_at": None, "generation": row.generation + 1}
        if not await self._needs.write(tx, kind, row, changes):
            raise errors.Changed(kind.replace("_", " "), row.id)

    async def _held(self, tx: Transaction, ctx: Context, group_id: str) -> Group:
        await tx.lock(f"block_storage:group:{group_id}")
        return sight.mine(ctx, await tx.get(GROUPS, id=group_id), errors.GroupNotFound(group_id))

    # -- snapshots of groups

    async def show_snapshot(self, ctx: Context, snapshot_id: str) -> GroupSnapshot:
        missing = errors.GroupSnapshotNotFound(snapshot_id)
        return sight.mine(ctx, await self._db.get(GROUP_SNAPSHOTS, id=snapshot_id), missing)

    async def snapshots(
        self, ctx: Context, page: Page, where: Sequence[Where], *, offset: int = 0
    ) -> list[GroupSnapshot]:
        return await sight.find(self._db, ctx, GROUP_SNAPSHOTS, page, where, offset=offset)

    async def create_snapshot(
        self, ctx: Context, group_id: str, name: str | None, description: str | None
    ) -> GroupSnapshot:
        async with self._db.transaction() as tx:
            group = await self._held(tx, ctx, group_id)
            if group.status != "available" or group.task is not None:
                raise errors.NotSettled("group", group_id, "snapshot", status_of("group", group.status, group.task))
            volumes = await tx.find(VOLUMES, group_id=group_id, order=_OLDEST_FIRST)
            if not volumes:
                raise errors.Invalid("group", "Group is empty. No group snapshot will be created.")
            made = GroupSnapshot(
                id=ids.uuid(), group_id=group_id, group_type_id=group.group_type_id, project_id=group.project_id,
                user_id=ctx.user_id or "", name=name, description=description, status="creating", verb=None, task=None,
                generation=0, deadline_at=None, reason=None, created_at=self._needs.clock.now(), updated_at=None,
            )  # fmt: skip
            made = msgspec.structs.replace(made, **self._needs.begun(ctx, "group_snapshot", made, "create"))
            await tx.insert(GROUP_SNAPSHOTS, made)
            for volume in volumes:
                held = await self._volumes.held(tx, ctx, volume.id)
                await self._snapshots.insert(tx, ctx, held, name, description, group_snapshot_id=made.id)
        return made

    async def delete_snapshot(self, ctx: Context, snapshot_id: str) -> None:
        async with self._db.transaction() as tx:
            found = await self._held_snapshot(tx, ctx, snapshot_id)
            if found.task == "emptying":
                return
            if found.task is not None or found.status not in ("available", "error", "error_deleting"):
                shown = status_of("group_snapshot", found.status, found.task)
                raise errors.NotSettled("group snapshot", snapshot_id, "delete", shown)
            await self._needs.begin(tx, ctx, "group_snapshot", found, "delete")
            for snapshot in await tx.find(SNAPSHOTS, group_snapshot_id=snapshot_id):
                if snapshot.task != "deleting":
                    await self._snapshots.delete_in(tx, ctx, snapshot)
            await self._endings.gather(tx, "group_snapshot", snapshot_id)

    async def reset_snapshot(self, ctx: Context, snapshot_id: str, status: str) -> None:
        async with self._db.transaction() as tx:
            await self._reset(tx, "group_snapshot", await self._held_snapshot(tx, ctx, snapshot_id), status)

    async def _held_snapshot(self, tx: Transaction, ctx: Context, snapshot_id: str) -> GroupSnapshot:
        await tx.lock(f"block_storage:group_snapshot:{snapshot_id}")
        missing = errors.GroupSnapshotNotFound(snapshot_id)
        return sight.mine(ctx, await tx.get(GROUP_SNAPSHOTS, id=snapshot_id), missing)
