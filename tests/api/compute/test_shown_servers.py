"""Servers are rendered once and passed on; whatever shows in one must be seen the moment it has changed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud
from wolke.core.clock import HeldClock

Json = dict[str, Any]
Change = Callable[["Story"], Awaitable[Any]]


class Story:
    """One active server, looked at before and after."""

    def __init__(self, cloud: LifeCloud, member: AsgiClient, server_id: str) -> None:
        self.cloud, self.member, self.id = cloud, member, server_id
        self.admin = member.using("admin")
        self.network = cloud.http.using("member", "/network/v2.0")

    async def look(self, client: AsgiClient | None = None) -> Json:
        """As a list and by itself, which must be of one mind."""
        client = client or self.member
        one = (await client.get(f"/servers/{self.id}")).json["server"]
        listed = (await client.get("/servers/detail?all_tenants=1" if client is self.admin else "/servers/detail")).json
        (same,) = [server for server in listed["servers"] if server["id"] == self.id]
        assert {**same, "server_groups": one["server_groups"]} == one
        return one

    async def port(self) -> Json:
        return (await self.network.get(f"/ports?device_id={self.id}")).json["ports"][0]


@pytest.fixture
async def story(cloud: LifeCloud, member: AsgiClient) -> Story:
    made = await cloud.post_server("one")
    await cloud.settle()
    return Story(cloud, member, made)


async def rename(story: Story) -> None:
    await story.member.put(f"/servers/{story.id}", {"server": {"name": "two"}})


async def metadata(story: Story) -> None:
    await story.member.post(f"/servers/{story.id}/metadata", {"metadata": {"a": "b"}})


async def tags(story: Story) -> None:
    await story.member.put(f"/servers/{story.id}/tags/red")


async def lock(story: Story) -> None:
    await story.member.post(f"/servers/{story.id}/action", {"lock": {"locked_reason": "mine"}})


async def stop(story: Story) -> None:
    await story.member.post(f"/servers/{story.id}/action", {"os-stop": None})


async def stop_and_settle(story: Story) -> None:
    await stop(story)
    await story.cloud.settle()


async def rename_network(story: Story) -> None:
    network = (await story.port())["network_id"]
    answer = await story.network.using("admin").put(f"/networks/{network}", {"network": {"name": "renamed"}})
    assert answer.status == 200


async def rename_group(story: Story) -> None:
    made = await story.network.post("/security-groups", {"security_group": {"name": "web"}})
    group = made.json["security_group"]["id"]
    await story.network.put(f"/ports/{(await story.port())['id']}", {"port": {"security_groups": [group]}})
    assert (await story.look())["security_groups"] == [{"name": "web"}]
    await story.network.put(f"/security-groups/{group}", {"security_group": {"name": "www"}})
    assert (await story.look())["security_groups"] == [{"name": "www"}]


async def floating_ip(story: Story) -> None:
    admin = story.network.using("admin")
    outside = {"network": {"name": "outside", "router:external": True}}
    outer = (await admin.post("/networks", outside)).json["network"]["id"]
    subnet = {"network_id": outer, "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": False}
    await admin.post("/subnets", {"subnet": subnet})
    router = {"router": {"name": "r", "external_gateway_info": {"network_id": outer}}}
    made = (await story.network.post("/routers", router)).json["router"]["id"]
    port = await story.port()
    inner = {"subnet_id": port["fixed_ips"][0]["subnet_id"]}
    assert (await story.network.put(f"/routers/{made}/add_router_interface", inner)).status == 200
    before = await story.look()
    asked = {"floatingip": {"floating_network_id": outer, "port_id": port["id"]}}
    floating = (await story.network.post("/floatingips", asked)).json["floatingip"]
    after = await story.look()
    assert floating["floating_ip_address"] in str(after["addresses"])
    await story.network.put(f"/floatingips/{floating['id']}", {"floatingip": {"port_id": None}})
    assert await story.look() == before
    await story.network.put(f"/floatingips/{floating['id']}", {"floatingip": {"port_id": port["id"]}})


async def attach(story: Story) -> None:
    await story.member.post(f"/servers/{story.id}/os-interface", {"interfaceAttachment": {}})
    await story.cloud.settle()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (rename, "name"),
        (metadata, "metadata"),
        (tags, "tags"),
        (lock, "locked_reason"),
        (stop, "OS-EXT-STS:task_state"),
        (stop_and_settle, "OS-EXT-STS:power_state"),
        (rename_network, "addresses"),
        (rename_group, "security_groups"),
        (floating_ip, "addresses"),
        (attach, "addresses"),
    ],
)
async def test_a_change_shows_at_once(story: Story, change: Change, field: str) -> None:
    before = await story.look()
    await change(story)
    after = await story.look()
    assert before[field] != after[field]


async def test_what_happens_to_a_host_shows_in_its_servers(story: Story, cloud: LifeCloud) -> None:
    assert (await story.look(story.admin))["host_status"] == "UP"
    (service,) = (await story.admin.get("/os-services?binary=nova-compute")).json["services"]
    await story.admin.put(f"/os-services/{service['id']}", {"status": "disabled"})
    assert (await story.look(story.admin))["host_status"] == "MAINTENANCE"
    await story.admin.put(f"/os-services/{service['id']}", {"status": "enabled", "forced_down": True})
    assert (await story.look(story.admin))["host_status"] == "DOWN"


async def test_a_host_that_falls_silent_shows_without_anything_being_written(story: Story, cloud: LifeCloud) -> None:
    assert (await story.look(story.admin))["host_status"] == "UP"
    assert isinstance(cloud.clock, HeldClock)
    cloud.clock.move(cloud.compute.config.host_down_after_s + 60)
    assert (await story.look(story.admin))["host_status"] == "DOWN"


async def test_each_sees_what_is_theirs_to_see(story: Story) -> None:
    for _ in range(2):
        assert "OS-EXT-SRV-ATTR:host" in await story.look(story.admin)
        assert "OS-EXT-SRV-ATTR:host" not in await story.look()
        assert "host_status" not in await story.look()


async def test_each_version_is_rendered_for_itself(story: Story) -> None:
    for _ in range(2):
        for version, there in (("2.1", False), ("2.26", True), ("2.1", False)):
            client = story.member.using(openstack_api_version=f"compute {version}")
            one = (await client.get(f"/servers/{story.id}")).json["server"]
            assert ("tags" in one) is there
        old = story.member.using(openstack_api_version="compute 2.46")
        assert set((await old.get(f"/servers/{story.id}")).json["server"]["flavor"]) == {"id", "links"}


async def test_links_lead_to_where_the_caller_is(story: Story) -> None:
    for host in ("a.test", "b.test", "a.test"):
        one = (await story.member.using(host=host).get(f"/servers/{story.id}")).json["server"]
        assert one["links"][0]["href"].startswith(f"http://{host}/compute/")


async def test_a_server_of_another_project_stays_hidden_when_it_has_been_rendered(story: Story) -> None:
    await story.look(story.admin)
    other = story.member.using("other")
    assert (await other.get(f"/servers/{story.id}")).status == 404
    assert (await other.get("/servers/detail")).json == {"servers": []}
    await story.member.delete(f"/servers/{story.id}")
    await story.cloud.settle()
    assert (await story.member.get(f"/servers/{story.id}")).status == 404


async def test_what_did_not_change_is_not_rendered_again(story: Story, cloud: LifeCloud) -> None:
    await cloud.post_server("two")
    await cloud.settle()
    await story.look()
    shelves = cloud.compute.fragments._shelves
    before = {key: id(text) for shelf in shelves.values() for key, (_, text) in shelf.items()}
    await rename(story)
    await story.look()
    after = {key: id(text) for shelf in shelves.values() for key, (_, text) in shelf.items()}
    assert before.keys() == after.keys()
    assert [key for key in before if before[key] != after[key]] == [story.id]
