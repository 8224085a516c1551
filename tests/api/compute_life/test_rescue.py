"""Servers that are started from another image than their own disk."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import ADMIN, LifeCloud
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVER_ACTIONS
from wolke.core.drivers import Failure
from wolke.image.service import ImageWish


@pytest.fixture
def member(cloud: LifeCloud) -> AsgiClient:
    return cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")


async def act(client: AsgiClient, server_id: str, verb: str, body: Any = None) -> Any:
    return await client.post(f"/servers/{server_id}/action", {verb: body})


async def shown(client: AsgiClient, server_id: str) -> dict[str, Any]:
    server: dict[str, Any] = (await client.get(f"/servers/{server_id}")).json["server"]
    return server


async def built(cloud: LifeCloud) -> str:
    server = await cloud.create()
    await cloud.settle()
    return server.id


async def test_a_rescued_server_is_rescued_until_it_is_unrescued(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id, driver = await built(cloud), cloud.hosts["host-1"].driver
    answer = await act(member, server_id, "rescue", {"adminPass": "secret"})
    assert (answer.status, answer.json) == (200, {"adminPass": "secret"})
    assert (await shown(member, server_id))["OS-EXT-STS:task_state"] == "rescuing"
    await cloud.settle()
    found = await shown(member, server_id)
    assert (found["status"], found["OS-EXT-STS:vm_state"], found["OS-EXT-STS:power_state"]) == ("RESCUE", "rescued", 1)
    assert driver.rescued(server_id)
    assert [one["id"] for one in (await member.get("/servers?status=RESCUE")).json["servers"]] == [server_id]
    for verb, body in (("rescue", None), ("reboot", {"type": "HARD"}), ("os-stop", None), ("pause", None)):
        assert (await act(member, server_id, verb, body)).status == 409, verb
    assert (await act(member, server_id, "rebuild", {"imageRef": cloud.image_id})).status == 409
    assert (await act(member, server_id, "unrescue")).status == 202
    await cloud.settle()
    assert (await shown(member, server_id))["status"] == "ACTIVE"
    assert not driver.rescued(server_id) and await cloud.guests() == {server_id: "running"}
    actions = (await member.get(f"/servers/{server_id}/os-instance-actions")).json["instanceActions"]
    assert [one["action"] for one in actions] == ["unrescue", "rescue", "create"]


async def test_a_password_is_made_if_none_is_given(cloud: LifeCloud, member: AsgiClient) -> None:
    answer = await act(member, await built(cloud), "rescue")
    assert len(answer.json["adminPass"]) == 12


class NoRescue(SimulatedDriver):
    async def rescue(self, server_id: str, spec: Any) -> None:
        raise Failure("simulated: this cannot be started from")


@pytest.mark.parametrize("was", ["ACTIVE", "SHUTOFF"])
async def test_a_rescue_that_fails_leaves_the_server_as_it_was(cloud: LifeCloud, member: AsgiClient, was: str) -> None:
    cloud.hosts.clear()
    await cloud.add_host("host-1", NoRescue())
    server_id = await built(cloud)
    if was == "SHUTOFF":
        await act(member, server_id, "os-stop")
        await cloud.settle()
    await act(member, server_id, "rescue")
    await cloud.settle()
    assert (await shown(member, server_id))["status"] == was
    assert await cloud.guests() == {server_id: "running" if was == "ACTIVE" else "shutdown"}
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="rescue")
    assert [event["details"] for event in action.events] == ["simulated: this cannot be started from"]


async def test_an_image_may_say_which_device_it_wants_to_be(cloud: LifeCloud, member: AsgiClient) -> None:
    seen: list[Any] = []

    class Looks(SimulatedDriver):
        async def rescue(self, server_id: str, spec: Any) -> None:
            seen.append((spec.stable, spec.device, spec.bus))
            await super().rescue(server_id, spec)

    cloud.hosts.clear()
    await cloud.add_host("host-1", Looks())
    properties = {"hw_rescue_device": "cdrom", "hw_rescue_bus": "ide"}
    wish = ImageWish(name="cd", disk_format="raw", container_format="bare", visibility="public", properties=properties)
    image = await cloud.images.create_from_file(ADMIN, wish, cloud.root / "disk.raw")
    server_id = await built(cloud)
    assert (await act(member, server_id, "rescue", {"rescue_image_ref": image.id})).status == 200
    await cloud.settle()
    assert seen == [(True, "cdrom", "ide")]


async def test_what_cannot_be_rescued_is_refused(cloud: LifeCloud, member: AsgiClient) -> None:
    server_id = await built(cloud)
    assert (await act(member, server_id, "unrescue")).status == 409
    missing = {"rescue_image_ref": cloud.new_id()}
    assert (await act(member, server_id, "rescue", missing)).status == 400
    assert (await act(member, cloud.new_id(), "rescue")).status == 404
    assert (await act(member.using("other"), server_id, "rescue")).status == 404
    await act(member, server_id, "pause")
    await cloud.settle()
    assert (await act(member, server_id, "rescue")).status == 409
