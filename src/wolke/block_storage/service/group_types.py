"""Group types: what groups have in common, by their specs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import GroupType
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import GROUP_TYPES, GROUPS
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Transaction, Where
from wolke.core.paging import Page, find_page


class GroupTypes:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db

    async def show(self, ctx: Context, type_id: str) -> GroupType:
        found = await self._db.get(GROUP_TYPES, id=type_id)
        if found is None or not (found.is_public or ctx.is_admin):
            raise errors.GroupTypeNotFound(type_id)
        return found

    async def named(self, ctx: Context, name_or_id: str) -> GroupType:
        found = await self._db.get(GROUP_TYPES, id=name_or_id) or await self._db.get(GROUP_TYPES, name=name_or_id)
        if found is None:
            raise errors.GroupTypeNotFound(name_or_id)
        return await self.show(ctx, found.id)

    async def index(self, ctx: Context, page: Page, *, is_public: bool | None) -> list[GroupType]:
        """``is_public`` None: all, for administrators."""
        wanted = is_public if ctx.is_admin else True
        where = [] if wanted is None else [Where("is_public", "eq", wanted)]
        marker = await self.show(ctx, page.marker) if page.marker is not None else None
        return await find_page(self._db, GROUP_TYPES, page, where=where, marker=marker)

    async def create(
        self, ctx: Context, name: str, description: str | None, *, is_public: bool, group_specs: Mapping[str, str]
    ) -> GroupType:
        made = GroupType(ids.uuid(), name, description, is_public, dict(group_specs), self._needs.clock.now(), None)
        try:
            async with self._db.transaction() as tx:
                await tx.insert(GROUP_TYPES, made)
        except DuplicateRow:
            raise errors.GroupTypeExists(name) from None
        return made

    async def update(self, ctx: Context, type_id: str, changes: Mapping[str, Any]) -> GroupType:
        try:
            async with self._db.transaction() as tx:
                return await self._write(tx, await self._held(tx, type_id), changes)
        except DuplicateRow:
            raise errors.GroupTypeExists(str(changes["name"])) from None

    async def delete(self, ctx: Context, type_id: str) -> None:
        async with self._db.transaction() as tx:
            await self._held(tx, type_id)
            if await tx.find(GROUPS, group_type_id=type_id, limit=1):
                raise errors.GroupTypeInUse(type_id)
            await tx.delete(GROUP_TYPES, id=type_id)

    async def set_specs(self, ctx: Context, type_id: str, specs: Mapping[str, str]) -> GroupType:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            return await self._write(tx, found, {"group_specs": {**found.group_specs, **specs}})

    async def delete_spec(self, ctx: Context, type_id: str, key: str) -> None:
        async with self._db.transaction() as tx:
            found = await self._held(tx, type_id)
            if key not in found.group_specs:
                raise errors.GroupSpecNotFound(type_id, key)
            left = {name: value for name, value in found.group_specs.items() if name != key}
            await self._write(tx, found, {"group_specs": left})

    async def _held(self, tx: Transaction, type_id: str) -> GroupType:
        await tx.lock(f"block_storage:group_type:{type_id}")
        found = await tx.get(GROUP_TYPES, id=type_id)
        if found is None:
            raise errors.GroupTypeNotFound(type_id)
        return found

    async def _write(self, tx: Transaction, found: GroupType, changes: Mapping[str, Any]) -> GroupType:
        changes = {**changes, "updated_at": self._needs.clock.now()}
        await tx.update(GROUP_TYPES, changes, id=found.id)
        return msgspec.structs.replace(found, **changes)
