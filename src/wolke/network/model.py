"""What the network service remembers. Field order is column order; names are the wire's, less prefixes with a colon."""

from __future__ import annotations

from typing import Any

import msgspec

ROUTER_INTERFACE = "network:router_interface"
ROUTER_GATEWAY = "network:router_gateway"
FLOATING_IP = "network:floatingip"
DHCP = "network:dhcp"

#: Ports that belong to the network service itself and are not for users to delete.
ROUTER_PORTS = (ROUTER_INTERFACE, ROUTER_GATEWAY, FLOATING_IP)

ACTIVE, DOWN, BUILD, ERROR = "ACTIVE", "DOWN", "BUILD", "ERROR"


class Network(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    shared: bool
    external: bool
    is_default: bool
    mtu: int
    dns_domain: str
    port_security_enabled: bool
    provider_network_type: str | None
    provider_physical_network: str  # "" is none, so that the index of segments can hold it
    provider_segmentation_id: int | None
    availability_zone_hints: list[str]
    subnets: list[str]  # their ids, kept here so that lists need no second look
    tags: list[str]
    created_at: str
    updated_at: str
    revision_number: int


class Subnet(msgspec.Struct, frozen=True):
    id: str
    network_id: str
    project_id: str
    name: str
    description: str
    ip_version: int
    cidr: str
    gateway_ip: str | None
    allocation_pools: list[dict[str, str]]
    dns_nameservers: list[str]
    host_routes: list[dict[str, str]]
    enable_dhcp: bool
    ipv6_address_mode: str | None
    ipv6_ra_mode: str | None
    subnetpool_id: str | None
    service_types: list[str]
    dns_publish_fixed_ip: bool
    shared: bool  # its network's
    tags: list[str]
    created_at: str
    updated_at: str
    revision_number: int


class ShownAddress(msgspec.Struct, frozen=True):
    ip_address: str
    subnet_id: str


class Port(msgspec.Struct, frozen=True):
    id: str
    network_id: str
    network_project_id: str  # the network's owner sees it too
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    mac_address: str
    fixed_ips: list[dict[str, str]]  # subnet_id, ip_address; the truth about uniqueness is in Allocation
    device_id: str
    device_owner: str
    security_groups: list[str]
    allowed_address_pairs: list[dict[str, str]]
    port_security_enabled: bool
    extra_dhcp_opts: list[dict[str, Any]]
    dns_name: str
    dns_domain: str
    host: str  # where it is bound; "" is nowhere
    vnic_type: str
    profile: dict[str, Any]
    tags: list[str]
    created_at: str
    updated_at: str
    revision_number: int
    for_server: bool = False  # made on behalf of a server, goes when the server goes
    position: int = 0  # among the ports of its server
    next_host: str | None = None  # where its server is about to come to: it is carried there as well


class ShownPort(msgspec.Struct, frozen=True):
    """Of a port, what is shown with its server."""

    id: str
    network_id: str
    device_id: str
    status: str
    mac_address: str
    fixed_ips: list[ShownAddress]
    security_groups: list[str]
    admin_state_up: bool
    host: str
    for_server: bool
    position: int
    created_at: str


class Allocation(msgspec.Struct, frozen=True):
    """One address in use. ``number`` orders the addresses of a subnet (see ``service/addresses.py``)."""

    subnet_id: str
    ip_address: str
    number: int
    network_id: str
    port_id: str


class Cursor(msgspec.Struct, frozen=True):
    """Where the search for a free address of a subnet goes on."""

    subnet_id: str
    number: int


class PortGroup(msgspec.Struct, frozen=True):
    group_id: str
    port_id: str


class Router(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    external_gateway_info: dict[str, Any] | None
    gw_port_id: str | None
    routes: list[dict[str, str]]
    availability_zone_hints: list[str]
    host: str
    tags: list[str]
    created_at: str
    updated_at: str
    revision_number: int


class FloatingIp(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    description: str
    floating_network_id: str
    floating_ip_address: str
    floating_port_id: str
    port_id: str | None
    fixed_ip_address: str | None
    router_id: str | None
    status: str
    dns_name: str
    dns_domain: str
    tags: list[str]
    created_at: str
    updated_at: str
    revision_number: int


class SecurityGroup(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    name: str
    description: str
    stateful: bool
    tags: list[str]
    created_at: str
    updated_at: str
    revision_number: int


class DefaultGroup(msgspec.Struct, frozen=True):
    """The one security group of a project that is its default."""

    project_id: str
    group_id: str


class SecurityGroupRule(msgspec.Struct, frozen=True):
    id: str
    security_group_id: str
    project_id: str
    direction: str
    ethertype: str
    protocol: str | None
    port_range_min: int | None
    port_range_max: int | None
    remote_ip_prefix: str | None
    remote_group_id: str | None
    description: str
    sameness: str  # equal for rules that say the same
    created_at: str
    updated_at: str
    revision_number: int


class Host(msgspec.Struct, frozen=True):
    """A host whose agent carries packets."""

    id: str
    host: str
    dataplane: str
    capabilities: dict[str, Any]
    admin_state_up: bool
    description: str
    created_at: str
    started_at: str
    heartbeat_at: str


class QuotaLimit(msgspec.Struct, frozen=True):
    project_id: str
    resource: str
    most: int


class ServerPort(msgspec.Struct, frozen=True):
    """A server's port as Compute shows it. ``fixed_ips``: (address, version, subnet id); ``floating_ips``: (floating
    address, fixed address)."""

    id: str
    network_id: str
    network_name: str
    mac_address: str
    fixed_ips: tuple[tuple[str, int, str], ...]
    floating_ips: tuple[tuple[str, str], ...]
    security_groups: tuple[str, ...]
    status: str
    admin_state_up: bool
    host: str
    mtu: int
    for_server: bool
    position: int
