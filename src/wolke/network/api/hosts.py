"""What operators and clients ask about where things run: agents, zones, providers, addresses in use."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Route
from wolke.network import views
from wolke.network.errors import HTTPBadRequest, NetworkNotFound
from wolke.network.schema.attributes import OBJECT
from wolke.network.service import Network


def _agent(net: Network, host: Any) -> dict[str, Any]:
    return views.agent(host, net.clock.time(), net.config.agent_down_after_s)


async def agents(net: Network, ctx: Context, request: Request) -> Any:
    found = [_agent(net, host) for host in await net.hosts.find(ctx)]
    for name, value in request.query.pairs:
        if name in ("host", "agent_type", "binary", "id", "alive", "admin_state_up", "availability_zone"):
            found = [one for one in found if str(one[name]).lower() == value.lower()]
    fields = request.query.all("fields")
    return {"agents": [{n: v for n, v in one.items() if not fields or n in fields} for one in found]}


async def agent(net: Network, ctx: Context, request: Request) -> Any:
    return {"agent": _agent(net, await net.hosts.get(ctx, request.params["id"]))}


async def update_agent(net: Network, ctx: Context, request: Request) -> Any:
    body = request.body.get("agent") if isinstance(request.body, dict) else None
    if not isinstance(body, dict) or not set(body) <= {"admin_state_up", "description"}:
        raise HTTPBadRequest("Only 'admin_state_up' and 'description' of 'agent' can be changed")
    return {"agent": _agent(net, await net.hosts.update(ctx, request.params["id"], body))}


async def delete_agent(net: Network, ctx: Context, request: Request) -> None:
    await net.hosts.delete(ctx, request.params["id"])


async def zones(net: Network, ctx: Context, request: Request) -> Any:
    state = "available" if await net.hosts.alive(net.db) else "unavailable"
    return {
        "availability_zones": [
            {"name": "nova", "resource": resource, "state": state} for resource in ("network", "router")
        ]
    }


async def providers(net: Network, ctx: Context, request: Request) -> Any:
    return {"service_providers": []}


async def availabilities(net: Network, ctx: Context, request: Request) -> Any:
    query = request.query.lists()
    return {"network_ip_availabilities": await net.hosts.addresses_in_use(ctx, query)}


async def availability(net: Network, ctx: Context, request: Request) -> Any:
    found = await net.hosts.addresses_in_use(ctx, {"network_id": [request.params["id"]]})
    if not found:
        raise NetworkNotFound(id=request.params["id"])
    return {"network_ip_availability": found[0]}


ROUTES = (
    Route("GET", "/v2.0/agents", agents, rule="get_agent"),
    Route("GET", "/v2.0/agents/{id}", agent, rule="get_agent"),
    Route("PUT", "/v2.0/agents/{id}", update_agent, rule="update_agent", body=OBJECT),
    Route("DELETE", "/v2.0/agents/{id}", delete_agent, rule="delete_agent", status=204),
    Route("GET", "/v2.0/availability_zones", zones, rule="get_availability_zone"),
    Route("GET", "/v2.0/service-providers", providers, rule="get_service_provider"),
    Route("GET", "/v2.0/network-ip-availabilities", availabilities, rule="get_network_ip_availability"),
    Route("GET", "/v2.0/network-ip-availabilities/{id}", availability, rule="get_network_ip_availability"),
)
