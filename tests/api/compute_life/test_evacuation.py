"""Servers whose host is down are made anew elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVER_ACTIONS
from wolke.core.drivers import Failure

LATEST, OLDER, OLDEST = "compute latest", "compute 2.94", "compute 2.13"


@pytest.fixture
def admin(cloud: LifeCloud) -> AsgiClient:
    return cloud.http.using("admin", "/compute/v2.1", openstack_api_version=LATEST)


async def act(client: AsgiClient, server_id: str, body: Any, status: int = 200) -> Any:
    answer = await client.post(f"/servers/{server_id}/action", {"evacuate": body})
    assert answer.status == status, answer.body
    return answer


async def stranded(cloud: LifeCloud, admin: AsgiClient) -> tuple[str, Any]:
    """A server whose host, of two, has gone down; and that host."""
    await cloud.add_host("host-2")
    server = await cloud.create()
    await cloud.settle()
    source = (await cloud.server(server.id)).host or ""
    await force_down(admin, source, down=True)
    return server.id, cloud.hosts.pop(source)


async def force_down(admin: AsgiClient, host: str, *, down: bool) -> None:
    [service] = (await admin.get(f"/os-services?host={host}")).json["services"]
    answer = await admin.put(f"/os-services/{service['id']}", {"forced_down": down})
    assert answer.status == 200 and answer.json["service"]["state"] == ("down" if down else "up")


@pytest.mark.parametrize(("version", "status"), [(LATEST, "SHUTOFF"), (OLDER, "ACTIVE")])
async def test_an_evacuated_server_is_made_anew(cloud: LifeCloud, admin: AsgiClient, version: str, status: str) -> None:
    server_id, gone = await stranded(cloud, admin)
    before = await cloud.server(server_id)
    await act(admin.using(openstack_api_version=version), server_id, {})
    assert (await admin.get(f"/servers/{server_id}")).json["server"]["status"] == "REBUILD"
    await cloud.settle()
    after = await cloud.server(server_id)
    assert (after.status, after.host != before.host) == (status, True)
    assert await cloud.guests() == {server_id: "running" if status == "ACTIVE" else "shutdown"}
    assert await cloud.allocations() == {server_id}
    [move] = (await admin.get("/os-migrations?migration_type=evacuation")).json["migrations"]
    assert (move["status"], move["source_compute"], move["dest_compute"]) == ("done", before.host, after.host)
    assert [guest.server_id for guest in await gone.driver.list()] == [server_id]
    await gone.agent.drain()
    assert await gone.driver.list() == [], "the host that came back finds that it is not its own any more"


async def test_a_host_that_is_up_is_not_evacuated(cloud: LifeCloud, admin: AsgiClient) -> None:
    await cloud.add_host("host-2")
    server = await cloud.create()
    await cloud.settle()
    answer = await act(admin, server.id, {}, 400)
    assert b"still in use" in answer.body
    member = cloud.http.using("member", "/compute/v2.1", openstack_api_version=LATEST)
    await act(member, server.id, {}, 403)


async def test_without_another_host_the_server_stays_what_it_was(cloud: LifeCloud, admin: AsgiClient) -> None:
    server_id, _gone = await stranded(cloud, admin)
    for name in cloud.hosts:
        await force_down(admin, name, down=True)
    before = await cloud.server(server_id)
    await act(admin, server_id, {})
    await cloud.settle()
    after = await cloud.server(server_id)
    assert (after.status, after.task, after.host) == ("ACTIVE", None, before.host)
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="evacuate")
    assert "1 host is down" in action.events[0]["details"]
    [move] = (await admin.get("/os-migrations")).json["migrations"]
    assert move["status"] == "error"


async def test_one_that_does_not_start_there_says_why(cloud: LifeCloud, admin: AsgiClient) -> None:
    server_id, _ = await stranded(cloud, admin)

    class Unlucky(SimulatedDriver):
        async def create(self, spec: Any) -> None:
            raise Failure("simulated: no room for the disk")

    [name] = cloud.hosts
    await cloud.add_host(name, Unlucky())
    await act(admin, server_id, {})
    await cloud.settle()
    found = (await admin.get(f"/servers/{server_id}")).json["server"]
    assert (found["status"], found["fault"]["message"]) == ("ERROR", "simulated: no room for the disk")


async def test_words_are_those_of_their_version(cloud: LifeCloud, admin: AsgiClient) -> None:
    server_id, _ = await stranded(cloud, admin)
    [target] = cloud.hosts
    oldest, middle = admin.using(openstack_api_version=OLDEST), admin.using(openstack_api_version="compute 2.67")
    await act(oldest, server_id, {"host": target}, 400)
    await act(admin, server_id, {"force": True}, 400)
    await act(admin, server_id, {"host": (await cloud.server(server_id)).host}, 400)
    await act(admin, server_id, {"host": "nowhere"}, 400)
    answer = await act(oldest, server_id, {"host": target, "onSharedStorage": "False", "adminPass": "secret"})
    assert answer.json == {"adminPass": "secret"}
    await act(middle, server_id, {"host": target, "force": False}, 409)
