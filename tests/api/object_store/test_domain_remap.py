"""Accounts and containers as names of hosts."""

from __future__ import annotations

from typing import Any

import pytest

from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.filters.domain_remap import account_of


@pytest.fixture
def object_store_config() -> ObjectStoreConfig:
    return ObjectStoreConfig(storage_domains="storage.example, .other.example")


async def ask(swift: Any, host: str, path: str, method: str = "GET", **more: Any) -> Any:
    return await swift.ann.using(prefix="", host=host).request(method, path, **more)


async def test_an_account_and_a_container_as_hosts(swift: Any) -> None:
    await swift.container()
    await swift.object("/c/v1/o", b"hello")
    account = "a" * 32
    for host in (
        f"AUTH_{account}.storage.example",
        f"auth-{account}.Storage.Example:8080",
        f"AUTH_{account}.other.example",
    ):
        assert (await ask(swift, host, "/")).body == b"c\n"
        assert (await ask(swift, host, "/c/v1/o")).body == b"hello"
        assert (await ask(swift, f"c.{host}", "/v1/o")).body == b"hello"
        assert (await ask(swift, f"c.{host}", "/")).body.splitlines()[-1] == b"v1/o"
        assert (await ask(swift, f"c.{host}", "/new", "PUT", content=b"x")).status == 201
    assert (await swift.ann.get("/c/new")).body == b"x"


async def test_other_hosts_are_as_they_are(swift: Any) -> None:
    await swift.container()
    for host in ("storage.example", "else.example", "nobody.storage.example", ""):
        assert (await ask(swift, host, swift.at("/c"))).status == 204
    assert (await ask(swift, "a.b.AUTH_x.storage.example", "/")).status == 400


async def test_a_web_site_keeps_its_host(swift: Any) -> None:
    await swift.container(x_container_read=".r:*,.rlistings", x_container_meta_web_index="i")
    await swift.object("/c/dir/i", b"page")
    host = f"c.auth-{'a' * 32}.storage.example"
    visitor = swift.nobody.using(host=host)
    answer = await visitor.get("/dir")
    assert (answer.status, answer.headers["location"]) == (301, f"http://{host}/dir/")
    assert (await visitor.get("/dir/")).body == b"page"


@pytest.mark.parametrize(
    ("name", "account"),
    [("AUTH_1", "AUTH_1"), ("auth-1-2", "AUTH_1-2"), ("service_x", "SERVICE_x"), ("other-1", None), ("auth", None)],
)
def test_which_account_a_host_names(name: str, account: str | None) -> None:
    assert account_of(name) == account
