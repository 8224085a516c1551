"""Servers that become larger, or go to another host, and come back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud
from wolke.compute.config import ComputeConfig
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVER_ACTIONS, SERVERS
from wolke.core.clock import HeldClock
from wolke.core.drivers import Failure
from wolke.placement.store import ALLOCATIONS

MOVED = ("resize", "migrate")
LARGER = "2"


@pytest.fixture
def member(cloud: LifeCloud) -> AsgiClient:
    return cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")


@pytest.fixture
def admin(member: AsgiClient) -> AsgiClient:
    return member.using("admin")


async def built(cloud: LifeCloud, **more: Any) -> str:
    server = await cloud.create(**more)
    await cloud.settle()
    host = cloud.hosts[(await cloud.server(server.id)).host or ""]
    host.driver.write(server.id, "precious")
    return server.id


async def act(client: AsgiClient, server_id: str, verb: str, body: Any = None, status: int = 202) -> Any:
    answer = await client.post(f"/servers/{server_id}/action", {verb: body})
    assert answer.status == status, answer.body
    return answer.json if answer.body else None


async def shown(client: AsgiClient, server_id: str) -> dict[str, Any]:
    server: dict[str, Any] = (await client.get(f"/servers/{server_id}")).json["server"]
    return server


async def held(cloud: LifeCloud) -> dict[str, dict[str, int]]:
    """Consumer → class → amount."""
    found: dict[str, dict[str, int]] = {}
    for one in await cloud.db.find(ALLOCATIONS):
        found.setdefault(one.consumer, {})[one.resource_class] = one.amount
    return found


async def where(cloud: LifeCloud, server_id: str) -> set[str]:
    """The hosts that have a guest of it."""
    return {name for name, host in cloud.hosts.items() if await host.driver.look(server_id)}


async def asides(cloud: LifeCloud) -> dict[str, list[str]]:
    return {name: list(kept) for name, host in cloud.hosts.items() if (kept := await host.driver.asides())}


async def resized(cloud: LifeCloud, member: AsgiClient, **more: Any) -> str:
    server_id = await built(cloud, **more)
    await act(member, server_id, "resize", {"flavorRef": LARGER})
    await cloud.settle()
    assert (await shown(member, server_id))["status"] == "VERIFY_RESIZE"
    return server_id


async def test_a_resized_server_waits_to_be_confirmed_and_keeps_its_disk(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await built(cloud)
    await act(member, server_id, "resize", {"flavorRef": LARGER})
    found = await shown(member, server_id)
    assert (found["status"], found["OS-EXT-STS:task_state"]) == ("RESIZE", "resize_prep")
    await cloud.settle()
    found = await shown(member, server_id)
    assert (found["status"], found["OS-EXT-STS:vm_state"], found["flavor"]["ram"]) == ("VERIFY_RESIZE", "resized", 2048)
    assert found["OS-EXT-STS:power_state"] == 1
    driver = cloud.hosts["host-1"].driver
    assert driver.read(server_id) == "precious"
    assert len(await held(cloud)) == 2, "what it was is still claimed"
    await act(member, server_id, "confirmResize", status=204)
    await cloud.settle()
    found = await shown(member, server_id)
    assert (found["status"], found["OS-EXT-STS:task_state"]) == ("ACTIVE", None)
    assert await asides(cloud) == {}
    assert (await held(cloud))[server_id]["MEMORY_MB"] == 2048 and len(await held(cloud)) == 1


async def test_a_reverted_resize_is_as_if_it_had_never_been(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await resized(cloud, member)
    cloud.hosts["host-1"].driver.write(server_id, "written since")
    await act(member, server_id, "revertResize")
    assert (await shown(member, server_id))["status"] == "REVERT_RESIZE"
    await cloud.settle()
    found = await shown(member, server_id)
    assert (found["status"], found["flavor"]["ram"], found["OS-EXT-STS:power_state"]) == ("ACTIVE", 512, 1)
    assert cloud.hosts["host-1"].driver.read(server_id) == "precious"
    assert (await held(cloud)).keys() == {server_id}
    assert (await held(cloud))[server_id]["MEMORY_MB"] == 512
    assert await asides(cloud) == {}


async def test_a_server_that_was_off_stays_off(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await built(cloud)
    await act(member, server_id, "os-stop")
    await cloud.settle()
    await act(member, server_id, "resize", {"flavorRef": LARGER})
    await cloud.settle()
    assert await cloud.guests() == {server_id: "shutdown"}
    await act(member, server_id, "confirmResize", status=204)
    await cloud.settle()
    assert (await shown(member, server_id))["status"] == "SHUTOFF"


@pytest.mark.parametrize("end", ["confirmResize", "revertResize"])
async def test_a_migrated_server_is_on_another_host(
    cloud: LifeCloud, member: AsgiClient, admin: AsgiClient, end: str
) -> None:
    await cloud.add_host("host-2")
    server_id = await built(cloud)
    source = (await cloud.server(server_id)).host or ""
    target = ({"host-1", "host-2"} - {source}).pop()
    await act(admin, server_id, "migrate")
    await cloud.settle()
    assert (await shown(admin, server_id))["OS-EXT-SRV-ATTR:host"] == target
    assert await where(cloud, server_id) == {target}
    assert await asides(cloud) == {source: [server_id]}
    [port] = await cloud.ports()
    assert (await admin.using(prefix="/network/v2.0").get(f"/ports/{port['id']}")).json["port"][
        "binding:host_id"
    ] == target
    await act(member, server_id, end, status=204 if end == "confirmResize" else 202)
    await cloud.settle()
    stays = target if end == "confirmResize" else source
    assert await where(cloud, server_id) == {stays}
    assert cloud.hosts[stays].driver.read(server_id) == "precious"
    assert await asides(cloud) == {} and (await held(cloud)).keys() == {server_id}
    assert (await shown(admin, server_id))["status"] == "ACTIVE"
    [move] = (await admin.get("/os-migrations")).json["migrations"]
    status = "confirmed" if end == "confirmResize" else "reverted"
    assert (move["migration_type"], move["status"]) == ("migration", status)
    assert (move["source_compute"], move["dest_compute"]) == (source, target)


async def test_a_host_may_be_named_and_must_be_another(cloud: LifeCloud, admin: AsgiClient) -> None:
    await cloud.add_host("host-2")
    await cloud.add_host("host-3")
    server_id = await built(cloud)
    source = (await cloud.server(server_id)).host
    await act(admin, server_id, "migrate", {"host": source}, 400)
    await act(admin, server_id, "migrate", {"host": "nowhere"}, 400)
    for target in {"host-2", "host-3"} - {source}:
        await act(admin, server_id, "migrate", {"host": target})
        await cloud.settle()
        assert (await cloud.server(server_id)).host == target
        await act(admin, server_id, "confirmResize", status=204)
        await cloud.settle()


async def test_without_another_host_a_migration_fails_and_the_server_runs_on(
    cloud: LifeCloud, admin: AsgiClient
) -> None:
    server_id = await built(cloud)
    await act(admin, server_id, "migrate")
    await cloud.settle()
    assert (await shown(admin, server_id))["status"] == "ACTIVE"
    assert await cloud.guests() == {server_id: "running"}
    [move] = (await admin.get("/os-migrations?status=error")).json["migrations"]
    assert move["instance_uuid"] == server_id
    action = (await admin.get(f"/servers/{server_id}/os-instance-actions")).json["instanceActions"][0]
    assert (action["action"], action["message"]) == ("migrate", "Error")
    found = await admin.get(f"/servers/{server_id}/os-instance-actions/{action['request_id']}")
    details = [event["details"] for event in found.json["instanceAction"]["events"] if event["details"]]
    assert details == ["No valid host was found: 1 host is where the server is."]
    assert (await held(cloud)).keys() == {server_id}


class Fails(SimulatedDriver):
    """The second start fails: that of the larger server, or of the one that has moved."""

    starts = 0

    async def start(self, server_id: str) -> None:
        Fails.starts += 1
        if Fails.starts == 2:
            raise Failure("simulated: it does not boot here")
        await super().start(server_id)


@pytest.mark.parametrize("verb", MOVED)
async def test_a_move_that_fails_goes_back_to_what_it_was(cloud: LifeCloud, admin: AsgiClient, verb: str) -> None:
    Fails.starts = 0
    cloud.hosts.clear()
    for name in ("host-1", "host-2"):
        (cloud.root / name).mkdir(exist_ok=True)
        await cloud.add_host(name, Fails(cloud.root / name))
    server_id = await built(cloud)
    before = await cloud.server(server_id)
    await act(admin, server_id, verb, {"flavorRef": LARGER} if verb == "resize" else None)
    await cloud.settle()
    after = await cloud.server(server_id)
    assert (after.status, after.task, after.host, after.flavor) == ("ACTIVE", None, before.host, before.flavor)
    assert (after.vcpus, after.ram_mib, after.other_host) == (before.vcpus, before.ram_mib, None)
    assert await cloud.guests() == {server_id: "running"}
    assert cloud.hosts[before.host or ""].driver.read(server_id) == "precious"
    assert (await held(cloud)).keys() == {server_id} and await asides(cloud) == {}
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action=verb)
    assert action.events[-1]["details"] == "simulated: it does not boot here"


async def test_a_resize_that_nobody_confirms_is_confirmed_when_the_window_closes(cloud: LifeCloud) -> None:
    cloud.config = ComputeConfig(resize_confirm_window_s=3600.0)
    cloud.start()
    await cloud.add_host()
    server_id = await resized(cloud, cloud.http.using("member", "/compute/v2.1"))
    assert isinstance(cloud.clock, HeldClock)
    cloud.clock.move(3601)
    for host in cloud.hosts.values():
        await host.agent.register()
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "ACTIVE"
    assert await asides(cloud) == {}


async def test_quota_is_taken_at_once_and_given_back_at_the_end(
    cloud: LifeCloud, member: AsgiClient, admin: AsgiClient
) -> None:
    server_id = await built(cloud)
    project = (await cloud.server(server_id)).project_id
    await admin.put(f"/os-quota-sets/{project}", {"quota_set": {"ram": 2000}})
    answer = await member.post(f"/servers/{server_id}/action", {"resize": {"flavorRef": LARGER}})
    assert answer.status == 403 and b"ram" in answer.body
    await admin.put(f"/os-quota-sets/{project}", {"quota_set": {"ram": 2048}})
    await act(member, server_id, "resize", {"flavorRef": LARGER})
    assert (await member.get("/limits")).json["limits"]["absolute"]["totalRAMUsed"] == 2048
    await cloud.settle()
    await act(member, server_id, "revertResize")
    await cloud.settle()
    assert (await member.get("/limits")).json["limits"]["absolute"]["totalRAMUsed"] == 512


async def test_deleting_a_resized_server_leaves_nothing(cloud: LifeCloud, member: AsgiClient) -> None:
    await cloud.add_host("host-2")
    server_id = await resized(cloud, member)
    assert (await member.delete(f"/servers/{server_id}")).status == 204
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "DELETED"
    assert await cloud.guests() == {} and await asides(cloud) == {} and await held(cloud) == {}
    assert await cloud.ports() == []


async def test_a_source_that_is_down_does_not_keep_a_resize_from_being_confirmed(
    cloud: LifeCloud, admin: AsgiClient
) -> None:
    await cloud.add_host("host-2")
    server_id = await built(cloud)
    source = (await cloud.server(server_id)).host or ""
    await act(admin, server_id, "migrate")
    await cloud.settle()
    gone = cloud.hosts.pop(source)
    await act(admin, server_id, "confirmResize", status=204)
    assert isinstance(cloud.clock, HeldClock)
    cloud.clock.move(120)
    for host in cloud.hosts.values():
        await host.agent.register()
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "ACTIVE"
    await gone.agent.drain()
    assert list(await gone.driver.asides()) == [], "when it comes back, what was set aside is found and removed"


async def test_what_cannot_be_resized_is_refused_with_a_reason(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await built(cloud, flavor_id=LARGER)
    for flavor, words in (("1", b"shrink"), (LARGER, b"must change flavor"), ("none", b"could not be found")):
        answer = await member.post(f"/servers/{server_id}/action", {"resize": {"flavorRef": flavor}})
        assert answer.status == 400 and words in answer.body, answer.body
    for verb in ("confirmResize", "revertResize"):
        assert (await member.post(f"/servers/{server_id}/action", {verb: None})).status == 409
    assert (await member.post(f"/servers/{server_id}/action", {"migrate": None})).status == 403
    assert await cloud.db.count(SERVERS, other_host=None) == 1


async def test_a_key_opens_only_the_hosts_of_its_move(cloud: LifeCloud, admin: AsgiClient) -> None:
    await cloud.add_host("host-2")
    await cloud.add_host("host-3")
    server_id = await built(cloud)
    agent = cloud.http.using("agent")
    path = "/agent/compute/v1/hosts/{}/moves/" + server_id
    assert (await agent.get(path.format("host-1"))).status == 404
    await act(
        admin,
        server_id,
        "migrate",
        {"host": "host-3" if (await cloud.server(server_id)).host != "host-3" else "host-2"},
    )
    await cloud.settle()
    server = await cloud.server(server_id)
    for host in ("host-1", "host-2", "host-3"):
        there = host in (server.host, server.other_host)
        assert (await agent.get(path.format(host))).status == (200 if there else 404)
