"""Attributes of routers and floating IPs."""

from __future__ import annotations

from wolke.network import store
from wolke.network.schema import checks
from wolke.network.schema.attributes import ABSENT, REQUIRED, Attribute, Resource, project, standard

_EXTERNAL_IP = checks.mapping({"subnet_id": checks.identifier, "ip_address": checks.address})
_GATEWAY = checks.mapping(
    {
        "network_id": checks.identifier,
        "enable_snat": checks.boolean,
        "external_fixed_ips": checks.listing(_EXTERNAL_IP, most=64),
        "qos_policy_id": checks.optional(checks.one_of()),
    },
    required=("network_id",),
)


def _gateway(value: object) -> object:
    return None if value in (None, {}) else _GATEWAY(value)


ROUTE = checks.mapping(
    {"destination": checks.whole_cidr, "nexthop": checks.address}, required=("destination", "nexthop")
)
ROUTES = checks.optional(checks.listing(ROUTE, most=1000, unique=True), empty=[])

ROUTER = Resource(
    "router",
    "routers",
    store.ROUTERS,
    (
        Attribute("id", filtered=str),
        Attribute("name", checks.optional(checks.text(), empty=""), "", filtered=str),
        project(),
        Attribute("description", checks.optional(checks.text(), empty=""), "", filtered=str),
        Attribute("admin_state_up", checks.boolean, True, filtered=checks.boolean),
        Attribute("status", filtered=str),
        Attribute("external_gateway_info", _gateway, None),
        Attribute("routes", ROUTES, [], post=False),
        Attribute("distributed", checks.optional(checks.one_of(False)), False, show=lambda r: False),
        Attribute("ha", checks.optional(checks.one_of(False)), False, show=lambda r: False),
        Attribute("flavor_id", checks.optional(checks.one_of()), None, put=False, show=lambda r: None),
        Attribute("availability_zone_hints", checks.listing(checks.text(), most=10), [], put=False),
        Attribute("availability_zones", show=lambda r: ["nova"] if r.host else []),
        *standard(),
    ),
)

FLOATING_IP = Resource(
    "floatingip",
    "floatingips",
    store.FLOATING_IPS,
    (
        Attribute("id", filtered=str),
        project(),
        Attribute("description", checks.optional(checks.text(), empty=""), "", filtered=str),
        Attribute("floating_network_id", checks.identifier, REQUIRED, put=False, filtered=str),
        Attribute("floating_ip_address", checks.optional(checks.address), ABSENT, put=False, filtered=str),
        Attribute("subnet_id", checks.optional(checks.identifier), None, put=False, shown=False),
        Attribute("port_id", checks.optional(checks.identifier), ABSENT, filtered=str),
        Attribute("fixed_ip_address", checks.optional(checks.address), ABSENT, filtered=str),
        Attribute("router_id", filtered=str),
        Attribute("status", filtered=str),
        Attribute("dns_name", checks.dns_label, "", put=False, filtered=str),
        Attribute("dns_domain", checks.dns_label, "", put=False, filtered=str),
        Attribute("qos_policy_id", checks.optional(checks.one_of()), ABSENT, show=lambda r: None),
        Attribute("port_forwardings", show=lambda r: []),
        *standard(),
    ),
)
