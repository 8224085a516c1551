"""/os-floating-ips, /os-floating-ip-pools and /os-networks, until 2.35: for clients that know no Network service."""

from __future__ import annotations

from typing import Any

from wolke.compute.schema import floating_ips as schema
from wolke.compute.service import Compute
from wolke.compute.service.floating_ips import Shown
from wolke.core.context import Context
from wolke.core.http import Request, Route
from wolke.network.model import Network

Json = dict[str, Any]
_LAST = "2.35"
_RULE, _POOLS = "os_compute_api:os-floating-ips", "os_compute_api:os-floating-ip-pools"
_NETWORKS, _TENANT = "os_compute_api:os-networks", "os_compute_api:os-tenant-networks"


def _view(shown: Shown) -> Json:
    one = shown.floating
    return {
        "id": one.id,
        "ip": one.floating_ip_address,
        "fixed_ip": one.fixed_ip_address,
        "pool": shown.pool,
        "instance_id": shown.server_id,
    }


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    return {"floating_ips": [_view(one) for one in await service.floating_ips.index(ctx)]}


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    return {"floating_ip": _view(await service.floating_ips.show(ctx, request.params["floating_ip_id"]))}


async def create(service: Compute, ctx: Context, request: Request) -> Json:
    pool = (request.body or {}).get("pool")
    return {"floating_ip": _view(await service.floating_ips.create(ctx, pool))}


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.floating_ips.delete(ctx, request.params["floating_ip_id"])


async def pools(service: Compute, ctx: Context, request: Request) -> Json:
    return {"floating_ip_pools": [{"name": one.name} for one in await service.floating_ips.pools(ctx)]}


# What Nova's own networks had besides, Network's have not.
_NOTHING = (
    "bridge", "bridge_interface", "broadcast", "cidr", "cidr_v6", "dhcp_server", "dhcp_start", "dns1", "dns2",
    "enable_dhcp", "gateway", "gateway_v6", "host", "injected", "mtu", "multi_host", "netmask", "netmask_v6", "priority",
    "project_id", "rxtx_base", "share_address", "vlan", "vpn_private_address", "vpn_public_address", "vpn_public_port",
    "created_at", "updated_at", "deleted", "deleted_at",
)  # fmt: skip


def _network(one: Network, *, whole: bool) -> Json:
    known = {"id": one.id, "label": one.name}
    return {**dict.fromkeys(_NOTHING if whole else ("cidr",)), **known}


async def networks(service: Compute, ctx: Context, request: Request) -> Json:
    whole = "os-networks" in request.path
    return {"networks": [_network(one, whole=whole) for one in await service.floating_ips.networks(ctx)]}


async def network(service: Compute, ctx: Context, request: Request) -> Json:
    found = await service.floating_ips.network(ctx, request.params["network_id"])
    return {"network": _network(found, whole="os-networks" in request.path)}


_IPS = "/v2.1/os-floating-ips"
ROUTES = (
    Route("GET", _IPS, index, f"{_RULE}:list", until=_LAST),
    Route("POST", _IPS, create, f"{_RULE}:create", 200, schema.CREATE, until=_LAST),
    Route("GET", f"{_IPS}/{{floating_ip_id}}", show, f"{_RULE}:show", until=_LAST),
    Route("DELETE", f"{_IPS}/{{floating_ip_id}}", delete, f"{_RULE}:delete", 202, until=_LAST),
    Route("GET", "/v2.1/os-floating-ip-pools", pools, _POOLS, until=_LAST),
    Route("GET", "/v2.1/os-networks", networks, f"{_NETWORKS}:list", until=_LAST),
    Route("GET", "/v2.1/os-networks/{network_id}", network, f"{_NETWORKS}:show", until=_LAST),
    Route("GET", "/v2.1/os-tenant-networks", networks, f"{_TENANT}:list", until=_LAST),
    Route("GET", "/v2.1/os-tenant-networks/{network_id}", network, f"{_TENANT}:show", until=_LAST),
)
