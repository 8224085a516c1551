"""Servers that are shelved, deleted for now, and backed up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud
from wolke.compute.config import ComputeConfig
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVER_ACTIONS
from wolke.core.clock import HeldClock
from wolke.core.drivers import Failure
from wolke.image.store import IMAGES


@pytest.fixture
def member(cloud: LifeCloud) -> AsgiClient:
    return cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")


@pytest.fixture
def admin(member: AsgiClient) -> AsgiClient:
    return member.using("admin")


async def act(client: AsgiClient, server_id: str, verb: str, body: Any = None, status: int = 202) -> Any:
    answer = await client.post(f"/servers/{server_id}/action", {verb: body})
    assert answer.status == status, answer.body
    return answer


async def shown(client: AsgiClient, server_id: str) -> dict[str, Any]:
    server: dict[str, Any] = (await client.get(f"/servers/{server_id}")).json["server"]
    return server


async def built(cloud: LifeCloud) -> str:
    server = await cloud.create()
    await cloud.settle()
    return server.id


async def configured(cloud: LifeCloud, **options: Any) -> tuple[AsgiClient, AsgiClient]:
    """Start again with these options; a member and an administrator."""
    cloud.config = ComputeConfig(**options)
    cloud.start()
    await cloud.add_host()
    member = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")
    return member, member.using("admin")


async def later(cloud: LifeCloud, delay_s: float) -> None:
    assert isinstance(cloud.clock, HeldClock)
    cloud.clock.move(delay_s)
    for host in cloud.hosts.values():
        await host.agent.register()
    await cloud.settle()


async def images(cloud: LifeCloud) -> list[str]:
    return sorted(image.name or "" for image in await cloud.db.find(IMAGES))


async def test_a_shelved_server_leaves_its_host_and_comes_back(
    cloud: LifeCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    server_id = await built(cloud)
    await act(member, server_id, "shelve")
    assert (await shown(member, server_id))["OS-EXT-STS:task_state"] == "shelving"
    await cloud.settle()
    found = await shown(admin, server_id)
    assert (found["status"], found["OS-EXT-SRV-ATTR:host"], found["hostId"]) == ("SHELVED_OFFLOADED", None, "")
    assert await cloud.guests() == {} and await cloud.allocations() == set()
    [port] = await cloud.ports()
    assert found["addresses"]["net"][0]["addr"] == port["fixed_ips"][0]["ip_address"], "its address stays its own"
    assert await images(cloud) == ["disk", "one-shelved"]
    await act(member, server_id, "unshelve")
    await cloud.settle()
    found = await shown(admin, server_id)
    assert (found["status"], found["OS-EXT-SRV-ATTR:host"], found["image"]["id"]) == (
        "ACTIVE",
        "host-1",
        cloud.image_id,
    )
    assert await cloud.guests() == {server_id: "running"} and await cloud.allocations() == {server_id}
    assert await images(cloud) == ["disk"], "the image of its disk has served"
    names = [
        one["action"] for one in (await member.get(f"/servers/{server_id}/os-instance-actions")).json["instanceActions"]
    ]
    assert names == ["unshelve", "shelve", "create"]


async def test_a_shelved_server_may_stay_where_it_is_for_a_while(cloud: LifeCloud) -> None:
    member, admin = await configured(cloud, shelved_offload_time_s=3600.0)
    server_id = await built(cloud)
    await act(member, server_id, "shelve")
    await cloud.settle()
    assert (await shown(admin, server_id))["status"] == "SHELVED"
    assert await cloud.guests() == {server_id: "shutdown"}
    await act(member, server_id, "unshelve")
    await cloud.settle()
    assert await cloud.guests() == {server_id: "running"} and await images(cloud) == ["disk"]
    await act(member, server_id, "shelve")
    await cloud.settle()
    await later(cloud, 3601)
    assert (await shown(admin, server_id))["status"] == "SHELVED_OFFLOADED"


async def test_an_administrator_offloads_by_hand(cloud: LifeCloud) -> None:
    member, admin = await configured(cloud, shelved_offload_time_s=-1.0)
    server_id = await built(cloud)
    await act(admin, server_id, "shelveOffload", status=409)
    await act(member, server_id, "shelve")
    await cloud.settle()
    await later(cloud, 10**7)
    await act(member, server_id, "shelveOffload", status=403)
    await act(admin, server_id, "shelveOffload")
    await cloud.settle()
    assert (await shown(admin, server_id))["status"] == "SHELVED_OFFLOADED" and await cloud.guests() == {}


async def test_where_to_unshelve_may_be_said(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient) -> None:
    await cloud.add_host("host-2")
    server_id = await built(cloud)
    await act(member, server_id, "unshelve", {"availability_zone": "nova"}, 409)
    await act(member, server_id, "shelve")
    await cloud.settle()
    await act(member, server_id, "unshelve", {"availability_zone": "moon"}, 400)
    await act(admin, server_id, "unshelve", {"host": "nowhere"}, 400)
    await act(member, server_id, "unshelve", {"host": "host-2"}, 403)
    await act(member, server_id, "unshelve", {}, 400)
    older = admin.using(openstack_api_version="compute 2.90")
    await act(older, server_id, "unshelve", {"host": "host-2"}, 400)
    await act(admin, server_id, "unshelve", {"host": "host-2", "availability_zone": None})
    await cloud.settle()
    found = await shown(admin, server_id)
    assert (found["status"], found["OS-EXT-SRV-ATTR:host"], found["pinned_availability_zone"]) == (
        "ACTIVE",
        "host-2",
        None,
    )


async def test_without_room_a_server_stays_shelved(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient) -> None:
    server_id = await built(cloud)
    await act(member, server_id, "shelve")
    await cloud.settle()
    [service] = (await admin.get("/os-services")).json["services"]
    await admin.put(f"/os-services/{service['id']}", {"status": "disabled"})
    await act(member, server_id, "unshelve")
    await cloud.settle()
    assert (await shown(member, server_id))["status"] == "SHELVED_OFFLOADED"
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="unshelve")
    assert "1 host is disabled" in action.events[0]["details"]
    await admin.put(f"/os-services/{service['id']}", {"status": "enabled"})
    await act(member, server_id, "unshelve")
    await cloud.settle()
    assert await cloud.guests() == {server_id: "running"}


class NoSnapshot(SimulatedDriver):
    async def snapshot(self, server_id: str, target: Any, disk_format: str) -> None:
        raise Failure("simulated: the disk cannot be read")


@pytest.mark.parametrize("was", ["ACTIVE", "SHUTOFF"])
async def test_a_shelve_that_fails_leaves_the_server_as_it_was(cloud: LifeCloud, member: AsgiClient, was: str) -> None:
    cloud.hosts.clear()
    await cloud.add_host("host-1", NoSnapshot())
    server_id = await built(cloud)
    if was == "SHUTOFF":
        await act(member, server_id, "os-stop")
        await cloud.settle()
    await act(member, server_id, "shelve")
    await cloud.settle()
    assert (await shown(member, server_id))["status"] == was
    assert await cloud.guests() == {server_id: "running" if was == "ACTIVE" else "shutdown"}
    assert await images(cloud) == ["disk"]


async def test_a_deleted_shelved_server_takes_its_image_along(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await built(cloud)
    await act(member, server_id, "shelve")
    await cloud.settle()
    assert (await member.delete(f"/servers/{server_id}")).status == 204
    await cloud.settle()
    assert await images(cloud) == ["disk"] and await cloud.ports() == []


async def test_a_server_that_came_back_from_a_shelf_still_moves(
    cloud: LifeCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    """Its disk stands on an image that is no more: it goes along."""
    await cloud.add_host("host-2")
    server_id = await built(cloud)
    await act(member, server_id, "shelve")
    await cloud.settle()
    await act(member, server_id, "unshelve")
    await cloud.settle()
    source = (await cloud.server(server_id)).host
    await act(admin, server_id, "migrate")
    await cloud.settle()
    assert (await cloud.server(server_id)).host != source
    assert (await shown(admin, server_id))["status"] == "VERIFY_RESIZE"


# -- deleted for now


async def test_a_deleted_server_can_be_restored_for_a_while(cloud: LifeCloud) -> None:
    member, _ = await configured(cloud, reclaim_server_interval_s=3600.0)
    server_id = await built(cloud)
    assert (await member.delete(f"/servers/{server_id}")).status == 204
    await cloud.settle()
    assert (await shown(member, server_id))["status"] == "SOFT_DELETED"
    assert (await member.get("/servers")).json["servers"] == []
    assert [one["id"] for one in (await member.get("/servers?status=SOFT_DELETED")).json["servers"]] == [server_id]
    assert await cloud.guests() == {server_id: "shutdown"} and await cloud.counted() == 0
    assert (await member.delete(f"/servers/{server_id}")).status == 204, "once more does no harm"
    await act(member, server_id, "restore")
    await cloud.settle()
    assert (await shown(member, server_id))["status"] == "ACTIVE" and await cloud.counted() == 1
    await later(cloud, 7200)
    assert await cloud.guests() == {server_id: "running"}


async def test_what_nobody_restores_is_gone_in_the_end(cloud: LifeCloud) -> None:
    member, _ = await configured(cloud, reclaim_server_interval_s=3600.0)
    server_id = await built(cloud)
    await member.delete(f"/servers/{server_id}")
    await cloud.settle()
    await later(cloud, 3601)
    assert (await cloud.server(server_id)).status == "DELETED" and await cloud.guests() == {}


async def test_force_delete_does_not_wait(cloud: LifeCloud) -> None:
    member, _ = await configured(cloud, reclaim_server_interval_s=3600.0)
    server_id = await built(cloud)
    await act(member, server_id, "forceDelete")
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "DELETED"


async def test_a_restored_server_must_fit_into_quota_again(cloud: LifeCloud) -> None:
    member, admin = await configured(cloud, reclaim_server_interval_s=3600.0)
    server_id = await built(cloud)
    await act(member, server_id, "restore", status=409)
    await member.delete(f"/servers/{server_id}")
    await cloud.settle()
    project = (await cloud.server(server_id)).project_id
    await admin.put(f"/os-quota-sets/{project}", {"quota_set": {"instances": 0}})
    await act(member, server_id, "restore", status=403)


# -- backups


async def backup(
    cloud: LifeCloud, member: AsgiClient, server_id: str, name: str, kind: str = "daily", rotation: Any = 2
) -> Any:
    words = {"name": name, "backup_type": kind, "rotation": rotation}
    answer = await act(member, server_id, "createBackup", words)
    assert isinstance(cloud.clock, HeldClock)
    cloud.clock.move(1)
    await cloud.settle()
    return answer


async def test_only_the_newest_backups_of_a_kind_are_kept(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await built(cloud)
    answer = await backup(cloud, member, server_id, "b1")
    image = await cloud.db.get(IMAGES, id=answer.json["image_id"])
    assert image is not None
    assert (image.properties["image_type"], image.properties["backup_type"]) == ("backup", "daily")
    await backup(cloud, member, server_id, "w1", "weekly")
    for name in ("b2", "b3"):
        await backup(cloud, member, server_id, name, rotation="2")
    assert await images(cloud) == ["b2", "b3", "disk", "w1"]
    await backup(cloud, member, server_id, "b4", rotation=0)
    assert await images(cloud) == ["disk", "w1"]
    assert (await shown(member, server_id))["status"] == "ACTIVE"
    old = member.using(openstack_api_version="compute 2.44")
    answer = await backup(cloud, old, server_id, "b5")
    assert "/images/" in answer.headers["location"]


async def test_backups_that_cannot_be_are_refused(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await built(cloud)
    for wrong in ({"rotation": -1}, {"rotation": "many"}, {"name": ""}, {"backup_type": ""}):
        await act(member, server_id, "createBackup", {"name": "b", "backup_type": "d", "rotation": 1, **wrong}, 400)
    await act(member.using("other"), server_id, "createBackup", {"name": "b", "backup_type": "d", "rotation": 1}, 404)
