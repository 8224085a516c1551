"""Flows that were permitted when they began and are not any more.

Connection tracking lets the packets of a known flow pass without asking the rules again, so a rule that is taken away,
or a floating IP, would live on in open connections. After each change the flows of the namespace are compared with what
is permitted now, by the same reading of the rules as in ``rules``, and only those that fail are forgotten by the kernel.
(Forgetting all of them would stall downloads, whose next packet may come from the side that may not begin.)

A deletion gives back the very bytes of the dump by which the kernel knows the flow.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from wolke.network.drivers.base import Port, Router, Rule
from wolke.network.drivers.linux.checks import protocol_number
from wolke.network.drivers.linux.netlink import ACK, DUMP, NESTED, Netfilter, attribute, attributes

Address = IPv4Address | IPv6Address

_CTNETLINK = 1
_GET, _DELETE = 1, 2
_COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"
_TUPLE_ORIG, _TUPLE_REPLY, _STATUS, _ID = 1, 2, 3, 12
_SOURCE_NAT, _DESTINATION_NAT = 1 << 4, 1 << 5


@dataclass(frozen=True, slots=True)
class Tuple:
    """One direction of a flow. For ICMP the ports are type and code."""

    source: Address
    target: Address
    protocol: int
    source_port: int = 0
    target_port: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    begun: Tuple
    reply: Tuple
    status: int
    family: int
    handle: bytes = b""  # the attributes by which the kernel knows it


def sweep(ports: Sequence[Port]) -> int:
    """Forget the flows of this thread's namespace that the ports' rules do not permit; how many there were."""
    return _forget(lambda flow: forbidden(flow.begun, ports))


def sweep_translated(router: Router, own: Sequence[str]) -> int:
    """Forget the flows that go through floating IPs which are not there any more."""
    return _forget(lambda flow: outdated(flow, router, own))


def forbidden(flow: Tuple, ports: Sequence[Port]) -> bool:
    for port in ports:
        if not port.port_security:
            continue
        if _owns(port, flow.source) and not permitted(port.rules, "egress", flow, flow.target):
            return True
        if _owns(port, flow.target) and not permitted(port.rules, "ingress", flow, flow.source):
            return True
    return False


def permitted(rules: Sequence[Rule], direction: str, flow: Tuple, remote: Address) -> bool:
    return any(rule.direction == direction and _matches(rule, flow, remote) for rule in rules)


def outdated(flow: Flow, router: Router, own: Sequence[str]) -> bool:
    """Whether its translation is one that this router would not make today."""
    if flow.status & _DESTINATION_NAT and not _translates(flow, router):
        return True
    if flow.status & _SOURCE_NAT:
        whole = [item for item in router.floating_ips if item.external_port is None]
        sources = [item.floating_ip_address for item in whole if item.fixed_ip_address == str(flow.begun.source)]
        if router.enable_snat or flow.status & _DESTINATION_NAT:
            sources += own
        return str(flow.reply.target) not in sources
    return False


def _translates(flow: Flow, router: Router) -> bool:
    for item in router.floating_ips:
        same = (item.floating_ip_address, item.fixed_ip_address) == (str(flow.begun.target), str(flow.reply.source))
        if same and item.external_port in (None, flow.begun.target_port):
            return True
    return False


def _owns(port: Port, address: Address) -> bool:
    if str(address) in port.fixed_ips:
        return True
    return any(_among(address, (pair.ip_address,)) for pair in port.address_pairs)


def _matches(rule: Rule, flow: Tuple, remote: Address) -> bool:
    version = 4 if rule.ethertype == "IPv4" else 6
    if remote.version != version:
        return False
    if rule.remotes is not None and not _among(remote, rule.remotes):
        return False
    if rule.protocol is None:
        return True
    number = protocol_number(rule.protocol)
    number = 58 if number == 1 and version == 6 else number
    if number != flow.protocol:
        return False
    if number in (1, 58):
        return rule.port_min in (None, flow.source_port) and (
            rule.port_min is None or rule.port_max in (None, flow.target_port)
        )
    low = 0 if rule.port_min is None else rule.port_min
    high = 65535 if rule.port_max is None else rule.port_max
    return low <= flow.target_port <= high


def _among(address: Address, cidrs: tuple[str, ...]) -> bool:
    single, wide = _prepared(cidrs)
    return address in single or any(address in network for network in wide)


@lru_cache(maxsize=1024)
def _prepared(cidrs: tuple[str, ...]) -> tuple[frozenset[Address], tuple[IPv4Network | IPv6Network, ...]]:
    """A group of a thousand members is a thousand single addresses: looked up, not searched."""
    networks = [ip_network(cidr, strict=False) for cidr in cidrs]
    single = frozenset(network.network_address for network in networks if network.num_addresses == 1)
    return single, tuple(network for network in networks if network.num_addresses > 1)


def _forget(doomed: Callable[[Flow], bool]) -> int:
    """A dump walks the tables of the whole machine (13 ms), so the namespace's own counter is asked first."""
    gone = 0
    if Path(_COUNT).exists() and Path(_COUNT).read_text().strip() == "0":
        return gone
    with Netfilter(_CTNETLINK) as kernel:
        for flow in filter(None, map(parsed, kernel.ask(_GET, DUMP, socket.AF_UNSPEC))):
            if doomed(flow):
                with contextlib.suppress(FileNotFoundError):  # it ended by itself meanwhile
                    kernel.ask(_DELETE, ACK, flow.family, flow.handle)
                gone += 1
    return gone


def parsed(body: bytes) -> Flow | None:
    """A flow from the kernel's message; None if it is of a kind that we do not judge."""
    parts = attributes(body[4:])
    begun, reply = (_tuple(parts.get(kind, b"")) for kind in (_TUPLE_ORIG, _TUPLE_REPLY))
    if begun is None or reply is None:
        return None
    (status,) = struct.unpack("!I", parts.get(_STATUS, b"\0\0\0\0"))
    handle = attribute(_TUPLE_ORIG | NESTED, parts[_TUPLE_ORIG])
    if _ID in parts:
        handle += attribute(_ID, parts[_ID])
    return Flow(begun, reply, status, body[0], handle)


def _tuple(data: bytes) -> Tuple | None:
    parts = attributes(data)
    addresses, protocol = attributes(parts.get(1, b"")), attributes(parts.get(2, b""))
    source = addresses.get(1) or addresses.get(3)
    target = addresses.get(2) or addresses.get(4)
    if source is None or target is None or 1 not in protocol:
        return None
    numbers = [_number(protocol.get(kind)) for kind in (2, 3)]
    for kinds in ((5, 6), (8, 9)):  # type and code of ICMP and ICMPv6
        if kinds[0] in protocol:
            numbers = [_number(protocol.get(kind)) for kind in kinds]
    return Tuple(ip_address(source), ip_address(target), protocol[1][0], numbers[0], numbers[1])


def _number(data: bytes | None) -> int:
    return int.from_bytes(data or b"\0")
