"""What this API has beyond the core, told truthfully: an alias is here when what it stands for works."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Route
from wolke.network.errors import ExtensionNotFound
from wolke.network.schema import RESOURCES
from wolke.network.service import Network

_UPDATED = "2026-01-01T00:00:00-00:00"

EXTENSIONS: tuple[tuple[str, str, str], ...] = (
    ("agent", "agent", "The agents of hosts."),
    ("allowed-address-pairs", "Allowed Address Pairs", "Further addresses that a port may use."),
    ("availability_zone", "Availability Zone", "Availability zones of agents."),
    ("binding", "Port Binding", "The host that a port is on."),
    ("dns-integration", "DNS Integration", "Names of ports and domains of networks."),
    ("empty-string-filtering", "Empty String Filtering Extension", "Filters whose value is the empty text."),
    ("ext-gw-mode", "Neutron L3 Configurable external gateway mode", "Source NAT of routers, on or off."),
    ("external-net", "Neutron external network", "Networks that lead outside."),
    ("extra_dhcp_opt", "Neutron Extra DHCP options", "DHCP options of one port."),
    ("extraroute", "Neutron Extra Route", "Routes of routers."),
    ("extraroute-atomic", "Atomically add/remove extra routes", "Routes added and removed without a race."),
    ("filter-validation", "Filter parameters validation", "Unknown filters are refused."),
    ("fip-port-details", "Floating IP Port Details Extension", "The port behind a floating IP."),
    ("ip-substring-filtering", "IP address substring filtering", "Ports by a part of an address."),
    ("net-mtu", "Network MTU", "The MTU of networks."),
    ("net-mtu-writable", "Network MTU (writable)", "Choosing the MTU of networks."),
    ("network-ip-availability", "Network IP Availability", "How many addresses are in use."),
    ("network_availability_zone", "Network Availability Zone", "Availability zones of networks."),
    ("pagination", "Pagination support", "Lists by the page."),
    ("port-security", "Port Security", "Ports without protection, if so wished."),
    ("port-security-groups-filtering", "Port filtering on security groups", "Ports by security group."),
    ("project-id", "project_id field enabled", "project_id beside tenant_id."),
    ("provider", "Provider Network", "How networks are carried."),
    ("quota_details", "Quota details management support", "Limits and what is used of them."),
    ("quotas", "Quota management support", "Limits per project."),
    ("revision-if-match", "If-Match constraints based on revision_number", "Changes of a known revision only."),
    ("router", "Neutron L3 Router", "Routers and floating IPs."),
    ("router_availability_zone", "Router Availability Zone", "Availability zones of routers."),
    ("security-group", "security-group", "Security groups."),
    ("security-groups-normalized-cidr", "Normalized CIDR field for security group rules", "Prefixes as applied."),
    ("service-type", "Neutron Service Type Management", "Providers of services."),
    ("sorting", "Sorting support", "Lists in an order."),
    ("standard-attr-description", "standard-attr-description", "Descriptions."),
    ("standard-attr-revisions", "Resource revision numbers", "Revision numbers."),
    ("standard-attr-tag", "Tag support for resources with standard attribute", "Tags."),
    ("standard-attr-timestamp", "Resource timestamps", "When a resource was made and changed."),
    ("stateful-security-group", "Stateful security group", "Security groups without connection tracking."),
    ("subnet-service-types", "Subnet service types", "Subnets for some kinds of ports only."),
)


def _view(row: tuple[str, str, str]) -> dict[str, Any]:
    alias, name, description = row
    return {"alias": alias, "name": name, "description": description, "updated": _UPDATED, "links": []}


async def index(net: Network, ctx: Context, request: Request) -> Any:
    return {"extensions": [_view(row) for row in EXTENSIONS]}


async def show(net: Network, ctx: Context, request: Request) -> Any:
    for row in EXTENSIONS:
        if row[0] == request.params["id"]:
            return {"extension": _view(row)}
    raise ExtensionNotFound(alias=request.params["id"])


async def versions(net: Network, ctx: Context, request: Request) -> Any:
    self_link = {"rel": "self", "href": request.base_url + "/v2.0/"}
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [self_link]}]}


async def resources(net: Network, ctx: Context, request: Request) -> Any:
    base = request.base_url + "/v2.0/"
    names = [(r.noun, r.plural, r.plural.replace("_", "-")) for r in RESOURCES]
    return {
        "resources": [
            {"name": noun, "collection": plural, "links": [{"rel": "self", "href": base + path}]}
            for noun, plural, path in names
        ]
    }


ROUTES = (
    Route("GET", "/", versions, auth=False),
    Route("GET", "/v2.0", resources, auth=False),
    Route("GET", "/v2.0/extensions", index),
    Route("GET", "/v2.0/extensions/{id}", show),
)
