"""Protocols by name and number, addresses by version, and what DNS calls a port."""

from __future__ import annotations

from collections.abc import Mapping

from wolke.network import model

#: Names of IP protocols and their numbers, as the IANA registry has them and Neutron accepts them.
PROTOCOLS: Mapping[str, int] = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "igmp": 2, "ip": 0, "ipip": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43,
    "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip
_ALIASES = {"icmpv6": "ipv6-icmp", "icmp6": "ipv6-icmp"}


def protocol_number(name: str | None) -> int | None:
    """The number of a protocol by name or number; None is any; ``ValueError`` for what is neither."""
    if name is None:
        return None
    if name.isdecimal() and name.isascii() and len(name) <= 3 and int(name) <= 255:
        return int(name)
    name = _ALIASES.get(name, name)
    if name not in PROTOCOLS:
        raise ValueError(name)
    return PROTOCOLS[name]


def ip_version(address: str) -> int:
    return 6 if ":" in address else 4


def hostname(port: model.Port, address: str) -> str:
    """What DNS calls a port's address where nobody chose a name."""
    return port.dns_name or "host-" + address.replace(".", "-").replace(":", "-")
