"""Attributes of networks and subnets."""

from __future__ import annotations

from typing import Any

from wolke.network import store
from wolke.network.schema import checks
from wolke.network.schema.attributes import ABSENT, REQUIRED, Attribute, Resource, project, standard

_NAME = Attribute("name", checks.optional(checks.text(), empty=""), "", filtered=str)
_DESCRIPTION = Attribute("description", checks.optional(checks.text(), empty=""), "", filtered=str)


def _zones(record: Any) -> list[str]:
    return ["nova"] if record.subnets else []


def _network_type(value: Any) -> Any:
    return checks.optional(checks.one_of("flat", "vlan", "vxlan", "geneve", "gre", "local"))(value)


NETWORK = Resource(
    "network",
    "networks",
    store.NETWORKS,
    (
        Attribute("id", filtered=str),
        _NAME,
        project(),
        Attribute("admin_state_up", checks.boolean, True, filtered=checks.boolean),
        Attribute("mtu", checks.integer(0, 65535), ABSENT, filtered=int),
        Attribute("status", filtered=str),
        Attribute("subnets", sorted=False),
        Attribute("shared", checks.boolean, False, filtered=checks.boolean),
        Attribute("availability_zone_hints", checks.listing(checks.text(), most=10), [], put=False),
        Attribute("availability_zones", show=_zones),
        Attribute("ipv4_address_scope", show=lambda r: None),
        Attribute("ipv6_address_scope", show=lambda r: None),
        Attribute("router:external", checks.boolean, False, kept="external", filtered=checks.boolean),
        _DESCRIPTION,
        Attribute("port_security_enabled", checks.boolean, True, filtered=checks.boolean),
        Attribute("dns_domain", checks.dns_label, "", filtered=str),
        Attribute("is_default", checks.boolean, False, filtered=checks.boolean),
        Attribute("vlan_transparent", show=lambda r: None),
        Attribute("provider:network_type", _network_type, None, put=False, kept="provider_network_type", filtered=str),
        Attribute(
            "provider:physical_network",
            checks.optional(checks.text(64), empty=""),
            "",
            put=False,
            kept="provider_physical_network",
            show=lambda r: r.provider_physical_network or None,
            filtered=str,
        ),
        Attribute(
            "provider:segmentation_id",
            checks.optional(checks.integer(1, 2**24 - 1)),
            None,
            put=False,
            kept="provider_segmentation_id",
            filtered=int,
        ),
        *standard(),
    ),
)


def _version(value: Any) -> int:
    return int(checks.one_of(4, 6, "4", "6")(value))


_POOL = checks.mapping({"start": checks.address, "end": checks.address}, required=("start", "end"))
_ROUTE = checks.mapping(
    {"destination": checks.whole_cidr, "nexthop": checks.address}, required=("destination", "nexthop")
)
_V6_MODE = checks.optional(checks.one_of("slaac", "dhcpv6-stateful", "dhcpv6-stateless"))

SUBNET = Resource(
    "subnet",
    "subnets",
    store.SUBNETS,
    (
        Attribute("id", filtered=str),
        _NAME,
        project(),
        Attribute("network_id", checks.identifier, REQUIRED, put=False, filtered=str),
        Attribute("ip_version", _version, REQUIRED, put=False, filtered=int),
        Attribute("subnetpool_id", checks.optional(checks.identifier), None, put=False, filtered=str),
        Attribute("enable_dhcp", checks.boolean, True, filtered=checks.boolean),
        Attribute("ipv6_ra_mode", _V6_MODE, None, put=False, filtered=str),
        Attribute("ipv6_address_mode", _V6_MODE, None, put=False, filtered=str),
        Attribute("gateway_ip", checks.optional(checks.address), ABSENT, filtered=str),
        Attribute("cidr", checks.optional(checks.whole_cidr), ABSENT, put=False, filtered=str),
        Attribute("allocation_pools", checks.listing(_POOL, most=64), ABSENT),
        Attribute("host_routes", checks.listing(_ROUTE, most=256, unique=True), []),
        Attribute("dns_nameservers", checks.listing(checks.address, most=256, unique=True), []),
        _DESCRIPTION,
        Attribute("service_types", checks.listing(checks.text(), most=16), []),
        Attribute("segment_id", show=lambda r: None),
        Attribute("dns_publish_fixed_ip", checks.boolean, False, filtered=checks.boolean),
        Attribute("shared", shown=False, filtered=checks.boolean),
        *standard(),
    ),
)
