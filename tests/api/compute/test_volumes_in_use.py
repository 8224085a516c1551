"""Volumes that change while a server has them: their size and their type, and with those how fast they may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.compute.test_volume_attachments import running
from tests.conftest import ADMIN_PROJECT, MEMBER_PROJECT, AsgiClient
from tests.disk_cloud import DiskCloud
from wolke.block_storage.agent import Backend
from wolke.block_storage.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVER_ACTIONS
from wolke.core.db import Database


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> DiskCloud:
    return await DiskCloud.whole(database, tmp_path)


@pytest.fixture
def admin(cloud: DiskCloud) -> AsgiClient:
    return cloud.http.using("admin", f"/volume/v3/{ADMIN_PROJECT}", openstack_api_version="volume latest")


@pytest.fixture
def owner(cloud: DiskCloud) -> AsgiClient:
    return cloud.http.using("member", f"/volume/v3/{MEMBER_PROJECT}", openstack_api_version="volume latest")


async def make_type(admin: AsgiClient, name: str, limits: dict[str, str], **extra: str) -> None:
    made = (await admin.post("/types", {"volume_type": {"name": name, "extra_specs": extra}})).json["volume_type"]
    specs = await admin.post("/qos-specs", {"qos_specs": {"name": name, "consumer": "front-end", **limits}})
    path = f"/qos-specs/{specs.json['qos_specs']['id']}"
    assert (await admin.get(f"{path}/associate?vol_type_id={made['id']}")).status == 202


async def attached(cloud: DiskCloud, kind: str) -> tuple[str, str]:
    server_id, volume_id = await running(cloud), await cloud.volume(volume_type=kind)
    await cloud.attach(server_id, volume_id)
    await cloud.settle()
    return server_id, volume_id


async def act(client: AsgiClient, volume_id: str, action: str, words: Any, status: int = 202) -> bytes:
    answer = await client.post(f"/volumes/{volume_id}/action", {action: words})
    assert answer.status == status, answer.body
    return answer.body


async def actions(cloud: DiskCloud, server_id: str) -> list[tuple[str, int]]:
    found = await cloud.db.find(SERVER_ACTIONS, server_id=server_id)
    return [(one.action, len(one.events)) for one in found if one.action not in ("create", "attach_volume")]


async def test_limits_by_size_follow_a_volume_that_grows_at_once(
    cloud: DiskCloud,
    admin: AsgiClient,
    owner: AsgiClient,
) -> None:
    await make_type(admin, "scaled", {"total_iops_sec_per_gb": "30"})
    server_id, volume_id = await attached(cloud, "scaled")
    assert cloud.machines().limits(server_id, volume_id) == {"total_iops_sec": "30"}
    await act(owner, volume_id, "os-extend", {"new_size": 3})
    await cloud.settle()
    assert cloud.machines().limits(server_id, volume_id) == {"total_iops_sec": "90"}
    now = await cloud.server(server_id)
    assert (now.status, now.task) == ("ACTIVE", None)
    assert await actions(cloud, server_id) == [("extend_volume", 1)]


async def test_a_volume_in_use_changes_its_type_and_its_limits_follow_at_once(
    cloud: DiskCloud,
    admin: AsgiClient,
    owner: AsgiClient,
) -> None:
    await make_type(admin, "slow", {"total_iops_sec": "10"})
    await make_type(admin, "fast", {"total_iops_sec": "1000"})
    server_id, volume_id = await attached(cloud, "slow")
    for policy, kind, told in (("never", "fast", "1000"), ("on-demand", "slow", "10")):
        await act(owner, volume_id, "os-retype", {"new_type": kind, "migration_policy": policy})
        await cloud.settle()
        assert cloud.machines().limits(server_id, volume_id) == {"total_iops_sec": told}
        shown = (await owner.get(f"/volumes/{volume_id}")).json["volume"]
        assert (shown["volume_type"], shown["status"]) == (kind, "in-use")
    assert await actions(cloud, server_id) == [("retype_volume", 1)] * 2


async def test_a_type_that_a_volume_in_use_cannot_have_is_refused_with_the_reason(
    cloud: DiskCloud,
    admin: AsgiClient,
    owner: AsgiClient,
) -> None:
    await make_type(admin, "plain", {"total_iops_sec": "10"})
    await make_type(admin, "shared", {"total_iops_sec": "20"}, multiattach="<is> True")
    await make_type(admin, "elsewhere", {"total_iops_sec": "20"}, volume_backend_name="tape")
    server_id, volume_id = await attached(cloud, "plain")
    for kind, why in (("shared", b"multiattach"), ("elsewhere", b"No valid backend"), ("plain", b"same as original")):
        for policy in ("never", "on-demand"):
            wish = {"new_type": kind, "migration_policy": policy}
            assert why in await act(owner, volume_id, "os-retype", wish, 400)
    await cloud.settle()
    assert cloud.machines().limits(server_id, volume_id) == {"total_iops_sec": "10"}


async def test_a_volume_in_use_goes_to_the_back_end_of_its_new_type(
    cloud: DiskCloud,
    admin: AsgiClient,
    owner: AsgiClient,
) -> None:
    storage = cloud.storage_agents["host-1"]
    storage._ground.backends["more"] = Backend("more", "simulated", SimulatedDriver(host="host-1"))  # type: ignore[index]
    await storage.register()
    await make_type(admin, "plain", {"total_iops_sec": "10"}, volume_backend_name="disks")
    await make_type(admin, "elsewhere", {"total_iops_sec": "20"}, volume_backend_name="more")
    server_id, volume_id = await attached(cloud, "plain")
    compute = cloud.http.using("member", "/compute/v2.1")
    wish = {"new_type": "elsewhere", "migration_policy": "on-demand"}
    assert b"on-demand" in await act(owner, volume_id, "os-retype", {**wish, "migration_policy": "never"}, 400)
    assert (await compute.post(f"/servers/{server_id}/action", {"os-stop": None})).status == 202
    await cloud.settle()
    assert b"does not run" in await act(owner, volume_id, "os-retype", wish, 400)
    assert (await compute.post(f"/servers/{server_id}/action", {"os-start": None})).status == 202
    await cloud.settle()

    await act(owner, volume_id, "os-retype", wish)
    detached = await compute.delete(f"/servers/{server_id}/os-volume_attachments/{volume_id}")
    assert (detached.status, (await cloud.shown(volume_id)).task) == (400, "retyping")
    await cloud.settle()
    shown = (await owner.get(f"/volumes/{volume_id}")).json["volume"]
    assert (shown["volume_type"], shown["status"]) == ("elsewhere", "in-use")
    assert (await cloud.shown(volume_id)).backend == "host-1@more#pool"
    assert cloud.machines().limits(server_id, volume_id) == {"total_iops_sec": "20"}
    assert (await compute.delete(f"/servers/{server_id}/os-volume_attachments/{volume_id}")).status == 202
    await cloud.settle()
    assert (await cloud.shown(volume_id)).status == "available"


async def test_a_server_that_is_busy_has_the_new_limits_when_it_is_started_next(
    cloud: DiskCloud,
    admin: AsgiClient,
    owner: AsgiClient,
) -> None:
    await make_type(admin, "slow", {"total_iops_sec": "10"})
    await make_type(admin, "fast", {"total_iops_sec": "1000"})
    server_id, volume_id = await attached(cloud, "slow")
    compute = cloud.http.using("member", "/compute/v2.1")
    assert (await compute.post(f"/servers/{server_id}/action", {"reboot": {"type": "HARD"}})).status == 202
    await act(owner, volume_id, "os-retype", {"new_type": "fast", "migration_policy": "never"})
    await cloud.settle()
    assert cloud.machines().limits(server_id, volume_id) == {"total_iops_sec": "1000"}
    assert (await cloud.server(server_id)).status == "ACTIVE"
