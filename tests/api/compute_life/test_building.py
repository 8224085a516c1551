from __future__ import annotations

from tests.life_cloud import LifeCloud
from wolke.compute.store import SERVER_ACTIONS


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
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server.id)
    assert action.events[0]["result"] == "Success"


async def test_a_deleted_server_leaves_nothing(cloud: LifeCloud) -> None:
    server = await cloud.create()
    await cloud.settle()
    from tests.life_cloud import MEMBER

    await cloud.compute.server_actions.delete(MEMBER, server.id)
    await cloud.settle()
    assert (await cloud.server(server.id)).status == "DELETED"
    assert (await cloud.guests(), await cloud.allocations(), await cloud.ports()) == ({}, set(), [])
    assert await cloud.counted() == 0
