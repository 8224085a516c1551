"""``/auth/v1.0``, against Identity itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wolke.core.clock import Clock
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.doors import build_door
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.service import ObjectStore

from ..identity.conftest import Cloud, cloud

__all__ = ["cloud"]


@pytest.fixture
def door(cloud: Cloud, asgi_client: Any) -> Any:
    identity = cloud.identity
    store = ObjectStore({"default": Memory(Path("/nowhere"))}, ObjectStoreConfig(), Clock())
    login = identity.authentication.login
    return asgi_client(build_door(store, identity.authenticate, keys=identity.ec2_secret, login=login))


async def test_a_name_and_a_password_give_a_token_and_a_place(door: Any) -> None:
    headers = {"x-auth-user": "demo:demo", "x-auth-key": "demo-secret"}
    answer = await door.get("/auth/v1.0", headers=headers)
    assert answer.status == 200
    assert answer.headers["x-storage-token"] == answer.headers["x-auth-token"]
    path = answer.headers["x-storage-url"].removeprefix("http://cloud.test")
    assert (await door.using(answer.headers["x-auth-token"]).put(path + "/c")).status == 201


async def test_everything_else_is_401(door: Any) -> None:
    for headers in (
        {"x-auth-user": "demo:demo", "x-auth-key": "wrong"},
        {"x-auth-user": "admin:demo", "x-auth-key": "demo-secret"},
        {"x-auth-user": "demo", "x-auth-key": "demo-secret"},
        {"x-auth-user": "demo:demo"},
        {},
    ):
        assert (await door.get("/auth/v1.0", headers=headers)).status == 401
