"""What Compute asks for in process."""

import pytest

from wolke.core.errors import BadRequest, Conflict, NotFound
from wolke.network.service import RequestedNic

SERVER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def ctx(stand_in):
    return await stand_in("member")


async def test_a_server_gets_ports_once_however_often_it_is_asked(cloud, ctx):
    net = cloud.service
    network, _ = await cloud.network()
    own = await cloud.make("port", network_id=network["id"])
    wanted = [RequestedNic(network_id=network["id"], fixed_ip="10.0.0.50"), RequestedNic(port_id=own["id"])]
    nics = await net.validate_request(ctx, wanted)
    assert [n.network_id for n in nics] == [network["id"]] * 2
    made = await net.create_server_ports(ctx, SERVER, "h1", nics, dns_name="web")
    again = await net.create_server_ports(ctx, SERVER, "h1", nics)
    assert [p.id for p in made] == [p.id for p in again]
    shown = (await net.server_ports([SERVER, "another"]))[SERVER]
    assert [p.fixed_ips[0][:2] for p in shown] == [("10.0.0.50", 4), ("10.0.0.2", 4)]
    assert [p.security_groups for p in shown] == [("default",), ("default",)]
    assert {p.host for p in shown} == {"h1"}
    assert shown[0].network_name == "net"
    assert (await net.port_for_address(network["id"], "10.0.0.50")).device_id == SERVER
    await net.delete_server_ports(SERVER)
    left = (await cloud.client.get("/v2.0/ports")).json["ports"]
    assert [(p["id"], p["device_id"], p["device_owner"]) for p in left] == [(own["id"], "", "")]


async def test_a_servers_floating_ip_is_shown(cloud, ctx):
    external, network, _, _ = await cloud.routed()
    made = await cloud.service.create_server_ports(ctx, SERVER, None, [RequestedNic(network["id"])])
    floating = await cloud.make("floatingip", floating_network_id=external["id"], port_id=made[0].id)
    shown = (await cloud.service.server_ports([SERVER]))[SERVER]
    assert shown[0].floating_ips == ((floating["floating_ip_address"], "10.0.0.2"),)


async def test_which_network_when_none_is_named(cloud, ctx):
    net = cloud.service
    assert await net.validate_request(ctx, None) == []
    with pytest.raises(BadRequest):
        await net.validate_request(ctx, "auto")
    assert await net.validate_request(ctx, "none") == []
    network, _ = await cloud.network()
    assert [n.network_id for n in await net.validate_request(ctx, "auto")] == [network["id"]]
    await cloud.network()
    with pytest.raises(Conflict, match="Multiple possible networks found"):
        await net.validate_request(ctx, None)


async def test_requests_that_cannot_be(cloud, ctx):
    net = cloud.service
    network, _ = await cloud.network()
    bare = await cloud.make("network")
    used = await cloud.make("port", network_id=network["id"], device_id="somebody")
    nowhere = "00000000-0000-4000-8000-000000000000"
    for nic, error, words in (
        (RequestedNic(network_id=nowhere), BadRequest, "could not be found"),
        (RequestedNic(network_id=bare["id"]), BadRequest, "requires a subnet"),
        (RequestedNic(port_id=nowhere), BadRequest, "could not be found"),
        (RequestedNic(port_id=used["id"]), Conflict, "still in use"),
        (RequestedNic(network_id=network["id"], fixed_ip="10.0.0.2"), BadRequest, "already in use"),
    ):
        with pytest.raises(error, match=words):
            await net.validate_request(ctx, [nic])


async def test_a_network_without_room_makes_no_ports_at_all(cloud, ctx):
    network, _ = await cloud.network("10.0.0.0/30")
    with pytest.raises(Conflict, match="No more IP addresses available"):
        await cloud.service.create_server_ports(ctx, SERVER, "h1", [RequestedNic(network["id"])] * 2)
    assert (await cloud.client.get("/v2.0/ports")).json["ports"] == []


async def test_interfaces_come_and_go(cloud, ctx):
    net = cloud.service
    network, _ = await cloud.network()
    port = await net.attach_interface(ctx, SERVER, "h1", RequestedNic())
    assert (port.network_id, port.host) == (network["id"], "h1")
    second = await net.attach_interface(ctx, SERVER, "h1", RequestedNic(network_id=network["id"]))
    assert second.position == 1
    await net.detach_interface(SERVER, port.id)
    assert [p.id for p in (await net.server_ports([SERVER]))[SERVER]] == [second.id]
    with pytest.raises(NotFound):
        await net.detach_interface(SERVER, port.id)


async def test_groups_by_name(cloud, ctx):
    group = await cloud.make("security_group", name="web")
    found = await cloud.service.resolve_security_groups(ctx.project_id, ["web", group["id"]])
    assert set(found.values()) == {group["id"]}
    with pytest.raises(NotFound):
        await cloud.service.resolve_security_groups(ctx.project_id, ["nope"])
