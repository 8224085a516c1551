"""Running servers go to another host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import MIGRATIONS, SERVER_ACTIONS
from wolke.core.drivers import Failure

AUTO = {"host": None, "block_migration": "auto"}


@pytest.fixture
def admin(cloud: LifeCloud) -> AsgiClient:
    return cloud.http.using("admin", "/compute/v2.1", openstack_api_version="compute latest")


async def act(client: AsgiClient, server_id: str, body: Any, status: int = 202) -> Any:
    answer = await client.post(f"/servers/{server_id}/action", {"os-migrateLive": body})
    assert answer.status == status, answer.body
    return answer


async def built(cloud: LifeCloud, kind: Callable[..., Any] = SimulatedDriver) -> str:
    cloud.hosts.clear()
    for name in ("host-1", "host-2"):
        (cloud.root / name).mkdir(exist_ok=True)
        await cloud.add_host(name, kind(cloud.root / name))
    server = await cloud.create()
    await cloud.settle()
    cloud.hosts[(await cloud.server(server.id)).host or ""].driver.write(server.id, "in memory")
    return server.id


async def where(cloud: LifeCloud, server_id: str) -> set[str]:
    return {name for name, host in cloud.hosts.items() if await host.driver.look(server_id)}


async def bound(cloud: LifeCloud, admin: AsgiClient) -> str:
    [port] = await cloud.ports()
    shown = await admin.using(prefix="/network/v2.0").get(f"/ports/{port['id']}")
    return str(shown.json["port"]["binding:host_id"])


@pytest.mark.parametrize("was", ["ACTIVE", "PAUSED"])
async def test_a_server_is_elsewhere_and_did_not_stop(cloud: LifeCloud, admin: AsgiClient, was: str) -> None:
    server_id = await built(cloud)
    if was == "PAUSED":
        await admin.post(f"/servers/{server_id}/action", {"pause": None})
        await cloud.settle()
    source = (await cloud.server(server_id)).host or ""
    target = ({"host-1", "host-2"} - {source}).pop()
    await act(admin, server_id, AUTO)
    shown = (await admin.get(f"/servers/{server_id}")).json["server"]
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("MIGRATING", "migrating")
    await cloud.settle()
    server = await cloud.server(server_id)
    assert (server.status, server.task, server.host, server.other_host) == (was, None, target, None)
    assert await where(cloud, server_id) == {target}
    assert cloud.hosts[target].driver.read(server_id) == "in memory"
    assert await bound(cloud, admin) == target and await cloud.allocations() == {server_id}
    [move] = (await admin.get("/os-migrations?migration_type=live-migration")).json["migrations"]
    assert (move["status"], move["source_compute"], move["dest_compute"]) == ("completed", source, target)
    actions = (await admin.get(f"/servers/{server_id}/os-instance-actions")).json["instanceActions"]
    assert (actions[0]["action"], actions[0]["message"]) == ("live-migration", None)


class Fails(SimulatedDriver):
    async def send(self, server_id: str, connect: Any, watch: Any) -> None:
        raise Failure("simulated: it writes faster than the network carries")


class NoRoom(SimulatedDriver):
    async def receive(self, spec: Any, shape: Any) -> None:
        raise Failure("simulated: another kind of processor")


@pytest.mark.parametrize("kind", [Fails, NoRoom])
async def test_a_live_migration_that_fails_leaves_it_running_where_it_was(
    cloud: LifeCloud, admin: AsgiClient, kind: Any
) -> None:
    server_id = await built(cloud, kind)
    before = await cloud.server(server_id)
    await act(admin, server_id, AUTO)
    await cloud.settle()
    after = await cloud.server(server_id)
    assert (after.status, after.task, after.host, after.other_host) == ("ACTIVE", None, before.host, None)
    assert await where(cloud, server_id) == {before.host} and await cloud.guests() == {server_id: "running"}
    assert await bound(cloud, admin) == before.host and await cloud.allocations() == {server_id}
    [move] = await cloud.db.find(MIGRATIONS)
    assert (move.status, move.key) == ("error", "")
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="live-migration")
    assert action.events[-1]["details"].startswith("simulated: ")


async def test_how_far_it_is_can_be_seen_and_it_can_be_aborted(cloud: LifeCloud, admin: AsgiClient) -> None:
    server_id = await built(cloud)
    await act(admin, server_id, AUTO)
    path = f"/servers/{server_id}/migrations"
    await cloud.reconciler.servers.drain()
    [move] = (await admin.get(path)).json["migrations"]
    assert (move["status"], move["server_uuid"], move["memory_total_bytes"]) == ("preparing", server_id, 0)
    assert (await admin.post(f"{path}/{move['id']}/action", {"force_complete": None})).status == 400
    assert (await admin.delete(f"{path}/{move['id']}")).status == 202
    assert (await admin.delete(f"{path}/999")).status == 404
    member = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")
    assert (await member.delete(f"{path}/{move['id']}")).status == 403
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "ACTIVE"
    [found] = await cloud.db.find(MIGRATIONS)
    assert (found.status, found.progress["memory_total"]) == ("cancelled", len("in memory"))
    assert (await admin.get(path)).json["migrations"] == []
    assert (await admin.get(f"{path}/{move['id']}")).status == 404
    [shown] = (await admin.get(f"/os-migrations?instance_uuid={server_id}")).json["migrations"]
    assert "links" not in shown and shown["status"] == "cancelled"


async def test_without_another_host_it_stays_and_says_why(cloud: LifeCloud, admin: AsgiClient) -> None:
    server = await cloud.create()
    await cloud.settle()
    await act(admin, server.id, AUTO)
    await cloud.settle()
    assert (await cloud.server(server.id)).status == "ACTIVE" and await cloud.guests() == {server.id: "running"}
    assert (await cloud.server(server.id)).task is None
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server.id, action="live-migration")
    assert "1 host is where the server is" in action.events[0]["details"]


async def test_what_cannot_go_is_refused(cloud: LifeCloud, admin: AsgiClient) -> None:
    server_id = await built(cloud)
    source = (await cloud.server(server_id)).host
    for wrong in ({"host": source}, {"host": "nowhere"}, {"block_migration": "perhaps"}, {"block_migration": False},
                  {"force": True}, {"disk_over_commit": False}):  # fmt: skip
        await act(admin, server_id, {**AUTO, **wrong}, 400)
    await act(admin, server_id, {"host": None}, 400)
    older = admin.using(openstack_api_version="compute 2.24")
    await act(older, server_id, AUTO, 400)
    await act(cloud.http.using("member", "/compute/v2.1"), server_id, AUTO, 403)
    await admin.post(f"/servers/{server_id}/action", {"suspend": None})
    await cloud.settle()
    await act(admin, server_id, AUTO, 409)
    await admin.post(f"/servers/{server_id}/action", {"resume": None})
    await cloud.settle()
    await act(older, server_id, {"host": None, "block_migration": True, "disk_over_commit": False})
    await cloud.settle()
    assert (await cloud.server(server_id)).host != source


async def test_deleting_a_server_on_its_way_leaves_nothing(cloud: LifeCloud, admin: AsgiClient) -> None:
    server_id = await built(cloud)
    await act(admin, server_id, AUTO)
    await cloud.reconciler.servers.drain()
    assert (await admin.delete(f"/servers/{server_id}")).status == 204
    await cloud.settle()
    assert (await cloud.server(server_id)).status == "DELETED"
    assert await cloud.guests() == {} and await cloud.allocations() == set() and await cloud.ports() == []
