"""A store in memory behind the Swift door, a clock that tests move, and people who speak to it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.errors import Unauthorized
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.doors import build_door
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.reconcile.expirer import Expirer
from wolke.object_store.service import ObjectStore

PROJECTS = {"ann": "a" * 32, "bob": "b" * 32, "far": "f" * 32}


class MovedClock(Clock):
    """The time it is, and what tests add to it."""

    ahead_s = 0.0

    def time(self) -> float:
        return time.time() + self.ahead_s


async def authenticate(token: str, service_token: str | None = None) -> Context:
    """``ann`` and ``bob`` run their accounts, ``ann-reader`` looks, ``ann-guest`` has no role that counts, ``far`` is of another
    domain, ``reseller`` is everybody's. The token ``service`` beside another is that of a service."""
    name, _, role = token.partition("-")
    if token == "reseller":
        name, role = "bob", "ResellerAdmin"
    if name not in PROJECTS:
        raise Unauthorized
    domain = "elsewhere" if name == "far" else "default"
    ctx = Context(
        user_id=f"id-of-{token}",
        user_name=token,
        user_domain_id=domain,
        project_id=PROJECTS[name],
        project_name=f"project-{name}",
        project_domain_id=domain,
        roles=frozenset({role or "member"}),
    )
    return replace(ctx, service_roles=frozenset({"service"})) if service_token == "service" else ctx


class Swift:
    """``ann``, ``bob`` … are clients at their own account; ``nobody`` has no token. ``at("/c/o")`` is ann's path in full."""

    def __init__(self, client: type[Any], config: ObjectStoreConfig) -> None:
        self.clock = MovedClock()
        engines = {"default": Memory(Path("/nowhere")), "silver": Memory(Path("/nowhere"))}
        self.store = ObjectStore(engines, config, self.clock)
        self.expirer = Expirer(self.store)
        self._client = client(build_door(self.store, authenticate))
        self.nobody = self._client
        self.ann = self.client("ann")
        self.bob = self.client("bob")

    def client(self, token: str, account: str | None = None) -> Any:
        """Whose paths begin behind the account."""
        account = account or f"AUTH_{PROJECTS[token.partition('-')[0]]}"
        return self._client.using(token, prefix=f"/v1/{account}")

    def visitor(self, token: str) -> Any:
        """At ann's account."""
        return self.client(token, f"AUTH_{PROJECTS['ann']}")

    @staticmethod
    def at(path: str = "") -> str:
        return f"/v1/AUTH_{PROJECTS['ann']}{path}"

    async def container(self, name: str = "c", **headers: str) -> str:
        """Ann's; ``x_container_read="…"`` is a header."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = await self.ann.put(f"/{name}", headers=sent)
        assert answer.status == 201, answer.body
        return name

    async def object(self, path: str = "/c/o", content: bytes = b"data", **headers: str) -> Any:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = await self.ann.put(path, content=content or b"", headers={"content-length": str(len(content)), **sent})
        assert answer.status == 201, answer.body
        return answer

    async def names(self, path: str) -> list[str]:
        answer = await self.ann.get(path)
        assert answer.status in (200, 204), answer.body
        return answer.body.decode().splitlines()


@pytest.fixture
def object_store_config() -> ObjectStoreConfig:
    return ObjectStoreConfig()


@pytest.fixture
def swift(asgi_client: type[Any], object_store_config: ObjectStoreConfig) -> Swift:
    return Swift(asgi_client, object_store_config)
