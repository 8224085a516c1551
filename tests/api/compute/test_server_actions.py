from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.compute.test_servers import asked, boot
from tests.conftest import Answer, AsgiClient
from tests.life_cloud import LifeCloud
from wolke.compute.config import ComputeConfig
from wolke.core.db import Database
from wolke.core.drivers import Failure


@pytest.fixture
async def server_id(cloud: LifeCloud, member: AsgiClient) -> str:
    """Of a server that runs."""
    made = await boot(cloud, member)
    await cloud.settle()
    return made


async def act(client: AsgiClient, server_id: str, name: str, words: Any = None) -> Answer:
    return await client.post(f"/servers/{server_id}/action", {name: words})


async def state(client: AsgiClient, server_id: str) -> tuple[str, str, str | None, int]:
    one = (await client.get(f"/servers/{server_id}")).json["server"]
    return one["status"], one["OS-EXT-STS:vm_state"], one["OS-EXT-STS:task_state"], one["OS-EXT-STS:power_state"]


@pytest.mark.parametrize(
    ("action", "words", "under_way", "settled"),
    [
        ("os-stop", None, ("ACTIVE", "active", "powering-off", 1), ("SHUTOFF", "stopped", None, 4)),
        ("reboot", {"type": "SOFT"}, ("REBOOT", "active", "rebooting", 1), ("ACTIVE", "active", None, 1)),
        ("reboot", {"type": "HARD"}, ("HARD_REBOOT", "active", "rebooting_hard", 1), ("ACTIVE", "active", None, 1)),
        ("pause", None, ("ACTIVE", "active", "pausing", 1), ("PAUSED", "paused", None, 3)),
        ("suspend", None, ("ACTIVE", "active", "suspending", 1), ("SUSPENDED", "suspended", None, None)),
    ],
    ids=["stop", "soft reboot", "hard reboot", "pause", "suspend"],
)
async def test_an_action_is_accepted_then_done(
    cloud: LifeCloud, member: AsgiClient, server_id: str, action: str, words: Any, under_way: Any, settled: Any
) -> None:
    accepted = await act(member, server_id, action, words)
    assert (accepted.status, accepted.body) == (202, b"")
    assert await state(member, server_id) == under_way
    busy = await act(member, server_id, "os-stop")
    message = f"Cannot 'stop' instance {server_id} while it is in task_state {under_way[2]}"
    assert busy.json == {"conflictingRequest": {"code": 409, "message": message}}
    await cloud.settle()
    found = await state(member, server_id)
    assert found[:3] == settled[:3]
    assert settled[3] in (None, found[3])
    back = {"SHUTOFF": "os-start", "PAUSED": "unpause", "SUSPENDED": "resume"}.get(settled[0])
    if back:
        assert (await act(member, server_id, back)).status == 202
        await cloud.settle()
        assert (await state(member, server_id))[0] == "ACTIVE"


async def test_what_cannot_be_done_now_is_a_conflict(cloud: LifeCloud, member: AsgiClient, server_id: str) -> None:
    for action, name in (("os-start", "start"), ("unpause", "unpause"), ("resume", "resume"),
                         ("confirmResize", "confirmResize"), ("restore", "restore")):  # fmt: skip
        refused = await act(member, server_id, action)
        message = f"Cannot '{name}' instance {server_id} while it is in vm_state active"
        assert refused.json == {"conflictingRequest": {"code": 409, "message": message}}, action
    for action in ("changePassword", "trigger_crash_dump"):
        words = {"adminPass": "x"} if action == "changePassword" else None
        client = member.using("admin")
        assert (await act(client, server_id, action, words)).status == 501, action
    assert (await act(member, server_id, "migrate")).status == 403


async def test_words_that_are_no_action(member: AsgiClient, server_id: str) -> None:
    for wrong in ({"dance": None}, {}, {"reboot": None}, {"reboot": {"type": "MEDIUM"}}, {"reboot": {}},
                  {"lock": {"locked_reason": ""}}, {"createImage": {}}, {"rebuild": {"imageRef": "x"}},
                  {"os-resetState": {"state": "new"}}, []):  # fmt: skip
        answer = await member.using("admin").post(f"/servers/{server_id}/action", wrong)
        assert answer.status == 400, wrong
    assert (await act(member, server_id, "os-getVNCConsole", {"type": "novnc"})).status == 404
    assert (await act(member, server_id, "addFloatingIp", {"address": "1.2.3.4"})).status == 404


async def test_a_locked_server_is_left_alone(
    member: AsgiClient, admin: AsgiClient, server_id: str, old: AsgiClient
) -> None:
    assert (await act(member, server_id, "lock", {"locked_reason": "mine"})).status == 202
    shown = (await member.get(f"/servers/{server_id}")).json["server"]
    assert (shown["locked"], shown["locked_reason"]) == (True, "mine")
    refused = await act(member, server_id, "os-stop")
    assert refused.json == {"conflictingRequest": {"code": 409, "message": f"Instance {server_id} is locked"}}
    assert (await member.delete(f"/servers/{server_id}")).status == 409
    assert [one["id"] for one in (await member.get("/servers?locked=true")).json["servers"]] == [server_id]
    assert (await act(member, server_id, "unlock")).status == 202
    assert (await act(admin, server_id, "lock")).status == 202
    assert (await act(member, server_id, "unlock")).status == 403
    assert (await act(admin, server_id, "os-stop")).status == 202
    assert (await act(admin, server_id, "unlock")).status == 202
    assert (await act(old, server_id, "lock", "whatever")).status == 202


async def test_a_rebuild_takes_another_image_and_keeps_the_server(
    cloud: LifeCloud, member: AsgiClient, server_id: str
) -> None:
    words = {
        "imageRef": cloud.image_id,
        "name": "again",
        "metadata": {"new": "1"},
        "description": "d",
        "user_data": None,
    }
    answer = await act(member, server_id, "rebuild", words)
    assert answer.status == 202, answer.body
    shown = answer.json["server"]
    assert (shown["status"], shown["name"], shown["metadata"]) == ("REBUILD", "again", {"new": "1"})
    assert shown["adminPass"]
    await cloud.settle()
    assert (await state(member, server_id))[0] == "ACTIVE"
    missing = {"imageRef": "00000000-0000-4000-8000-000000000000"}
    assert (await act(member, server_id, "rebuild", missing)).status == 400


async def test_an_image_is_made_of_a_server(
    cloud: LifeCloud, member: AsgiClient, server_id: str, old: AsgiClient
) -> None:
    made = await act(member, server_id, "createImage", {"name": "snap", "metadata": {"why": "test"}})
    assert made.status == 202
    image_id = made.json["image_id"]
    busy = await act(member, server_id, "createImage", {"name": "second"})
    assert busy.status == 409
    images = cloud.http.using("member", "/image")
    assert [one["name"] for one in (await images.get("/v2/images?name=second")).json["images"]] == []
    await cloud.settle()
    image = (await images.get(f"/v2/images/{image_id}")).json
    assert (image["name"], image["status"], image["why"]) == ("snap", "active", "test")
    assert (image["image_type"], image["instance_uuid"]) == ("snapshot", server_id)
    before = await act(old, server_id, "createImage", {"name": "old"})
    assert before.body == b""
    assert "/images/" in before.headers["location"]


async def test_the_console_is_read_and_opened(
    cloud: LifeCloud, member: AsgiClient, old: AsgiClient, server_id: str
) -> None:
    asked_for = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    strange = {"remote_console": {"protocol": "spice", "type": "spice-html5"}}
    assert (await member.post(f"/servers/{server_id}/remote-consoles", strange)).status == 400
    assert (await old.post(f"/servers/{server_id}/remote-consoles", asked_for)).status == 404
    unbuilt = (await member.post("/servers", asked(cloud))).json["server"]["id"]
    assert (await act(member, unbuilt, "os-getConsoleOutput", {})).status == 409
    assert (await member.post(f"/servers/{unbuilt}/remote-consoles", asked_for)).status == 409


async def test_an_admin_sets_a_state_by_hand(
    cloud: LifeCloud, member: AsgiClient, admin: AsgiClient, server_id: str
) -> None:
    assert (await act(member, server_id, "os-resetState", {"state": "error"})).status == 403
    assert (await act(admin, server_id, "os-resetState", {"state": "error"})).status == 202
    assert (await state(member, server_id))[:2] == ("ERROR", "error")
    assert (await act(admin, server_id, "os-resetState", {"state": "active"})).status == 202
    assert (await state(member, server_id))[:2] == ("ACTIVE", "active")


async def test_what_was_done_is_told(cloud: LifeCloud, member: AsgiClient, admin: AsgiClient, server_id: str) -> None:
    stopped = await act(member, server_id, "os-stop")
    await cloud.settle()
    actions = (await member.get(f"/servers/{server_id}/os-instance-actions")).json["instanceActions"]
    assert [one["action"] for one in actions] == ["stop", "create"]
    request_id = stopped.headers["x-openstack-request-id"]
    assert actions[0]["request_id"] == request_id
    shown = (await member.get(f"/servers/{server_id}/os-instance-actions/{request_id}")).json["instanceAction"]
    event = shown["events"][0]
    assert (event["event"], event["result"]) == ("compute_stop_instance", "Success")
    assert set(event) == {"event", "start_time", "finish_time", "result", "hostId"}
    as_admin = (await admin.get(f"/servers/{server_id}/os-instance-actions/{request_id}")).json["instanceAction"]
    assert as_admin["events"][0]["host"] == "host-1"
    page = (await member.get(f"/servers/{server_id}/os-instance-actions?limit=1")).json
    assert [one["action"] for one in page["instanceActions"]] == ["stop"]
    rest = await member.get(f"/servers/{server_id}/os-instance-actions?marker={request_id}")
    assert [one["action"] for one in rest.json["instanceActions"]] == ["create"]
    assert (await member.get(f"/servers/{server_id}/os-instance-actions/req-none")).status == 404
    before = member.using(openstack_api_version="compute 2.50")
    assert (
        "events"
        not in (await before.get(f"/servers/{server_id}/os-instance-actions/{request_id}")).json["instanceAction"]
    )
    await member.delete(f"/servers/{server_id}")
    await cloud.settle()
    assert (await member.get(f"/servers/{server_id}/os-instance-actions")).status == 200
    assert (await before.using(openstack_api_version="compute 2.20").get(
        f"/servers/{server_id}/os-instance-actions")).status == 404  # fmt: skip


async def test_interfaces_are_attached_and_detached(cloud: LifeCloud, member: AsgiClient, server_id: str) -> None:
    at = f"/servers/{server_id}/os-interface"
    first = (await member.get(at)).json["interfaceAttachments"]
    assert len(first) == 1
    attached = await member.post(at, {"interfaceAttachment": {"net_id": cloud.network_id}})
    assert attached.status == 200, attached.body
    port_id = attached.json["interfaceAttachment"]["port_id"]
    assert attached.json["interfaceAttachment"]["fixed_ips"][0]["ip_address"].startswith("10.0.")
    await cloud.settle()
    assert len((await member.get(f"/servers/{server_id}/ips")).json["addresses"]["net"]) == 2
    assert (await member.get(f"{at}/{port_id}")).json["interfaceAttachment"]["port_id"] == port_id
    assert (await member.delete(f"{at}/{port_id}")).status == 202
    await cloud.settle()
    assert [one["port_id"] for one in (await member.get(at)).json["interfaceAttachments"]] == [first[0]["port_id"]]
    assert (await member.get(f"{at}/{port_id}")).status == 404
    assert (await member.delete(f"{at}/{port_id}")).status == 404
    for wrong in ({"net_id": "x"}, {"net_id": cloud.network_id, "port_id": port_id}, {"port_id": port_id},
                  {"fixed_ips": [{"ip_address": "10.0.0.9"}]}, {"net_id": cloud.network_id, "tag": "a/b"}):  # fmt: skip
        assert (await member.post(at, {"interfaceAttachment": wrong})).status == 400, wrong


async def test_whoever_attached_an_interface_may_go_on_with_the_server(database: Database, tmp_path: Path) -> None:
    cloud = LifeCloud(database, tmp_path, config=ComputeConfig()).start()
    await cloud.furnish()
    await cloud.add_host()
    member = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")
    server_id = await boot(cloud, member)
    await cloud.settle()
    for failures in ([], [Failure("simulated: no place for it")]):
        cloud.hosts["host-1"].driver._plans["attach_nic"] = failures
        asking = asyncio.create_task(member.post(f"/servers/{server_id}/os-interface", {"interfaceAttachment": {}}))
        while not asking.done():
            await cloud.settle()
            await asyncio.sleep(0)
        answer = await asking
        if answer.status != 400:
            assert answer.status == 200 and (await cloud.server(server_id)).task is None
            continue
        assert b"no place for it" in answer.body
        await cloud.settle()
    assert answer.status == 400
    assert len((await member.get(f"/servers/{server_id}/os-interface")).json["interfaceAttachments"]) == 2


async def test_security_groups_of_all_its_ports(cloud: LifeCloud, member: AsgiClient, server_id: str) -> None:
    network = cloud.http.using("member", "/network")
    await network.post("/v2.0/security-groups", {"security_group": {"name": "web"}})
    assert (await act(member, server_id, "addSecurityGroup", {"name": "web"})).status == 202
    groups = (await member.get(f"/servers/{server_id}/os-security-groups")).json["security_groups"]
    assert [one["name"] for one in groups] == ["default", "web"]
    shown = (await member.get(f"/servers/{server_id}")).json["server"]["security_groups"]
    assert sorted(one["name"] for one in shown) == ["default", "web"]
    assert (await act(member, server_id, "removeSecurityGroup", {"name": "web"})).status == 202
    assert (await act(member, server_id, "removeSecurityGroup", {"name": "web"})).status == 404
    assert (await act(member, server_id, "addSecurityGroup", {"name": "none"})).status == 404


async def test_an_address_more_and_less_by_the_old_actions(old: AsgiClient, member: AsgiClient, server_id: str) -> None:
    async def addresses() -> list[str]:
        shown = (await old.get(f"/servers/{server_id}/ips")).json["addresses"]
        return [one["addr"] for ones in shown.values() for one in ones]

    before = await addresses()
    network_id = (await old.get(f"/servers/{server_id}/os-interface")).json["interfaceAttachments"][0]["net_id"]
    assert (await act(old, server_id, "addFixedIp", {"networkId": network_id})).status == 202
    added = next(one for one in await addresses() if one not in before)
    assert (await act(old, server_id, "removeFixedIp", {"address": added})).status == 202
    assert await addresses() == before
    assert (await act(old, server_id, "removeFixedIp", {"address": added})).status == 400
    assert (await act(old, server_id, "addFixedIp", {"networkId": "nowhere"})).status == 400
    assert (await act(member, server_id, "addFixedIp", {"networkId": network_id})).status == 404
