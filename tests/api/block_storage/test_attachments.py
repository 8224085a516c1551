"""Who uses a volume: attachments, the old actions, and what becomes of what nobody ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.block_storage.conftest import MEMBER, SmallCloud
from tests.conftest import AsgiClient
from wolke.block_storage import errors
from wolke.block_storage.model import Attachment, Volume
from wolke.core.db import Transaction

SERVER = "11111111-1111-4111-8111-111111111111"
ANOTHER = "22222222-2222-4222-8222-222222222222"


async def connected(cloud: SmallCloud, client: AsgiClient, attachment_id: str, host: str = "host-1") -> Any:
    """Ask for a connection, and let the host answer."""
    path, body = f"/attachments/{attachment_id}", {"attachment": {"connector": {"host": host}}}
    asking = asyncio.create_task(client.put(path, body))
    while not asking.done() and not await cloud.hosts["host-1"].work():
        await asyncio.sleep(0.01)
    return await asking


async def reserve(client: AsgiClient, volume_id: str, server_id: str = SERVER) -> Any:
    return await client.post("/attachments", {"attachment": {"volume_uuid": volume_id, "instance_uuid": server_id}})


async def test_an_attachment_goes_its_way(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    made = (await reserve(member, volume["id"])).json["attachment"]
    assert made["status"] == "reserved" and made["connection_info"] == {}
    assert await cloud.status(volume["id"]) == "reserved"
    answer = await connected(cloud, member, made["id"])
    assert answer.status == 200, answer.body
    assert answer.json["attachment"]["connection_info"] == {"driver_volume_type": "file", "layers": []}
    assert await cloud.status(volume["id"]) == "attaching"
    assert (await member.post(f"/attachments/{made['id']}/action", {"os-complete": None})).status == 204
    shown = await cloud.shown(volume["id"])
    assert shown["status"] == "in-use"
    (attached,) = shown["attachments"]
    assert attached["server_id"] == SERVER and attached["host_name"] == "host-1"
    assert (await member.delete(f"/attachments/{made['id']}")).json == {"attachments": []}
    assert await cloud.status(volume["id"]) == "available"
    assert (await member.get(f"/attachments/{made['id']}")).status == 404
    await cloud.settle()
    assert cloud.hosts["host-1"].wishes[-1]["task"] == "disconnecting"


async def test_a_second_attach_loses_cleanly(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    answers = await asyncio.gather(*(reserve(member, volume["id"], f"{n}" * 36) for n in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400, 400]
    assert len((await member.get("/attachments")).json["attachments"]) == 1


async def test_several_may_have_a_volume_whose_type_says_so(
    cloud: SmallCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    specs = {"multiattach": "<is> True"}
    await admin.post("/types", {"volume_type": {"name": "shared", "extra_specs": specs}})
    volume = await cloud.volume(volume_type="shared")
    assert volume["multiattach"] is True
    first = (await reserve(member, volume["id"])).json["attachment"]
    assert (await reserve(member, volume["id"])).status == 400
    second = (await reserve(member, volume["id"], ANOTHER)).json["attachment"]
    await member.post(f"/attachments/{first['id']}/action", {"os-complete": None})
    assert await cloud.status(volume["id"]) == "reserved", "the second is on its way"
    await member.post(f"/attachments/{second['id']}/action", {"os-complete": None})
    assert await cloud.status(volume["id"]) == "in-use"
    await cloud.service.attachments.begin_detaching(MEMBER, volume["id"], first["id"])
    assert await cloud.status(volume["id"]) == "detaching", "or who waits would take the other for what is left"
    await member.delete(f"/attachments/{first['id']}")
    assert await cloud.status(volume["id"]) == "in-use"
    await member.delete(f"/attachments/{second['id']}")
    assert await cloud.status(volume["id"]) == "available"


async def test_a_connection_that_is_refused_leaves_it_reserved(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    made = (await reserve(member, volume["id"])).json["attachment"]
    cloud.hosts["host-1"].refuses = lambda wish: "a disk of another host cannot be reached"
    answer = await connected(cloud, member, made["id"], "elsewhere")
    assert answer.status == 409 and "cannot be reached" in answer.json["conflictingRequest"]["message"]
    assert await cloud.status(volume["id"]) == "reserved"


async def test_a_host_that_is_silent_does_not_hold_anybody_up(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    body = {"attachment": {"volume_uuid": volume["id"], "instance_uuid": SERVER, "connector": {"host": "host-1"}}}
    assert (await member.post("/attachments", body)).status == 409
    assert (await member.get("/attachments")).json["attachments"] == []
    assert await cloud.status(volume["id"]) == "available"


async def test_what_is_reserved_and_never_attached_is_free_again(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    await reserve(member, volume["id"])
    cloud.clock.move(cloud.config.reserved_deadline_s + 1)
    await cloud.settle()
    assert await cloud.status(volume["id"]) == "available"
    assert "not attached in time" in (await cloud.messages())[0]


async def test_a_detach_that_nobody_ends_is_taken_back(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    made = (await reserve(member, volume["id"])).json["attachment"]
    await member.post(f"/attachments/{made['id']}/action", {"os-complete": None})
    assert (await cloud.act(volume["id"], {"os-begin_detaching": None})).status == 202
    assert await cloud.status(volume["id"]) == "detaching"
    cloud.clock.move(cloud.config.reserved_deadline_s + 1)
    await cloud.settle()
    assert await cloud.status(volume["id"]) == "in-use"


async def test_a_shelved_servers_reservation_stays(cloud: SmallCloud) -> None:
    volume = await cloud.volume()
    await cloud.service.attachments.reserve(MEMBER, volume["id"], server_id=SERVER, patient=True)
    cloud.clock.move(10 * cloud.config.reserved_deadline_s)
    await cloud.settle()
    assert await cloud.status(volume["id"]) == "reserved"


async def test_servers_are_asked_before_a_reservation_is_given_up(cloud: SmallCloud, member: AsgiClient) -> None:
    told: list[str] = []

    class Compute:
        async def changed(self, tx: Transaction, volume: Volume, attachment: Attachment, verb: str) -> None:
            told.append(f"{verb} {volume.size_gib} {attachment.server_id}")

        async def wants(self, attachment: Attachment) -> bool:
            return attachment.server_id == SERVER

    cloud.service.servers = Compute()
    volume = await cloud.volume()
    made = (await reserve(member, volume["id"])).json["attachment"]
    cloud.clock.move(cloud.config.reserved_deadline_s + 1)
    await cloud.settle()
    assert await cloud.status(volume["id"]) == "reserved"
    await member.post(f"/attachments/{made['id']}/action", {"os-complete": None})
    assert (await cloud.act(volume["id"], {"os-extend": {"new_size": 3}}, version="3.41")).status == 400
    assert (await cloud.act(volume["id"], {"os-extend": {"new_size": 3}})).status == 202
    await cloud.settle()
    assert told == [f"extend 3 {SERVER}"]
    assert cloud.hosts["host-1"].wishes[-1]["arguments"]["attached"] == [SERVER]


async def test_a_volume_in_use_is_not_deleted(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    made = (await reserve(member, volume["id"])).json["attachment"]
    assert (await member.delete(f"/volumes/{volume['id']}")).status == 400
    await member.post(f"/attachments/{made['id']}/action", {"os-complete": None})
    assert (await member.delete(f"/volumes/{volume['id']}")).status == 400
    assert (await member.delete(f"/volumes/{volume['id']}?cascade=true")).status == 400


async def test_attachments_are_listed_filtered_and_kept_from_others(
    cloud: SmallCloud, member: AsgiClient, other: AsgiClient
) -> None:
    volumes = [await cloud.volume() for _ in range(2)]
    made = [(await reserve(member, volume["id"])).json["attachment"]["id"] for volume in volumes]
    found = (await member.get(f"/attachments/detail?volume_id={volumes[1]['id']}")).json["attachments"]
    assert [one["id"] for one in found] == [made[1]]
    assert len((await member.get(f"/attachments?instance_id={SERVER}")).json["attachments"]) == 2
    assert (await other.get("/attachments")).json["attachments"] == []
    assert (await other.get(f"/attachments/{made[0]}")).status == 404
    assert (await other.delete(f"/attachments/{made[0]}")).status == 404
    assert (await cloud.who("member", "3.26").get("/attachments")).status == 404


async def test_the_old_actions(cloud: SmallCloud, member: AsgiClient) -> None:
    volume_id = (await cloud.volume())["id"]
    assert (await cloud.act(volume_id, {"os-reserve": {}})).status == 202
    assert await cloud.status(volume_id) == "attaching"
    assert (await cloud.act(volume_id, {"os-reserve": {}})).status == 400
    assert (await member.get("/attachments")).json["attachments"] == []
    assert (await cloud.act(volume_id, {"os-unreserve": {}})).status == 202
    assert await cloud.status(volume_id) == "available"
    said = {"os-attach": {"instance_uuid": SERVER, "mountpoint": "/dev/vdc"}}
    assert (await cloud.act(volume_id, said)).status == 202
    shown = await cloud.shown(volume_id)
    (attached,) = shown["attachments"]
    assert shown["status"] == "in-use" and attached["device"] == "/dev/vdc"
    assert (await cloud.act(volume_id, said)).status == 400
    assert (await cloud.act(volume_id, {"os-begin_detaching": {}})).status == 202
    assert (await cloud.act(volume_id, {"os-roll_detaching": {}})).status == 202
    assert await cloud.status(volume_id) == "in-use"
    assert (await cloud.act(volume_id, {"os-detach": {"attachment_id": attached["attachment_id"]}})).status == 202
    assert await cloud.status(volume_id) == "available"
    assert (await cloud.act(volume_id, {"os-detach": {}})).status == 202
    assert (await cloud.act(volume_id, {"os-detach": {"attachment_id": attached["attachment_id"]}})).status == 404


async def test_a_connection_of_old(cloud: SmallCloud) -> None:
    volume_id = (await cloud.volume())["id"]
    said = {"os-initialize_connection": {"connector": {"host": "host-1"}}}
    assert (await cloud.act(volume_id, said)).status == 400
    await cloud.act(volume_id, {"os-reserve": {}})
    asking = asyncio.create_task(cloud.act(volume_id, said))
    while not asking.done() and not await cloud.hosts["host-1"].work():
        await asyncio.sleep(0.01)
    assert (await asking).json == {"connection_info": {"driver_volume_type": "file", "data": {"layers": []}}}
    assert (await cloud.act(volume_id, {"os-terminate_connection": {"connector": {}}})).status == 202


async def test_keys_to_connections_are_for_services_alone(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    secret = {"connection": {"type": "nbd", "export": "x", "tls_psk": "c0ffee"}}
    cloud.hosts["host-1"].learns["attachment", "connecting"] = secret
    made = (await reserve(member, volume["id"])).json["attachment"]
    answer = await connected(cloud, member, made["id"])
    assert b"c0ffee" not in answer.body
    assert b"c0ffee" not in (await member.get(f"/attachments/{made['id']}")).body
    kept = await cloud.service.attachments.show(MEMBER, made["id"])
    assert kept.connection == secret["connection"] and "c0ffee" not in repr(kept)


async def test_an_administrator_takes_a_volume_away(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    made = (await reserve(member, volume["id"])).json["attachment"]
    said = {"os-force_detach": {"attachment_id": made["id"], "connector": None}}
    assert (await cloud.act(volume["id"], said)).status == 403
    assert (await cloud.act(volume["id"], said, "admin")).status == 202
    assert await cloud.status(volume["id"]) == "available"


async def test_a_volume_that_is_stuck_in_error_is_taken_away_too(cloud: SmallCloud) -> None:
    volume_id = (await cloud.volume())["id"]
    await cloud.act(volume_id, {"os-attach": {"instance_uuid": SERVER, "mountpoint": "/dev/vdb"}})
    await cloud.act(volume_id, {"os-reset_status": {"status": "error"}}, "admin")
    (attached,) = (await cloud.shown(volume_id))["attachments"]
    said = {"os-force_detach": {"attachment_id": attached["attachment_id"]}}
    assert (await cloud.act(volume_id, said, "admin")).status == 202
    assert await cloud.status(volume_id) == "available"


async def test_a_read_only_volume_is_not_attached_for_writing(cloud: SmallCloud, member: AsgiClient) -> None:
    volume = await cloud.volume()
    await cloud.act(volume["id"], {"os-update_readonly_flag": {"readonly": True}})
    asked = {"volume_uuid": volume["id"], "instance_uuid": SERVER, "mode": "rw"}
    assert (await member.post("/attachments", {"attachment": asked})).status == 400
    assert (await member.post("/attachments", {"attachment": {**asked, "mode": "ro"}})).status == 200


async def test_the_verbs_that_compute_calls(cloud: SmallCloud) -> None:
    volume = await cloud.volume()
    verbs = cloud.service.attachments
    made = await verbs.reserve(MEMBER, volume["id"], server_id=SERVER)
    with pytest.raises(errors.Invalid):
        await verbs.reserve(MEMBER, volume["id"], server_id=ANOTHER)
    connecting = asyncio.create_task(verbs.connect(MEMBER, made.id, {"host": "host-1"}))
    while not connecting.done() and not await cloud.hosts["host-1"].work():
        await asyncio.sleep(0.01)
    assert (await connecting).connection == {"type": "file", "layers": []}
    await verbs.complete(MEMBER, made.id, mount_device="/dev/vdb")
    assert [one.mount_device for one in await verbs.of_server(SERVER)] == ["/dev/vdb"]
    await verbs.begin_detaching(MEMBER, volume["id"], made.id)
    with pytest.raises(errors.NotSettled):
        await verbs.begin_detaching(MEMBER, volume["id"], made.id)
    await verbs.delete(MEMBER, made.id)
    assert await verbs.of_server(SERVER) == []
