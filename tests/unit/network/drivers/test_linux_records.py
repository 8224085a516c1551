"""Names, checks, differences of links, dnsmasq's files and flows: the pure parts round the rules."""

from __future__ import annotations

import uuid
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wolke.core.drivers import Failure
from wolke.network.drivers.base import (
    DhcpHost,
    FloatingIp,
    Interface,
    Network,
    Port,
    Route,
    Router,
    Rule,
    Subnet,
)
from wolke.network.drivers.linux import checks, conntrack, dnsmasq, links
from wolke.network.drivers.linux.names import LINK_LENGTH, Names, derived_tag, link_local, stable_mac
from wolke.network.drivers.linux.netlink import NESTED, attribute
from wolke.network.drivers.user import options

ID = str(uuid.UUID(int=7))
SUBNET = Subnet(ID, "10.0.0.0/24", "10.0.0.1", dhcp_ip="10.0.0.2")
HOST = DhcpHost("fa:16:3e:00:00:01", ("10.0.0.5",), "web")
NETWORK = Network(ID, subnets=(SUBNET,), dhcp_hosts=(HOST,), dns_domain="cloud.test")


@given(st.uuids(), st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True))
def test_names_fit_and_lead_back_to_the_id(some_id: uuid.UUID, tag: str) -> None:
    names = Names(tag)
    for make in (names.bridge, names.tap, names.leg, names.plug):
        assert len(make(str(some_id))) == LINK_LENGTH
    assert names.network_of(names.network_ns(str(some_id))) == str(some_id)
    assert names.router_of(names.network_ns(str(some_id))) is None
    assert names.network_in_alias(names.alias(str(some_id))) == str(some_id)


def test_clouds_in_different_directories_have_different_tags(tmp_path: Path) -> None:
    assert Names(derived_tag(tmp_path / "a")).tag != Names(derived_tag(tmp_path / "b")).tag


@pytest.mark.parametrize("tag", ["", "UPPER", "toolong", "a b", "a;b"])
def test_a_tag_is_short_and_plain(tag: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        Names(tag)


def test_hardware_addresses_are_valid() -> None:
    assert int(stable_mac("x").split(":")[0], 16) & 3 == 2  # local, not multicast
    assert link_local("fa:16:3e:00:00:0a") == "fe80::f816:3eff:fe00:a"


@pytest.mark.parametrize(
    "spoilt",
    [
        replace(NETWORK, id="../../etc"),
        replace(NETWORK, mtu=0),
        replace(NETWORK, subnets=(replace(SUBNET, cidr="10.0.0.0/99"),)),
        replace(NETWORK, subnets=(replace(SUBNET, dns_nameservers=("1.1.1.1\nx",)),)),
        replace(NETWORK, subnets=(replace(SUBNET, host_routes=(Route("10.0.0.0/8", "x"),)),)),
        replace(NETWORK, subnets=(replace(SUBNET, gateway_ip="fe80::1%eth0"),)),
        replace(NETWORK, dhcp_hosts=(replace(HOST, mac_address="fa:16:3e:00:00:01,x"),)),
        replace(NETWORK, ports=(Port(ID, "fa:16:3e:00:00:01", (), rules=(Rule("ingress", "IPv4", "tcp; drop"),)),)),
        replace(NETWORK, ports=(Port(ID, "fa:16:3e:00:00:01", (), rules=(Rule("ingress", "IPv4", "256"),)),)),
    ],
)
def test_malformed_networks_are_refused(spoilt: Network) -> None:
    with pytest.raises(Failure, match="not a valid"):
        checks.network(spoilt)


def test_a_port_forwarding_needs_a_protocol() -> None:
    with pytest.raises(Failure):
        checks.router(Router(ID, floating_ips=(FloatingIp(ID, "203.0.113.1", "10.0.0.5", 80, 80),)))


@given(st.text(max_size=80))
def test_whatever_a_name_is_its_label_is_one_word(name: str) -> None:
    assert set(checks.label(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert set(checks.domain(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


@given(st.text(max_size=30), st.text(max_size=60))
def test_an_option_stays_one_line_and_one_option(name: str, value: str) -> None:
    host = replace(HOST, hostname=value, options=((name, value),))
    files = dnsmasq.for_network(replace(NETWORK, dhcp_hosts=(host,)), "br")
    plain = dnsmasq.for_network(NETWORK, "br")
    assert files and plain
    assert len(files.lists["options"].splitlines()) - len(plain.lists["options"].splitlines()) in (0, 1)
    assert len(files.lists["hosts"].splitlines()) == 1
    assert files.configuration == plain.configuration


def test_routes_say_the_way_out_and_the_metadata_address() -> None:
    files = dnsmasq.for_network(
        replace(NETWORK, subnets=(replace(SUBNET, host_routes=(Route("10.9.0.0/16", "10.0.0.9"),)),)), "br"
    )
    assert files
    wanted = "option:classless-static-route,10.9.0.0/16,10.0.0.9,169.254.169.254/32,10.0.0.2,0.0.0.0/0,10.0.0.1"
    assert wanted in files.lists["options"]


def test_a_subnet_without_gateway_says_so() -> None:
    files = dnsmasq.for_network(replace(NETWORK, subnets=(replace(SUBNET, gateway_ip=None),)), "br")
    assert files and files.lists["options"].splitlines()[1].endswith(",option:router")
    assert "0.0.0.0/0" not in files.lists["options"]


@pytest.mark.parametrize("mode", ["slaac", "dhcpv6-stateless", "dhcpv6-stateful"])
def test_ipv6_modes_choose_how_a_prefix_is_served(mode: str) -> None:
    subnet = Subnet(ID, "fd00::/64", "fd00::1", dhcp_ip="fd00::2", ipv6_ra_mode=mode, ipv6_address_mode=mode)
    files = dnsmasq.for_network(replace(NETWORK, subnets=(subnet,)), "br")
    assert files and "enable-ra" in files.configuration
    word = {"slaac": "ra-only", "dhcpv6-stateless": "ra-stateless", "dhcpv6-stateful": "static"}[mode]
    assert any(f"fd00::,{word},64" in line for line in files.configuration)


def test_nothing_is_served_without_dhcp() -> None:
    assert dnsmasq.for_network(replace(NETWORK, subnets=(replace(SUBNET, enable_dhcp=False),)), "br") is None
    assert dnsmasq.for_router([("r", Interface(ID, ID, "fa:16:3e:00:00:01", ("10.0.0.1/24",)))]) is None


def test_leases_of_former_holders_are_forgotten() -> None:
    kept = "1 fa:16:3e:00:00:01 10.0.0.5 web *\n"
    former = "1 fa:16:3e:00:00:09 10.0.0.5 old *\n1 fa:16:3e:00:00:01 10.0.0.9 * *\nduid 00:01\n1 77 fd00::9 * 00:02\n"
    assert dnsmasq.pruned_leases(kept + former, [HOST]) == kept + "duid 00:01\n"


def found(link: links.Link, **fields: object) -> links.Found:
    settings = {"nf_call_iptables": 1, "nf_call_ip6tables": 1, "forward_delay": 0, "mcast_snooping": 0, "stp_state": 0}
    made = links.Found(
        link.name,
        link.kind,
        link.mtu,
        link.up,
        link.master,
        link.mac,
        link.alias,
        frozenset(link.addresses or ()),
        settings,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


BRIDGE = links.bridge("b", 1500, "fe:3e:00:00:00:01", ["10.0.0.2/24", "fd00::2/64"])
TAP = links.tap("t", 1500, "b", up=True)


def test_what_is_right_is_left_alone() -> None:
    assert links.plan([BRIDGE, TAP], {"b": found(BRIDGE), "t": found(TAP)}) == []


def test_a_tap_that_is_there_is_corrected_and_not_made_again() -> None:
    commands = links.plan([TAP], {"t": found(TAP, master="", up=False, mtu=900)})
    assert commands == ["link set t mtu 1500 master b up"]


def test_something_else_of_that_name_makes_way() -> None:
    assert links.plan([TAP], {"t": found(TAP, kind="veth")})[:2] == ["link del t", TAP.make]


def test_addresses_that_are_not_wanted_go_before_new_ones_come() -> None:
    commands = links.plan([BRIDGE], {"b": found(BRIDGE, addresses=frozenset({"10.0.0.9/24", "fd00::2/64"}))})
    assert commands == ["addr del 10.0.0.9/24 dev b", "addr add 10.0.0.2/24 dev b"]


def test_bridge_filters_switched_off_by_somebody_are_switched_on() -> None:
    commands = links.plan([BRIDGE], {"b": found(BRIDGE, settings={})})
    assert len(commands) == 1 and "nf_call_iptables 1" in commands[0]


def flow(source: str, target: str, protocol: int = 6, *ports: int) -> conntrack.Tuple:
    return conntrack.Tuple(ip_address(source), ip_address(target), protocol, *ports)


WEB = Rule("ingress", "IPv4", "tcp", 80, 80, remotes=("10.0.0.9/32",))
SERVER = Port(ID, "fa:16:3e:00:00:01", ("10.0.0.5",), rules=(WEB, Rule("egress", "IPv4", "udp")))


@pytest.mark.parametrize(
    ("begun", "forbidden"),
    [
        (flow("10.0.0.9", "10.0.0.5", 6, 4000, 80), False),
        (flow("10.0.0.9", "10.0.0.5", 6, 4000, 81), True),
        (flow("10.0.0.8", "10.0.0.5", 6, 4000, 80), True),
        (flow("10.0.0.5", "192.0.2.1", 17, 4000, 53), False),
        (flow("10.0.0.5", "192.0.2.1", 6, 4000, 53), True),
        (flow("192.0.2.7", "192.0.2.1", 6, 1, 2), False),
    ],
)
def test_flows_are_judged_as_the_rules_would(begun: conntrack.Tuple, forbidden: bool) -> None:
    assert conntrack.forbidden(begun, [SERVER]) is forbidden
    assert not conntrack.forbidden(begun, [replace(SERVER, port_security=False)])


def test_a_flow_through_a_floating_ip_ends_with_it() -> None:
    gone = conntrack.Flow(
        flow("192.0.2.1", "203.0.113.20"), flow("10.0.0.5", "192.0.2.1"), conntrack._DESTINATION_NAT, 2
    )
    router = Router(ID, floating_ips=(FloatingIp(ID, "203.0.113.20", "10.0.0.5"),))
    assert not conntrack.outdated(gone, router, ())
    assert conntrack.outdated(gone, replace(router, floating_ips=()), ())


def test_a_flow_is_read_from_the_kernels_bytes() -> None:
    def side(source: str, target: str) -> bytes:
        addresses = attribute(1, ip_address(source).packed) + attribute(2, ip_address(target).packed)
        protocol = attribute(1, b"\6") + attribute(2, (4000).to_bytes(2)) + attribute(3, (80).to_bytes(2))
        return attribute(1 | NESTED, addresses) + attribute(2 | NESTED, protocol)

    body = (
        b"\2\0\0\0"
        + attribute(1 | NESTED, side("10.0.0.9", "10.0.0.5"))
        + attribute(2 | NESTED, side("10.0.0.5", "10.0.0.9"))
    )
    parsed = conntrack.parsed(body)
    assert parsed is not None
    assert parsed.begun == flow("10.0.0.9", "10.0.0.5", 6, 4000, 80)
    assert conntrack.parsed(b"\2\0\0\0") is None


def test_user_networking_gives_the_guest_its_own_address() -> None:
    port = Port(ID, "fa:16:3e:00:00:01", ("10.0.0.254",))
    found_options = dict(options(NETWORK, port))
    assert found_options == {
        "net": "10.0.0.0/24", "host": "10.0.0.1", "dhcpstart": "10.0.0.254", "dns": "10.0.0.253", "ipv6": "off",
    }  # fmt: skip
