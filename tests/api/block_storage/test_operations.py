"""Quotas, limits, transfers, services, pools, managing, messages, versions."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.block_storage.conftest import SmallCloud, backend
from tests.conftest import ADMIN_PROJECT, MEMBER_PROJECT, OTHER_PROJECT, AsgiClient

QUOTA = f"/os-quota-sets/{MEMBER_PROJECT}"


async def limit(admin: AsgiClient, **limits: int) -> None:
    answer = await admin.put(QUOTA, {"quota_set": limits})
    assert answer.status == 200, answer.body


async def in_use(admin: AsgiClient, name: str, project: str = MEMBER_PROJECT) -> int:
    answer = await admin.get(f"/os-quota-sets/{project}?usage=true")
    return int(answer.json["quota_set"][name]["in_use"])


# -- quota


async def test_quota_is_exact_however_many_ask_at_once(
    cloud: SmallCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    await limit(admin, volumes=3, gigabytes=10)
    asked = {"volume": {"size": 2}}
    answers = await asyncio.gather(*(member.post("/volumes", asked) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [202, 202, 202, 413, 413, 413]
    refused = next(answer for answer in answers if answer.status == 413)
    assert "overLimit" in refused.json
    assert await in_use(admin, "volumes") == 3 and await in_use(admin, "gigabytes") == 6
    await cloud.settle()
    one = (await member.get("/volumes")).json["volumes"][0]["id"]
    assert (await member.post("/snapshots", {"snapshot": {"volume_id": one}})).status == 202
    assert await in_use(admin, "gigabytes") == 8
    assert (await cloud.act(one, {"os-extend": {"new_size": 5}})).status == 413
    await cloud.settle()
    assert (await cloud.act(one, {"os-extend": {"new_size": 4}})).status == 202


async def test_a_volume_has_a_largest_size(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    await limit(admin, per_volume_gigabytes=4)
    assert (await member.post("/volumes", {"volume": {"size": 5}})).status == 413
    volume = await cloud.volume(size=4)
    assert (await cloud.act(volume["id"], {"os-extend": {"new_size": 5}})).status == 413


async def test_types_have_quotas_of_their_own(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    await admin.post("/types", {"volume_type": {"name": "few"}})
    await limit(admin, volumes_few=1)
    await cloud.volume(volume_type="few")
    assert (await member.post("/volumes", {"volume": {"size": 1, "volume_type": "few"}})).status == 413
    assert (await member.post("/volumes", {"volume": {"size": 1}})).status == 202
    assert await in_use(admin, "volumes_few") == 1
    assert (await admin.put(QUOTA, {"quota_set": {"volumes_none": 1}})).status == 400


async def test_quota_is_given_back(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    volume = await cloud.volume(size=3)
    await member.delete(f"/volumes/{volume['id']}")
    await cloud.settle()
    assert await in_use(admin, "volumes") == 0 and await in_use(admin, "gigabytes") == 0


async def test_quotas_are_set_shown_and_forgotten(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    default = (await admin.get(f"{QUOTA}/defaults")).json["quota_set"]["volumes"]
    await limit(admin, volumes=7)
    assert (await member.get(QUOTA)).json["quota_set"]["volumes"] == 7
    assert (await member.get(f"/os-quota-sets/{OTHER_PROJECT}")).status == 403
    assert (await member.put(QUOTA, {"quota_set": {"volumes": 8}})).status == 403
    for wrong in ({"volumes": -2}, {"volumes": "many"}, {"nonsense": 1}, {"volumes": 2**40}):
        assert (await admin.put(QUOTA, {"quota_set": wrong})).status == 400, wrong
    assert (await admin.delete(QUOTA)).status == 200
    assert (await member.get(QUOTA)).json["quota_set"]["volumes"] == default
    changed = await admin.put("/os-quota-class-sets/default", {"quota_class_set": {"volumes": 55}})
    assert changed.json["quota_class_set"]["volumes"] == 55
    assert (await member.get("/limits")).json["limits"]["absolute"]["maxTotalVolumes"] == 55


# -- transfers


async def test_a_volume_changes_hands(
    cloud: SmallCloud, member: AsgiClient, other: AsgiClient, admin: AsgiClient
) -> None:
    volume = await cloud.volume(size=2)
    await member.post("/snapshots", {"snapshot": {"volume_id": volume["id"]}})
    await cloud.settle()
    made = (await member.post("/os-volume-transfer", {"transfer": {"volume_id": volume["id"], "name": "t"}})).json[
        "transfer"
    ]
    assert await cloud.status(volume["id"]) == "awaiting-transfer"
    assert (await member.delete(f"/volumes/{volume['id']}")).status == 400
    assert "auth_key" not in (await member.get(f"/os-volume-transfer/{made['id']}")).json["transfer"]
    assert (await other.get(f"/os-volume-transfer/{made['id']}")).status == 404
    accept = f"/volume-transfers/{made['id']}/accept"
    assert (await other.post(accept, {"accept": {"auth_key": "guessed"}})).status == 400
    assert (await other.post(accept, {"accept": {"auth_key": made["auth_key"]}})).status == 202
    assert (await member.get(f"/volumes/{volume['id']}")).status == 404
    assert (await other.get(f"/volumes/{volume['id']}")).json["volume"]["status"] == "available"
    assert len((await other.get("/snapshots")).json["snapshots"]) == 1
    assert await in_use(admin, "gigabytes") == 0 and await in_use(admin, "gigabytes", OTHER_PROJECT) == 4


async def test_a_transfer_is_taken_back(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    asked = {"transfer": {"volume_id": volume["id"]}}
    made = (await member.post("/volume-transfers", asked)).json["transfer"]
    assert (await member.post("/volume-transfers", asked)).status == 400
    assert [one["id"] for one in (await member.get("/volume-transfers/detail")).json["transfers"]] == [made["id"]]
    assert (await member.delete(f"/volume-transfers/{made['id']}")).status == 202
    assert await cloud.status(volume["id"]) == "available"


async def test_a_transfer_that_does_not_fit_leaves_all_as_it_was(
    cloud: SmallCloud, member: AsgiClient, other: AsgiClient, admin: AsgiClient
) -> None:
    await admin.put(f"/os-quota-sets/{OTHER_PROJECT}", {"quota_set": {"volumes": 0}})
    volume = await cloud.volume()
    made = (await member.post("/volume-transfers", {"transfer": {"volume_id": volume["id"]}})).json["transfer"]
    said = {"accept": {"auth_key": made["auth_key"]}}
    assert (await other.post(f"/volume-transfers/{made['id']}/accept", said)).status == 413
    assert await cloud.status(volume["id"]) == "awaiting-transfer"


# -- services, pools, hosts


async def test_services_are_listed_and_switched(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    services = (await admin.get("/os-services")).json["services"]
    assert {one["binary"] for one in services} == {"cinder-scheduler", "cinder-volume", "cinder-backup"}
    assert (await member.get("/os-services")).status == 403
    said = {"host": "host-1@file", "binary": "cinder-volume"}
    assert (await admin.put("/os-services/disable", said)).json["status"] == "disabled"
    assert (await cloud.volume())["status"] == "error"
    assert (await admin.put("/os-services/disable-log-reason", {**said, "disabled_reason": None})).status == 400
    told = (await admin.put("/os-services/disable-log-reason", {**said, "disabled_reason": "rest"})).json
    assert told["disabled_reason"] == "rest"
    (shown,) = (await admin.get("/os-services?host=host-1&binary=cinder-volume")).json["services"]
    assert (shown["status"], shown["disabled_reason"], shown["backend_state"]) == ("disabled", "rest", "up")
    assert (await admin.put("/os-services/enable", said)).status == 200
    assert (await cloud.volume())["status"] == "available"
    assert (await admin.put("/os-services/enable", {**said, "host": "nobody"})).status == 404
    assert (await admin.put("/os-services/freeze", {"host": "host-1@file"})).status == 200
    assert (await admin.put("/os-services/thaw", {"host": "host-1@file"})).status == 200
    assert (await admin.put("/os-services/freeze", {"host": "nobody"})).status == 400


async def test_a_silent_host_is_down_and_gets_nothing(cloud: SmallCloud, admin: AsgiClient) -> None:
    cloud.clock.move(cloud.config.host_down_after_s + 1)
    states = {one["binary"]: one["state"] for one in (await admin.get("/os-services")).json["services"]}
    assert states["cinder-volume"] == "down"
    assert (await cloud.volume())["status"] == "error"
    await cloud.hosts["host-1"].register()
    assert (await cloud.volume())["status"] == "available"


async def test_pools_tell_what_is_promised(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    await cloud.volume(size=5)
    assert (await admin.get("/scheduler-stats/get_pools")).json == {"pools": [{"name": "host-1@file#pool"}]}
    (pool,) = (await admin.get("/scheduler-stats/get_pools?detail=true")).json["pools"]
    assert pool["capabilities"]["allocated_capacity_gb"] == 5
    assert pool["capabilities"]["volume_backend_name"] == "file"
    assert (await member.get("/scheduler-stats/get_pools")).status == 403
    told = (await admin.get("/capabilities/host-1@file%23pool")).json
    assert told["namespace"] == "OS::Storage::Capabilities::host-1@file"
    assert (await admin.get("/capabilities/nobody")).status == 404
    host = (await admin.get("/os-hosts/host-1@file")).json["host"]
    assert host[0]["resource"]["total_volume_gb"] == "5" and host[1]["resource"]["project"] == MEMBER_PROJECT
    assert (await admin.get("/os-hosts")).status == 200
    assert (await admin.get("/os-hosts/nobody")).status == 404


async def test_volumes_go_where_there_is_most_room_and_hints_count(cloud: SmallCloud) -> None:
    await cloud.add_host("host-2", backends=[backend(total_gib=5000)])
    first = await cloud.volume()
    assert first["os-vol-host-attr:host"].startswith("host-2")

    async def hinted(**hints: Any) -> str:
        body = {"volume": {"size": 1}, "OS-SCH-HNT:scheduler_hints": hints}
        answer = await cloud.who("member").post("/volumes", body)
        await cloud.settle()
        shown = await cloud.shown(answer.json["volume"]["id"])
        return str(shown["os-vol-host-attr:host"]).partition("@")[0]

    assert await hinted(different_host=[first["id"]]) == "host-1"
    assert await hinted(same_host=first["id"]) == "host-2"


async def test_zones_clusters_and_extensions(cloud: SmallCloud, member: AsgiClient, admin: AsgiClient) -> None:
    zones = (await member.get("/os-availability-zone")).json["availabilityZoneInfo"]
    assert zones == [{"zoneName": "nova", "zoneState": {"available": True}}]
    assert (await member.post("/volumes", {"volume": {"size": 1, "availability_zone": "mars"}})).status == 400
    assert (await admin.get("/clusters")).json == {"clusters": []}
    assert (await admin.post("/workers/cleanup", {})).status == 202
    assert len((await member.get("/extensions")).json["extensions"]) > 20


# -- managing


async def test_what_is_there_already_is_managed_and_let_go(
    cloud: SmallCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    cloud.hosts["host-1"].learns["volume", "managing"] = {"size_gib": 7}
    asked = {"host": "host-1@file#pool", "ref": {"source-name": "old"}, "name": "kept"}
    assert (await member.post("/os-volume-manage", {"volume": asked})).status == 403
    answer = await admin.post("/manageable_volumes", {"volume": asked})
    assert answer.status == 202, answer.body
    volume_id = answer.json["volume"]["id"]
    assert answer.json["volume"]["status"] == "managing"
    await cloud.settle()
    shown = await cloud.shown(volume_id)
    assert (shown["status"], shown["size"]) == ("available", 7)
    assert await in_use(admin, "gigabytes", ADMIN_PROJECT) == 7
    assert (await cloud.act(volume_id, {"os-unmanage": {}}, "admin")).status == 202
    await cloud.settle()
    assert (await admin.get(f"/volumes/{volume_id}")).status == 404
    assert [one["task"] for one in cloud.hosts["host-1"].wishes] == ["managing", "unmanaging"]


async def test_what_could_be_managed_is_asked_of_the_host(cloud: SmallCloud, admin: AsgiClient) -> None:
    hand = cloud.hosts["host-1"]
    asking = asyncio.create_task(admin.get("/manageable_volumes?host=host-1@file%23pool"))
    found: list[Any] = []
    while not found:
        await asyncio.sleep(0.01)
        found = await cloud.life.questions.open("host-1")
    value = [{"reference": {"source-name": "old"}, "size": 3, "safe_to_manage": True, "reason_not_safe": None}]
    assert (await hand.http.post(hand.url(f"/answers/{found[0].id}"), {"value": value})).status == 204
    assert (await asking).json == {
        "manageable-volumes": [{"reference": {"source-name": "old"}, "size": 3, "safe_to_manage": True}]
    }
    assert (await admin.get("/manageable_volumes")).status == 400


# -- messages, versions


async def test_messages_are_their_owners_and_go(cloud: SmallCloud, member: AsgiClient, other: AsgiClient) -> None:
    cloud.hosts["host-1"].refuses = lambda wish: "no"
    await cloud.volume()
    (message,) = (await member.get("/messages?resource_type=VOLUME")).json["messages"]
    assert (await other.get("/messages")).json["messages"] == []
    assert (await other.get(f"/messages/{message['id']}")).status == 404
    assert (await member.get(f"/messages?event_id={message['event_id']}")).json["messages"] == [message]
    assert (await member.delete(f"/messages/{message['id']}")).status == 204
    assert (await member.get(f"/messages/{message['id']}")).status == 404
    await cloud.volume()
    cloud.clock.move(cloud.config.message_ttl_s + 1)
    await cloud.settle()
    assert (await member.get("/messages")).json["messages"] == []


async def test_versions_are_told_to_everybody(cloud: SmallCloud) -> None:
    answer = await cloud.http.get("/volume/")
    assert answer.status == 300
    (version,) = answer.json["versions"]
    assert (version["id"], version["min_version"], version["version"]) == ("v3.0", "3.0", "3.71")
    assert (await cloud.http.get("/volume/v3/")).json["versions"][0]["id"] == "v3.0"
