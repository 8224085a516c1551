"""What a host should carry, case by case."""

from typing import Any

import msgspec

from wolke.network import model
from wolke.network.scheduler.wishes import Facts, work_out
from wolke.network.schema.wishes import decode, encode
from wolke.network.service.addresses import eui64, ring

AT = "2026-01-01T00:00:00.000000Z"


def make(kind: Any, **values: Any) -> Any:
    """A record with something plain in each field that the case does not care about."""
    plain = {str: "", int: 0, bool: True}
    for field in msgspec.structs.fields(kind):
        if field.name not in values:
            text = str(field.type)
            empty = None if "None" in text else [] if text.startswith("list") else {} if text.startswith("dict") else 0
            values[field.name] = plain.get(field.type, empty)
    return kind(**values)


NETWORK = make(model.Network, id="n", mtu=1450, external=False)
SUBNET = make(model.Subnet, id="s", network_id="n", ip_version=4, cidr="10.0.0.0/24", gateway_ip="10.0.0.1")


def port(key: str, address: str, **values: Any) -> model.Port:
    fixed = [{"subnet_id": "s", "ip_address": address}]
    found: model.Port = make(
        model.Port, **{"id": key, "network_id": "n", "fixed_ips": fixed, "status": "ACTIVE", "host": "", **values}
    )
    return found


def rule(key: str, **values: Any) -> model.SecurityGroupRule:
    found: model.SecurityGroupRule = make(
        model.SecurityGroupRule,
        **{"id": key, "security_group_id": "g", "direction": "ingress", "ethertype": "IPv4", **values},
    )
    return found


def test_a_host_carries_its_own_ports_and_knows_the_others_by_dhcp() -> None:
    here, there = port("p1", "10.0.0.5", host="h1"), port("p2", "10.0.0.6", host="h2")
    dhcp = port("p3", "10.0.0.2", device_owner=model.DHCP)
    (network,) = work_out(Facts("h1", [NETWORK], [SUBNET], [here, there, dhcp])).networks
    assert [p.id for p in network.ports] == ["p1"]
    assert [h.ip_addresses for h in network.dhcp_hosts] == [("10.0.0.5",), ("10.0.0.6",)]
    assert network.subnets[0].dhcp_ip == "10.0.0.2"


def test_a_host_without_ports_or_routers_carries_nothing() -> None:
    assert work_out(Facts("h3", [NETWORK], [SUBNET], [port("p", "10.0.0.5", host="h1")])).networks == ()


def test_a_remote_group_becomes_the_addresses_of_its_members() -> None:
    ports = [port(f"p{n}", f"10.0.0.{n}", host="h", security_groups=["g"]) for n in (5, 6)]
    rules = [
        rule("1", remote_group_id="g"),
        rule("2", protocol="6", port_range_min=22, port_range_max=22, remote_ip_prefix="192.0.2.0/24"),
        rule("3", ethertype="IPv6", protocol="icmp"),
        rule("4", ethertype="IPv6", remote_group_id="empty"),
        rule("5", protocol="gre"),
    ]
    members = {"g": ["10.0.0.6", "10.0.0.5", "fe80::1", "10.1.0.0/16"]}
    wish = work_out(Facts("h", [NETWORK], [SUBNET], ports, rules=rules, members=members))
    one, two = wish.networks[0].ports
    assert one.rules is two.rules
    assert [r.remotes for r in one.rules] == [
        ("10.0.0.5/32", "10.0.0.6/32", "10.1.0.0/16"),
        ("192.0.2.0/24",),
        None,
        (),
        None,
    ]
    assert [r.protocol for r in one.rules] == [None, "tcp", "ipv6-icmp", None, "47"]


def test_without_port_security_there_are_no_rules() -> None:
    bare = port("p", "10.0.0.5", host="h", security_groups=["g"], port_security_enabled=False)
    wish = work_out(Facts("h", [NETWORK], [SUBNET], [bare], rules=[rule("1")]))
    assert (wish.networks[0].ports[0].port_security, wish.networks[0].ports[0].rules) == (False, ())


def test_a_router_brings_the_networks_that_it_touches() -> None:
    outside = make(model.Network, id="x", mtu=1500, external=True)
    world = make(model.Subnet, id="w", network_id="x", cidr="203.0.113.0/24", gateway_ip="203.0.113.1", ip_version=4)
    leg = port("leg", "10.0.0.1", device_id="r", device_owner=model.ROUTER_INTERFACE, status="DOWN")
    gateway = port(
        "gw", "", network_id="x", device_id="r", device_owner=model.ROUTER_GATEWAY,
        fixed_ips=[{"subnet_id": "w", "ip_address": "203.0.113.2"}],
    )  # fmt: skip
    router = make(
        model.Router, id="r", host="h", gw_port_id="gw", status="ACTIVE",
        external_gateway_info={"network_id": "x", "enable_snat": False},
        routes=[{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}],
    )  # fmt: skip
    floating = make(
        model.FloatingIp, id="f", router_id="r", floating_ip_address="203.0.113.9", fixed_ip_address="10.0.0.5",
        status="ACTIVE",
    )  # fmt: skip
    facts = Facts("h", [NETWORK, outside], [SUBNET, world], [leg, gateway], [router], [floating])
    wish = work_out(facts)
    assert [(n.id, n.external, n.ports) for n in wish.networks] == [("n", False, ()), ("x", True, ())]
    (made,) = wish.routers
    assert [i.addresses for i in made.interfaces] == [("10.0.0.1/24",)]
    assert made.gateway is not None
    assert (made.gateway.addresses, made.gateway_nexthops) == (("203.0.113.2/24",), ("203.0.113.1",))
    assert made.enable_snat is False
    assert [f.floating_ip_address for f in made.floating_ips] == ["203.0.113.9"]
    assert made.routes[0].nexthop == "10.0.0.9"
    assert wish.unconfirmed == {"r"}
    elsewhere = msgspec.structs.replace(router, host="other")
    assert work_out(Facts("h", [NETWORK, outside], [SUBNET, world], [leg, gateway], [elsewhere])).networks == ()


def test_a_wish_survives_the_wire() -> None:
    ports = [port(f"p{n}", f"10.0.0.{n}", host="h", security_groups=["g"], status="DOWN") for n in (5, 6)]
    wish = work_out(Facts("h", [NETWORK], [SUBNET], ports, rules=[rule("1", remote_group_id="g")], members={}))
    wire = encode(wish)
    assert wire.count(b'"ingress"') == 1
    assert decode(wire) == wish


def test_the_ring_begins_behind_the_cursor_and_comes_round() -> None:
    assert ring([(2, 9), (20, 29)], 0) == [(2, 9), (20, 29)]
    assert ring([(20, 29), (2, 9)], 5) == [(5, 9), (20, 29), (2, 4)]
    assert ring([(2, 9), (20, 29)], 15) == [(20, 29), (2, 9)]
    assert ring([(2, 9)], 10) == [(2, 9)]


def test_eui64() -> None:
    assert eui64("2001:db8::/64", "fa:16:3e:00:00:01") == "2001:db8::f816:3eff:fe00:1"
    assert eui64("2001:db8::/64", "00:00:5e:00:53:af") == "2001:db8::200:5eff:fe00:53af"
