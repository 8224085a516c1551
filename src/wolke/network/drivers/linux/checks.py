"""Strict looks at what comes in: whatever ends up in a command, in nft's or in dnsmasq's language is checked here.

Ids, hardware addresses and IP addresses are refused when they are malformed (a ``Failure``: trying again helps nobody).
Names and DHCP options are what users typed; they are reduced to what cannot mean anything else, or left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_interface, ip_network

from wolke.core.drivers import Failure
from wolke.network.drivers.base import Interface, Network, Port, Router, Rule, Subnet
from wolke.network.drivers.linux.names import UUID

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LABEL = re.compile(r"[^a-z0-9-]+")
_OPTION_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}|[0-9]{1,3}")
_OPTION_VALUE = re.compile(r"[A-Za-z0-9 ._:/,@%+=~()\[\]-]{0,512}")
MTU_RANGE = range(68, 65522)
RA_MODES = (None, "slaac", "dhcpv6-stateful", "dhcpv6-stateless")

PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6-encap": 41, "ipv6-route": 43,
    "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "ipv6-nonxt": 59,
    "ipv6-opts": 60, "ospf": 89, "vrrp": 112, "pgm": 113, "sctp": 132, "udplite": 136,
}  # fmt: skip


def network(record: Network) -> None:
    _id(record.id)
    _mtu(record.mtu)
    for item in record.subnets:
        _subnet(item)
    for port in record.ports:
        _port(port)
    for rule in {rule for port in record.ports for rule in port.rules}:  # most ports share theirs
        _rule(rule)
    for host in record.dhcp_hosts:
        _mac(host.mac_address)
        _addresses(host.ip_addresses)


def router(record: Router) -> None:
    _id(record.id)
    for leg in (*record.interfaces, *((record.gateway,) if record.gateway else ())):
        _interface(leg)
    _addresses(record.gateway_nexthops)
    for item in record.floating_ips:
        _addresses((item.floating_ip_address, item.fixed_ip_address))
        for number in (item.external_port, item.internal_port):
            _require(number is None or 0 < number < 65536, "port", number)
        _require(item.protocol in (None, "tcp", "udp"), "protocol", item.protocol)
        _require((item.external_port is None) == (item.protocol is None), "port forwarding", item)
    for route in record.routes:
        _cidr(route.destination)
        _addresses((route.nexthop,))


def identifier(some_id: str) -> str:
    _id(some_id)
    return some_id


def protocol_number(name: str) -> int:
    number = PROTOCOLS.get(name.lower(), -1)
    if number < 0 and name.isascii() and name.isdigit():
        number = int(name)
    _require(0 <= number < 256, "protocol", name)
    return number


def label(name: str) -> str:
    """What may stand as one label of a DNS name; empty if nothing is left of it."""
    return _LABEL.sub("-", name.lower())[:63].strip("-")


def domain(name: str) -> str:
    """A DNS domain without its last dot; empty if there is none to be made of it."""
    labels = [label(part) for part in name.strip(".").split(".")]
    return ".".join(part for part in labels if part)[:200]


def dhcp_option(name: str, value: str) -> tuple[str, str] | None:
    """An extra option as dnsmasq may be given it; None if it could mean something else there."""
    if not _OPTION_NAME.fullmatch(name) or not _OPTION_VALUE.fullmatch(value):
        return None
    if name.isdigit():
        return (name, value) if 0 < int(name) < 255 else None
    return f"option:{name}", value


def _subnet(item: Subnet) -> None:
    _id(item.id)
    _cidr(item.cidr)
    _addresses(tuple(text for text in (item.gateway_ip, item.dhcp_ip) if text))
    _addresses(item.dns_nameservers)
    for route in item.host_routes:
        _cidr(route.destination)
        _addresses((route.nexthop,))
    _require(item.ipv6_ra_mode in RA_MODES, "ipv6_ra_mode", item.ipv6_ra_mode)
    _require(item.ipv6_address_mode in RA_MODES, "ipv6_address_mode", item.ipv6_address_mode)


def _port(port: Port) -> None:
    _id(port.id)
    _mac(port.mac_address)
    _addresses(port.fixed_ips)
    for pair in port.address_pairs:
        _mac(pair.mac_address)
        _cidr(pair.ip_address)


def _rule(rule: Rule) -> None:
    _require(rule.direction in ("ingress", "egress"), "direction", rule.direction)
    _require(rule.ethertype in ("IPv4", "IPv6"), "ethertype", rule.ethertype)
    if rule.protocol is not None:
        protocol_number(rule.protocol)
    for number in (rule.port_min, rule.port_max):
        _require(number is None or 0 <= number < 65536, "port", number)
    for remote in rule.remotes or ():
        _cidr(remote)


def _interface(leg: Interface) -> None:
    _id(leg.port_id)
    _id(leg.network_id)
    _mac(leg.mac_address)
    _mtu(leg.mtu)
    for address in leg.addresses:
        try:
            ip_interface(address)
        except ValueError:
            _require(False, "address", address)
    for prefix, mode in leg.advertise:
        _cidr(prefix)
        _require(mode in RA_MODES, "ipv6_ra_mode", mode)


def _require(sound: bool, what: str, value: object) -> None:
    if not sound:
        raise Failure(f"not a valid {what}: {value!r}")


def _id(text: str) -> None:
    _require(UUID.fullmatch(text) is not None, "id", text)


def _mac(text: str) -> None:
    _require(_MAC.fullmatch(text.lower()) is not None, "hardware address", text)


def _mtu(number: int) -> None:
    _require(number in MTU_RANGE, "MTU", number)


def _addresses(texts: Iterable[str]) -> None:
    for text in texts:
        try:
            sound = "%" not in text and ip_address(text) is not None
        except ValueError:
            sound = False
        _require(sound, "IP address", text)


def _cidr(text: str) -> None:
    try:
        sound = "%" not in text and ip_network(text, strict=False) is not None
    except ValueError:
        sound = False
    _require(sound, "CIDR", text)
