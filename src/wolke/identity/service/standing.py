"""Who has which roles where: the union of what the user and the user's groups were given on a target and, inherited, above it,
with every role that those imply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wolke.core.db import Order, Reader, Where
from wolke.identity.model import (
    DOMAIN,
    GROUP,
    NO_DOMAIN,
    PROJECT,
    SYSTEM,
    USER,
    Assignment,
    Endpoint,
    Project,
    Role,
    Scope,
    Service,
)
from wolke.identity.service.ground import Ground
from wolke.identity.store import ASSIGNMENTS, ENDPOINTS, IMPLICATIONS, MEMBERSHIPS, PROJECTS, ROLES, SERVICES


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The small tables, as of an epoch. ``implied``: each role's closure, itself included."""

    epoch: int
    roles: dict[str, Role]
    implied: dict[str, frozenset[str]]
    catalog: tuple[tuple[Service, tuple[Endpoint, ...]], ...]

    def expand(self, role_ids: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for role_id in role_ids:
            found |= self.implied.get(role_id, frozenset())
        return found


class Standing:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._db = ground.db
        self._snapshot: Snapshot | None = None

    async def snapshot(self) -> Snapshot:
        epoch = await self._ground.epoch()
        if self._snapshot is None or self._snapshot.epoch != epoch:
            self._snapshot = await self._load(epoch)
        return self._snapshot

    async def _load(self, epoch: int) -> Snapshot:
        roles = {role.id: role for role in await self._db.find(ROLES)}
        edges: dict[str, list[str]] = {}
        for implication in await self._db.find(IMPLICATIONS):
            edges.setdefault(implication.prior_role_id, []).append(implication.implied_role_id)
        endpoints: dict[str, list[Endpoint]] = {}
        for endpoint in await self._db.find(ENDPOINTS, order=[Order("id")], enabled=True):
            endpoints.setdefault(endpoint.service_id, []).append(endpoint)
        services = await self._db.find(SERVICES, order=[Order("type"), Order("id")], enabled=True)
        catalog = tuple((service, tuple(endpoints.get(service.id, ()))) for service in services)
        return Snapshot(epoch, roles, {role_id: closure(role_id, edges) for role_id in roles}, catalog)

    async def group_ids(self, user_id: str, reader: Reader | None = None) -> list[str]:
        return [m.group_id for m in await (reader or self._db).find(MEMBERSHIPS, user_id=user_id)]

    async def ancestors(self, project: Project, reader: Reader | None = None) -> list[Project]:
        """From the parent up to and with the domain."""
        found: list[Project] = []
        seen = {project.id}
        parent_id = project.parent_id
        while parent_id is not None and parent_id not in seen:
            parent = await (reader or self._db).get(PROJECTS, id=parent_id)
            if parent is None:
                break
            found.append(parent)
            seen.add(parent.id)
            parent_id = parent.parent_id
        return found

    async def roles(self, user_id: str, scope: Scope, project: Project | None) -> tuple[Role, ...]:
        """The user's roles on a scope, implied ones too, without those that belong to one domain."""
        above = [a.id for a in await self.ancestors(project)] if project is not None else []
        return await self.roles_below(user_id, scope, above)

    async def roles_below(self, user_id: str, scope: Scope, above: Sequence[str]) -> tuple[Role, ...]:
        """As ``roles``, when the ancestors of the scope's project are known already."""
        if scope.target is None:
            return ()
        kind, target_id = scope.target
        actors = [user_id, *await self.group_ids(user_id)]
        found = await self._db.find(
            ASSIGNMENTS, where=[Where("actor_id", "in", actors), Where("target_id", "in", [target_id, *above])]
        )
        given = {a.role_id for a in found if _holds(a, kind, target_id)}
        snapshot = await self.snapshot()
        whole = [snapshot.roles[role_id] for role_id in snapshot.expand(given)]
        return tuple(sorted((r for r in whole if r.domain_id == NO_DOMAIN), key=lambda r: r.name))

    async def assignments(self, user_id: str) -> list[Assignment]:
        """The user's own and those of the user's groups."""
        actors = [user_id, *await self.group_ids(user_id)]
        found = await self._db.find(ASSIGNMENTS, where=[Where("actor_id", "in", actors)])
        return [a for a in found if a.actor_kind == (USER if a.actor_id == user_id else GROUP)]

    async def project_ids(self, user_id: str) -> set[str]:
        """Every project on which the user has any role."""
        direct: set[str] = set()
        tops: set[tuple[str, str]] = set()
        for one in await self.assignments(user_id):
            if one.inherited:
                tops.add((one.target_kind, one.target_id))
            elif one.target_kind == PROJECT:
                direct.add(one.target_id)
        for kind, target_id in tops:
            direct.update(p.id for p in await self.below(kind, target_id))
        return direct

    async def domain_ids(self, user_id: str) -> set[str]:
        return {a.target_id for a in await self.assignments(user_id) if a.target_kind == DOMAIN and not a.inherited}

    async def on_system(self, user_id: str) -> bool:
        return any(a.target_kind == SYSTEM for a in await self.assignments(user_id))

    async def below(self, kind: str, target_id: str, reader: Reader | None = None) -> list[Project]:
        """The projects of a domain, or all that stand below a project, parents first."""
        reader = reader or self._db
        if kind == DOMAIN:
            return await reader.find(PROJECTS, domain_id=target_id, is_domain=False)
        found: list[Project] = []
        level = [target_id]
        while level:
            children = await reader.find(PROJECTS, where=[Where("parent_id", "in", level)])
            found += children
            level = [child.id for child in children]
        return found


def _holds(assignment: Assignment, kind: str, target_id: str) -> bool:
    """Whether an assignment on the target or above it is one for the target."""
    if assignment.target_id == target_id:
        return assignment.target_kind == kind and (not assignment.inherited or kind == SYSTEM)
    return kind == PROJECT and assignment.inherited and assignment.target_kind in (PROJECT, DOMAIN)


def closure(start: str, edges: dict[str, list[str]]) -> frozenset[str]:
    """``start`` and all that can be reached from it."""
    found, waiting = {start}, [start]
    while waiting:
        for following in edges.get(waiting.pop(), ()):
            if following not in found:
                found.add(following)
                waiting.append(following)
    return frozenset(found)
