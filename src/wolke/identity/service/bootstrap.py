"""The first people and places of a cloud. Said again it changes nothing, but for endpoints that have moved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wolke.core.context import Context, system_context
from wolke.identity.errors import Duplicate
from wolke.identity.model import (
    DEFAULT_DOMAIN,
    NO_DOMAIN,
    PROJECT,
    SYSTEM,
    USER,
    WHOLE_SYSTEM,
    Assignment,
    CatalogEntry,
    Project,
    Role,
    User,
)
from wolke.identity.store import ENDPOINTS, IMPLICATIONS, PROJECTS, REGIONS, ROLES, SERVICES, USERS

if TYPE_CHECKING:
    from wolke.identity.service import Identity

ROLE_NAMES = ("admin", "manager", "member", "reader", "service", "agent")
IMPLIED = (("admin", "manager"), ("manager", "member"), ("member", "reader"))
PROJECT_NAMES = {"admin": "The cloud's own", "demo": "For trying out", "service": "The cloud's services and agents"}


class Bootstrap:
    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._db = identity.db
        self._ctx: Context = system_context()

    async def run(self, passwords: dict[str, str], region: str, catalog: Iterable[CatalogEntry]) -> None:
        """``passwords`` of admin, demo and agent; they are looked at only while the user is not there."""
        identity, ctx = self._identity, self._ctx
        if await self._db.get(PROJECTS, id=DEFAULT_DOMAIN) is None:
            values = {"name": "Default", "description": "The default domain"}
            await identity.projects.create_domain(ctx, values, domain_id=DEFAULT_DOMAIN)
        roles = {name: await self._role(name) for name in ROLE_NAMES}
        for prior, implied in IMPLIED:
            if not await self._db.count(IMPLICATIONS, prior_role_id=roles[prior].id, implied_role_id=roles[implied].id):
                await identity.roles.imply(ctx, roles[prior].id, roles[implied].id)
        projects = {name: await self._project(name, words) for name, words in PROJECT_NAMES.items()}
        users = {name: await self._user(name, password) for name, password in passwords.items()}
        admin, demo, agent = (users[name].id for name in ("admin", "demo", "agent"))
        for assignment in (
            Assignment(roles["admin"].id, USER, admin, PROJECT, projects["admin"].id, False),
            Assignment(roles["admin"].id, USER, admin, SYSTEM, WHOLE_SYSTEM, False),
            Assignment(roles["member"].id, USER, demo, PROJECT, projects["demo"].id, False),
            Assignment(roles["agent"].id, USER, agent, PROJECT, projects["service"].id, False),
            Assignment(roles["service"].id, USER, agent, PROJECT, projects["service"].id, False),
        ):
            if not await identity.assignments.exists(assignment):
                await identity.assignments.grant(ctx, await identity.assignments.resolve(assignment))
        if await self._db.get(REGIONS, id=region) is None:
            await identity.catalog.create_region(ctx, {}, region_id=region)
        for entry in catalog:
            await self._catalog_entry(entry, region)

    async def _role(self, name: str) -> Role:
        found = await self._db.get(ROLES, domain_id=NO_DOMAIN, name=name)
        return found or await self._identity.roles.create(self._ctx, {"name": name, "options": {"immutable": True}})

    async def _project(self, name: str, description: str) -> Project:
        found = await self._db.get(PROJECTS, domain_id=DEFAULT_DOMAIN, name=name)
        values = {"name": name, "domain_id": DEFAULT_DOMAIN, "description": description}
        return found or await self._identity.projects.create(self._ctx, values)

    async def _user(self, name: str, password: str) -> User:
        found = await self._db.get(USERS, domain_id=DEFAULT_DOMAIN, name=name)
        if found is not None:
            return found
        values = {"name": name, "domain_id": DEFAULT_DOMAIN, "password": password}
        return await self._identity.users.create(self._ctx, values)

    async def _catalog_entry(self, entry: CatalogEntry, region: str) -> None:
        catalog = self._identity.catalog
        services = await self._db.find(SERVICES, type=entry.type, name=entry.name)
        values = {"type": entry.type, "name": entry.name, "description": entry.description}
        service = services[0] if services else await catalog.create_service(self._ctx, values)
        there = {e.interface: e for e in await self._db.find(ENDPOINTS, service_id=service.id, region_id=region)}
        for interface, url in entry.urls.items():
            old = there.get(interface)
            if old is None:
                values = {"service_id": service.id, "interface": interface, "url": url, "region_id": region}
                await catalog.create_endpoint(self._ctx, values)
            elif old.url != url:
                await catalog.update_endpoint(self._ctx, old.id, {"url": url})


async def run(identity: Identity, passwords: dict[str, str], region: str, catalog: Sequence[CatalogEntry]) -> None:
    """Two controllers may start on one empty database: who comes second finds what the first has made."""
    for attempt in range(5):
        try:
            await Bootstrap(identity).run(passwords, region, catalog)
        except Duplicate:
            if attempt == 4:
                raise
        else:
            return
