"""Groups of users. Who is in them is the users' business (``service.users``)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Where
from wolke.identity.errors import Invalid, Missing
from wolke.identity.model import Group
from wolke.identity.service.ground import Ground
from wolke.identity.service.listing import Found, Wanted, listed
from wolke.identity.service.projects import forget_groups, home_domain
from wolke.identity.service.users import check_domain
from wolke.identity.service.values import Values, check_same_id, split
from wolke.identity.store import GROUPS

_KNOWN = frozenset({"name", "domain_id", "description"})


class Groups:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._db = ground.db

    async def show(self, group_id: str) -> Group:
        found = await self._db.get(GROUPS, id=group_id)
        if found is None:
            raise Missing("group", group_id)
        return found

    async def find(self, group_ids: Sequence[str]) -> list[Group]:
        return await self._db.find(GROUPS, where=[Where("id", "in", group_ids)]) if group_ids else []

    async def page(self, wanted: Wanted) -> Found[Group]:
        return await listed(self._ground, GROUPS, wanted)

    async def create(self, ctx: Context, values: Values) -> Group:
        fields, extra = split(values, _KNOWN)
        domain_id = fields.get("domain_id") or home_domain(ctx)
        group = Group(ids.hex_id(), fields["name"].strip(), domain_id, fields.get("description") or "", extra)
        async with self._ground.writing("group") as tx:
            await check_domain(tx, group.domain_id)
            await tx.insert(GROUPS, group)
        return group

    async def update(self, ctx: Context, group_id: str, values: Values) -> Group:
        async with self._ground.writing("group") as tx:
            old = await tx.get(GROUPS, id=group_id)
            if old is None:
                raise Missing("group", group_id)
            check_same_id(values, old.id, "group")
            fields, extra = split(values, _KNOWN, old.extra)
            if fields.pop("domain_id", old.domain_id) != old.domain_id:
                raise Invalid("Cannot change Domain ID")
            if "name" in fields:
                fields["name"] = fields["name"].strip()
            if "description" in fields:
                fields["description"] = fields["description"] or ""
            changes = fields | {"extra": extra}
            await tx.update(GROUPS, changes, id=group_id)
        return msgspec.structs.replace(old, **changes)

    async def delete(self, ctx: Context, group_id: str) -> None:
        async with self._ground.writing("group", tokens=True) as tx:
            if await tx.get(GROUPS, id=group_id) is None:
                raise Missing("group", group_id)
            await forget_groups(tx, [group_id])
