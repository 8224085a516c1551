"""Another volume in the place of one that a server has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.disk_cloud import DiskCloud
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVER_ACTIONS
from wolke.core.db import Database
from wolke.core.drivers import Failure


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[DiskCloud]:
    made = DiskCloud(database, tmp_path)
    made.start()
    await made.furnish()
    yield made


@pytest.fixture
def admin(cloud: DiskCloud) -> AsgiClient:
    return cloud.http.using("admin", "/compute/v2.1", openstack_api_version="compute latest")


async def attached(cloud: DiskCloud, **options: Any) -> tuple[str, str, str]:
    """A server, its volume, and one that is free."""
    (cloud.root / "host-1").mkdir(exist_ok=True)
    await cloud.add_host("host-1", SimulatedDriver(cloud.root / "host-1", **options))
    server = await cloud.create()
    await cloud.settle()
    old, new = await cloud.volume(), await cloud.volume(size=2)
    await cloud.attach(server.id, old, delete_on_termination=True)
    await cloud.settle()
    return server.id, old, new


async def swap(client: AsgiClient, server_id: str, old: str, new: str, status: int = 202) -> None:
    answer = await client.put(
        f"/servers/{server_id}/os-volume_attachments/{old}", {"volumeAttachment": {"volumeId": new}}
    )
    assert answer.status == status, answer.body


async def states(cloud: DiskCloud, *volume_ids: str) -> list[str]:
    return [(await cloud.shown(one)).status for one in volume_ids]


async def test_a_server_goes_on_with_another_volume(cloud: DiskCloud, admin: AsgiClient) -> None:
    server_id, old, new = await attached(cloud)
    await swap(admin, server_id, old, new)
    assert await states(cloud, old, new) == ["detaching", "reserved"]
    await swap(admin, server_id, old, new, 400)
    await cloud.settle()
    assert await states(cloud, old, new) == ["available", "in-use"]
    assert cloud.hosts["host-1"].driver.volumes(server_id) == (new,)
    [device] = (await admin.get(f"/servers/{server_id}/os-volume_attachments")).json["volumeAttachments"]
    assert (device["volumeId"], device["device"], device["delete_on_termination"]) == (new, "/dev/vdb", True)
    [attachment] = await cloud.attachments()
    assert (attachment.id, attachment.status) == (device["attachment_id"], "attached")
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="swap_volume")
    assert action.events[-1]["result"] == "Success"
    assert (await admin.delete(f"/servers/{server_id}")).status == 204
    await cloud.settle()
    assert (await cloud.shown(old)).status == "available" and await cloud.attachments() == []


async def test_a_swap_that_fails_leaves_both_where_they_were(cloud: DiskCloud, admin: AsgiClient) -> None:
    why = Failure("simulated: the disk is broken")
    server_id, old, new = await attached(cloud, failures={"swap_volume": [why]})
    await swap(admin, server_id, old, new)
    await cloud.settle()
    assert await states(cloud, old, new) == ["in-use", "available"]
    assert cloud.hosts["host-1"].driver.volumes(server_id) == (old,)
    server = await cloud.server(server_id)
    assert (server.status, server.task) == ("ACTIVE", None)
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="swap_volume")
    assert (action.events[-1]["result"], action.events[-1]["details"]) == ("Error", str(why))
    await swap(admin, server_id, old, new)
    await cloud.settle()
    assert await states(cloud, old, new) == ["available", "in-use"]


async def test_a_server_that_is_deleted_meanwhile_leaves_neither(cloud: DiskCloud, admin: AsgiClient) -> None:
    server_id, old, new = await attached(cloud)
    await swap(admin, server_id, old, new)
    assert (await admin.delete(f"/servers/{server_id}")).status == 204
    await cloud.settle()
    assert await cloud.attachments() == [] and (await cloud.shown(new)).status == "available"


async def test_what_is_refused(cloud: DiskCloud, admin: AsgiClient) -> None:
    server_id, old, new = await attached(cloud)
    await swap(admin.using("member"), server_id, old, new, 403)
    await swap(admin, server_id, new, old, 404)
    await swap(admin, server_id, old, cloud.new_id(), 400)
    large = await cloud.volume(size=2)
    await cloud.attach(server_id, large)
    await cloud.settle()
    await swap(admin, server_id, large, await cloud.volume(), 400)  # it is smaller
    await swap(admin, server_id, old, large, 400)  # it is in use
    assert (await admin.post(f"/servers/{server_id}/action", {"os-stop": None})).status == 202
    await cloud.settle()
    await swap(admin, server_id, old, new, 409)
    assert await states(cloud, old, new) == ["in-use", "available"]
