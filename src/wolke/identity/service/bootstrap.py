"""The first people and places of a cloud. Said again it changes nothing, but for endpoints that have moved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

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
        roles, projects, users = await _together(
            _together(*map(self._role, ROLE_NAMES)),
            _together(*(self._project(name, words) for name, words in PROJECT_NAMES.items())),
            _together(*(self._user(name, password) for name, password in passwords.items())),
        )
        role = {one.name: one.id for one in roles}
        project = {one.name: one.id for one in projects}
        admin, demo, agent = (one.id for one in users)
        await _together(
            *(self._implication(role[prior], role[implied]) for prior, implied in IMPLIED),
            self._grant(Assignment(role["admin"], USER, admin, PROJECT, project["admin"], False)),
            self._grant(Assignment(role["admin"], USER, admin, SYSTEM, WHOLE_SYSTEM, False)),
            self._grant(Assignment(role["member"], USER, demo, PROJECT, project["demo"], False)),
            self._grant(Assignment(role["agent"], USER, agent, PROJECT, project["service"], False)),
            # Backups are objects of the project that agents work in.
            self._grant(Assignment(role["member"], USER, agent, PROJECT, project["service"], False)),
            self._grant(Assignment(role["service"], USER, agent, PROJECT, project["service"], False)),
        )
        if await self._db.get(REGIONS, id=region) is None:
            await identity.catalog.create_region(ctx, {}, region_id=region)
        await _together(*(self._catalog_entry(entry, region) for entry in catalog))

    async def _implication(self, prior_id: str, implied_id: str) -> None:
        if not await self._db.count(IMPLICATIONS, prior_role_id=prior_id, implied_role_id=implied_id):
            await self._identity.roles.imply(self._ctx, prior_id, implied_id)

    async def _grant(self, assignment: Assignment) -> None:
        assignments = self._identity.assignments
        if not await assignments.exists(assignment):
            await assignments.grant(self._ctx, await assignments.resolve(assignment))

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
        if not entry.urls:
            for service in services:
                await catalog.delete_service(self._ctx, service.id)
            return
        values = {"type": entry.type, "name": entry.name, "description": entry.description}
        service = services[0] if services else await catalog.create_service(self._ctx, values)
        there = {e.interface: e for e in await self._db.find(ENDPOINTS, service_id=service.id, region_id=region)}
        for interface, url in entry.urls.items():
            old = there.get(interface)
            values = {"service_id": service.id, "interface": interface, "url": url, "region_id": region}
            if old is None:
                await catalog.create_endpoint(self._ctx, values)
            elif old.url != url:
                await catalog.update_endpoint(self._ctx, old.id, {"url": url})


async def _together(*works: Awaitable[Any]) -> list[Any]:
    """All at once, so that one commit carries many; the first failure once all have ended."""
    done = await asyncio.gather(*works, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return done


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
