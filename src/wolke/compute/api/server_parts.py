"""What hangs on a server beside metadata and tags: addresses, interfaces, security groups, actions, and what is always empty."""

from __future__ import annotations

from typing import Any

from wolke.compute.api.pages import full
from wolke.compute.schema import servers as schema
from wolke.compute.service import Compute
from wolke.compute.versions import Since
from wolke.compute.views import instance_actions as action_views
from wolke.compute.views import servers as views
from wolke.compute.views.interfaces import interface
from wolke.compute.views.links import following
from wolke.compute.views.security_groups import security_group
from wolke.core.clock import instant, moment
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Route
from wolke.core.paging import parse_limit

_OS = "os_compute_api:"
Json = dict[str, Any]


# -- addresses


async def ips(service: Compute, ctx: Context, request: Request) -> Json:
    return {"addresses": await _addresses(service, ctx, request)}


async def ips_of_network(service: Compute, ctx: Context, request: Request) -> Json:
    name, found = request.params["network"], await _addresses(service, ctx, request)
    if name not in found:
        raise NotFound("Instance is not a member of specified network")
    return {name: found[name]}


async def _addresses(service: Compute, ctx: Context, request: Request) -> dict[str, list[Json]]:
    server = await service.servers.show(ctx, request.params["server_id"])
    ports = await service.servers.ports([server.id])
    return views.addresses(ports.get(server.id, ()), plain=True)


# -- interfaces


async def interfaces(service: Compute, ctx: Context, request: Request) -> Json:
    server = await service.servers.show(ctx, request.params["server_id"])
    ports = (await service.servers.ports([server.id])).get(server.id, ())
    return {"interfaceAttachments": [interface(port, server) for port in ports]}


async def show_interface(service: Compute, ctx: Context, request: Request) -> Json:
    server_id = request.params["server_id"]
    server = await service.servers.show(ctx, server_id)
    return {
        "interfaceAttachment": interface(
            await service.interfaces.show(ctx, server_id, request.params["port_id"]), server
        )
    }


async def attach(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["interfaceAttachment"]
    if asked.get("net_id") and asked.get("port_id"):
        raise BadRequest("Must not input both network_id and port_id")
    if asked.get("fixed_ips") and not asked.get("net_id"):
        raise BadRequest("Must input network_id when request IP address")
    wanted = {"network_id": asked.get("net_id"), "port_id": asked.get("port_id"), "tag": asked.get("tag")}
    if asked.get("fixed_ips"):
        wanted["fixed_ip"] = asked["fixed_ips"][0]["ip_address"]
    wanted = {name: value for name, value in wanted.items() if value}
    server_id = request.params["server_id"]
    port = await service.interfaces.attach(ctx, server_id, wanted)
    return {"interfaceAttachment": interface(port, await service.servers.show(ctx, server_id))}


async def detach(service: Compute, ctx: Context, request: Request) -> None:
    await service.interfaces.detach(ctx, request.params["server_id"], request.params["port_id"])


async def security_groups(service: Compute, ctx: Context, request: Request) -> Json:
    found = await service.server_actions.security_groups(ctx, request.params["server_id"])
    return {"security_groups": [security_group(*shown) for shown in found]}


# -- what was done


async def actions(service: Compute, ctx: Context, request: Request) -> Json:
    server = await _server_of_actions(service, ctx, request)
    paged = request.version >= Since.PAGED_ACTIONS
    most = service.config.max_servers_per_page
    limit = parse_limit(request.query.get("limit"), most=most, default=most) if paged else None
    found = await service.instance_actions.index(
        ctx,
        server,
        limit=limit,
        marker=request.query.get("marker") if paged else None,
        since=_instant(request, "changes-since") if paged else None,
        before=_instant(request, "changes-before") if request.version >= Since.CHANGES_BEFORE else None,
    )
    shown = [action_views.action(one) for one in found]
    assert request.api.versions is not None
    request.api.versions.lower("instanceAction", request.version, shown)
    answer: Json = {"instanceActions": shown}
    if full(found, limit):
        path = f"servers/{server.id}/os-instance-actions"
        answer["links"] = following(request.base_url, path, request.query, found[-1].request_id, limit)
    return answer


async def action(service: Compute, ctx: Context, request: Request) -> Json:
    server = await _server_of_actions(service, ctx, request)
    found = await service.instance_actions.show(ctx, server, request.params["request_id"])
    shown = action_views.action(found)
    sees_all = request.allows(f"{_OS}os-instance-actions:events")
    if sees_all or request.version >= Since.EVENTS_FOR_ALL:
        shown["events"] = _events(request, found, server, sees_all=sees_all)
    return {"instanceAction": shown}


def _events(request: Request, found: Any, server: Any, *, sees_all: bool) -> list[Json]:
    later = request.version >= Since.EVENT_HOSTS
    details = request.version >= Since.EVENT_DETAILS and request.allows(f"{_OS}os-instance-actions:events:details")
    events = action_views.events(found, server, traceback=sees_all, host=sees_all and later, details=details)
    if not later:
        for event in events:
            del event["hostId"]
    return events


async def _server_of_actions(service: Compute, ctx: Context, request: Request) -> Any:
    deleted = request.version >= Since.ACTIONS_OF_DELETED
    return await service.instance_actions.server(ctx, request.params["server_id"], deleted=deleted)


def _instant(request: Request, name: str) -> str | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return instant(moment(text.replace(" ", "+", 1)))
    except (ValueError, OverflowError):
        raise BadRequest(f"Invalid input for query parameters {name}. Value: {text[:64]}") from None


# -- a password that the guest gave


async def password(service: Compute, ctx: Context, request: Request) -> Json:
    return {"password": await service.servers.password(ctx, request.params["server_id"])}


async def clear_password(service: Compute, ctx: Context, request: Request) -> None:
    await service.servers.clear_password(ctx, request.params["server_id"])


# -- what is always empty here


async def topology(service: Compute, ctx: Context, request: Request) -> Json:
    """Nothing is pinned here, and that is what there is to say."""
    await service.servers.show(ctx, request.params["server_id"])
    return {"nodes": [], "pagesize_kb": None}


_S = "/v2.1/servers/{server_id}"
_IF = f"{_OS}os-attach-interfaces"
ROUTES = (
    Route("GET", f"{_S}/ips", ips, f"{_OS}ips:index"),
    Route("GET", f"{_S}/ips/{{network}}", ips_of_network, f"{_OS}ips:show"),
    Route("GET", f"{_S}/os-interface", interfaces, f"{_IF}:list", view="interfaceAttachment"),
    Route(
        "POST", f"{_S}/os-interface", attach, f"{_IF}:create", body=schema.INTERFACE, noun="interface_create",
        view="interfaceAttachment",
    ),
    Route("GET", f"{_S}/os-interface/{{port_id}}", show_interface, f"{_IF}:show", view="interfaceAttachment"),
    Route("DELETE", f"{_S}/os-interface/{{port_id}}", detach, f"{_IF}:delete", 202),
    Route("GET", f"{_S}/os-security-groups", security_groups, f"{_OS}os-security-groups:list"),
    Route("GET", f"{_S}/os-instance-actions", actions, f"{_OS}os-instance-actions:list",
          query=("limit", "marker", "changes-since", "changes-before"), strict="2.58"),
    Route("GET", f"{_S}/os-instance-actions/{{request_id}}", action, f"{_OS}os-instance-actions:show",
          view="instanceAction"),
    Route("GET", f"{_S}/os-server-password", password, f"{_OS}os-server-password:show"),
    Route("DELETE", f"{_S}/os-server-password", clear_password, f"{_OS}os-server-password:clear", 204),
    Route("GET", f"{_S}/topology", topology, "compute:server:topology:index", since="2.78"),
)  # fmt: skip
