"""Volume types: extra specs, who may use them, how their volumes are encrypted, and which type is whose default."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import DefaultType, EncryptionType, QuotaLimit, VolumeType
from wolke.block_storage.service import sight
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import DEFAULT_TYPES, GROUPS, QUOTA_LIMITS, TYPES, VOLUMES
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Transaction, Where
from wolke.core.errors import Conflict
from wolke.core.paging import Page


class Types:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db

    # -- finding

    async def show(self, ctx: Context, type_id: str) -> VolumeType:
        found = await self._db.get(TYPES, id=type_id)
        if found is None or not _usable(ctx, found):
            raise errors.TypeNotFound(type_id)
        return found

    async def named(self, ctx: Context, name_or_id: str) -> VolumeType:
        """A type that the caller may use, by name or id."""
        found = await self._db.get(TYPES, id=name_or_id) if ids.is_uuid(name_or_id) else None
        found = found or await self._db.get(TYPES, name=name_or_id)
        if found is None or not _usable(ctx, found):
            raise errors.TypeNotFound(name_or_id)
        return found

    async def default(self, ctx: Context) -> VolumeType | None:
        """Of the caller's project, else of the cloud."""
        own = await self._db.get(DEFAULT_TYPES, project_id=ctx.project_id or "")
        if own is not None:
            return await self._db.get(TYPES, id=own.type_id)
        return await self._db.get(TYPES, name=self._needs.config.default_volume_type)

    async def by_id(self, type_ids: Sequence[str | None]) -> Mapping[str, VolumeType]:
        return await sight.find_by_ids(self._db, TYPES, sorted({one for one in type_ids if one}))

    async def index(
        self,
        ctx: Context,
        page: Page,
        *,
        is_public: bool | None = True,
        extra_specs: Mapping[str, str] | None = None,
        offset: int = 0,
    ) -> list[VolumeType]:
        """``is_public`` None: all of them, for administrators. Others see what is public, and what they may use."""
        where = [Where("is_public", "eq", is_public)] if is_public is not None and ctx.is_admin else []
        found = await sight.find(self._db, ctx, TYPES, Page(page.order, None, None), where)
        seen = [one for one in found if (ctx.is_admin or _usable(ctx, one)) and _has(one, extra_specs or {})]
        return _after(seen, page, offset)

    # -- making and changing

    async def seed(self) -> None:
        """The default type, once."""
        name = self._needs.config.default_volume_type
        if name and not await self._db.count(TYPES):
            with contextlib.suppress(errors.TypeExists):  # another controller begins at the same moment
                await self._insert(self._new(name, "Default Volume Type", is_public=True))

    async def create(
        self, ctx: Context, name: str, description: str | None, *, is_public: bool, extra_specs: Mapping[str, str]
    ) -> VolumeType:
        made = self._new(name, description, is_public=is_public)
        made = msgspec.structs.replace(made, extra_specs=dict(extra_specs))
        await self._insert(made)
        return made

    def _new(self, name: str, description: str | None, *, is_public: bool) -> VolumeType:
        now = self._needs.clock.now()
        return VolumeType(ids.uuid(), name, description, is_public, {}, [], None, None, now, None)

    async def _insert(self, made: VolumeType) -> None:
        try:
            async with self._db.transaction() as tx:
                await tx.insert(TYPES, made)
        except DuplicateRow:
            raise errors.TypeExists(made.name) from None

    async def update(self, ctx: Context, type_id: str, changes: Mapping[str, Any]) -> VolumeType:
        """``name``, ``description``, ``is_public``. What was limited by the old name is limited by the new one."""
        try:
            async with self._db.transaction() as tx:
                found = await self._held(tx, type_id)
                if "name" in changes and changes["name"] != found.name:
                    await self._rename_limits(tx, found.name, changes["name"])
                return await self._write(tx, found, changes)
        except DuplicateRow:
            raise errors.TypeExists(str(changes["name"])) from None

    @staticmethod
    async def _rename_limits(tx: Transaction, old: str, new: str) -> None:
        for noun in ("volumes", "gigabytes", "snapshots"):
            await tx.delete(QUOTA_LIMITS, resource=f"{noun}_{new}")
            for row in await tx.find(QUOTA_LIMITS, resource=f"{noun}_{old}"):
                await tx.insert(QUOTA_LIMITS, QuotaLimit(row.project_id, f"{noun}_{new}", row.amount))
            await tx.delete(QUOTA_LIMITS, resource=f"{noun}_{old}")

    async def delete(self, ctx: Context, type_id: str) -> None:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            if await tx.find(VOLUMES, type_id=type_id, limit=1):
                raise errors.TypeInUse(type_id)
            if any(type_id in group.type_ids for group in await tx.find(GROUPS)):
                raise errors.TypeInUse(type_id)
            if await tx.find(DEFAULT_TYPES, type_id=type_id, limit=1):
                raise errors.Invalid("volume type", f"Volume Type {type_id} is the default type of a project.")
            if found.name == self._needs.config.default_volume_type:
                raise errors.Invalid("volume type", f"Volume Type {type_id} is the default type of the cloud.")
            await tx.delete(TYPES, id=type_id)
            for noun in ("volumes", "gigabytes", "snapshots"):
                await tx.delete(QUOTA_LIMITS, resource=f"{noun}_{found.name}")

    # -- extra specs

    async def set_extra_specs(self, ctx: Context, type_id: str, specs: Mapping[str, str]) -> VolumeType:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            return await self._write(tx, found, {"extra_specs": {**found.extra_specs, **specs}})

    async def delete_extra_spec(self, ctx: Context, type_id: str, key: str) -> None:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            if key not in found.extra_specs:
                raise errors.ExtraSpecNotFound(type_id, key)
            left = {name: value for name, value in found.extra_specs.items() if name != key}
            await self._write(tx, found, {"extra_specs": left})

    # -- access

    async def projects(self, ctx: Context, type_id: str) -> list[str]:
        found = await self.show(ctx, type_id)
        if found.is_public:
            raise errors.TypeAccessNotFound(type_id, "any project")
        return found.projects

    async def add_project(self, ctx: Context, type_id: str, project_id: str) -> None:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            if found.is_public:
                raise Conflict("Type access modification is not applicable to public volume type.")
            if project_id in found.projects:
                raise errors.TypeAccessExists(type_id, project_id)
            await self._write(tx, found, {"projects": [*found.projects, project_id]})

    async def remove_project(self, ctx: Context, type_id: str, project_id: str) -> None:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            if found.is_public:
                raise Conflict("Type access modification is not applicable to public volume type.")
            if project_id not in found.projects:
                raise errors.TypeAccessNotFound(type_id, project_id)
            await self._write(tx, found, {"projects": [one for one in found.projects if one != project_id]})

    # -- encryption

    async def create_encryption(
        self,
        ctx: Context,
        type_id: str,
        *,
        provider: str,
        control_location: str,
        cipher: str | None,
        key_size: int | None,
    ) -> VolumeType:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            if found.encryption is not None:
                raise errors.EncryptionExists(type_id)
            await self._check_unused(tx, type_id)
            now = self._needs.clock.now()
            made = EncryptionType(ids.uuid(), provider, control_location, cipher, key_size, now)
            return await self._write(tx, found, {"encryption": made})

    async def update_encryption(
        self, ctx: Context, type_id: str, encryption_id: str, changes: Mapping[str, Any]
    ) -> VolumeType:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            if found.encryption is None or found.encryption.id != encryption_id:
                raise errors.EncryptionNotFound(type_id)
            await self._check_unused(tx, type_id)
            changed = msgspec.structs.replace(found.encryption, **changes, updated_at=self._needs.clock.now())
            return await self._write(tx, found, {"encryption": changed})

    async def delete_encryption(self, ctx: Context, type_id: str, encryption_id: str) -> None:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            if found.encryption is None or found.encryption.id != encryption_id:
                raise errors.EncryptionNotFound(type_id)
            await self._check_unused(tx, type_id)
            await self._write(tx, found, {"encryption": None})

    @staticmethod
    async def _check_unused(tx: Transaction, type_id: str) -> None:
        if await tx.find(VOLUMES, type_id=type_id, limit=1):
            raise errors.EncryptionInUse

    # -- defaults of projects

    async def set_default(self, ctx: Context, project_id: str, name_or_id: str) -> DefaultType:
        await self._needs.check_project(project_id)
        found = await self.named(ctx, name_or_id)
        wanted = DefaultType(project_id, found.id)
        async with self._db.transaction() as tx:
            await tx.lock(f"block_storage:default_type:{project_id}")
            await tx.delete(DEFAULT_TYPES, project_id=project_id)
            await tx.insert(DEFAULT_TYPES, wanted)
        return wanted

    async def default_of(self, ctx: Context, project_id: str) -> DefaultType:
        found = await self._db.get(DEFAULT_TYPES, project_id=project_id)
        if found is None:
            raise errors.DefaultTypeNotFound(project_id)
        return found

    async def defaults(self, ctx: Context) -> list[DefaultType]:
        return await self._db.find(DEFAULT_TYPES)

    async def unset_default(self, ctx: Context, project_id: str) -> None:
        async with self._db.transaction() as tx:
            await tx.delete(DEFAULT_TYPES, project_id=project_id)

    # -- writing

    async def _held(self, tx: Transaction, type_id: str) -> VolumeType:
        await tx.lock(f"block_storage:type:{type_id}")
        found = await tx.get(TYPES, id=type_id)
        if found is None:
            raise errors.TypeNotFound(type_id)
        return found

    async def _write(self, tx: Transaction, found: VolumeType, changes: Mapping[str, Any]) -> VolumeType:
        changes = {**changes, "updated_at": self._needs.clock.now()}
        await tx.update(TYPES, changes, id=found.id)
        return msgspec.structs.replace(found, **changes)


def _usable(ctx: Context, one: VolumeType) -> bool:
    return one.is_public or ctx.is_admin or ctx.project_id in one.projects


def _has(one: VolumeType, wanted: Mapping[str, str]) -> bool:
    return all(one.extra_specs.get(name) == value for name, value in wanted.items())


def _after(found: list[VolumeType], page: Page, offset: int) -> list[VolumeType]:
    """There are few types: a page of them is cut out of all."""
    if page.marker is not None:
        places = [index for index, one in enumerate(found) if one.id == page.marker]
        if not places:
            raise errors.MarkerNotFound(page.marker)
        found = found[places[0] + 1 :]
    found = found[offset:]
    return found if page.limit is None else found[: page.limit]
