"""Roles, and which of them imply which."""

from __future__ import annotations

import msgspec

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Where
from wolke.identity.errors import Duplicate, Invalid, Missing, NotAllowed
from wolke.identity.model import NO_DOMAIN, Implication, Role
from wolke.identity.service.ground import Ground
from wolke.identity.service.listing import Found, Wanted, listed
from wolke.identity.service.projects import forget_roles
from wolke.identity.service.standing import Standing, closure
from wolke.identity.service.users import check_domain
from wolke.identity.service.values import Values, check_mutable, check_same_id, options, split
from wolke.identity.store import IMPLICATIONS, ROLES

_KNOWN = frozenset({"name", "domain_id", "description", "options"})
NEVER_IMPLIED = frozenset({"admin"})


class Roles:
    def __init__(self, ground: Ground, standing: Standing) -> None:
        self._ground = ground
        self._db = ground.db
        self._standing = standing

    async def show(self, role_id: str) -> Role:
        found = await self._db.get(ROLES, id=role_id)
        if found is None:
            raise Missing("role", role_id)
        return found

    async def find(self, role_ids: list[str]) -> list[Role]:
        return await self._db.find(ROLES, where=[Where("id", "in", role_ids)]) if role_ids else []

    async def by_name(self, name: str) -> Role | None:
        return await self._db.get(ROLES, domain_id=NO_DOMAIN, name=name)

    async def page(self, wanted: Wanted) -> Found[Role]:
        wanted.equal.setdefault("domain_id", NO_DOMAIN)
        return await listed(self._ground, ROLES, wanted)

    async def create(self, ctx: Context, values: Values) -> Role:
        fields, extra = split(values, _KNOWN)
        role = Role(
            id=ids.hex_id(),
            name=fields["name"].strip(),
            domain_id=fields.get("domain_id") or NO_DOMAIN,
            description=fields.get("description"),
            options=options({}, fields.get("options")),
            extra=extra,
        )
        async with self._ground.writing("role", tokens=True) as tx:
            if role.domain_id != NO_DOMAIN:
                await check_domain(tx, role.domain_id)
            await tx.insert(ROLES, role)
        return role

    async def update(self, ctx: Context, role_id: str, values: Values) -> Role:
        async with self._ground.writing("role", tokens=True) as tx:
            old = await tx.get(ROLES, id=role_id)
            if old is None:
                raise Missing("role", role_id)
            check_mutable("role", old, "update", values)
            check_same_id(values, old.id, "role")
            fields, extra = split(values, _KNOWN, old.extra)
            if (fields.pop("domain_id", old.domain_id) or NO_DOMAIN) != old.domain_id:
                raise Invalid("Cannot change Domain ID")
            if "name" in fields:
                fields["name"] = fields["name"].strip()
            if "options" in fields:
                fields["options"] = options(old.options, fields["options"])
            changes = fields | {"extra": extra}
            await tx.update(ROLES, changes, id=role_id)
        return msgspec.structs.replace(old, **changes)

    async def delete(self, ctx: Context, role_id: str) -> None:
        async with self._ground.writing("role", tokens=True) as tx:
            old = await tx.get(ROLES, id=role_id)
            if old is None:
                raise Missing("role", role_id)
            check_mutable("role", old, "delete")
            await forget_roles(tx, [role_id])

    # -- implications

    async def imply(self, ctx: Context, prior_id: str, implied_id: str) -> None:
        """Idempotent. A circle, and a role that may never be implied, are refused."""
        async with self._ground.writing("role inference", tokens=True) as tx:
            await tx.lock("identity:implications")
            prior = await tx.get(ROLES, id=prior_id)
            implied = await tx.get(ROLES, id=implied_id)
            if prior is None or implied is None:
                raise Missing("role", prior_id if prior is None else implied_id)
            if implied.name.lower() in NEVER_IMPLIED:
                raise NotAllowed(f"{implied.name} cannot be an implied role.")
            if prior.domain_id == NO_DOMAIN and implied.domain_id != NO_DOMAIN:
                raise Invalid("A global role cannot imply a role of a domain.")
            edges: dict[str, list[str]] = {}
            for one in await tx.find(IMPLICATIONS):
                edges.setdefault(one.prior_role_id, []).append(one.implied_role_id)
            if implied_id in edges.get(prior_id, ()):
                return
            if prior_id in closure(implied_id, edges):
                raise Duplicate("role inference", "roles would imply each other in a circle")
            await tx.insert(IMPLICATIONS, Implication(prior_id, implied_id))

    async def implies(self, prior_id: str, implied_id: str) -> bool:
        found = await self._db.get(IMPLICATIONS, prior_role_id=prior_id, implied_role_id=implied_id)
        return found is not None

    async def imply_no_more(self, ctx: Context, prior_id: str, implied_id: str) -> None:
        async with self._ground.writing("role inference", tokens=True) as tx:
            if not await tx.delete(IMPLICATIONS, prior_role_id=prior_id, implied_role_id=implied_id):
                raise Missing("role inference rule", f"{prior_id} implies {implied_id}")

    async def implied_by(self, prior_id: str) -> list[Role]:
        """Directly."""
        edges = await self._db.find(IMPLICATIONS, prior_role_id=prior_id)
        return sorted(await self.find([e.implied_role_id for e in edges]), key=lambda role: role.name)

    async def inferences(self) -> list[tuple[Role, list[Role]]]:
        """Every role that implies others, with those."""
        roles = (await self._standing.snapshot()).roles
        found: dict[str, list[Role]] = {}
        for one in await self._db.find(IMPLICATIONS):
            if one.implied_role_id in roles:
                found.setdefault(one.prior_role_id, []).append(roles[one.implied_role_id])
        return [(roles[prior_id], implied) for prior_id, implied in found.items() if prior_id in roles]
