"""The contract of a dataplane: what carries the packets of the ports bound to one host.

The controller works out a whole, self-contained wish for each network and each router that a host takes part in; the
dataplane makes it so. ``apply_*`` is idempotent, looks before it acts, and leaves packets of unchanged ports flowing:
it is called again for each change, after a crash at any point, and now and then just to mend drift. What is no longer
wished for is found by ``networks()`` and ``routers()`` and removed.

A dataplane knows no database; all that it knows is in these records and in what the kernel tells it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission, already resolved: a remote group has become the addresses of its ports."""

    direction: str  # "ingress" | "egress", seen from the guest
    ethertype: str  # "IPv4" | "IPv6"
    protocol: str | None = None  # "tcp", "udp", "icmp", "ipv6-icmp", or a number as text; None is any
    port_min: int | None = None  # for icmp: the type
    port_max: int | None = None  # for icmp: the code
    remotes: tuple[str, ...] | None = None  # CIDRs of the other end; None is anywhere, () is nowhere


@dataclass(frozen=True, slots=True)
class AddressPair:
    """A further address that a port may use."""

    ip_address: str  # an address or a CIDR
    mac_address: str


@dataclass(frozen=True, slots=True)
class Port:
    """A port bound to this host: a tap is kept for it."""

    id: str
    mac_address: str
    fixed_ips: tuple[str, ...]
    admin_up: bool = True
    port_security: bool = True  # False: neither rules nor anti-spoofing
    address_pairs: tuple[AddressPair, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class DhcpHost:
    """A reservation: whoever has this card gets these addresses and is known to DNS by this name."""

    mac_address: str
    ip_addresses: tuple[str, ...]
    hostname: str = ""
    options: tuple[tuple[str, str], ...] = ()  # extra_dhcp_opts: name or number, value


@dataclass(frozen=True, slots=True)
class Route:
    destination: str
    nexthop: str


@dataclass(frozen=True, slots=True)
class Subnet:
    id: str
    cidr: str
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    dhcp_ip: str | None = None  # the address that answers DHCP, DNS and metadata; None if there is none to have
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[Route, ...] = ()
    ipv6_ra_mode: str | None = None  # slaac, dhcpv6-stateful, dhcpv6-stateless
    ipv6_address_mode: str | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """One broadcast domain as this host should have it."""

    id: str
    mtu: int = 1500
    dns_domain: str = ""
    external: bool = False  # reaches the world outside: the host itself has the subnets' gateway addresses
    subnets: tuple[Subnet, ...] = ()
    ports: tuple[Port, ...] = ()
    dhcp_hosts: tuple[DhcpHost, ...] = ()


@dataclass(frozen=True, slots=True)
class Interface:
    """A router's leg in a network. ``addresses`` are with prefix length: 10.0.0.1/24."""

    port_id: str
    network_id: str
    mac_address: str
    addresses: tuple[str, ...]
    mtu: int = 1500
    advertise: tuple[tuple[str, str], ...] = ()  # IPv6 prefix and its ipv6_ra_mode: announced to guests by the router


@dataclass(frozen=True, slots=True)
class FloatingIp:
    id: str
    floating_ip_address: str
    fixed_ip_address: str
    external_port: int | None = None  # port forwarding; None is the whole address
    internal_port: int | None = None
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Router:
    id: str
    admin_up: bool = True
    interfaces: tuple[Interface, ...] = ()
    gateway: Interface | None = None
    gateway_nexthops: tuple[str, ...] = ()  # the external subnets' gateway addresses
    enable_snat: bool = True
    floating_ips: tuple[FloatingIp, ...] = ()
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """How a hypervisor attaches a card: the fields of compute's ``Nic``."""

    backend: str  # tap | user | none
    device: str = ""
    netns: str = ""
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a dataplane can do. Doctor and the docs print it; the API says no beforehand to what is missing."""

    name: str
    security_groups: bool = True
    routers: bool = True
    floating_ips: bool = True
    dhcp: bool = True
    ipv6: bool = True
    metadata: bool = True


class Dataplane(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...

    async def prepare(self) -> None:
        """Called once at start. Raises ``Failure`` with the remedy if this host cannot do it."""

    async def close(self) -> None:
        """Let go of handles. Packets go on flowing."""

    async def teardown(self) -> None:
        """Remove everything this dataplane ever made here, and put back what it changed on the host."""

    async def differences(self, thing: Network | Router) -> Sequence[str]:
        """What ``apply_network`` or ``apply_router`` would change now, in words; nothing is changed. Empty if all is well."""

    async def networks(self) -> Sequence[str]:
        """Ids of the networks of which there is anything here."""

    async def apply_network(self, network: Network) -> None: ...

    async def remove_network(self, network_id: str) -> None: ...

    async def routers(self) -> Sequence[str]: ...

    async def apply_router(self, router: Router) -> None: ...

    async def remove_router(self, router_id: str) -> None: ...

    async def attachment(self, network_id: str, port_id: str) -> Attachment:
        """What to give the hypervisor for a port that ``apply_network`` has made."""

    async def metadata_socket(self, network_id: str) -> socket.socket | None:
        """A listening TCP socket at 169.254.169.254:80 as the guests of this network see it; the caller serves it.

        The peer's address is the guest's fixed address. None where ``Capabilities.metadata`` is false.
        """
