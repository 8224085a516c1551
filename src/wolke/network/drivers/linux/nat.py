"""Address translation as nft text: a router's (source NAT, floating IPs, port forwarding) and the host's own for an
external network. Pure: records in, text out.

Who translates what: packets that leave through the gateway get their guest's floating IP, else the router's address.
Packets to a floating IP are turned to the guest wherever they came from; those that came from inside and go back inside
(hairpin) also get an outside source, or the guest would answer its neighbour directly and the reply would match nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

from wolke.network.drivers.base import FloatingIp, Interface, Network, Router
from wolke.network.drivers.linux.rules import METADATA_ADDRESS, braces, chain, table

METADATA_PORT = 18775  # where metadata of guests on an external network is served: the host keeps 169.254.169.254
_HAIRPIN = "0x1"
_NAT = "type nat hook {} priority {}; policy accept"


@dataclass(frozen=True, slots=True)
class Outside:
    """A router's way out, as far as translation needs it."""

    link: str
    address: str  # "" if it has no IPv4 address there


def outside(router: Router, link: str) -> Outside | None:
    if router.gateway is None:
        return None
    addresses = [ip_interface(address).ip for address in router.gateway.addresses]
    return Outside(link, next((str(address) for address in addresses if address.version == 4), ""))


def router_table(name: str, router: Router, gateway_link: str) -> str:
    gate = outside(router, gateway_link)
    chains = [_router_input()]
    if gate is not None:
        floating = [item for item in router.floating_ips if ":" not in item.floating_ip_address]
        chains += [_inward(floating), _marking(gate), _outward(gate, floating, snat=router.enable_snat)]
    return table("inet", name, chains)


def host_table(name: str, network: Network, link: str, *, masquerade: bool) -> list[str]:
    """Chains for the host's table of an external network: the way out, and what of the host its guests may reach."""
    four = [subnet for subnet in network.subnets if ":" not in subnet.cidr]
    lines = [
        "type filter hook input priority filter - 5; policy accept",
        f'iifname != "{link}" accept',
        "ct state established,related accept",
        "icmp type echo-request accept",
        "icmpv6 type { echo-request, nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept",
    ]
    if any(subnet.enable_dhcp for subnet in network.subnets):
        lines.append("udp dport { 67, 547 } accept")
    chains = [chain("entrance", [*lines, f"ct status dnat tcp dport {METADATA_PORT} accept", "drop"])]
    if any(subnet.gateway_ip for subnet in four):
        redirect = f'iifname "{link}" ip daddr {METADATA_ADDRESS} tcp dport 80 redirect to :{METADATA_PORT}'
        chains.append(chain("inward", [_NAT.format("prerouting", "dstnat"), redirect]))
    if masquerade:
        sources = [str(ip_network(subnet.cidr, strict=False)) for subnet in network.subnets]
        lines = [
            f'{"ip6" if ":" in source else "ip"} saddr {source} oifname != "{link}" masquerade' for source in sources
        ]
        chains.append(chain("outward", [_NAT.format("postrouting", "srcnat"), *lines]))
    return chains


def floating_addresses(router: Router) -> list[str]:
    """Further addresses of the gateway's leg: what the router answers ARP for."""
    return [f"{address}/32" for address in dict.fromkeys(item.floating_ip_address for item in router.floating_ips)]


def _pairs(mapping: Mapping[str, str]) -> str:
    return braces(f"{key} : {value}" for key, value in mapping.items())


def _whole(item: FloatingIp) -> bool:
    return item.external_port is None


def _router_input() -> str:
    """Nothing listens in a router; it answers echo and neighbours, and is silent to everything else."""
    lines = [
        "type filter hook input priority filter; policy drop",
        'iif "lo" accept',
        "ct state established,related accept",
        "icmp type echo-request accept",
        "icmpv6 type { echo-request, nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept",
    ]
    return chain("entrance", lines)


def _inward(floating: Sequence[FloatingIp]) -> str:
    lines = [_NAT.format("prerouting", "dstnat")]
    for item in floating:
        if not _whole(item):
            lines.append(
                f"ip daddr {item.floating_ip_address} {item.protocol} dport {item.external_port} "
                f"dnat ip to {item.fixed_ip_address}:{item.internal_port or item.external_port}"
            )
    whole = {item.floating_ip_address: item.fixed_ip_address for item in floating if _whole(item)}
    if whole:
        lines.append(f"dnat ip to ip daddr map {_pairs(whole)}")
    return chain("inward", lines)


def _marking(gate: Outside) -> str:
    """Postrouting cannot see where a packet came in on every kernel, so forward writes it down."""
    hook = "type filter hook forward priority filter; policy accept"
    return chain("passage", [hook, f'iifname != "{gate.link}" ct status dnat meta mark set {_HAIRPIN}'])


def _outward(gate: Outside, floating: Sequence[FloatingIp], *, snat: bool) -> str:
    lines = [_NAT.format("postrouting", "srcnat")]
    whole = {item.fixed_ip_address: item.floating_ip_address for item in floating if _whole(item)}
    inside = f'oifname != "{gate.link}" meta mark {_HAIRPIN}'
    lines.append(f'oifname != "{gate.link}" meta mark != {_HAIRPIN} accept')
    if whole:
        lines.append(f"snat ip to ip saddr map {_pairs(whole)}")
    if gate.address:
        lines.append(f"{inside} meta nfproto ipv4 snat ip to {gate.address}")
        if snat:
            lines.append(
                f'oifname "{gate.link}" meta nfproto ipv4 ip saddr != {gate.address} snat ip to {gate.address}'
            )
    return chain("outward", lines)


def gateway_record(gateway: Interface, floating: Sequence[str]) -> tuple[str, ...]:
    """Every address of the gateway's leg."""
    return (*gateway.addresses, *(address for address in floating if address.split("/")[0] not in _plain(gateway)))


def _plain(gateway: Interface) -> set[str]:
    return {str(ip_interface(address).ip) for address in gateway.addresses}
