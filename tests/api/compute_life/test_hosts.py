"""What hosts report, and what comes of it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.life_cloud import MEMBER, LifeCloud
from wolke.compute.drivers.base import GuestSpec, Power
from wolke.compute.errors import ConsoleUnavailable
from wolke.compute.model import Outcome
from wolke.compute.service.life.outcomes import _POWERS
from wolke.core import ids


async def an_active_server(cloud: LifeCloud) -> str:
    server = await cloud.create()
    await cloud.settle()
    return server.id


async def watch(cloud: LifeCloud) -> None:
    await cloud.hosts["host-1"].agent.watch.look()
    await cloud.settle()


async def restart(cloud: LifeCloud) -> None:
    """The agent dies and another takes its place."""
    driver = cloud.hosts.pop("host-1").driver
    await cloud.add_host("host-1", driver)
    await watch(cloud)


async def status(cloud: LifeCloud, server_id: str) -> tuple[str, str]:
    server = await cloud.server(server_id)
    return server.status, server.power


async def test_a_guest_that_powers_itself_off_is_shutoff(cloud: LifeCloud) -> None:
    server_id = await an_active_server(cloud)
    await watch(cloud)
    await cloud.hosts["host-1"].driver.stop(server_id, 0)
    await watch(cloud)
    assert await status(cloud, server_id) == ("SHUTOFF", "shutdown")
    assert await cloud.guests() == {server_id: "shutdown"}


async def test_a_guest_that_crashed_while_the_cloud_was_away_comes_back(cloud: LifeCloud) -> None:
    server_id = await an_active_server(cloud)
    cloud.hosts["host-1"].driver.crash(server_id)
    await restart(cloud)
    assert await status(cloud, server_id) == ("ACTIVE", "running")
    assert await cloud.guests() == {server_id: "running"}


async def test_a_guest_that_should_be_off_is_switched_off(cloud: LifeCloud) -> None:
    server_id = await an_active_server(cloud)
    await cloud.compute.server_actions.begin(MEMBER, server_id, "stop", "stop")
    await cloud.settle()
    await cloud.hosts["host-1"].driver.start(server_id)
    await watch(cloud)
    assert await cloud.guests() == {server_id: "shutdown"}
    assert await status(cloud, server_id) == ("SHUTOFF", "shutdown")


async def test_guests_go_down_with_the_cloud_and_come_back_with_it(cloud: LifeCloud) -> None:
    up, off = await an_active_server(cloud), await an_active_server(cloud)
    await cloud.compute.server_actions.begin(MEMBER, off, "stop", "stop")
    await cloud.settle()
    assert await cloud.hosts["host-1"].agent.shutdown_guests(1) == 1
    assert set((await cloud.guests()).values()) == {"shutdown"}
    await restart(cloud)
    assert await cloud.guests() == {up: "running", off: "shutdown"}
    await cloud.hosts["host-1"].driver.stop(up, 0)
    await watch(cloud)
    assert await status(cloud, up) == ("SHUTOFF", "shutdown"), "a second time it was the guest itself"


async def test_guests_survive_a_restart_of_the_agent(cloud: LifeCloud) -> None:
    server_id = await an_active_server(cloud)
    await restart(cloud)
    assert await cloud.guests() == {server_id: "running"}


async def test_a_guest_that_nobody_owns_is_removed_but_never_anothers_clouds(cloud: LifeCloud) -> None:
    await an_active_server(cloud)
    parts = cloud.hosts["host-1"]
    stray = ids.uuid()
    await parts.driver.create(GuestSpec(stray, "stray", 1, 64, 1))
    parts.agent.watch.mine = False
    await watch(cloud)
    assert stray in await cloud.guests()
    parts.agent.watch.mine = True
    await watch(cloud)
    assert stray not in await cloud.guests()


async def test_what_is_out_of_date_is_refused(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.reconciler.servers.drain()
    agent = cloud.http.using("agent")
    said = {"host": "host-1", "generation": 1, "task": "spawning", "learnt": {"power": "running"}}
    path = f"/agent/compute/v1/servers/{server.id}/outcome"
    assert (await agent.post(path, said)).status == 409
    now = await cloud.server(server.id)
    assert (await agent.post(path, {**said, "generation": now.generation, "host": "host-2"})).status == 404
    assert (await agent.post(path, {**said, "generation": now.generation})).status == 204
    assert (await cloud.server(server.id)).status == "ACTIVE"
    assert (await agent.post(path, {**said, "generation": now.generation})).status == 409


async def test_an_agent_may_only_say_what_it_can_know(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.reconciler.servers.drain()
    now = await cloud.server(server.id)
    outcome = Outcome(now.generation, "spawning", {"power": "on fire", "project_id": "x", "locked": True})
    await cloud.life.outcomes.record("host-1", {server.id: outcome})
    after = await cloud.server(server.id)
    assert (after.project_id, after.locked, after.power) == (now.project_id, False, "nostate")


@pytest.mark.parametrize("who", ["member", "reader", "nobody", "admin"])
async def test_only_agents_come_in(cloud: LifeCloud, who: str) -> None:
    client = cloud.http.using(who)
    assert (await client.get("/agent/compute/v1/hosts/host-1/due")).status == 403
    assert (await client.get("/agent/compute/v1/hosts/host-1/metadata/a/10.0.0.1/latest")).status == 403


async def test_nonsense_from_an_agent_is_refused(cloud: LifeCloud) -> None:
    agent = cloud.http.using("agent", prefix="/agent/compute")
    for method, path, body in (
        ("PUT", "/v1/hosts/h", {"driver": "x"}),
        ("PUT", "/v1/hosts/h", {"driver": "x", "capabilities": {}, "inventory": {"vcpus": "many"}}),
        (
            "PUT",
            "/v1/hosts/h",
            {"driver": "x", "capabilities": {}, "inventory": {"vcpus": 1, "ram_mib": 2, "disk_gib": -3}},
        ),
        ("POST", "/v1/hosts/h/outcomes", {"outcomes": [{"server_id": "a", "generation": 2**70, "task": "spawning"}]}),
        ("POST", "/v1/hosts/h/powers", {"powers": [{"server_id": "a", "generation": 1}]}),
        ("POST", "/v1/hosts/h/wishes", {"servers": "all"}),
        ("POST", "/v1/hosts/h/answers/1", {}),
    ):
        answer = await agent.request(method, path, body)
        assert answer.status == 400, (path, body, answer.body)


async def test_a_remote_host_is_asked_over_its_stream(cloud: LifeCloud) -> None:
    server_id = await an_active_server(cloud)
    running = asyncio.create_task(cloud.hosts["host-1"].agent.run())
    try:
        server = await cloud.server(server_id)
        text = await cloud.life.consoles.console_output(server, 2)  # the second begins after the newline
        assert text == f"simulated server {server_id} booted\n"
        with pytest.raises(ConsoleUnavailable):
            unknown = await cloud.create()
            await cloud.life.consoles.console_output(unknown, 1)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
            await running


async def test_metadata_is_found_by_network_and_address(cloud: LifeCloud) -> None:
    server = await cloud.create(user_data="IyEvYmluL3NoCg==", metadata={"role": "web"})
    await cloud.settle()
    [port] = await cloud.ports()
    agent = cloud.http.using("agent", prefix=f"/agent/compute/v1/hosts/host-1/metadata/{cloud.network_id}")
    base = f"/{port['fixed_ips'][0]['ip_address']}"
    found = await agent.get(f"{base}/openstack/latest/meta_data.json")
    assert found.json["uuid"] == server.id
    assert found.json["meta"] == {"role": "web"}
    assert (await agent.get(f"{base}/latest/user-data")).body == b"#!/bin/sh\n"
    assert (await agent.get(f"{base}/latest/meta-data/local-ipv4")).body.decode() == port["fixed_ips"][0]["ip_address"]
    assert (await agent.get(base)).body.decode().splitlines()[-1] == "latest"
    assert (await agent.get(f"{base}/latest/meta-data/nothing")).status == 404
    assert (await agent.get("/10.0.3.250/openstack/latest/meta_data.json")).status == 404


async def test_a_guest_gives_its_owner_a_password_once(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.settle()
    [port] = await cloud.ports()
    agent = cloud.http.using("agent", prefix=f"/agent/compute/v1/hosts/host-1/metadata/{cloud.network_id}")
    owner = cloud.http.using("member", prefix=f"/compute/v2.1/servers/{server.id}/os-server-password")
    path = f"/{port['fixed_ips'][0]['ip_address']}/openstack/2013-10-17/password"
    assert (await agent.get(path)).body == b"" and (await owner.get("")).json == {"password": ""}
    assert (await agent.post(path, {"content": "x" * 1021})).status == 400
    assert (await agent.post(path, {"content": "sealed"})).status == 204
    assert (await agent.get(path)).body == b"sealed" and (await owner.get("")).json == {"password": "sealed"}
    assert (await agent.post(path, {"content": "another"})).status == 409
    assert (await owner.delete("")).status == 204
    assert (await agent.post(path, {"content": "another"})).status == 204
    assert (await agent.post(path.replace("password", "user_data"), {"content": "x"})).status == 404
    assert (await agent.post("/10.0.3.250/openstack/latest/password", {"content": "x"})).status == 404


async def test_power_is_a_word_of_the_contract() -> None:
    assert frozenset(Power) == _POWERS
