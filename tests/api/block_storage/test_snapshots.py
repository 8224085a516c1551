"""Snapshots, reverting, cascades, groups and their snapshots."""

from __future__ import annotations

from typing import Any

from tests.api.block_storage.conftest import SmallCloud
from tests.conftest import AsgiClient


async def snapshot(cloud: SmallCloud, volume_id: str, **asked: Any) -> dict[str, Any]:
    answer = await cloud.who("member").post("/snapshots", {"snapshot": {"volume_id": volume_id, **asked}})
    assert answer.status == 202, answer.body
    await cloud.settle()
    return (await cloud.who("member").get(f"/snapshots/{answer.json['snapshot']['id']}")).json["snapshot"]


async def test_a_snapshot_comes_is_made_into_a_volume_and_goes(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume(size=2)
    made = await snapshot(cloud, volume["id"], name="before", metadata={"k": "v"})
    assert (made["status"], made["size"], made["volume_id"]) == ("available", 2, volume["id"])
    assert made["os-extended-snapshot-attributes:progress"] == "100%"
    again = await cloud.volume(size=None, snapshot_id=made["id"])
    assert again["snapshot_id"] == made["id"] and again["size"] == 2
    wish = next(one for one in cloud.hosts["host-1"].wishes if one["id"] == again["id"])
    assert wish["arguments"]["source"]["snapshot"]["volume_id"] == volume["id"]
    assert (await member.delete(f"/volumes/{volume['id']}")).status == 400
    assert (await member.delete(f"/snapshots/{made['id']}")).status == 202
    await cloud.settle()
    assert (await member.get(f"/snapshots/{made['id']}")).status == 404


async def test_cascade_takes_the_snapshots_along(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    made = await snapshot(cloud, volume["id"])
    assert (await member.delete(f"/volumes/{volume['id']}?cascade=true")).status == 202
    await cloud.settle()
    assert (await member.get(f"/volumes/{volume['id']}")).status == 404
    assert (await member.get(f"/snapshots/{made['id']}")).status == 404


async def test_a_volume_in_use_wants_force_before_3_66(cloud: SmallCloud) -> None:
    volume = await cloud.volume()
    await cloud.act(volume["id"], {"os-attach": {"instance_uuid": "1" * 8, "mountpoint": "/dev/vdb"}})
    old, asked = cloud.who("member", "3.65"), {"snapshot": {"volume_id": volume["id"]}}
    assert (await old.post("/snapshots", asked)).status == 400
    asked["snapshot"]["force"] = True  # type: ignore[assignment]
    assert (await old.post("/snapshots", asked)).status == 202
    asked["snapshot"]["force"] = False  # type: ignore[assignment]
    assert (await cloud.who("member").post("/snapshots", asked)).status == 400
    del asked["snapshot"]["force"]
    assert (await cloud.who("member").post("/snapshots", asked)).status == 202


async def test_a_volume_is_reverted_to_its_newest_snapshot_only(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    first = await snapshot(cloud, volume["id"])
    cloud.clock.move(1)
    second = await snapshot(cloud, volume["id"])
    assert (await cloud.act(volume["id"], {"revert": {"snapshot_id": first["id"]}})).status == 400
    assert (await cloud.act(volume["id"], {"revert": {"snapshot_id": second["id"]}})).status == 202
    assert await cloud.status(volume["id"]) == "reverting"
    assert (await member.get(f"/snapshots/{second['id']}")).json["snapshot"]["status"] == "restoring"
    await cloud.settle()
    assert await cloud.status(volume["id"]) == "available"
    assert (await member.get(f"/snapshots/{second['id']}")).json["snapshot"]["status"] == "available"
    await cloud.act(volume["id"], {"os-extend": {"new_size": 2}})
    await cloud.settle()
    assert (await cloud.act(volume["id"], {"revert": {"snapshot_id": second["id"]}})).status == 400


async def test_snapshot_metadata_names_and_statuses(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    made = await snapshot(cloud, (await cloud.volume())["id"])
    path = f"/snapshots/{made['id']}"
    changed = (await member.put(path, {"snapshot": {"name": "n", "description": "d"}})).json["snapshot"]
    assert (changed["name"], changed["description"]) == ("n", "d")
    assert (await member.post(f"{path}/metadata", {"metadata": {"a": "b"}})).json == {"metadata": {"a": "b"}}
    assert (await member.put(f"{path}/metadata/a", {"meta": {"a": "c"}})).json == {"meta": {"a": "c"}}
    assert (await member.delete(f"{path}/metadata/a")).status == 200
    said = {"os-reset_status": {"status": "error"}}
    assert (await member.post(f"{path}/action", said)).status == 403
    assert (await admin.post(f"{path}/action", said)).status == 202
    assert (await member.get(path)).json["snapshot"]["status"] == "error"
    assert (await admin.post(f"{path}/action", {"os-force_delete": None})).status == 202
    await cloud.settle()
    assert (await member.get(path)).status == 404


async def test_lists_of_snapshots_page_and_skip(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    made = []
    for number in range(3):
        cloud.clock.move(1)
        made.append((await snapshot(cloud, volume["id"], name=f"s{number}"))["id"])
    newest_first = made[::-1]

    async def ids(query: str) -> list[str]:
        return [one["id"] for one in (await member.get(f"/snapshots?{query}")).json["snapshots"]]

    assert await ids("") == newest_first
    assert await ids("offset=2&limit=3") == newest_first[2:]
    assert await ids(f"marker={made[1]}") == [made[0]]
    assert await ids("limit=0") == []
    assert await ids("sort_key=display_name&sort_dir=asc") == made
    assert await ids("name=s1") == [made[1]]
    assert await ids(f"volume_id={volume['id']}&status=available&limit=1") == newest_first[:1]
    assert (await member.get("/snapshots?with_count=true&limit=1")).json["count"] == 3
    assert (await member.get(f"/snapshots?marker={'0' * 8}")).status == 404
    assert (await member.get("/snapshots?limit=-1")).status == 400
    assert (await member.get("/snapshots?sort_key=nothing")).status == 400


# -- groups


async def group(cloud: SmallCloud) -> dict[str, str]:
    """Ids of a group type, a volume type and a group."""
    admin, member = cloud.who("admin"), cloud.who("member")
    kind = (await admin.post("/group_types", {"group_type": {"name": "kind"}})).json["group_type"]["id"]
    type_id = (await member.get("/types/default")).json["volume_type"]["id"]
    asked = {"name": "g", "group_type": kind, "volume_types": [type_id]}
    answer = await member.post("/groups", {"group": asked})
    assert answer.status == 202, answer.body
    return {"kind": kind, "type": type_id, "group": answer.json["group"]["id"]}


async def test_a_group_goes_with_its_volumes(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await group(cloud)
    path = f"/groups/{made['group']}"
    inside = [await cloud.volume(group_id=made["group"]) for _ in range(2)]
    shown = (await member.get(f"{path}?list_volume=true")).json["group"]
    assert shown["status"] == "available" and sorted(shown["volumes"]) == sorted(one["id"] for one in inside)
    assert (await member.delete(f"/volumes/{inside[0]['id']}")).status == 400
    assert (await member.post(f"{path}/action", {"delete": {}})).status == 400
    assert (await member.post(f"{path}/action", {"delete": {"delete-volumes": True}})).status == 202
    assert (await member.get(path)).json["group"]["status"] == "deleting"
    await cloud.settle()
    assert (await member.get(path)).status == 404
    assert (await member.get("/volumes")).json["volumes"] == []


async def test_an_empty_group_goes_at_once(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await group(cloud)
    assert (await member.post(f"/groups/{made['group']}/action", {"delete": {}})).status == 202
    assert (await member.get(f"/groups/{made['group']}")).status == 404


async def test_volumes_join_and_leave_a_group(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await group(cloud)
    volume = await cloud.volume()
    path = f"/groups/{made['group']}"
    assert (await member.put(path, {"group": {"add_volumes": volume["id"], "name": "new"}})).status == 202
    assert (await cloud.shown(volume["id"]))["group_id"] == made["group"]
    assert (await member.put(path, {"group": {}})).status == 400
    assert (await member.put(path, {"group": {"remove_volumes": volume["id"]}})).status == 202
    assert (await cloud.shown(volume["id"]))["group_id"] is None


async def test_a_groups_snapshot_is_done_when_the_last_member_is(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await group(cloud)
    assert (await member.post("/group_snapshots", {"group_snapshot": {"group_id": made["group"]}})).status == 400
    for _ in range(2):
        await cloud.volume(group_id=made["group"])
    answer = await member.post("/group_snapshots", {"group_snapshot": {"group_id": made["group"], "name": "x"}})
    assert answer.status == 202, answer.body
    path = f"/group_snapshots/{answer.json['group_snapshot']['id']}"
    assert (await member.get(path)).json["group_snapshot"]["status"] == "creating"
    await cloud.settle()
    assert (await member.get(path)).json["group_snapshot"]["status"] == "available"
    inside = (await member.get("/snapshots/detail")).json["snapshots"]
    assert len(inside) == 2
    assert (await member.delete(f"/snapshots/{inside[0]['id']}")).status == 400
    said = {"create-from-src": {"group_snapshot_id": path.rpartition("/")[2], "name": "again"}}
    answer = await member.post("/groups/action", said)
    assert answer.status == 202, answer.body
    again = f"/groups/{answer.json['group']['id']}"
    assert (await member.get(again)).json["group"]["status"] == "creating"
    await cloud.settle()
    shown = (await member.get(f"{again}?list_volume=true")).json["group"]
    assert shown["status"] == "available" and len(shown["volumes"]) == 2
    assert (await member.delete(path)).status == 202
    await cloud.settle()
    assert (await member.get(path)).status == 404
    assert (await member.get("/snapshots")).json["snapshots"] == []


async def test_a_member_that_fails_fails_the_groups_snapshot(cloud: SmallCloud, member: AsgiClient) -> None:
    made = await group(cloud)
    volumes = [await cloud.volume(group_id=made["group"]) for _ in range(2)]
    of_one = {"task": "creating", "volume_id": volumes[1]["id"]}
    cloud.hosts["host-1"].refuses = lambda wish: (
        "no room" if {"task": wish["task"], "volume_id": wish["specification"].get("volume_id")} == of_one else None
    )
    answer = await member.post("/group_snapshots", {"group_snapshot": {"group_id": made["group"]}})
    await cloud.settle()
    path = f"/group_snapshots/{answer.json['group_snapshot']['id']}"
    assert (await member.get(path)).json["group_snapshot"]["status"] == "error"
    assert (await member.delete(path)).status == 202
    await cloud.settle()
    assert (await member.get(path)).status == 404


async def test_group_types_and_their_specs(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    assert (await member.post("/group_types", {"group_type": {"name": "mine"}})).status == 403
    made = (await admin.post("/group_types", {"group_type": {"name": "k", "group_specs": {"a": "b"}}})).json
    path = f"/group_types/{made['group_type']['id']}"
    assert (await admin.post("/group_types", {"group_type": {"name": "k"}})).status == 409
    assert (await admin.post(f"{path}/group_specs", {"group_specs": {"c": "d"}})).status == 202
    assert (await admin.get(f"{path}/group_specs")).json == {"group_specs": {"a": "b", "c": "d"}}
    assert (await admin.put(f"{path}/group_specs/a", {"a": "e"})).json == {"a": "e"}
    assert (await admin.delete(f"{path}/group_specs/a")).status == 202
    assert (await admin.get(f"{path}/group_specs/a")).status == 404
    assert "group_specs" not in (await member.get(path)).json["group_type"]
    assert (await admin.put(path, {"group_type": {"name": "new"}})).json["group_type"]["name"] == "new"
    assert (await admin.delete(path)).status == 202
    assert (await admin.get(path)).status == 404
