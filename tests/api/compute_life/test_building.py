"""From a wish to a running server and back, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.life_cloud import MEMBER, LifeCloud
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVER_ACTIONS, SERVER_GROUPS, SERVERS
from wolke.core.drivers import Failure
from wolke.image.store import IMAGES


async def only_action(cloud: LifeCloud, server_id: str) -> Any:
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id)
    return action


async def assert_released(cloud: LifeCloud) -> None:
    assert (await cloud.guests(), await cloud.allocations(), await cloud.ports()) == ({}, set(), [])
    assert await cloud.counted() == 0


async def test_a_server_comes_up(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.settle()
    server = await cloud.server(server.id)
    assert (server.status, server.task, server.power, server.host) == ("ACTIVE", None, "running", "host-1")
    assert server.launched_at is not None
    assert await cloud.guests() == {server.id: "running"}
    assert await cloud.allocations() == {server.id}
    [port] = await cloud.ports()
    assert port["device_id"] == server.id
    [event] = (await only_action(cloud, server.id)).events
    assert (event["event"], event["result"]) == ("compute__do_build_and_run_instance", "Success")


async def test_a_deleted_server_leaves_nothing(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.settle()
    await cloud.compute.server_actions.delete(MEMBER, server.id)
    await cloud.settle()
    server = await cloud.server(server.id)
    assert (server.status, server.deleted_at is not None) == ("DELETED", True)
    await assert_released(cloud)


async def test_delete_wins_over_a_build_under_way(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.reconciler.servers.drain()
    assert (await cloud.server(server.id)).task == "spawning"
    await cloud.compute.server_actions.delete(MEMBER, server.id)
    await cloud.settle()
    assert (await cloud.server(server.id)).status == "DELETED"
    await assert_released(cloud)


async def test_a_server_without_a_host_can_be_deleted(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.compute.server_actions.delete(MEMBER, server.id)
    await cloud.settle()
    assert (await cloud.server(server.id)).status == "DELETED"
    await assert_released(cloud)


async def test_no_host_has_room_and_the_user_is_told_why(cloud: LifeCloud) -> None:
    cloud.hosts.clear()
    await cloud.add_host("host-1", SimulatedDriver(vcpus=8, ram_mib=1024, disk_gib=1000))
    server = await cloud.create(flavor_id="3")
    await cloud.settle()
    server = await cloud.server(server.id)
    assert server.status == "ERROR"
    assert server.fault is not None
    assert server.fault.message == (
        "No valid host was found: 1 host has too little memory free (wants 4096 MiB, 512 free)."
    )
    await assert_released(cloud)
    action = await only_action(cloud, server.id)
    assert (action.message, action.events[0]["result"]) == ("Error", "Error")


async def test_a_guest_that_cannot_start_is_cleaned_away(cloud: LifeCloud) -> None:
    class Unlucky(SimulatedDriver):
        async def start(self, server_id: str) -> None:
            raise Failure("the machine type is not supported")

    cloud.hosts.clear()
    await cloud.add_host("host-1", Unlucky())
    server = await cloud.create()
    await cloud.settle()
    server = await cloud.server(server.id)
    assert (server.status, server.host, server.launched_at) == ("ERROR", None, None)
    assert server.fault is not None
    assert server.fault.message == "the machine type is not supported"
    await assert_released(cloud)


async def test_a_network_out_of_addresses_says_so(cloud: LifeCloud) -> None:
    member = cloud.http.using("member")
    network = (await member.post("/network/v2.0/networks", {"network": {"name": "tiny"}})).json["network"]["id"]
    await member.post(
        "/network/v2.0/subnets", {"subnet": {"network_id": network, "cidr": "10.9.0.0/30", "ip_version": 4}}
    )
    servers = [await cloud.create(networks=[{"network_id": network}]) for _ in range(2)]
    await cloud.settle()
    statuses = {(await cloud.server(server.id)).status: await cloud.server(server.id) for server in servers}
    assert set(statuses) == {"ACTIVE", "ERROR"}
    assert "network could not be set up" in statuses["ERROR"].fault.message
    assert await cloud.allocations() == {statuses["ACTIVE"].id}
    assert len(await cloud.ports()) == 1


async def test_a_build_that_takes_too_long_is_given_up(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.reconciler.servers.drain()
    cloud.clock.move(cloud.config.build_deadline_s + 1)
    await cloud.settle()
    server = await cloud.server(server.id)
    assert server.status == "ERROR"
    assert "not up in time on host host-1" in server.fault.message
    await assert_released(cloud)


async def test_a_server_on_a_dead_host_can_be_deleted_and_its_guest_goes_when_the_host_returns(
    cloud: LifeCloud,
) -> None:
    server = await cloud.create()
    await cloud.settle()
    await cloud.compute.server_actions.delete(MEMBER, server.id)
    cloud.clock.move(3600)
    await cloud.reconciler.servers.drain()
    assert (await cloud.server(server.id)).status == "DELETED"
    assert list(await cloud.guests()) == [server.id]
    await cloud.hosts["host-1"].agent.drain()
    await assert_released(cloud)


async def test_members_of_an_anti_affinity_group_land_apart(cloud: LifeCloud) -> None:
    await cloud.add_host("host-2")
    group = await cloud.compute.server_groups.create(MEMBER, "apart", "anti-affinity", {})
    servers = [await cloud.create(hints={"group": group.id}) for _ in range(3)]
    await cloud.settle()
    found = [await cloud.server(server.id) for server in servers]
    assert sorted(server.host or "" for server in found) == ["", "host-1", "host-2"]
    [refused] = [server for server in found if server.status == "ERROR"]
    assert refused.fault is not None
    assert await cloud.db.get(SERVER_GROUPS, id=group.id) is not None


async def test_many_fill_hosts_to_the_brim_and_no_further(cloud: LifeCloud) -> None:
    cloud.hosts.clear()
    await cloud.add_host("host-1", SimulatedDriver(vcpus=100, ram_mib=512 + 5 * 512, disk_gib=1000))
    for number in range(8):
        await cloud.create(f"server-{number}")
    await cloud.settle()
    assert await cloud.db.count(SERVERS, status="ACTIVE") == 5
    assert await cloud.db.count(SERVERS, status="ERROR") == 3


@pytest.mark.parametrize(
    ("verb", "action", "status", "power"),
    [
        ("stop", "stop", "SHUTOFF", "shutdown"),
        ("pause", "pause", "PAUSED", "paused"),
        ("suspend", "suspend", "SUSPENDED", "suspended"),
        ("reboot_soft", "reboot", "ACTIVE", "running"),
        ("reboot_hard", "reboot", "ACTIVE", "running"),
    ],
)
async def test_what_is_asked_of_a_server_happens(
    cloud: LifeCloud, verb: str, action: str, status: str, power: str
) -> None:
    server = await cloud.create()
    await cloud.settle()
    await cloud.compute.server_actions.begin(MEMBER, server.id, verb, action)
    await cloud.settle()
    found = await cloud.server(server.id)
    assert (found.status, found.task, found.power) == (status, None, power)
    assert await cloud.guests() == {server.id: power}


async def test_an_image_of_a_server(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.settle()
    image_id = await cloud.compute.server_actions.create_image(MEMBER, server.id, "picture", {})
    await cloud.settle()
    assert (await cloud.images.image(MEMBER, image_id)).status == "active"
    assert (await cloud.server(server.id)).status == "ACTIVE"


async def test_what_is_old_is_thrown_away(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.compute.server_actions.delete(MEMBER, server.id)
    await cloud.settle()
    await cloud.reconciler.drain()
    assert await cloud.db.get(SERVERS, id=server.id) is not None
    cloud.clock.move(cloud.config.deleted_retention_s + 1)
    await cloud.reconciler.drain()
    assert await cloud.db.get(SERVERS, id=server.id) is None
    assert await cloud.db.count(SERVER_ACTIONS) == 0


async def test_an_interface_that_does_not_go_in_in_time_is_taken_back(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.settle()
    await cloud.compute.interfaces.attach(MEMBER, server.id, {})
    assert len(await cloud.ports()) == 2
    cloud.clock.move(3600)
    await cloud.reconciler.servers.drain()
    assert (await cloud.server(server.id)).task == "interface_detaching"
    await cloud.hosts["host-1"].agent.drain()
    await cloud.settle()
    server = await cloud.server(server.id)
    assert (server.status, server.task) == ("ACTIVE", None)
    assert len(await cloud.ports()) == 1


async def test_an_image_that_is_not_filled_in_time_goes(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.settle()
    await cloud.compute.server_actions.create_image(MEMBER, server.id, "picture", {})
    cloud.clock.move(86400)
    await cloud.reconciler.servers.drain()
    assert (await cloud.server(server.id)).task is None
    assert [image.id for image in await cloud.db.find(IMAGES)] == [cloud.image_id]
