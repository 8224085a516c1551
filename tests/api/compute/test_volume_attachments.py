"""A server's volumes: how they come and go, and what is left when it goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ADMIN_PROJECT, AsgiClient
from tests.disk_cloud import DiskCloud
from tests.life_cloud import ADMIN, MEMBER
from wolke.block_storage.store import VOLUMES
from wolke.compute.config import ComputeConfig
from wolke.compute.store import BLOCK_DEVICES, SERVER_ACTIONS
from wolke.core.db import Database
from wolke.core.drivers import Failure


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> DiskCloud:
    return await DiskCloud.whole(database, tmp_path)


async def running(cloud: DiskCloud) -> str:
    server = await cloud.create()
    await cloud.settle()
    assert (await cloud.server(server.id)).status == "ACTIVE"
    return server.id


async def test_a_volume_is_attached_and_detached_while_the_server_runs(cloud: DiskCloud, member: AsgiClient) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    asked = {"volumeId": volume_id, "tag": "data", "delete_on_termination": True}
    at_2_100 = member.using(openstack_api_version="compute 2.100")
    answer = await at_2_100.post(f"/servers/{server_id}/os-volume_attachments", {"volumeAttachment": asked})
    assert answer.status == 200, answer.body
    shown = answer.json["volumeAttachment"]
    assert shown["device"] == "/dev/vdb"
    assert (shown["volumeId"], shown["serverId"], shown["tag"]) == (volume_id, server_id, "data")
    assert "id" not in shown
    assert (await cloud.shown(volume_id)).status == "reserved"
    await cloud.settle()
    assert cloud.machines().volumes(server_id) == (volume_id,)
    assert (await cloud.shown(volume_id)).status == "in-use"
    [attachment] = await cloud.attachments()
    assert (attachment.id, attachment.status, attachment.server_id) == (shown["attachment_id"], "attached", server_id)
    assert (attachment.mount_device, attachment.instance_host) == ("/dev/vdb", "host-1")
    listed = await member.get(f"/servers/{server_id}/os-volume_attachments")
    assert listed.json == {"volumeAttachments": [shown]}
    seen = (await member.get(f"/servers/{server_id}")).json["server"]
    expected = [{"id": volume_id, "delete_on_termination": True}]
    assert (seen["OS-EXT-STS:task_state"], seen["os-extended-volumes:volumes_attached"]) == (None, expected)

    one = f"/servers/{server_id}/os-volume_attachments/{volume_id}"
    assert (await member.delete(one)).status == 202
    assert (await cloud.shown(volume_id)).status == "detaching"
    await cloud.settle()
    assert cloud.machines().volumes(server_id) == ()
    assert (await cloud.shown(volume_id)).status == "available"
    assert await cloud.attachments() == []
    assert (await member.get(one)).status == 404
    assert (await member.get(f"/servers/{server_id}")).json["server"]["os-extended-volumes:volumes_attached"] == []


async def test_a_host_is_told_how_fast_a_volume_may_be(cloud: DiskCloud) -> None:
    admin = cloud.http.using("admin", f"/volume/v3/{ADMIN_PROJECT}", openstack_api_version="volume latest")
    specs = {"total_iops_sec_per_gb": "30", "total_iops_sec_per_gb_min": "40", "read_bytes_sec": "9"}
    specs |= {"write_bytes_sec_per_gb": "10", "write_bytes_sec_max": "15"}
    made = await admin.post("/qos-specs", {"qos_specs": {"name": "slow", "consumer": "both", **specs}})
    path = f"/qos-specs/{made.json['qos_specs']['id']}"
    slow = (await admin.post("/types", {"volume_type": {"name": "slow"}})).json["volume_type"]["id"]
    assert (await admin.get(f"{path}/associate?vol_type_id={slow}")).status == 202
    told = []
    for wanted in ({"size": 1}, {"size": 2}):
        server_id, volume_id = await running(cloud), await cloud.volume(volume_type="slow", **wanted)
        await cloud.attach(server_id, volume_id)
        await cloud.settle()
        [there] = [one for one in await cloud.attachments() if one.volume_id == volume_id]
        assert there.connection is not None
        told.append(there.connection["qos_specs"])
    assert told == [
        {"total_iops_sec": "40", "read_bytes_sec": "9", "write_bytes_sec": "10"},
        {"total_iops_sec": "60", "read_bytes_sec": "9", "write_bytes_sec": "15"},
    ]
    found = cloud.hosts["host-1"].driver.limits(server_id, volume_id)
    assert found == told[1]
    assert (await admin.put(path, {"qos_specs": {"consumer": "back-end"}})).status == 200
    compute = cloud.http.using("member", "/compute/v2.1")
    assert (await compute.post(f"/servers/{server_id}/action", {"reboot": {"type": "HARD"}})).status == 202
    await cloud.settle()
    assert cloud.hosts["host-1"].driver.limits(server_id, volume_id) == {}


async def test_what_older_clients_see(cloud: DiskCloud, member: AsgiClient) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    path = f"/servers/{server_id}/os-volume_attachments"
    old = cloud.http.using("member", "/compute/v2.1")
    for name in ("tag", "delete_on_termination"):
        body = {"volumeAttachment": {"volumeId": volume_id, name: "x" if name == "tag" else True}}
        assert (await old.post(path, body)).status == 400
    answer = await old.post(path, {"volumeAttachment": {"volumeId": volume_id, "device": "/dev/vdq"}})
    assert answer.json == {
        "volumeAttachment": {"id": volume_id, "volumeId": volume_id, "serverId": server_id, "device": "/dev/vdq"}
    }
    await cloud.settle()
    assert set((await old.get(path)).json["volumeAttachments"][0]) == {"id", "volumeId", "serverId", "device"}
    later = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute 2.79")
    assert (await later.get(f"{path}/{volume_id}")).json["volumeAttachment"]["delete_on_termination"] is False


async def test_a_guest_that_does_not_let_go_keeps_its_volume(cloud: DiskCloud, member: AsgiClient) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    await cloud.attach(server_id, volume_id)
    await cloud.settle()
    cloud.machines().be_stubborn(server_id)
    await cloud.compute.volumes.detach(MEMBER, server_id, volume_id)
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "ACTIVE"
    assert cloud.machines().volumes(server_id) == (volume_id,)
    assert (await cloud.shown(volume_id)).status == "in-use"
    actions = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="detach_volume")
    assert "did not let go" in actions[0].events[0]["details"]
    cloud.machines().be_stubborn(server_id, False)
    await cloud.compute.volumes.detach(MEMBER, server_id, volume_id)
    await cloud.settle()
    assert (await cloud.shown(volume_id)).status == "available"


async def test_an_attach_that_fails_leaves_nothing(cloud: DiskCloud, database: Database) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    cloud.machines()._plans["attach_volume"] = [Failure("no room on the bus")]
    await cloud.attach(server_id, volume_id)
    await cloud.settle()
    assert (await cloud.shown(volume_id)).status == "available"
    assert await cloud.attachments() == []
    assert await database.find(BLOCK_DEVICES) == []
    [action] = await database.find(SERVER_ACTIONS, server_id=server_id, action="attach_volume")
    assert action.events[0]["details"] == "no room on the bus"
    assert (await cloud.server(server_id)).status == "ACTIVE"


async def test_of_two_who_want_a_volume_one_gets_it(cloud: DiskCloud, member: AsgiClient) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    other = await cloud.create("other")
    await cloud.settle()
    await cloud.attach(server_id, volume_id)
    asked = {"volumeAttachment": {"volumeId": volume_id}}
    answer = await member.post(f"/servers/{other.id}/os-volume_attachments", asked)
    assert answer.status == 400, answer.body
    await cloud.settle()
    assert (await member.get(f"/servers/{other.id}/os-volume_attachments")).json == {"volumeAttachments": []}
    assert cloud.machines().volumes(other.id) == ()


async def test_what_is_refused(cloud: DiskCloud, member: AsgiClient) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    path = f"/servers/{server_id}/os-volume_attachments"
    asked = {"volumeAttachment": {"volumeId": volume_id}}
    assert (await member.post(path, {"volumeAttachment": {"volumeId": cloud.new_id()}})).status == 404
    assert (await member.post(path, {"volumeAttachment": {"volumeId": "junk"}})).status == 400
    assert (await member.using("other").post(path, asked)).status == 404
    assert (await member.post(f"/servers/{cloud.new_id()}/os-volume_attachments", asked)).status == 404
    assert (await member.delete(f"{path}/{volume_id}")).status == 404
    await cloud.compute.server_actions.suspend(MEMBER, server_id)
    await cloud.settle()
    assert (await member.post(path, asked)).status == 409
    assert (await cloud.shown(volume_id)).status == "available"


async def test_a_deleted_server_leaves_its_volumes_but_for_those_that_go_with_it(cloud: DiskCloud) -> None:
    server_id = await running(cloud)
    stays, goes = await cloud.volume(), await cloud.volume()
    await cloud.attach(server_id, stays)
    await cloud.settle()
    await cloud.attach(server_id, goes, delete_on_termination=True)
    await cloud.settle()
    await cloud.compute.server_actions.delete(MEMBER, server_id)
    await cloud.settle()
    assert (await cloud.shown(stays)).status == "available"
    assert await cloud.db.find(VOLUMES, id=goes) == []
    assert await cloud.attachments() == []
    assert await cloud.db.find(BLOCK_DEVICES) == []


async def test_volumes_stay_over_stops_and_reboots_and_go_with_the_server_that_is_off(cloud: DiskCloud) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    await cloud.attach(server_id, volume_id)
    await cloud.settle()
    for verb, action in (("stop", "stop"), ("start", "start"), ("reboot_hard", "reboot"), ("reboot_soft", "reboot")):
        await cloud.compute.server_actions.begin(MEMBER, server_id, verb, action)
        await cloud.settle()
        assert cloud.machines().volumes(server_id) == (volume_id,), verb
    await cloud.compute.server_actions.begin(MEMBER, server_id, "stop", "stop")
    await cloud.settle()
    await cloud.compute.volumes.detach(MEMBER, server_id, volume_id)
    await cloud.settle()
    assert cloud.machines().volumes(server_id) == ()
    assert (await cloud.shown(volume_id)).status == "available"


async def test_whether_it_goes_with_the_server_can_be_changed(cloud: DiskCloud, member: AsgiClient) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    await cloud.attach(server_id, volume_id)
    await cloud.settle()
    path = f"/servers/{server_id}/os-volume_attachments/{volume_id}"
    before = (await member.get(f"/servers/{server_id}")).json["server"]["os-extended-volumes:volumes_attached"]
    asked = {"volumeAttachment": {"volumeId": volume_id, "delete_on_termination": True}}
    answer = await member.put(path, asked)
    assert answer.status == 202, answer.body
    after = (await member.get(f"/servers/{server_id}")).json["server"]["os-extended-volumes:volumes_attached"]
    assert [one["delete_on_termination"] for one in (*before, *after)] == [False, True]
    answer = await member.put(path, {"volumeAttachment": {"volumeId": volume_id, "device": "/dev/vdz"}})
    assert answer.status == 400
    answer = await member.put(path, {"volumeAttachment": {"volumeId": cloud.new_id()}})
    assert answer.status == 403


async def put_away(cloud: DiskCloud, member: AsgiClient, server_id: str) -> None:
    assert (await member.post(f"/servers/{server_id}/action", {"shelve": None})).status == 202
    await cloud.settle()
    if (await cloud.server(server_id)).status == "SHELVED":
        admin = member.using("admin")
        assert (await admin.post(f"/servers/{server_id}/action", {"shelveOffload": None})).status == 202
        await cloud.settle()
    assert (await cloud.server(server_id)).status == "SHELVED_OFFLOADED"


async def test_volumes_of_a_server_that_is_put_away(cloud: DiskCloud, member: AsgiClient) -> None:
    server_id = await running(cloud)
    stays, goes, comes = [await cloud.volume() for _ in range(3)]
    for one in (stays, goes):
        await cloud.attach(server_id, one)
        await cloud.settle()
    await put_away(cloud, member, server_id)
    path = f"/servers/{server_id}/os-volume_attachments"
    answer = await member.post(path, {"volumeAttachment": {"volumeId": comes}})
    assert answer.status == 202, answer.body
    assert (await cloud.shown(comes)).status == "in-use"
    assert (await member.delete(f"{path}/{goes}")).status == 202
    assert (await member.get(f"{path}/{goes}")).status == 404
    await cloud.settle()
    assert [(await cloud.shown(one)).status for one in (stays, goes, comes)] == ["in-use", "available", "in-use"]
    actions = (await member.get(f"/servers/{server_id}/os-instance-actions")).json["instanceActions"]
    assert [one["action"] for one in actions[:2]] == ["detach_volume", "attach_volume"]

    assert (await member.post(f"/servers/{server_id}/action", {"unshelve": None})).status == 202
    assert (await member.post(path, {"volumeAttachment": {"volumeId": goes}})).status == 409
    assert (await cloud.shown(goes)).status == "available"
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "ACTIVE"
    assert set(cloud.machines().volumes(server_id)) == {stays, comes}
    assert {one.instance_host for one in await cloud.attachments()} == {"host-1"}
    assert (await member.delete(f"{path}/{comes}")).status == 202
    await cloud.settle()
    assert ((await cloud.shown(comes)).status, cloud.machines().volumes(server_id)) == ("available", (stays,))


async def test_a_server_that_is_put_away_and_deleted_leaves_its_volumes(cloud: DiskCloud, member: AsgiClient) -> None:
    server_id, volume_id = await running(cloud), await cloud.volume()
    await put_away(cloud, member, server_id)
    await cloud.attach(server_id, volume_id)
    assert (await member.delete(f"/servers/{server_id}")).status == 204
    await cloud.settle()
    assert (await cloud.shown(volume_id)).status == "available" and await cloud.attachments() == []


async def test_a_shelved_server_that_is_still_on_its_host_gets_volumes_too(database: Database, tmp_path: Path) -> None:
    cloud = DiskCloud(database, tmp_path, config=ComputeConfig(shelved_offload_time_s=-1))
    cloud.start()
    await cloud.add_host()
    await cloud.furnish()
    member = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")
    server_id, volume_id = await running(cloud), await cloud.volume()
    assert (await member.post(f"/servers/{server_id}/action", {"shelve": None})).status == 202
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "SHELVED"
    await cloud.attach(server_id, volume_id)
    await cloud.settle()
    assert cloud.machines().volumes(server_id) == (volume_id,)
    assert ((await cloud.server(server_id)).status, (await cloud.shown(volume_id)).status) == ("SHELVED", "in-use")


async def shared_volume(cloud: DiskCloud) -> str:
    await cloud.storage.types.create(ADMIN, "shared", None, is_public=True, extra_specs={"multiattach": "<is> True"})
    return await cloud.volume(volume_type="shared")


async def test_several_servers_have_a_volume_and_one_that_lets_go_leaves_it_to_the_others(
    cloud: DiskCloud, member: AsgiClient
) -> None:
    volume_id = await shared_volume(cloud)
    servers = [await running(cloud), await running(cloud)]
    body = {"volumeAttachment": {"volumeId": volume_id}}
    old = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute 2.59")
    answer = await old.post(f"/servers/{servers[0]}/os-volume_attachments", body)
    assert answer.status == 400
    assert "starting with compute API version 2.60" in answer.json["badRequest"]["message"]
    for server_id in servers:
        answer = await member.post(f"/servers/{server_id}/os-volume_attachments", body)
        assert (answer.status, answer.body) == (202, b"")
        await cloud.settle()
    assert (await member.post(f"/servers/{servers[0]}/os-volume_attachments", body)).status == 400, "has it already"
    there = await cloud.attachments()
    assert [(one.server_id, one.status) for one in there] == [(one, "attached") for one in servers]
    assert {(one.connection or {})["type"] for one in there} == {"nbd"}
    assert (await member.delete(f"/servers/{servers[0]}/os-volume_attachments/{volume_id}")).status == 202
    await cloud.settle()
    assert [one.server_id for one in await cloud.attachments()] == servers[1:]
    assert (await cloud.shown(volume_id)).status == "in-use"
    await put_away(cloud, member, servers[0])
    answer = await member.post(f"/servers/{servers[0]}/os-volume_attachments", body)
    assert (answer.status, "shelved-offloaded" in answer.json["badRequest"]["message"]) == (400, True)


async def test_a_volume_of_another_host_is_attached_and_detached(cloud: DiskCloud, member: AsgiClient) -> None:
    volume_id, server_id = await cloud.volume(), await running(cloud)
    await cloud.add_host("host-2")
    await cloud.compute.moves.migrate(ADMIN, server_id, None)
    await cloud.settle()
    assert (await cloud.server(server_id)).host != (await cloud.shown(volume_id)).host
    await cloud.compute.moves.confirm(ADMIN, server_id)
    await cloud.settle()
    await cloud.attach(server_id, volume_id)
    await cloud.settle()
    [attachment] = await cloud.attachments()
    assert (attachment.status, attachment.instance_host) == ("attached", "host-2")
    assert (attachment.connection or {})["type"] == "nbd"
    assert (await member.delete(f"/servers/{server_id}/os-volume_attachments/{volume_id}")).status == 202
    await cloud.settle()
    assert (await cloud.attachments(), (await cloud.shown(volume_id)).status) == ([], "available")
