"""The nft text, read as text, weighed for size, and shown to nft itself where there is one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wolke.network.drivers.base import AddressPair, FloatingIp, Interface, Network, Port, Router, Rule, Subnet
from wolke.network.drivers.linux import nat, rules
from wolke.network.drivers.linux.names import Names

NAMES = Names("test")
BRIDGE = rules.Bridge("wolke_test_x", "btestbridge")
OUT = (Rule("egress", "IPv4"), Rule("egress", "IPv6"))


def a_port(last: int = 1, *more: Rule, **fields: object) -> Port:
    number = uuid.uuid5(uuid.NAMESPACE_OID, str(last))
    mac = "fa:16:3e:" + ":".join(f"{last >> shift & 255:02x}" for shift in (16, 8, 0))
    return Port(str(number), mac, (f"10.{last >> 16}.{last >> 8 & 255}.{last & 255}",), rules=(*OUT, *more), **fields)  # type: ignore[arg-type]


def chains(text: str) -> dict[str, list[str]]:
    found = re.findall(r"chain (\S+) \{\n(.*?)\n  \}", text, re.DOTALL)
    return {name: [line.strip(" ;") for line in body.splitlines()] for name, body in found}


def lines_of(rule: Rule) -> list[str]:
    text = rules.filter_table(BRIDGE, [Port(str(uuid.UUID(int=1)), "fa:16:3e:00:00:01", (), rules=(rule,))])
    prefix = "in_" if rule.direction == "ingress" else "out_"
    return next(lines for name, lines in chains(text).items() if name.startswith(prefix))


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (Rule("ingress", "IPv4"), "meta nfproto ipv4 return"),
        (Rule("egress", "IPv6", "tcp"), "meta nfproto ipv6 meta l4proto 6 return"),
        (Rule("ingress", "IPv4", "tcp", 80, 80), "meta nfproto ipv4 meta l4proto 6 th dport 80 return"),
        (Rule("ingress", "IPv4", "udp", 1, 99), "meta nfproto ipv4 meta l4proto 17 th dport 1-99 return"),
        (Rule("ingress", "IPv4", "132", 7, 7), "meta nfproto ipv4 meta l4proto 132 th dport 7 return"),
        (Rule("ingress", "IPv4", "icmp", 8, 0), "meta nfproto ipv4 meta l4proto 1 icmp type 8 icmp code 0 return"),
        (Rule("ingress", "IPv4", "icmp", 0), "meta nfproto ipv4 meta l4proto 1 icmp type 0 return"),
        (Rule("ingress", "IPv6", "icmp", 128), "meta nfproto ipv6 meta l4proto 58 icmpv6 type 128 return"),
        (Rule("ingress", "IPv4", "vrrp"), "meta nfproto ipv4 meta l4proto 112 return"),
        (Rule("ingress", "IPv4", remotes=("0.0.0.0/0",)), "meta nfproto ipv4 return"),
    ],
)
def test_a_rule_permits_what_it_says_and_the_rest_is_dropped(rule: Rule, line: str) -> None:
    assert lines_of(rule) == [line, "drop"]


def test_no_remotes_at_all_permit_nothing() -> None:
    assert lines_of(Rule("ingress", "IPv4", "tcp", 1, 2, remotes=())) == ["drop"]


def test_remotes_of_the_other_family_do_not_count() -> None:
    assert lines_of(Rule("ingress", "IPv4", remotes=("fd00::/8",))) == ["drop"]


def test_overlapping_remotes_become_one_set_without_overlap() -> None:
    rule = Rule("ingress", "IPv4", remotes=("10.0.0.0/8", "10.1.2.3/32", "192.0.2.1/32"))
    text = rules.filter_table(BRIDGE, [a_port(1, rule), a_port(2, replace(rule, protocol="tcp"))])
    assert text.count("elements =") == 1
    assert "elements = { 10.0.0.0/8, 192.0.2.1 }" in text


def test_ports_with_the_same_rules_share_their_chains() -> None:
    text = rules.filter_table(BRIDGE, [a_port(number) for number in range(1, 101)])
    assert sum(name.startswith(("in_", "out_")) for name in chains(text)) == 2


def test_a_port_without_security_is_neither_filtered_nor_held_to_its_addresses() -> None:
    port = a_port(1, port_security=False)
    text = rules.spoof_table(BRIDGE, NAMES, [port]) + rules.filter_table(BRIDGE, [port])
    assert f'iifname vmap {{ "{NAMES.tap(port.id)}" : accept }}' in text
    assert "from_" not in text.replace("from_router", "")
    assert "jump" not in text


def test_a_tap_that_no_port_claims_is_mute() -> None:
    assert 'iifname "ttest*" drop' in chains(rules.spoof_table(BRIDGE, NAMES, []))["entrance"]


def test_in_the_hosts_namespace_only_our_own_links_are_spoken_of() -> None:
    shared = replace(BRIDGE, shared=True)
    entrance = chains(rules.spoof_table(shared, NAMES, [a_port()]))["entrance"]
    assert all("iifname" in line for line in entrance[1:])
    through = chains(rules.filter_table(shared, [a_port()]))["through"]
    assert all(BRIDGE.name in line for line in through[1:])


@given(st.sets(st.uuids(), max_size=200))
def test_numbers_are_distinct_and_fit_into_half_a_mark(ids: set[uuid.UUID]) -> None:
    ports = [Port(str(some_id), "", ()) for some_id in ids]
    numbers = rules.numbers(ports)
    assert len(set(numbers.values())) == len(ids)
    assert all(0 < number < rules.PLUG_MARK for number in numbers.values())
    assert rules.numbers(reversed(ports)) == numbers


def test_the_text_does_not_depend_on_the_order_of_remotes() -> None:
    one = Rule("ingress", "IPv4", remotes=("10.0.0.1/32", "10.0.0.9/32"))
    other = replace(one, remotes=one.remotes[::-1] if one.remotes else ())
    sets = [re.findall("set .*", rules.filter_table(BRIDGE, [a_port(1, rule)])) for rule in (one, other)]
    assert sets[0] == sets[1]


def a_router(*floating: FloatingIp, **fields: object) -> Router:
    gateway = Interface(str(uuid.UUID(int=5)), str(uuid.UUID(int=6)), "fa:16:3e:00:00:05", ("203.0.113.9/24",))
    return Router(str(uuid.UUID(int=7)), gateway=gateway, floating_ips=floating, **fields)  # type: ignore[arg-type]


FLOATING = FloatingIp("f", "203.0.113.20", "10.0.0.5")
FORWARD = FloatingIp("g", "203.0.113.30", "10.0.0.6", 8080, 80, "tcp")


def test_a_forwarded_port_is_not_the_whole_address() -> None:
    found = chains(nat.router_table("t", a_router(FLOATING, FORWARD), "gate"))
    assert "ip daddr 203.0.113.30 tcp dport 8080 dnat ip to 10.0.0.6:80" in found["inward"]
    assert "dnat ip to ip daddr map { 203.0.113.20 : 10.0.0.5 }" in found["inward"]
    assert "snat ip to ip saddr map { 10.0.0.5 : 203.0.113.20 }" in found["outward"]


def test_without_snat_only_floating_ips_get_out() -> None:
    outward = chains(nat.router_table("t", a_router(FLOATING, enable_snat=False), "gate"))["outward"]
    assert not any('oifname "gate"' in line for line in outward)


def test_a_router_without_a_gateway_translates_nothing() -> None:
    assert "nat" not in nat.router_table("t", replace(a_router(), gateway=None), "")


RULES = st.builds(
    Rule,
    direction=st.sampled_from(["ingress", "egress"]),
    ethertype=st.sampled_from(["IPv4", "IPv6"]),
    protocol=st.sampled_from([None, "tcp", "udp", "icmp", "ipv6-icmp", "sctp", "112", "0", "ah"]),
    port_min=st.sampled_from([None, 0, 8]),
    port_max=st.sampled_from([None, 8, 255]),
    remotes=st.sampled_from([None, (), ("10.0.0.0/8", "10.0.0.1/32", "fd00::/8"), ("0.0.0.0/0",), ("::/0",)]),
)
PAIRS = st.sampled_from([(), (AddressPair("10.9.0.0/16", "fa:16:3e:00:00:77"), AddressPair("fd00::/64", "fa:16:3e:00:00:01"))])  # fmt: skip


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft")
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(RULES, PAIRS, st.booleans()), min_size=1, max_size=4), st.booleans())
def test_nft_understands_every_word(wishes: list[tuple[Rule, tuple[AddressPair, ...], bool]], shared: bool) -> None:
    bridge = replace(BRIDGE, shared=shared)
    ports = []
    for number, (rule, pairs, secured) in enumerate(wishes, 1):
        port = a_port(number, rule, address_pairs=pairs, port_security=secured)
        ports.append(replace(port, fixed_ips=(*port.fixed_ips, f"fd00:1::{number}")))
    subnets = (Subnet("s", "203.0.113.0/24", "203.0.113.1"), Subnet("t", "fd00:2::/64", "fd00:2::1"))
    network = Network("n", external=True, subnets=subnets)
    extra = nat.host_table("t", network, "bx", masquerade=True) if shared else [rules.tenant_input()]
    text = rules.spoof_table(bridge, NAMES, ports) + rules.filter_table(bridge, ports, extra)
    text += nat.router_table("wolke_test_r", a_router(FLOATING, FORWARD), "gate")
    done = subprocess.run(["nft", "-c", "-f", "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
