"""What dnsmasq is told: DHCP by reservation, router advertisements and names of one network. Pure: records in, text out.

Two kinds of file: the configuration, of which a change needs a new process, and the lists (reservations, options,
names), which SIGHUP makes it read again. Everything that a user may have typed has been through ``checks``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from wolke.network.drivers.base import DhcpHost, Interface, Network, Route, Subnet
from wolke.network.drivers.linux import checks

LEASE_TIME = "24h"
METADATA_ROUTE = "169.254.169.254/32"
_PARAMETERS = {"slaac": "ra-only", "dhcpv6-stateless": "ra-stateless", "dhcpv6-stateful": "static"}

_COMMON = (
    "except-interface=lo",
    "bind-dynamic",
    "no-hosts",
    "no-resolv",
    "no-poll",
    "no-ping",
    "dhcp-lease-max=65536",
    "quiet-dhcp",
    "quiet-dhcp6",
    "quiet-ra",
)


@dataclass(frozen=True, slots=True)
class Files:
    """The text of each file; ``lists`` by file name."""

    interfaces: tuple[str, ...]
    configuration: tuple[str, ...]
    lists: dict[str, str] = field(default_factory=dict)


def for_network(network: Network, interface: str, *, names: bool = True) -> Files | None:
    """What serves this network's guests; None if none of its subnets wants anything served."""
    served = [subnet for subnet in network.subnets if _range(subnet) is not None]
    if not served:
        return None
    domain = checks.domain(network.dns_domain)
    lines = [*_COMMON, "dhcp-authoritative", f"dhcp-option-force=option:mtu,{network.mtu}"]
    lines += [] if names else ["port=0"]
    lines += [f"domain={domain}", f"local=/{domain}/"] if domain else []
    lines += [f"dhcp-range={text}" for subnet in served if (text := _range(subnet))]
    if any(":" in subnet.cidr and subnet.ipv6_ra_mode for subnet in served):
        # A lifetime of 0: addresses are announced from here, the way out by the router, whose address this is not.
        lines += ["enable-ra", f"ra-param={interface},mtu:{network.mtu},60,0"]
    lists = {
        "hosts": _lines(_hosts(network.dhcp_hosts, served)),
        "options": _lines([*_subnet_options(served, domain), *_host_options(network.dhcp_hosts)]),
        "names": _lines(_names(network.dhcp_hosts, domain)),
    }
    return Files((interface,), tuple(lines), lists)


def for_router(legs: Sequence[tuple[str, Interface]]) -> Files | None:
    """Router advertisements on the legs ``(link, record)``; whatever asks for more is dropped by the router's filter."""
    lines = [line for link, leg in legs for line in _advertised(link, leg)]
    if not lines:
        return None
    links = tuple(link for link, leg in legs if leg.advertise)
    return Files(links, (*_COMMON, "port=0", "enable-ra", *lines))


def reservations(hosts: Iterable[DhcpHost]) -> set[tuple[str, str]]:
    return {(host.mac_address.lower(), str(ip_address(address))) for host in hosts for address in host.ip_addresses}


def survives_sighup(hosts: str) -> bool:
    """Whether dnsmasq can be told to read its lists again after it has read these reservations. Up to 2.90 (Debian 12's) it
    strings a reservation's tag together with others for as long as it answers, and on SIGHUP frees the whole string."""
    return ",set:" not in hosts


def pruned_leases(leases: str, hosts: Iterable[DhcpHost]) -> str:
    reserved = reservations(hosts)
    addresses = {address for _, address in reserved}
    kept = []
    for line in leases.splitlines():
        words = line.split()
        if len(words) >= 4 and "." in words[2]:
            if (words[1].lower(), words[2]) not in reserved:
                continue
        elif len(words) >= 4 and ":" in words[2] and words[2] not in addresses:
            continue
        kept.append(line)
    return _lines(kept)


def _range(subnet: Subnet) -> str | None:
    """The dhcp-range of a subnet; None if it is not served."""
    network = ip_network(subnet.cidr, strict=False)
    if not subnet.enable_dhcp or subnet.dhcp_ip is None:
        return None
    tag = f"set:{_tag(subnet.id)}"
    if isinstance(network, IPv4Network):
        return f"{tag},{network.network_address},static,{network.netmask},{LEASE_TIME}"
    mode = subnet.ipv6_address_mode or subnet.ipv6_ra_mode
    if mode is None:
        return None
    return _range6(network, mode, f"{tag},")


def _range6(network: IPv6Network, mode: str, tag: str) -> str | None:
    """dnsmasq wants exactly 64 bits where cards number themselves, and no shorter prefix anywhere."""
    if network.prefixlen < 64 or (mode != "dhcpv6-stateful" and network.prefixlen != 64):
        return None
    return f"{tag}{network.network_address},{_PARAMETERS[mode]},{network.prefixlen},{LEASE_TIME}"


def _advertised(link: str, leg: Interface) -> list[str]:
    ranges = []
    for prefix, mode in leg.advertise:
        network = ip_network(prefix, strict=False)
        if isinstance(network, IPv6Network) and mode and (text := _range6(network, mode, "")):
            ranges.append(f"dhcp-range={text}")
    return [*ranges, f"ra-param={link},mtu:{leg.mtu},60,1800"] if ranges else []


def _hosts(hosts: Iterable[DhcpHost], subnets: Sequence[Subnet]) -> list[str]:
    """``id:*``: the card counts, not the name its system gives itself, so an image may be exchanged behind a port."""
    networks = [ip_network(subnet.cidr, strict=False) for subnet in subnets]
    lines = []
    for host in hosts:
        name = checks.label(host.hostname)
        for address in host.ip_addresses:
            where = ip_address(address)
            if not any(where in network for network in networks):
                continue
            shown = f"[{where}]" if where.version == 6 else str(where)
            words = [host.mac_address.lower(), *(("id:*",) if where.version == 4 else ())]
            words += [f"set:{_host_tag(host)}"] if host.options else []
            lines.append(",".join([*words, shown, *((name,) if name else ())]))
    return lines


def _subnet_options(subnets: Sequence[Subnet], domain: str) -> list[str]:
    lines = []
    for subnet in subnets:
        tag = f"tag:{_tag(subnet.id)}"
        if ":" in subnet.cidr:
            given = [server for server in subnet.dns_nameservers if ":" in server]
            servers = ",".join(f"[{server}]" for server in given or _dhcp_ip(subnet))
            lines.append(f"{tag},option6:dns-server,{servers}")
            lines += [f"{tag},option6:domain-search,{domain}"] if domain else []
            continue
        given = [server for server in subnet.dns_nameservers if ":" not in server]
        lines.append(f"{tag},option:dns-server,{','.join(given or _dhcp_ip(subnet))}")
        lines.append(f"{tag},option:router" + (f",{subnet.gateway_ip}" if subnet.gateway_ip else ""))
        routes = ",".join(f"{route.destination},{route.nexthop}" for route in _routes(subnet))
        lines += [f"{tag},option:classless-static-route,{routes}", f"{tag},249,{routes}"]
        lines += [f"{tag},option:domain-name,{domain}"] if domain else []
    return lines


def _routes(subnet: Subnet) -> list[Route]:
    """Option 121 replaces the router option, so the way out is said here too; the metadata address is a neighbour."""
    routes = [route for route in subnet.host_routes if ":" not in route.destination]
    if subnet.dhcp_ip and all(route.destination != METADATA_ROUTE for route in routes):
        routes.append(Route(METADATA_ROUTE, subnet.dhcp_ip))
    if subnet.gateway_ip and all(route.destination != "0.0.0.0/0" for route in routes):
        routes.append(Route("0.0.0.0/0", subnet.gateway_ip))
    return routes


def _host_options(hosts: Iterable[DhcpHost]) -> list[str]:
    lines = []
    for host in hosts:
        for name, value in host.options:
            option = checks.dhcp_option(name, value)
            if option:
                lines.append(f"tag:{_host_tag(host)},{option[0]}" + (f",{option[1]}" if option[1] else ""))
    return lines


def _names(hosts: Iterable[DhcpHost], domain: str) -> list[str]:
    lines = []
    for host in hosts:
        name = checks.label(host.hostname)
        if name:
            full = f"{name}.{domain} {name}" if domain else name
            lines += [f"{ip_address(address)} {full}" for address in host.ip_addresses]
    return lines


def _dhcp_ip(subnet: Subnet) -> tuple[str, ...]:
    return (subnet.dhcp_ip,) if subnet.dhcp_ip else ()


def _tag(some_id: str) -> str:
    return "s" + some_id.replace("-", "")[:16]


def _host_tag(host: DhcpHost) -> str:
    return "h" + hashlib.sha256(f"{host.mac_address.lower()} {host.ip_addresses}".encode()).hexdigest()[:16]


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
