"""What a guest may send and receive, as nft text. Pure: records in, text out.

A bridged packet passes three places, because this is all that common kernels offer together (conntrack for the bridge
family is often missing, and the inet family cannot see which tap a bridged packet came from or goes to):

    bridge prerouting   which tap did it come from? Anti-spoofing; the upper half of the mark names the port
    bridge forward      which tap will it go to? The lower half of the mark names the port
    inet forward        conntrack and the rules, chosen by the mark; br_netfilter brings bridged packets here

A port's number in the mark is derived from its id, so it stays the same when others come and go, also while a packet is
under way. Ports with equal rules share a chain, equal sets of remotes share a set: what a packet costs depends neither
on the number of ports nor on the number of remotes. A tap that the rules do not know is mute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from wolke.network.drivers.base import Port, Rule
from wolke.network.drivers.linux.checks import protocol_number
from wolke.network.drivers.linux.names import Names, link_local

METADATA_ADDRESS = "169.254.169.254"
PLUG_MARK = 0xFFFF  # "came from a router", in place of a port's number
_WITH_PORTS = (6, 17, 33, 132, 136)
_ND = (
    "{ nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, "
    "mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }"
)


@dataclass(frozen=True, slots=True)
class Bridge:
    """The bridge that a set of rules is about. ``shared`` is a namespace with other things in it: the host's own."""

    table: str
    name: str
    shared: bool = False


@dataclass(slots=True)
class _Text:
    """The sets and chains met so far; each distinct one is written once."""

    sets: dict[tuple[str, ...], str] = field(default_factory=dict)
    chains: dict[tuple[str, tuple[Rule, ...]], str] = field(default_factory=dict)


def numbers(ports: Iterable[Port]) -> dict[str, int]:
    """A number from 1 to 65534 for each port, from its id; where two meet, the later id steps aside."""
    taken: dict[int, str] = {}
    for port_id in sorted(port.id for port in ports):
        number = int.from_bytes(hashlib.sha256(port_id.encode()).digest()[:2]) % 65534 + 1
        while number in taken:
            number = number % 65534 + 1
        taken[number] = port_id
    return {port_id: number for number, port_id in taken.items()}


def spoof_table(bridge: Bridge, names: Names, ports: Sequence[Port]) -> str:
    """The bridge family: who a packet comes from and goes to, and whether it may claim what it claims."""
    number = numbers(ports)
    guarded = [port for port in ports if port.port_security]
    sources = [f'"{names.tap(port.id)}" : goto from_{number[port.id]:04x}' for port in guarded]
    sources += [f'"{names.tap(port.id)}" : accept' for port in ports if not port.port_security]
    targets = [f'"{names.tap(port.id)}" : goto to_{number[port.id]:04x}' for port in guarded]
    chains = [_from_port(_identity(port), number[port.id]) for port in guarded]
    chains += [
        chain(
            f"to_{number[port.id]:04x}",
            ["ether type != { ip, arp, ip6 } drop", f"meta mark set meta mark & 0xffff0000 | {number[port.id]:#x}"],
        )
        for port in guarded
    ]
    entrance = ["type filter hook prerouting priority -350; policy accept"]
    if not bridge.shared:
        entrance.append("meta mark set 0")
    entrance += [f"iifname vmap {braces(sources)}"] if sources else []
    if not bridge.shared:
        entrance.append(f'iifname "{names.taps}*" drop')
    entrance.append(f'iifname "{names.plugs}*" goto from_router')
    chains.append(_from_router(mark=not bridge.shared))
    passage = ["type filter hook forward priority -200; policy accept"]
    passage += [f"oifname vmap {braces(targets)}"] if targets else []
    return table("bridge", bridge.table, [*chains, chain("entrance", entrance), chain("passage", passage)])


def filter_table(bridge: Bridge, ports: Sequence[Port], extra: Sequence[str] = ()) -> str:
    """The inet family: state and rules, by the mark. ``extra`` are further chains of the same table."""
    text = _Text()
    number = numbers(ports)
    guarded = [port for port in ports if port.port_security]
    sources: list[str] = []
    targets: list[str] = []
    routed: dict[str, str] = {}
    for port in guarded:
        sources.append(f"{number[port.id] << 16:#010x} : jump {_rules_chain(text, port.rules, 'egress')}")
        ingress = _rules_chain(text, port.rules, "ingress")
        targets.append(f"{number[port.id]:#010x} : jump {ingress}")
        routed |= dict.fromkeys(port.fixed_ips, ingress)
    lines = ["meta mark 0 accept", "ct state vmap { established : accept, related : accept, invalid : drop }"]
    lines.append(f"icmpv6 type {_ND} accept")
    lines.append(f"meta mark & 0xffff0000 == {PLUG_MARK << 16:#x} icmpv6 type nd-router-advert accept")
    lines.append("meta mark & 0xffff0000 == 0 udp sport 67 udp dport 68 accept")
    lines += [f"meta mark & 0xffff0000 vmap {braces(sources)}"] if sources else []
    lines += [f"meta mark & 0x0000ffff vmap {braces(targets)}"] if targets else []
    chains = [chain("guarded", lines)]
    hook = "type filter hook forward priority filter; policy accept"
    chains.append(chain("through", [hook, f'iifname "{bridge.name}" goto guarded']))
    if bridge.shared:
        chains[-1] = chain(
            "through",
            [hook, f'iifname "{bridge.name}" goto guarded', f'oifname "{bridge.name}" goto arriving'],
        )
        chains.insert(0, _arriving(routed))
    rules = [chain(name, _rules(text, rules, direction)) for (direction, rules), name in text.chains.items()]
    sets = [_set(name, remotes) for remotes, name in text.sets.items()]
    return table("inet", bridge.table, [*sets, *rules, *chains, *extra])


def tenant_input() -> str:
    """What the namespace of a network itself answers to: DHCP, names, metadata, echo."""
    return chain(
        "entrance",
        [
            "type filter hook input priority filter; policy drop",
            'iif "lo" accept',
            "ct state established,related accept",
            "icmp type echo-request accept",
            f"icmpv6 type {_ND} accept",
            "icmpv6 type echo-request accept",
            "udp dport { 53, 67, 547 } accept",
            "tcp dport 53 accept",
            f"ip daddr {METADATA_ADDRESS} tcp dport 80 accept",
        ],
    )


def _arriving(routed: Mapping[str, str]) -> str:
    """Packets that the host itself routes to guests of an external network: no tap is known yet, so by address."""
    lines = ["ct state established,related accept"]
    for family, colon in (("ip", False), ("ip6", True)):
        items = [f"{address} : jump {chain}" for address, chain in routed.items() if (":" in address) is colon]
        lines += [f"{family} daddr vmap {braces(items)}"] if items else []
    return chain("arriving", lines)


@lru_cache(maxsize=8192)
def _from_port(identity: tuple[tuple[str, str], ...], number: int) -> str:
    """Anti-spoofing: whose address may a packet from this tap carry, and what only servers and routers say."""
    lines = ["ether type != { ip, arp, ip6 } drop"]
    owned = _owned(identity)
    lines.append(f"ether saddr != {braces(owned)} drop")
    lines.append(f"meta mark set {number << 16:#010x}")
    lines.append("ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept")
    lines.append("udp sport 67 udp dport 68 drop")
    lines.append("udp sport 547 udp dport 546 drop")
    lines.append("icmpv6 type { nd-router-advert, nd-redirect } drop")
    lines.append(
        "ip6 saddr :: icmpv6 type { nd-router-solicit, nd-neighbor-solicit, mld-listener-report, mld2-listener-report }"
        " accept"
    )
    targets = [_hex(network) for networks in owned.values() for network in networks if network.version == 6]
    if targets:
        lines.append(f"icmpv6 type nd-neighbor-advert @th,64,128 != {braces(targets)} drop")
    for mac, networks in owned.items():
        four = braces([_cidr(network) for network in networks if network.version == 4])
        six = braces([_cidr(network) for network in networks if network.version == 6])
        if four != braces([]):
            lines.append(f"ether saddr {mac} ip saddr {four} accept")
            lines.append(f"arp saddr ether {mac} arp saddr ip {four} accept")
        lines.append(f"arp saddr ether {mac} arp saddr ip 0.0.0.0 accept")
        lines.append(f"ether saddr {mac} ip6 saddr {six} accept")
    return chain(f"from_{number:04x}", [*lines, "drop"])


def _from_router(*, mark: bool) -> str:
    """A router carries other networks' packets, whose sources nobody here has checked: no metadata, no DHCP for them."""
    lines = [f"ip daddr {METADATA_ADDRESS} drop", "udp dport { 67, 547 } drop"]
    return chain("from_router", [*lines, *([f"meta mark set {PLUG_MARK << 16:#x}"] if mark else [])])


def _identity(port: Port) -> tuple[tuple[str, str], ...]:
    """The pairs of hardware address and address (or CIDR) that a port may be seen with, its link-local one included."""
    pairs = [(port.mac_address.lower(), address) for address in port.fixed_ips]
    pairs += [(pair.mac_address.lower(), pair.ip_address) for pair in port.address_pairs]
    macs = dict.fromkeys([port.mac_address.lower(), *(mac for mac, _ in pairs)])
    return (*pairs, *((mac, link_local(mac)) for mac in macs))


def _owned(identity: tuple[tuple[str, str], ...]) -> dict[str, list[IPv4Network | IPv6Network]]:
    owned: dict[str, set[IPv4Network | IPv6Network]] = {}
    for mac, address in identity:
        owned.setdefault(mac, set()).add(ip_network(address, strict=False))
    return {mac: _collapsed(networks) for mac, networks in owned.items()}


def _rules_chain(text: _Text, rules: Sequence[Rule], direction: str) -> str:
    mine = tuple(rule for rule in dict.fromkeys(rules) if rule.direction == direction)
    name = text.chains.get((direction, mine))
    if name is None:
        name = ("in_" if direction == "ingress" else "out_") + _digest(repr(mine))
        text.chains[direction, mine] = name
    return name


def _rules(text: _Text, rules: Sequence[Rule], direction: str) -> list[str]:
    lines = [line for rule in rules if (line := _rule(text, rule, direction)) is not None]
    return [*dict.fromkeys(lines), "drop"]


def _rule(text: _Text, rule: Rule, direction: str) -> str | None:
    """One permission; None if it permits nothing at all."""
    four = rule.ethertype == "IPv4"
    parts = [f"meta nfproto {'ipv4' if four else 'ipv6'}"]
    if rule.remotes is not None:
        remotes = tuple(remote for remote in rule.remotes if (":" in remote) is not four)
        if not remotes:
            return None
        if not any(remote.endswith("/0") for remote in remotes):
            end = "saddr" if direction == "ingress" else "daddr"
            parts.append(f"{'ip' if four else 'ip6'} {end} @{_remotes(text, remotes)}")
    if rule.protocol is not None:
        parts += _protocol(rule, four)
    return " ".join([*parts, "return"])


def _protocol(rule: Rule, four: bool) -> list[str]:
    number = protocol_number(rule.protocol or "")
    if number == 1 and not four:
        number = 58  # "icmp" of an IPv6 rule means the other one
    parts = [f"meta l4proto {number}"]
    low, high = rule.port_min, rule.port_max
    if number in (1, 58):
        word = "icmp" if number == 1 else "icmpv6"
        parts += [f"{word} type {low}"] if low is not None else []
        parts += [f"{word} code {high}"] if low is not None and high is not None else []
    elif number in _WITH_PORTS and not (low is None and high is None):
        low, high = low if low is not None else 0, high if high is not None else 65535
        parts.append(f"th dport {low}" if low == high else f"th dport {low}-{high}")
    return parts


def _remotes(text: _Text, remotes: Sequence[str]) -> str:
    key = _elements(tuple(remotes))
    return text.sets.setdefault(key, f"remotes_{_digest(' '.join(key))}")


@lru_cache(maxsize=512)
def _elements(remotes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_cidr(network) for network in _collapsed({ip_network(remote, strict=False) for remote in remotes}))


def _set(name: str, remotes: Sequence[str]) -> str:
    kind = "ipv6_addr" if ":" in remotes[0] else "ipv4_addr"
    return f"  set {name} {{ type {kind}; flags interval; elements = {braces(remotes)}; }}"


def _collapsed(networks: Iterable[IPv4Network | IPv6Network]) -> list[IPv4Network | IPv6Network]:
    """Sorted and without overlap: nft refuses sets in which intervals overlap."""
    every = list(networks)
    four = collapse_addresses(network for network in every if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in every if isinstance(network, IPv6Network))
    return [*four, *six]


def _cidr(network: IPv4Network | IPv6Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _hex(network: IPv4Network | IPv6Network) -> str:
    """For a raw payload match: the address, or the range of a whole prefix, as numbers."""
    low, high = int(network.network_address), int(network.broadcast_address)
    return f"{low:#x}" if low == high else f"{low:#x}-{high:#x}"


def braces(items: Iterable[str]) -> str:
    return "{ " + ", ".join(items) + " }"


def chain(name: str, lines: Sequence[str]) -> str:
    return "\n".join([f"  chain {name} {{", *(f"    {line};" for line in lines), "  }"])


def table(family: str, name: str, parts: Sequence[str]) -> str:
    return "\n".join([f"table {family} {name} {{", *parts, "}", ""])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
