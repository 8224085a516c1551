"""From the API to a dataplane and back, over the agent's own door."""

import asyncio
from dataclasses import dataclass

import pytest

from wolke.core.drivers import Failure
from wolke.network.agent import NetworkAgent
from wolke.network.drivers.base import Capabilities
from wolke.network.drivers.simulated import SimulatedDataplane
from wolke.network.schema.wishes import decode


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict


class Door:
    """The agent's client, in process."""

    def __init__(self, client):
        self.client = client

    async def request(self, method, path, value=None, *, headers=None):
        answer = await self.client.request(method, path, value, headers=dict(headers or {}))
        assert answer.status < 400, answer.body
        return Reply(answer.status, answer.body, {"ETag": answer.headers.get("etag", "")})

    async def stream_lines(self, path):
        answer = await self.client.get(path)
        for line in answer.body.decode().splitlines():
            yield line


class Stubborn(SimulatedDataplane):
    """Refuses some networks."""

    def __init__(self):
        super().__init__()
        self.refused = set()
        self.applied = []

    @property
    def capabilities(self):
        return Capabilities("simulated", metadata=False)

    async def apply_network(self, network):
        self.applied.append(network.id)
        if network.id in self.refused:
            raise Failure("this bridge is out of order")
        await super().apply_network(network)


@pytest.fixture
def dataplane():
    return Stubborn()


@pytest.fixture
def agent(cloud, dataplane):
    return NetworkAgent(dataplane, Door(cloud.client.using("agent", prefix="")), "h1")


async def status(cloud, path):
    answer = (await cloud.as_("admin").get(path)).json
    return next(iter(answer.values()))["status"]


async def test_a_bound_port_is_carried_and_becomes_active(cloud, agent, dataplane):
    await agent.register()
    network, _ = await cloud.network()
    port = await cloud.make("port", "admin", network_id=network["id"], **{"binding:host_id": "h1"})
    await cloud.make("port", "admin", network_id=network["id"], **{"binding:host_id": "elsewhere"})
    await agent.round()
    carried = dataplane.applied_networks[network["id"]]
    assert [p.id for p in carried.ports] == [port["id"]]
    assert carried.subnets[0].dhcp_ip == "10.0.0.4"
    assert len(carried.dhcp_hosts) == 2
    assert await status(cloud, f"/v2.0/ports/{port['id']}") == "ACTIVE"
    await agent.ensure_port(network["id"], port["id"], 0.1)
    await cloud.as_("admin").delete(f"/v2.0/ports/{port['id']}")
    await agent.round()
    assert dataplane.applied_networks == {}


async def test_routers_and_floating_ips_become_active(cloud, agent, dataplane):
    external, network, _, router = await cloud.routed()  # made before there was any host
    await agent.register()
    port = await cloud.make("port", "admin", network_id=network["id"], **{"binding:host_id": "h1"})
    body = {"floating_network_id": external["id"], "port_id": port["id"]}
    floating = await cloud.make("floatingip", "admin", **body)
    assert floating["status"] == "DOWN"
    await agent.round()
    carried = dataplane.applied_routers[router["id"]]
    assert carried.gateway.addresses == ("203.0.113.2/24",)
    assert [f.fixed_ip_address for f in carried.floating_ips] == ["10.0.0.2"]
    assert dataplane.applied_networks[external["id"]].external is True
    assert await status(cloud, f"/v2.0/floatingips/{floating['id']}") == "ACTIVE"
    ports = (await cloud.as_("admin").get(f"/v2.0/ports?device_id={router['id']}")).json["ports"]
    assert {p["status"] for p in ports} == {"ACTIVE"}
    await cloud.as_("admin").put(f"/v2.0/floatingips/{floating['id']}", {"floatingip": {"port_id": None}})
    await agent.round()
    assert dataplane.applied_routers[router["id"]].floating_ips == ()


async def test_one_network_that_fails_leaves_the_others_alone(cloud, agent, dataplane):
    ports = []
    for cidr in ("10.1.0.0/24", "10.2.0.0/24"):
        network, _ = await cloud.network(cidr)
        ports.append(await cloud.make("port", "admin", network_id=network["id"], **{"binding:host_id": "h1"}))
    dataplane.refused.add(ports[0]["network_id"])
    await agent.round()
    assert await status(cloud, f"/v2.0/ports/{ports[0]['id']}") == "DOWN"
    assert await status(cloud, f"/v2.0/ports/{ports[1]['id']}") == "ACTIVE"
    with pytest.raises(Failure, match="out of order"):
        await agent.ensure_port(ports[0]["network_id"], ports[0]["id"], 0.05)
    dataplane.refused.clear()
    await agent.round()
    assert await status(cloud, f"/v2.0/ports/{ports[0]['id']}") == "ACTIVE"


async def test_what_did_not_change_is_not_applied_again(cloud, agent, dataplane):
    network, _ = await cloud.network()
    port = await cloud.make("port", "admin", network_id=network["id"], **{"binding:host_id": "h1"})
    await agent.round()
    await agent.round()
    assert dataplane.applied == [network["id"]]
    await cloud.service.unbind([port["id"]])
    await cloud.service.bind([port["id"]], "h1")
    assert await status(cloud, f"/v2.0/ports/{port['id']}") == "DOWN"
    await agent.round()
    assert dataplane.applied == [network["id"]]
    assert await status(cloud, f"/v2.0/ports/{port['id']}") == "ACTIVE"


async def test_polling_is_cheap_and_a_change_is_seen(cloud):
    path = "/v1/hosts/h1/wish"
    first = await cloud.agent.get(path)
    tag = {"if-none-match": first.headers["etag"]}
    assert (await cloud.agent.get(path, headers=tag)).status == 304
    network, _ = await cloud.network()
    await cloud.make("port", "admin", network_id=network["id"], **{"binding:host_id": "h1"})
    await asyncio.sleep(0.05)
    second = await cloud.agent.get(path, headers=tag)
    assert second.status == 200
    assert [n.id for n in decode(second.body).networks] == [network["id"]]


async def test_only_agents_come_in(cloud):
    for method, path in (("GET", "wish"), ("POST", "outcome"), ("GET", "wakes")):
        answer = await cloud.client.using("member", prefix="/agent/network").request(method, f"/v1/hosts/h1/{path}", {})
        assert answer.status == 403
    assert (await cloud.agent.put("/v1/hosts/h1", {"dataplane": 5})).status == 400
    assert (await cloud.agent.post("/v1/hosts/h1/outcome", {"networks": {"x": {"ports": 5}}})).status == 400


async def test_operators_see_agents_and_whether_they_live(cloud, agent, kind):
    await agent.register()
    admin = cloud.as_("admin")
    (found,) = (await admin.get("/v2.0/agents")).json["agents"]
    assert (found["host"], found["alive"], found["configurations"]["dataplane"]) == ("h1", True, "simulated")
    cloud.clock.move(1000)
    assert (await admin.get(f"/v2.0/agents/{found['id']}")).json["agent"]["alive"] is False
    assert kind(await cloud.client.get("/v2.0/agents")) == (403, "PolicyNotAuthorized")
    assert (await admin.get("/v2.0/availability_zones")).json["availability_zones"][0]["state"] == "unavailable"


async def test_addresses_in_use_are_counted(cloud):
    network, _ = await cloud.network("10.0.0.0/29")
    await cloud.make("port", network_id=network["id"])
    answer = await cloud.as_("admin").get(f"/v2.0/network-ip-availabilities/{network['id']}")
    found = answer.json["network_ip_availability"]
    assert (found["used_ips"], found["total_ips"]) == (1, 5)


async def test_wakes_tell_of_changes(cloud):
    left = asyncio.Event()
    lines = cloud.service.hosts.wakes(left.wait)
    assert await anext(lines) == b"ready\n"
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    await cloud.network()
    assert await asyncio.wait_for(waiting, 5) == b"wake\n"
    left.set()
    with pytest.raises(StopAsyncIteration):
        while True:
            await asyncio.wait_for(anext(lines), 5)
