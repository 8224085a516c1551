"""Several controllers on one database and one directory of keys; restarts; rotations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from wolke.core.clock import Clock
from wolke.core.db import open_database
from wolke.core.errors import Unauthorized
from wolke.identity.config import IdentityConfig
from wolke.identity.model import CatalogEntry
from wolke.identity.service import Identity
from wolke.identity.store import USERS


async def other_controller(cloud: Any, database_url: str) -> Identity:
    db = await open_database(database_url)
    other = Identity(db, cloud.identity.config, cloud.clock, public_url="https://elsewhere.test")
    await other.start()
    return other


async def test_a_token_of_one_is_good_at_another_and_dies_there_too(cloud: Any, database_url: str) -> None:
    other = await other_controller(cloud, database_url)
    demo = await cloud.as_demo()
    assert (await other.authenticate(demo.token)).user_name == "demo"
    assert (await demo.delete("/v3/auth/tokens", headers={"x-subject-token": demo.token})).status == 204
    for _ in range(150):  # a wake on PostgreSQL, the time on SQLite
        try:
            await other.authenticate(demo.token)
        except Unauthorized:
            break
        await asyncio.sleep(0.01)
    with pytest.raises(Unauthorized):
        await other.authenticate(demo.token)
    await other.stop()
    await other.db.close()


async def test_another_address_on_the_next_start_moves_the_catalog(cloud: Any, database_url: str) -> None:
    other = await other_controller(cloud, database_url)
    demo = await cloud.as_demo()
    entry = await other.tokens.verify(demo.token)
    assert b"https://elsewhere.test/compute/v2.1" in await other.tokens.body(entry)
    await other.stop()
    await other.db.close()


async def test_bootstrap_again_changes_nothing_but_moved_endpoints(cloud: Any) -> None:
    admin = await cloud.as_admin()
    paths = ("/v3/users", "/v3/projects", "/v3/roles", "/v3/role_assignments", "/v3/services")
    before = [(await admin.get(path)).json for path in paths]
    moved = [CatalogEntry("compute", "nova", {"public": "http://new.test/v2.1"})]
    await cloud.identity.bootstrap("other", "other", "other", "RegionOne", moved)
    assert [(await admin.get(path)).json for path in paths] == before
    assert (await cloud.login("admin", "other")).status == 401
    catalog = (await cloud.login("admin", scope=cloud.on("admin"))).json["token"]["catalog"]
    assert [s["endpoints"][0]["url"] for s in catalog if s["type"] == "compute"] == ["http://new.test/v2.1"]
    assert len((await admin.get("/v3/endpoints")).json["endpoints"]) == 5


async def test_tokens_survive_rotations_until_their_key_is_forgotten(cloud: Any, database_url: str) -> None:
    other = await other_controller(cloud, database_url)
    demo = await cloud.as_demo()
    await cloud.identity.rotate_keys()
    fresh = await cloud.as_demo()
    assert (await other.authenticate(fresh.token)).user_name == "demo"  # sealed with what was staged
    await cloud.identity.rotate_keys()
    await cloud.identity.rotate_keys()
    assert (await cloud.as_demo()).token
    third = await other_controller(cloud, database_url)
    with pytest.raises(Unauthorized):
        await third.authenticate(demo.token)
    for one in (other, third):
        await one.stop()
        await one.db.close()


async def test_an_empty_database_may_be_bootstrapped_by_two_at_once(database_url: str, tmp_path: Path) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("one SQLite file has one controller")
    config = IdentityConfig(keys_dir=str(tmp_path / "keys"), hash_memory_kib=64, hash_rounds=1)
    databases = [await open_database(database_url) for _ in range(2)]
    both = [Identity(db, config, Clock(), public_url="http://x") for db in databases]
    for one in both:
        await one.start()
    await asyncio.gather(*(one.bootstrap("a", "b", "c", "RegionOne", ()) for one in both))
    assert await both[0].db.count(USERS) == 3
    for one in both:
        await one.stop()
        await one.db.close()
