"""Role assignments: making and taking back one grant, and listing them as made or as they take effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from wolke.core.context import Context
from wolke.core.db import Transaction, Where
from wolke.identity.errors import Missing, NotAllowed
from wolke.identity.model import (
    DOMAIN,
    GROUP,
    NO_DOMAIN,
    PROJECT,
    SYSTEM,
    USER,
    Assignment,
    Group,
    Project,
    Role,
    User,
)
from wolke.identity.service.ground import Ground
from wolke.identity.service.standing import Standing
from wolke.identity.store import ASSIGNMENTS, GROUPS, MEMBERSHIPS, PROJECTS, ROLES, USERS

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Grant:
    """The records behind an assignment, for the policy and for refusals."""

    assignment: Assignment
    role: Role | None
    actor: User | Group
    target: Project | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Filters of ``GET /role_assignments``; None: any."""

    user_id: str | None = None
    group_id: str | None = None
    role_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    system: bool = False
    inherited: bool | None = None
    effective: bool = False
    subtree: bool = False


class Effective(msgspec.Struct, frozen=True):
    """One assignment in effect, and where it came from."""

    assignment: Assignment
    source: Assignment
    prior_role_id: str | None = None


class Assignments:
    def __init__(self, ground: Ground, standing: Standing) -> None:
        self._ground = ground
        self._db = ground.db
        self._standing = standing

    # -- one grant

    async def resolve(self, one: Assignment) -> Grant:
        """404 for whichever of role, actor and target is not there."""
        role = await self._db.get(ROLES, id=one.role_id) if one.role_id else None
        if role is None and one.role_id:
            raise Missing("role", one.role_id)
        actor: User | Group | None
        if one.actor_kind == USER:
            actor = await self._db.get(USERS, id=one.actor_id)
        else:
            actor = await self._db.get(GROUPS, id=one.actor_id)
        if actor is None:
            raise Missing(one.actor_kind, one.actor_id)
        target = None
        if one.target_kind != SYSTEM:
            target = await self._db.get(PROJECTS, id=one.target_id)
            if target is None or target.is_domain != (one.target_kind == DOMAIN):
                raise Missing(one.target_kind, one.target_id)
        return Grant(one, role, actor, target)

    async def grant(self, ctx: Context, given: Grant) -> None:
        """Idempotent."""
        role, target = given.role, given.target
        assert role is not None
        if role.domain_id != NO_DOMAIN:
            home = None if target is None else target.id if target.is_domain else target.domain_id
            if role.domain_id != home:
                raise NotAllowed(f"Role {role.id} belongs to another domain than its target.")
        async with self._ground.writing("role assignment", tokens=True, idempotent=True) as tx:
            await self._check_still_there(tx, given)
            if not await tx.count(ASSIGNMENTS, **msgspec.structs.asdict(given.assignment)):
                await tx.insert(ASSIGNMENTS, given.assignment)

    async def _check_still_there(self, tx: Transaction, given: Grant) -> None:
        one = given.assignment
        is_user = one.actor_kind == USER
        actors = await (tx.count(USERS, id=one.actor_id) if is_user else tx.count(GROUPS, id=one.actor_id))
        targets = 1 if given.target is None else await tx.count(PROJECTS, id=one.target_id)
        if not actors or not targets or not await tx.count(ROLES, id=one.role_id):
            raise Missing("role assignment", one.role_id)

    async def exists(self, one: Assignment) -> bool:
        return bool(await self._db.count(ASSIGNMENTS, **msgspec.structs.asdict(one)))

    async def revoke(self, ctx: Context, one: Assignment) -> None:
        async with self._ground.writing("role assignment", tokens=True) as tx:
            if not await tx.delete(ASSIGNMENTS, **msgspec.structs.asdict(one)):
                raise Missing("role assignment", f"with role: {one.role_id}, {one.actor_kind}: {one.actor_id}")

    async def roles_of(self, one: Assignment) -> list[Role]:
        """The roles of one actor on one target, as made; the role of ``one`` is ignored."""
        equal = {name: value for name, value in msgspec.structs.asdict(one).items() if name != "role_id"}
        found = await self._db.find(ASSIGNMENTS, **equal)
        roles = (await self._standing.snapshot()).roles
        return sorted((roles[a.role_id] for a in found if a.role_id in roles), key=lambda role: role.name)

    # -- lists

    async def find(self, asked: Asked) -> list[Effective]:
        """As made; or, effective, with groups, inheritance and implications worked out."""
        if asked.effective:
            return await self._effective(asked)
        targets = await self._targets(asked)
        where: list[Where] = [] if targets is None else [Where("target_id", "in", sorted(targets))]
        equal: dict[str, Any] = {}
        if asked.role_id is not None:
            equal["role_id"] = asked.role_id
        if asked.inherited is not None:
            equal["inherited"] = asked.inherited
        if asked.user_id is not None or asked.group_id is not None:
            equal["actor_id"] = asked.user_id or asked.group_id
            equal["actor_kind"] = USER if asked.user_id else GROUP
        if asked.system:
            equal["target_kind"] = SYSTEM
        found = await self._db.find(ASSIGNMENTS, where=where, limit=MOST, **equal)
        return [Effective(one, one) for one in found]

    async def _targets(self, asked: Asked) -> set[str] | None:
        if asked.domain_id is not None:
            return {asked.domain_id}
        if asked.project_id is None:
            return None
        below = await self._standing.below(PROJECT, asked.project_id) if asked.subtree else []
        return {asked.project_id, *(p.id for p in below)}

    async def _effective(self, asked: Asked) -> list[Effective]:
        made = await self._made_for(asked)
        members = await self._members({a.actor_id for a in made if a.actor_kind == GROUP})
        snapshot = await self._standing.snapshot()
        targets = await self._targets(asked)
        found: dict[Assignment, Effective] = {}
        for source in made:
            users = members.get(source.actor_id, []) if source.actor_kind == GROUP else [source.actor_id]
            if asked.user_id is not None:
                users = [asked.user_id] if asked.user_id in users else []
            places = await self._places(source) if users else []
            for kind, target_id in places:
                if not _wanted_place(asked, targets, kind, target_id):
                    continue
                for role_id in snapshot.expand([source.role_id]):
                    if asked.role_id is not None and role_id != asked.role_id:
                        continue
                    prior = source.role_id if role_id != source.role_id else None
                    for user_id in users:
                        one = Assignment(role_id, USER, user_id, kind, target_id, False)
                        found.setdefault(one, Effective(one, source, prior))
            if len(found) > MOST:
                break
        return [e for e in found.values() if snapshot.roles[e.assignment.role_id].domain_id == NO_DOMAIN][:MOST]

    async def _made_for(self, asked: Asked) -> list[Assignment]:
        """Whatever could take effect for what is asked."""
        where: list[Where] = []
        if asked.user_id is not None:
            where.append(Where("actor_id", "in", [asked.user_id, *await self._standing.group_ids(asked.user_id)]))
        if asked.project_id is not None and not asked.subtree:
            project = await self._db.get(PROJECTS, id=asked.project_id)
            above = await self._standing.ancestors(project) if project is not None else []
            where.append(Where("target_id", "in", [asked.project_id, *(a.id for a in above)]))
        elif asked.domain_id is not None:
            where.append(Where("target_id", "eq", asked.domain_id))
        elif asked.system:
            where.append(Where("target_kind", "eq", SYSTEM))
        return await self._db.find(ASSIGNMENTS, where=where, limit=MOST)

    async def _places(self, source: Assignment) -> list[tuple[str, str]]:
        if source.inherited:
            below = await self._standing.below(source.target_kind, source.target_id)
            return [(PROJECT, p.id) for p in below]
        return [(source.target_kind, source.target_id)]

    async def _members(self, group_ids: set[str]) -> dict[str, list[str]]:
        members: dict[str, list[str]] = {}
        if group_ids:
            for one in await self._db.find(MEMBERSHIPS, where=[Where("group_id", "in", sorted(group_ids))]):
                members.setdefault(one.group_id, []).append(one.user_id)
        return members

    async def names(self, shown: Iterable[Assignment]) -> dict[str, dict[str, Any]]:
        """What ``include_names`` adds, by id: names, and the domains that users, groups and projects belong to."""
        shown = list(shown)
        users = {a.actor_id for a in shown if a.actor_kind == USER}
        groups = {a.actor_id for a in shown if a.actor_kind == GROUP}
        places = {a.target_id for a in shown if a.target_kind in (PROJECT, DOMAIN)}
        people: list[User | Group] = [*await self._by_id(USERS, users), *await self._by_id(GROUPS, groups)]
        projects: list[Project] = await self._by_id(PROJECTS, places)
        homes = {one.domain_id for one in (*people, *projects)} - {NO_DOMAIN}
        domains = {d.id: d for d in await self._by_id(PROJECTS, homes)}
        names: dict[str, dict[str, Any]] = {}
        for one in (*people, *projects):
            names[one.id] = {"name": one.name}
            if one.domain_id in domains:
                names[one.id]["domain"] = {"id": one.domain_id, "name": domains[one.domain_id].name}
        for role in (await self._standing.snapshot()).roles.values():
            names[role.id] = {"name": role.name}
        return names

    async def _by_id(self, table: Any, identifiers: set[str]) -> list[Any]:
        if not identifiers:
            return []
        return await self._db.find(table, where=[Where("id", "in", sorted(identifiers))])


def _wanted_place(asked: Asked, targets: set[str] | None, kind: str, target_id: str) -> bool:
    if asked.system:
        return kind == SYSTEM
    if asked.domain_id is not None and kind != DOMAIN:
        return False
    return targets is None or target_id in targets
