"""Small networks, ports and routers for the tests of dataplanes."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

import pytest

from wolke.network.drivers.base import DhcpHost, FloatingIp, Interface, Network, Port, Router, Rule, Subnet

NEEDS_ROOT = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root and Linux namespaces")]
OUT = (Rule("egress", "IPv4"), Rule("egress", "IPv6"))
PING = Rule("ingress", "IPv4", "icmp")
PING6 = Rule("ingress", "IPv6", "ipv6-icmp")
WEB = Rule("ingress", "IPv4", "tcp", 80, 80)
MAC_A, MAC_B, MAC_ROUTER, MAC_GATE = (f"fa:16:3e:00:00:{last}" for last in ("0a", "0b", "01", "02"))


def new_id() -> str:
    return str(uuid.uuid4())


def a_port(mac: str, *addresses: str, rules: tuple[Rule, ...] = OUT, **fields: object) -> Port:
    return Port(new_id(), mac, addresses, rules=rules, **fields)  # type: ignore[arg-type]


def a_network(*ports: Port, cidr: str = "10.0.0.0/24", **fields: object) -> Network:
    base = cidr.rsplit(".", 1)[0]
    subnet = Subnet(new_id(), cidr, f"{base}.1", dhcp_ip=f"{base}.2")
    hosts = tuple(DhcpHost(port.mac_address, port.fixed_ips, f"guest-{port.mac_address[-2:]}") for port in ports)
    return Network(new_id(), subnets=(subnet,), ports=ports, dhcp_hosts=hosts, **fields)  # type: ignore[arg-type]


def external_network(**fields: object) -> Network:
    subnet = Subnet(new_id(), "203.0.113.0/24", "203.0.113.1", enable_dhcp=False)
    return Network(new_id(), external=True, subnets=(subnet,), **fields)  # type: ignore[arg-type]


def a_router(inside: Network, outside: Network, *floating: FloatingIp, **fields: object) -> Router:
    leg = Interface(new_id(), inside.id, MAC_ROUTER, ("10.0.0.1/24",), inside.mtu)
    gate = Interface(new_id(), outside.id, MAC_GATE, ("203.0.113.10/24",))
    fields = {"gateway": gate, "gateway_nexthops": ("203.0.113.1",), **fields}
    return Router(new_id(), interfaces=(leg,), floating_ips=floating, **fields)  # type: ignore[arg-type]


def with_rules(network: Network, at: int, *rules: Rule) -> Network:
    ports = list(network.ports)
    ports[at] = replace(ports[at], rules=rules)
    return replace(network, ports=tuple(ports))
