"""A cloud with nothing but Identity, bootstrapped, and people who talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from wolke.core.clock import Clock
from wolke.core.db import Database
from wolke.core.http import Application
from wolke.identity.api import build_api
from wolke.identity.config import IdentityConfig
from wolke.identity.model import CatalogEntry
from wolke.identity.service import Identity

PUBLIC = "$(public_url)s"
CATALOG = (
    CatalogEntry("identity", "keystone", dict.fromkeys(("public", "internal", "admin"), f"{PUBLIC}/identity/v3")),
    CatalogEntry("compute", "nova", {"public": f"{PUBLIC}/compute/v2.1"}),
    CatalogEntry("object-store", "swift", {"public": f"{PUBLIC}/object-store/v1/AUTH_$(project_id)s"}),
)
PASSWORDS = {"admin": "admin-secret", "demo": "demo-secret", "agent": "agent-secret"}


class MovableClock(Clock):
    """The wall clock, and then some."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


def cheap_config(keys_dir: Path, **more: Any) -> IdentityConfig:
    """Passwords that cost little, so that tests do."""
    return IdentityConfig(keys_dir=str(keys_dir), hash_memory_kib=64, hash_rounds=1, **more)


class Cloud:
    """Identity behind its API, and the ways to get tokens from it."""

    system: ClassVar[Any] = {"system": {"all": True}}

    def __init__(self, identity: Identity, client: Any, clock: MovableClock) -> None:
        self.identity, self.client, self.clock = identity, client, clock

    @staticmethod
    def on(project: str) -> dict[str, Any]:
        """The scope of a project of the default domain."""
        return {"project": {"name": project, "domain": {"id": "default"}}}

    async def login(self, name: str, password: str | None = None, scope: Any = None, domain: str = "Default") -> Any:
        user = {"name": name, "domain": {"name": domain}, "password": password or PASSWORDS.get(name, name)}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if scope is not None:
            auth["scope"] = scope
        return await self.client.post("/v3/auth/tokens", {"auth": auth})

    async def as_user(self, name: str, scope: Any = None, password: str | None = None) -> Any:
        answer = await self.login(name, password, scope)
        assert answer.status == 201, answer.body
        return self.client.using(answer.headers["x-subject-token"])

    async def as_admin(self) -> Any:
        return await self.as_user("admin", self.on("admin"))

    async def as_demo(self) -> Any:
        return await self.as_user("demo", self.on("demo"))

    async def make(self, noun: str, **values: Any) -> Any:
        """Something made by the admin: ``make("user", name="x")``."""
        answer = await (await self.as_admin()).post(f"/v3/{noun}s", {noun: values})
        assert answer.status == 201, answer.body
        return answer.json[noun]

    async def grant(self, user_id: str, role: str, *, project_id: str = "", domain_id: str = "") -> None:
        role_id = (await self.identity.roles.by_name(role)).id
        where = f"projects/{project_id}" if project_id else f"domains/{domain_id}" if domain_id else "system"
        answer = await (await self.as_admin()).put(f"/v3/{where}/users/{user_id}/roles/{role_id}")
        assert answer.status == 204, answer.body


@pytest.fixture
async def cloud(database: Database, tmp_path: Path, asgi_client: Any) -> AsyncIterator[Cloud]:
    clock = MovableClock()
    identity = Identity(database, cheap_config(tmp_path / "keys"), clock, public_url="http://cloud.test")
    await identity.start()
    await identity.bootstrap("admin-secret", "demo-secret", "agent-secret", "RegionOne", CATALOG)
    client = asgi_client(Application([build_api(identity)], identity.authenticate), "/identity")
    yield Cloud(identity, client, clock)
    await identity.stop()
