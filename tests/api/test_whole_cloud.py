"""The composition root on both databases, with the schema that migrations make."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import AsgiClient, PostgresServer
from wolke.app import Cloud, Settings
from wolke.core.config import ConfigError
from wolke.state import StateDirectory, StateError


def settings(state: StateDirectory, url: str | None, **environment: str) -> Settings:
    cheap = {("identity", "hash_memory_kib"): 1024, ("identity", "hash_rounds"): 1}
    said = {("host", "enabled"): False, ("cloud", "database"): url, **cheap}
    return Settings.read(state, environment=environment, public_url="http://cloud.test", said=said)


@pytest.fixture(params=["sqlite", "postgres"])
async def empty_database(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return await server.new_database(empty=True)


@pytest.fixture
async def state(tmp_path: Path) -> StateDirectory:
    directory = StateDirectory(tmp_path / "state")
    directory.make()
    return directory


@pytest.fixture
async def cloud(state: StateDirectory, empty_database: str | None) -> AsyncIterator[Cloud]:
    made = Cloud(settings(state, empty_database), state)
    await made.open()
    yield made
    await made.close()


async def token(cloud: Cloud, user: str = "admin", project: str = "admin") -> str:
    made = cloud.state.secrets()
    domain = {"id": "default"}
    password = {"admin": made.admin_password, "demo": made.member_password}[user]
    who = {"user": {"name": user, "domain": domain, "password": password}}
    scope = {"project": {"name": project, "domain": domain}}
    body = {"auth": {"identity": {"methods": ["password"], "password": who}, "scope": scope}}
    answer = await AsgiClient(cloud.application).post("/identity/v3/auth/tokens", body)
    assert answer.status == 201, answer.body
    return answer.headers["x-subject-token"]


async def test_a_new_cloud_has_what_a_newcomer_needs(cloud: Cloud) -> None:
    client = AsgiClient(cloud.application, token=await token(cloud, "demo", "demo"))
    catalog = {one["type"] for one in (await client.get("/identity/v3/auth/catalog")).json["catalog"]}
    assert catalog == {"identity", "image", "placement", "network", "block-storage", "volumev3", "compute"}
    assert len((await client.get("/compute/v2.1/flavors")).json["flavors"]) >= 5
    outside = (await client.get("/network/v2.0/networks?router:external=true")).json["networks"]
    assert [network["name"] for network in outside] == ["public"]


async def test_administrators_have_the_cloud_checked(cloud: Cloud) -> None:
    admin = AsgiClient(cloud.application, token=await token(cloud))
    answer = await admin.post("/check", {})
    assert answer.status == 200, answer.body
    assert answer.json["found"] == [] == answer.json["silent"]
    assert answer.json["checks"] > 40
    assert (await admin.post("/check", {"repair": "please"})).status == 400
    member = AsgiClient(cloud.application, token=await token(cloud, "demo", "demo"))
    assert (await member.post("/check", {})).status == 403
    assert (await AsgiClient(cloud.application).post("/check", {})).status == 401


async def test_the_catalog_follows_the_object_store(state: StateDirectory, empty_database: str | None) -> None:
    """To where its process serves this time; and without one it is not offered."""
    seen = []
    for url in ("http://cloud.test:1", "http://cloud.test:2", ""):
        cloud = Cloud(settings(state, empty_database), state)
        cloud.store_url = url
        await cloud.open()
        client = AsgiClient(cloud.application, token=await token(cloud, "demo", "demo"))
        catalog = {one["type"]: one for one in (await client.get("/identity/v3/auth/catalog")).json["catalog"]}
        project = (await client.get("/identity/v3/auth/projects")).json["projects"][0]["id"]
        found = [{e["url"] for e in catalog[name]["endpoints"]} for name in ("object-store", "s3") if name in catalog]
        seen.append((found, found and [{f"{url}/v1/AUTH_{project}"}, {f"{url}/"}]))
        assert ("object-store" in (await client.get("/")).json["services"]) == bool(url)
        await cloud.close()
    assert [bool(found) for found, _ in seen] == [True, True, False]
    assert all(found == wanted for found, wanted in seen)


async def test_starting_again_changes_nothing(cloud: Cloud, state: StateDirectory, empty_database: str | None) -> None:
    before = await token(cloud)
    again = Cloud(settings(state, empty_database), state)
    await again.open()
    client = AsgiClient(again.application, token=before)
    assert len((await client.get("/network/v2.0/networks")).json["networks"]) == 1
    assert len((await client.get("/identity/v3/users")).json["users"]) == 3
    await again.close()


async def test_monitors_are_answered(cloud: Cloud) -> None:
    client = AsgiClient(cloud.application)
    assert (await client.get("/healthz")).json["status"] == "ok"
    assert (await client.get("/")).json["services"]["compute"] == "http://cloud.test/compute/v2.1"
    figures = (await client.get("/metrics")).body.decode()
    assert 'wolke_request_seconds_count{method="GET",service="operations",status="200"}' in figures


async def test_two_controllers_may_start_on_one_empty_database(tmp_path: Path, postgres_server: PostgresServer) -> None:
    url = await postgres_server.new_database(empty=True)
    first, second = StateDirectory(tmp_path / "a"), StateDirectory(tmp_path / "b")
    for one in (first, second):
        one.make()
    for name in ("secrets.json",):
        first.secrets()
        (second / name).write_text((first / name).read_text())
    clouds = [Cloud(settings(one, url), one) for one in (first, second)]
    await asyncio.gather(*(cloud.open() for cloud in clouds))
    answer = await AsgiClient(clouds[1].application, token=await token(clouds[0])).get("/identity/v3/users")
    assert answer.status in (200, 401), answer.body
    for cloud in clouds:
        await cloud.close()


def test_a_state_directory_has_one_holder(state: StateDirectory) -> None:
    state.acquire("http://here")
    other = StateDirectory(state.path)
    with pytest.raises(StateError, match=r"already runs in .* http://here"):
        other.acquire("http://there")
    assert other.running() is not None
    state.release()
    assert other.running() is None


def test_secrets_are_for_the_owner_alone(state: StateDirectory) -> None:
    made = state.secrets()
    assert (state / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert made.admin_password not in repr(made)
    assert len({made.admin_password, made.member_password, made.agent_password}) == 3


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"WOLKE_COMPUTE__NOPE": "1"}, r"\[compute\] has no option 'nope'"),
        ({"WOLKE_NOPE__A": "1"}, r"no section \[nope\]"),
        ({"WOLKE_COMPUTE__SYNC_PERIOD_S": "soon"}, r"\[compute\] .*"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(state: StateDirectory, environment: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        settings(state, None, **environment)
