"""Policy documents that other programs keep in Keystone. What the cloud itself goes by is in the services' policy tables."""

from __future__ import annotations

import msgspec

from wolke.core import ids
from wolke.core.context import Context
from wolke.identity.errors import Missing
from wolke.identity.model import PolicyBlob
from wolke.identity.service.ground import Ground
from wolke.identity.service.listing import Found, Wanted, listed
from wolke.identity.service.values import Values, check_same_id, split
from wolke.identity.store import POLICIES

_KNOWN = frozenset({"type", "blob"})


class Policies:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._db = ground.db

    async def show(self, policy_id: str) -> PolicyBlob:
        found = await self._db.get(POLICIES, id=policy_id)
        if found is None:
            raise Missing("policy", policy_id)
        return found

    async def page(self, wanted: Wanted) -> Found[PolicyBlob]:
        return await listed(self._ground, POLICIES, wanted, by_name=False)

    async def create(self, ctx: Context, values: Values) -> PolicyBlob:
        fields, extra = split(values, _KNOWN)
        policy = PolicyBlob(ids.hex_id(), fields["type"], fields["blob"], extra)
        async with self._ground.writing("policy") as tx:
            await tx.insert(POLICIES, policy)
        return policy

    async def update(self, ctx: Context, policy_id: str, values: Values) -> PolicyBlob:
        async with self._ground.writing("policy") as tx:
            old = await tx.get(POLICIES, id=policy_id)
            if old is None:
                raise Missing("policy", policy_id)
            check_same_id(values, policy_id, "policy")
            fields, extra = split(values, _KNOWN, old.extra)
            changes = fields | {"extra": extra}
            await tx.update(POLICIES, changes, id=policy_id)
        return msgspec.structs.replace(old, **changes)

    async def delete(self, ctx: Context, policy_id: str) -> None:
        async with self._ground.writing("policy") as tx:
            if not await tx.delete(POLICIES, id=policy_id):
                raise Missing("policy", policy_id)
