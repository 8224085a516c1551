"""Volumes: how they come, are seen, change and go."""

from __future__ import annotations

import pytest

from tests.api.block_storage.conftest import SmallCloud, backend
from tests.conftest import MEMBER_PROJECT, AsgiClient


async def test_a_volume_is_made_by_a_host_and_shown(cloud: SmallCloud, member: AsgiClient) -> None:
    answer = await member.post("/volumes", {"volume": {"size": 2, "name": "data", "metadata": {"a": "b"}}})
    assert answer.status == 202
    made = answer.json["volume"]
    assert made["status"] == "creating" and made["size"] == 2 and made["attachments"] == []
    assert made["links"][0]["href"] == f"http://cloud.test/volume/v3/{MEMBER_PROJECT}/volumes/{made['id']}"
    assert "os-vol-host-attr:host" not in made
    await cloud.settle()
    shown = (await member.get(f"/volumes/{made['id']}")).json["volume"]
    assert shown["status"] == "available" and shown["volume_type"] == "default" and shown["bootable"] == "false"
    assert shown["os-vol-tenant-attr:tenant_id"] == MEMBER_PROJECT
    assert (await cloud.shown(made["id"]))["os-vol-host-attr:host"] == "host-1@file#pool"


async def test_a_volume_can_be_asked_for_without_naming_the_project(cloud: SmallCloud) -> None:
    made = await cloud.volume()
    bare = cloud.http.using("member", "/volume/v3", openstack_api_version="volume 3.67")
    assert (await bare.get(f"/volumes/{made['id']}")).status == 200
    elsewhere = cloud.http.using("member", "/volume/v3/" + "0" * 32)
    assert (await elsewhere.get("/volumes")).status == 400


async def test_fields_appear_with_their_versions(cloud: SmallCloud) -> None:
    made = await cloud.volume()
    path = f"/volumes/{made['id']}"
    old = (await cloud.who("member", "3.0").get(path)).json["volume"]
    assert not {"group_id", "shared_targets", "volume_type_id", "consumes_quota", "provider_id"} & set(old)
    new = (await cloud.who("admin", "3.65").get(path)).json["volume"]
    assert {"group_id", "shared_targets", "volume_type_id", "consumes_quota", "provider_id"} <= set(new)


@pytest.mark.parametrize("size", [0, -1, "", "#$%", "0", None, 2**31])
async def test_a_size_that_is_none_is_refused(member: AsgiClient, size: object) -> None:
    answer = await member.post("/volumes", {"volume": {"size": size}})
    assert answer.status == 400
    assert answer.json["badRequest"]["code"] == 400


@pytest.mark.parametrize("what", ["snapshot_id", "source_volid", "volume_type", "backup_id", "group_id"])
async def test_what_is_not_there_is_404(member: AsgiClient, what: str) -> None:
    answer = await member.post("/volumes", {"volume": {"size": 1, what: "00000000-0000-4000-8000-000000000000"}})
    assert answer.status == 404
    assert "itemNotFound" in answer.json


async def test_an_image_that_is_not_there_is_400(member: AsgiClient) -> None:
    asked = {"size": 1, "imageRef": "00000000-0000-4000-8000-000000000000"}
    assert (await member.post("/volumes", {"volume": asked})).status == 400


async def test_a_volume_of_an_image_knows_it_and_is_bootable(cloud: SmallCloud) -> None:
    image_id = await cloud.image(properties={"hw_disk_bus": "virtio"})
    made = await cloud.volume(imageRef=image_id)
    assert made["bootable"] == "true"
    assert made["volume_image_metadata"]["image_id"] == image_id
    assert made["volume_image_metadata"]["hw_disk_bus"] == "virtio"
    wish = cloud.hosts["host-1"].wishes[-1]
    assert wish["arguments"]["source"] | {"sha512": ""} == {
        "kind": "image", "image_id": image_id, "disk_format": "raw", "size_bytes": 4096, "sha512": "",
    }  # fmt: skip


async def test_a_volume_is_not_smaller_than_its_image_wants(cloud: SmallCloud, member: AsgiClient) -> None:
    image_id = await cloud.image(min_disk=3)
    assert (await member.post("/volumes", {"volume": {"size": 2, "imageRef": image_id}})).status == 400
    assert (await member.post("/volumes", {"volume": {"size": 3, "imageRef": image_id}})).status == 202


async def test_a_clone_is_made_where_its_source_is(cloud: SmallCloud, member: AsgiClient) -> None:
    source = await cloud.volume(size=2)
    await cloud.add_host("host-2", backends=[backend(total_gib=9000)])
    clone = await cloud.volume(size=None, source_volid=source["id"])
    assert clone["size"] == 2 and clone["source_volid"] == source["id"]
    assert clone["os-vol-host-attr:host"] == source["os-vol-host-attr:host"]
    too_small = await member.post("/volumes", {"volume": {"size": 1, "source_volid": source["id"]}})
    assert too_small.status == 400


async def test_another_projects_volume_is_not_there(cloud: SmallCloud, other: AsgiClient) -> None:
    made = await cloud.volume()
    for method, path, body in (
        ("GET", "", None), ("DELETE", "", None), ("PUT", "", {"volume": {"name": "x"}}),
        ("POST", "/action", {"os-extend": {"new_size": 5}}), ("GET", "/metadata", None),
    ):  # fmt: skip
        assert (await other.request(method, f"/volumes/{made['id']}{path}", body)).status == 404
    assert (await other.get("/volumes")).json["volumes"] == []
    assert (await other.get("/volumes?all_tenants=1")).json["volumes"] == []


async def test_a_host_that_cannot_leaves_an_error_and_a_message(cloud: SmallCloud) -> None:
    cloud.hosts["host-1"].refuses = lambda wish: "the pool is full"
    made = await cloud.volume()
    assert made["status"] == "error"
    assert await cloud.messages() == ["schedule allocate volume:the pool is full"]


async def test_no_backend_for_a_type_leaves_a_message_that_says_why(cloud: SmallCloud, admin: AsgiClient) -> None:
    specs = {"vendor_name": "nobody"}
    await admin.post("/types", {"volume_type": {"name": "bogus", "extra_specs": specs}})
    made = await cloud.volume(volume_type="bogus")
    assert made["status"] == "error"
    (message,) = (await cloud.who("member").get("/messages")).json["messages"]
    assert message["event_id"] == "VOLUME_VOLUME_001_003" and message["resource_uuid"] == made["id"]
    assert "without what the type asks for" in message["user_message"]


async def test_nothing_fits_on_a_full_pool(cloud: SmallCloud) -> None:
    made = await cloud.volume(size=600)
    assert made["status"] == "available"
    assert (await cloud.volume(size=600))["status"] == "error"
    assert "without enough room" in (await cloud.messages())[0]


async def test_a_volume_goes(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await cloud.volume()
    assert (await member.delete(f"/volumes/{made['id']}")).status == 202
    assert await cloud.status(made["id"]) == "deleting"
    assert (await member.delete(f"/volumes/{made['id']}")).status == 202
    await cloud.settle()
    assert (await member.get(f"/volumes/{made['id']}")).status == 404


async def test_a_volume_that_no_host_can_delete_says_so_and_can_be_deleted_again(
    cloud: SmallCloud, member: AsgiClient
) -> None:
    made = await cloud.volume()
    hand = cloud.hosts["host-1"]
    hand.refuses = lambda wish: "a process has it open"
    await member.delete(f"/volumes/{made['id']}")
    await cloud.settle()
    assert await cloud.status(made["id"]) == "error_deleting"
    hand.refuses = lambda wish: None
    await member.delete(f"/volumes/{made['id']}")
    await cloud.settle()
    assert (await member.get(f"/volumes/{made['id']}")).status == 404


async def test_force_delete_wins_over_a_build_under_way(cloud: SmallCloud, member: AsgiClient) -> None:
    made = (await member.post("/volumes", {"volume": {"size": 1}})).json["volume"]
    await cloud.reconciler.drain()
    assert (await member.delete(f"/volumes/{made['id']}")).status == 400
    assert (await cloud.act(made["id"], {"os-force_delete": {}})).status == 403
    assert (await cloud.act(made["id"], {"os-force_delete": {}}, "admin")).status == 202
    await cloud.settle()
    assert (await member.get(f"/volumes/{made['id']}")).status == 404
    assert [wish["task"] for wish in cloud.hosts["host-1"].wishes] == ["deleting"]


async def test_what_was_said_too_late_counts_for_nothing(cloud: SmallCloud, member: AsgiClient) -> None:
    made = (await member.post("/volumes", {"volume": {"size": 1}})).json["volume"]
    await cloud.reconciler.drain()
    hand = cloud.hosts["host-1"]
    (due,) = await hand.due()
    await cloud.act(made["id"], {"os-reset_status": {"status": "error"}}, "admin")
    said = {"kind": "volume", "id": made["id"], "task": "creating", "generation": due[2]}
    answer = await hand.http.post(hand.url("/outcomes"), {"outcomes": [said]})
    assert list(answer.json["refused"]) == [f"volume/{made['id']}"]
    assert await cloud.status(made["id"]) == "error"


async def test_a_host_speaks_for_its_own_volumes_only(cloud: SmallCloud, member: AsgiClient) -> None:
    made = (await member.post("/volumes", {"volume": {"size": 1}})).json["volume"]
    await cloud.reconciler.drain()
    (due,) = await cloud.hosts["host-1"].due()
    said = {"kind": "volume", "id": made["id"], "task": "creating", "generation": due[2]}
    agent = cloud.http.using("agent")
    answer = await agent.post("/agent/block-storage/v1/hosts/other/outcomes", {"outcomes": [said]})
    assert list(answer.json["refused"]) == [f"volume/{made['id']}"]
    assert (await cloud.http.using("member").get("/agent/block-storage/v1/hosts/host-1/due")).status == 403


async def test_a_build_that_takes_too_long_is_given_up(cloud: SmallCloud, member: AsgiClient) -> None:
    made = (await member.post("/volumes", {"volume": {"size": 1}})).json["volume"]
    await cloud.reconciler.drain()
    cloud.clock.move(3 * 3600)
    await cloud.reconciler.drain()
    assert await cloud.status(made["id"]) == "error"
    assert "not done in time on host host-1" in (await cloud.messages())[0]


async def test_metadata_comes_and_goes(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await cloud.volume()
    path = f"/volumes/{made['id']}/metadata"
    assert (await member.post(path, {"metadata": {"a": "1", "b": "2"}})).json == {"metadata": {"a": "1", "b": "2"}}
    assert (await member.put(f"{path}/a", {"meta": {"a": "3"}})).json == {"meta": {"a": "3"}}
    assert (await member.get(f"{path}/a")).json == {"meta": {"a": "3"}}
    assert (await member.put(path, {"metadata": {"c": "4"}})).json == {"metadata": {"c": "4"}}
    assert (await member.delete(f"{path}/c")).status == 200
    assert (await member.delete(f"{path}/c")).status == 404
    assert (await member.get(path)).json == {"metadata": {}}


async def test_image_metadata_comes_and_goes(cloud: SmallCloud) -> None:
    made = await cloud.volume()
    said = {"os-set_image_metadata": {"metadata": {"image_name": "x", "kernel_id": "y"}}}
    assert (await cloud.act(made["id"], said)).json == {"metadata": {"image_name": "x", "kernel_id": "y"}}
    assert (await cloud.act(made["id"], {"os-unset_image_metadata": {"key": "kernel_id"}})).status == 200
    assert (await cloud.act(made["id"], {"os-show_image_metadata": None})).json == {"metadata": {"image_name": "x"}}


async def test_a_summary_sums(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    await cloud.volume(size=2, metadata={"k": "v"})
    await cloud.volume("admin", size=3)
    assert (await member.get("/volumes/summary")).json["volume-summary"] == {
        "total_count": 1, "total_size": 2, "metadata": {"k": ["v"]},
    }  # fmt: skip
    assert (await admin.get("/volumes/summary?all_tenants=1")).json["volume-summary"]["total_size"] == 5


async def test_a_shrinking_extend_is_refused_and_a_growing_one_done(cloud: SmallCloud) -> None:
    made = await cloud.volume(size=2)
    for size in (0, 1, 2, None, "abc"):
        assert (await cloud.act(made["id"], {"os-extend": {"new_size": size}})).status == 400
    assert (await cloud.act(made["id"], {"os-extend": {"new_size": 5}})).status == 202
    assert await cloud.status(made["id"]) == "extending"
    await cloud.settle()
    shown = await cloud.shown(made["id"])
    assert (shown["status"], shown["size"]) == ("available", 5)


async def test_an_extend_that_fails_leaves_size_and_quota_as_they_were(cloud: SmallCloud, admin: AsgiClient) -> None:
    made = await cloud.volume(size=2)
    await cloud.act(made["id"], {"os-extend": {"new_size": 5}})
    usage = f"/os-quota-sets/{MEMBER_PROJECT}?usage=true"
    assert (await admin.get(usage)).json["quota_set"]["gigabytes"]["in_use"] == 5
    cloud.hosts["host-1"].refuses = lambda wish: "no room"
    await cloud.settle()
    shown = await cloud.shown(made["id"])
    assert (shown["status"], shown["size"]) == ("available", 2)
    assert (await admin.get(usage)).json["quota_set"]["gigabytes"]["in_use"] == 2
    assert await cloud.messages() == ["extend volume:no room"]


async def test_an_image_is_made_of_a_volume_and_goes_if_that_fails(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await cloud.volume()
    said = {"os-volume_upload_image": {"image_name": "copy", "disk_format": "raw"}}
    answer = await cloud.act(made["id"], said)
    assert answer.status == 202, answer.body
    told = answer.json["os-volume_upload_image"]
    assert told["status"] == "uploading" and told["visibility"] == "private"
    assert (await cloud.act(made["id"], said)).status == 400
    cloud.hosts["host-1"].refuses = lambda wish: "the image service is away"
    await cloud.settle()
    assert await cloud.status(made["id"]) == "available"
    assert (await cloud.http.using("member").get(f"/image/v2/images/{told['image_id']}")).status == 404


async def test_flags(cloud: SmallCloud) -> None:
    made = await cloud.volume()
    assert (await cloud.act(made["id"], {"os-set_bootable": {"bootable": True}})).status == 200
    assert (await cloud.act(made["id"], {"os-update_readonly_flag": {"readonly": True}})).status == 202
    shown = await cloud.shown(made["id"])
    assert shown["bootable"] == "true" and shown["metadata"] == {"readonly": "True"}
    assert (await cloud.act(made["id"], {"os-update_readonly_flag": {"readonly": False}})).status == 202
    assert (await cloud.shown(made["id"]))["metadata"] == {"readonly": "False"}


async def test_a_forgotten_id_is_404(cloud: SmallCloud, member: AsgiClient) -> None:
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"volume": {"name": "x"}})):
        assert (await member.request(method, "/volumes/", body)).status == 404


async def test_administrators_set_a_status_by_hand(cloud: SmallCloud) -> None:
    made = await cloud.volume()
    said = {"os-reset_status": {"status": "maintenance"}}
    assert (await cloud.act(made["id"], said)).status == 403
    assert (await cloud.act(made["id"], said, "admin")).status == 202
    assert await cloud.status(made["id"]) == "maintenance"
    assert (await cloud.act(made["id"], {"os-reset_status": {"status": "nonsense"}}, "admin")).status == 400
    assert (await cloud.act(made["id"], {"os-reset_status": {}}, "admin")).status == 400


async def test_unknown_actions_and_versions_are_refused(cloud: SmallCloud) -> None:
    made = await cloud.volume()
    assert (await cloud.act(made["id"], {"os-fly": {}})).status == 400
    assert (await cloud.act(made["id"], {"revert": {"snapshot_id": "x"}}, version="3.39")).status == 400
    assert (await cloud.who("member", "3.72").get("/volumes")).status == 406
