"""Identity's verbs, a class for each noun, on one ground."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.db import Database
from wolke.identity.config import IdentityConfig
from wolke.identity.model import DEFAULT_DOMAIN, CatalogEntry, Project, User
from wolke.identity.service import bootstrap
from wolke.identity.service.application_credentials import ApplicationCredentials
from wolke.identity.service.assignments import Assignments
from wolke.identity.service.authentication import Authentication
from wolke.identity.service.catalog import Catalog
from wolke.identity.service.credentials import Credentials
from wolke.identity.service.ec2 import Ec2
from wolke.identity.service.ground import PROJECTS_WAKE, Ground
from wolke.identity.service.groups import Groups
from wolke.identity.service.passwords import Passwords
from wolke.identity.service.policies import Policies
from wolke.identity.service.projects import Projects
from wolke.identity.service.roles import Roles
from wolke.identity.service.service_users import service_token
from wolke.identity.service.standing import Standing
from wolke.identity.service.tokens import Tokens
from wolke.identity.service.users import Users
from wolke.identity.store import PROJECTS, USERS
from wolke.identity.store.keys import KeyRing


class Identity:
    """``public_url``: how clients reach this cloud (``http://127.0.0.1:8774``); endpoints are shown with it.
    ``authenticate`` is what ``core.http.Application`` asks who speaks."""

    def __init__(self, db: Database, config: IdentityConfig, clock: Clock, *, public_url: str) -> None:
        self.db = db
        self.config = config
        self.ground = Ground(db, config, clock, public_url)
        directory = Path(config.keys_dir or "keys")
        self._token_keys = KeyRing(directory / "tokens", max_active=config.max_active_keys)
        self._credential_keys = KeyRing(directory / "credentials", max_active=2)
        self.passwords = Passwords(config)
        self.standing = Standing(self.ground)
        self.tokens = Tokens(self.ground, self.standing, self._token_keys)
        self.authentication = Authentication(self.ground, self.standing, self.tokens, self.passwords)
        self.projects = Projects(self.ground, self.standing)
        self.users = Users(self.ground, self.standing, self.passwords)
        self.groups = Groups(self.ground)
        self.roles = Roles(self.ground, self.standing)
        self.assignments = Assignments(self.ground, self.standing)
        self.catalog = Catalog(self.ground)
        self.application_credentials = ApplicationCredentials(self.ground, self.standing, self.passwords)
        self.policies = Policies(self.ground)
        self.credentials = Credentials(self.ground, self._credential_keys)
        self.ec2 = Ec2(self.ground, self.tokens, self.credentials)

    async def start(self) -> None:
        """Keys are made on the first start."""
        await asyncio.to_thread(self._load_keys)
        await self.ground.start()

    def _load_keys(self) -> None:
        self._token_keys.load()
        self._credential_keys.load()

    async def stop(self) -> None:
        await asyncio.to_thread(self.passwords.close)

    async def rotate_keys(self) -> None:
        """The staged token key becomes the primary. Tokens survive ``max_active_keys`` - 1 rotations."""
        await asyncio.to_thread(self._token_keys.rotate)

    async def bootstrap(
        self,
        admin_password: str,
        member_password: str,
        agent_password: str,
        region: str,
        catalog: Sequence[CatalogEntry],
    ) -> None:
        """The first people and places, unless they are there; endpoints follow ``catalog``."""
        passwords = {"admin": admin_password, "demo": member_password, "agent": agent_password}
        await bootstrap.run(self, passwords, region, catalog)

    # -- what other services ask

    async def authenticate(self, token: str, service_token: str | None = None) -> Context:
        """Who speaks; 401 for a token that is none, or no longer."""
        return await self.tokens.authenticate(token, service_token)

    async def service_token(self, name: str) -> tuple[str, str]:
        """A token for a part of the cloud itself, and the id of its project: ``name``, a member of ``service`` without a
        password, made when first asked for."""
        return await service_token(self, name)

    async def ec2_secret(self, access: str) -> tuple[Context, str] | None:
        """Who signs with an access key, and the secret to check it with; None for a key that is none, or no longer."""
        return await self.ec2.secret(access)

    async def project(self, project_id: str) -> Project | None:
        """A project; None if there is none, or it is a domain."""
        found = await self.db.get(PROJECTS, id=project_id)
        return found if found is not None and not found.is_domain else None

    async def project_named(self, name: str, domain_id: str = DEFAULT_DOMAIN) -> Project | None:
        return await self.db.get(PROJECTS, domain_id=domain_id, name=name)

    async def projects_by_id(self, project_ids: Iterable[str]) -> dict[str, Project]:
        return {p.id: p for p in await self.projects.find(sorted(set(project_ids)))}

    async def user(self, user_id: str) -> User | None:
        return await self.db.get(USERS, id=user_id)

    async def users_by_id(self, user_ids: Iterable[str]) -> dict[str, User]:
        return {u.id: u for u in await self.users.find(sorted(set(user_ids)))}

    def on_project_deleted(self, listener: Callable[[], None]) -> None:
        """``listener`` is told, in any controller, to look whether a project that it keeps something for is gone."""
        self.db.on_wake(PROJECTS_WAKE, listener)
