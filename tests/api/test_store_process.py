"""The object store as its process composes it, on the database of a cloud beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.conftest import AsgiClient
from wolke.app import Cloud
from wolke.core.config import ConfigError
from wolke.settings import Settings
from wolke.state import StateDirectory
from wolke.store_process import Store, engines

CHEAP = {("identity", "hash_memory_kib"): 1024, ("identity", "hash_rounds"): 1}


class Pair:
    """A cloud, and a store that is in another process as far as it can tell."""

    def __init__(self, cloud: Cloud, store: Store) -> None:
        self.cloud, self.store = cloud, store
        self.apis, self.objects = AsgiClient(cloud.application), AsgiClient(store)

    async def login(self) -> tuple[str, str]:
        """A token of the member, and the member's account."""
        domain = {"id": "default"}
        who = {"user": {"name": "demo", "domain": domain, "password": self.cloud.state.secrets().member_password}}
        scope = {"project": {"name": "demo", "domain": domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": who}, "scope": scope}}
        answer = await self.apis.post("/identity/v3/auth/tokens", body)
        return answer.headers["x-subject-token"], f"/v1/AUTH_{answer.json['token']['project']['id']}"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    state = StateDirectory(tmp_path / "state")
    state.make()
    said: dict[tuple[str, str], Any] = {
        **CHEAP,
        ("host", "enabled"): False,
        ("object_store", "policies"): "gold=memory",
    }
    settings = Settings.read(state, environment={}, public_url="http://cloud.test", said=said)
    cloud, store = Cloud(settings, state), Store(settings, state)
    await cloud.open()
    await store.open()
    store.begin()
    yield Pair(cloud, store)
    await store.close()
    await cloud.close()


async def test_a_token_of_the_cloud_opens_its_projects_account_until_it_ends(pair: Pair) -> None:
    token, account = await pair.login()
    objects = pair.objects.using(token, account)
    assert (await objects.put("/box")).status == 201
    assert (await objects.put("/box/thing", content=b"hello")).status == 201
    assert (await objects.get("/box/thing")).body == b"hello"
    assert (await pair.objects.get(f"{account}/box/thing")).status == 401
    await pair.apis.using(token).delete("/identity/v3/auth/tokens", headers={"x-subject-token": token})
    assert (await objects.get("/box/thing")).status == 401


async def test_monitors_are_answered_on_its_own_port(pair: Pair) -> None:
    health = await pair.objects.get("/healthz")
    assert health.json == {
        "status": "ok",
        "parts": {"engine gold": True, "object-expirer": True, "object-lifecycle": True},
    }
    figures = (await pair.objects.get("/metrics")).body
    assert b"wolke_request_seconds" in figures and b'wolke_object_room_bytes{kind="used",policy="gold"}' in figures
    assert (await pair.objects.get("/healthcheck")).body == b"OK"
    assert "swift" in (await pair.objects.get("/info")).json


def test_each_policy_has_a_place_of_its_own(tmp_path: Path) -> None:
    settings = Settings.read(
        StateDirectory(tmp_path), environment={}, public_url="",
        said={("object_store", "policies"): f"fast = memory , cold=memory:{tmp_path}/elsewhere"},
    )  # fmt: skip
    with pytest.raises(ConfigError, match="no object_store driver"):
        engines(settings.object_store.__class__(policies="fast = nothing"), tmp_path)
    assert list(engines(settings.object_store, tmp_path)) == ["fast", "cold"]
    assert (tmp_path / "objects/fast").is_dir() and (tmp_path / "elsewhere").is_dir()
    assert not (tmp_path / "objects/cold").exists()


async def test_s3_is_spoken_with_the_keys_and_in_the_region_of_the_cloud(pair: Pair) -> None:
    token, account = await pair.login()
    apis = pair.apis.using(token)
    me = (await apis.get("/identity/v3/auth/tokens", headers={"x-subject-token": token})).json["token"]["user"]["id"]
    asked = {"tenant_id": account.removeprefix("/v1/AUTH_")}
    made = await apis.post(f"/identity/v3/users/{me}/credentials/OS-EC2", asked)
    key = made.json["credential"]
    for region in ("RegionOne", "us-east-1"):
        assert (await signed(pair.objects, key, "PUT", "/bucket-" + region.lower(), region)).status == 200
    assert b"bucket-regionone" in (await pair.objects.using(token).get(account)).body
    assert (await signed(pair.objects, key | {"secret": "x"}, "GET", "/", "RegionOne")).status == 403
    # A bucket may be called as a monitor's page is.
    assert (await signed(pair.objects, key, "PUT", "/healthz", "RegionOne")).status == 200
    await apis.delete(f"/identity/v3/users/{me}/credentials/OS-EC2/{key['access']}")
    assert (await signed(pair.objects, key, "GET", "/", "RegionOne")).status == 403


async def signed(client: AsgiClient, key: dict[str, str], method: str, path: str, region: str) -> Any:
    request = AWSRequest(method, f"http://cloud.test{path}", headers={"host": "cloud.test"}, data=b"")
    S3SigV4Auth(Credentials(key["access"], key["secret"]), "s3", region).add_auth(request)
    return await client.request(method, path, headers=dict(request.headers.items()))
