"""/os-services, /os-hypervisors and /os-availability-zone."""

from __future__ import annotations

from typing import Any

from wolke.compute import errors
from wolke.compute.api.pages import full
from wolke.compute.model import Host, HostUse, legacy_id
from wolke.compute.schema import operations as schema
from wolke.compute.service import Compute
from wolke.compute.versions import Since
from wolke.compute.views import hosts as views
from wolke.compute.views.links import following
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Route
from wolke.core.paging import parse_limit
from wolke.core.schema import boolean

_SERVICES = "os_compute_api:os-services"
_HYPERVISORS = "os_compute_api:os-hypervisors"
_ZONES = "os_compute_api:os-availability-zone"
Json = dict[str, Any]


def _uuids(request: Request) -> bool:
    return request.version >= Since.UUIDS_FOR_HOSTS


# -- services


async def services(service: Compute, ctx: Context, request: Request) -> Json:
    host, binary = request.query.get("host"), request.query.get("binary")
    zones = await service.hosts.zone_names()
    found = [] if binary not in (None, "", views.BINARY) else await service.hosts.index()
    shown = [_service(service, request, one, zones) for one in found if host in (None, "", one.name)]
    return {"services": shown}


def _service(service: Compute, request: Request, host: Host, zones: dict[str, str]) -> Json:
    zone = zones.get(host.name, service.config.default_availability_zone)
    return views.service(host, zone, up=service.hosts.up(host), uuids=_uuids(request))


async def update_service(service: Compute, ctx: Context, request: Request) -> Json:
    service_id, asked = request.params["service_id"], request.body
    if not ids.is_uuid(service_id):
        raise BadRequest(f"Invalid uuid {service_id[:64]}")
    if "status" not in asked and "forced_down" not in asked:
        raise BadRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    if "disabled_reason" in asked and asked.get("status") != "disabled":
        raise BadRequest("Specifying disabled_reason requires that status is 'disabled'.")
    changes: Json = {}
    if "status" in asked:
        changes = {"disabled": asked["status"] == "disabled", "disabled_reason": asked.get("disabled_reason")}
    if "forced_down" in asked:
        changes["forced_down"] = boolean(asked["forced_down"])
    host = await service.hosts.update(ctx, await service.hosts.show(service_id), **changes)
    return {"service": _service(service, request, host, await service.hosts.zone_names())}


async def delete_service(service: Compute, ctx: Context, request: Request) -> None:
    service_id = request.params["service_id"]
    if _uuids(request) and not ids.is_uuid(service_id):
        raise BadRequest(f"Invalid uuid {service_id[:64]}")
    await service.hosts.delete(ctx, await service.hosts.show(service_id))


async def _named(service: Compute, asked: Json) -> Host:
    host = await service.hosts.named(asked["host"])
    if host is None or asked["binary"] != views.BINARY:
        raise NotFound(f"Could not find binary {asked['binary']} on host {asked['host']}.")
    return host


def _switch(*, disabled: bool) -> Any:
    async def switch(service: Compute, ctx: Context, request: Request) -> Json:
        asked = request.body
        reason = asked.get("disabled_reason")
        await service.hosts.update(ctx, await _named(service, asked), disabled=disabled, disabled_reason=reason)
        said = {"host": asked["host"], "binary": asked["binary"], "status": "disabled" if disabled else "enabled"}
        return {"service": said if reason is None else {**said, "disabled_reason": reason}}

    return switch


async def force_down(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body
    down = boolean(asked.get("forced_down", False))
    await service.hosts.update(ctx, await _named(service, asked), forced_down=down)
    return {"service": {"host": asked["host"], "binary": asked["binary"], "forced_down": down}}


# -- hypervisors


async def _chosen(service: Compute, request: Request) -> tuple[list[Host], int | None]:
    """The page of hosts that is asked for, and its limit."""
    hosts, query, limit = await service.hosts.index(), request.query, None
    pattern = query.get("hypervisor_hostname_pattern") if _uuids(request) else None
    if pattern is not None:
        if "limit" in query or "marker" in query:
            raise BadRequest(
                "Paging over results with the hypervisor_hostname_pattern query parameter is not supported."
            )
        hosts = [host for host in hosts if pattern in host.name]
        if not hosts:
            raise NotFound(f"No hypervisor matching '{pattern[:64]}' could be found.")
    elif request.version >= Since.PAGED_HYPERVISORS:
        most = service.config.max_servers_per_page
        limit = parse_limit(query.get("limit"), most=most, default=most)
        if (marker := query.get("marker")) is not None:
            at = next((i for i, one in enumerate(hosts) if marker in (one.id, str(legacy_id(one.id)))), None)
            if at is None:
                raise errors.MarkerNotFound(marker)
            hosts = hosts[at + 1 :]
        hosts = hosts[:limit]
    return hosts, limit


async def hypervisors(service: Compute, ctx: Context, request: Request) -> Json:
    hosts, limit = await _chosen(service, request)
    shown = [views.hypervisor_brief(one, up=service.hosts.up(one), uuids=_uuids(request)) for one in hosts]
    await _add_servers(service, request, hosts, shown)
    return _listed(request, hosts, shown, "os-hypervisors", limit)


async def hypervisor_details(service: Compute, ctx: Context, request: Request) -> Json:
    hosts, limit = await _chosen(service, request)
    use = await service.hosts.use()
    shown = [_detail(service, request, one, use) for one in hosts]
    await _add_servers(service, request, hosts, shown)
    return _listed(request, hosts, shown, "os-hypervisors/detail", limit)


def _detail(service: Compute, request: Request, host: Host, use: dict[str, HostUse]) -> Json:
    return views.hypervisor(
        host,
        use.get(host.name, HostUse()),
        up=service.hosts.up(host),
        uuids=_uuids(request),
        resources=request.version < Since.HYPERVISORS_WITHOUT_RESOURCES,
    )


def _listed(request: Request, hosts: list[Host], shown: list[Json], path: str, limit: int | None) -> Json:
    answer: Json = {"hypervisors": shown}
    if full(hosts, limit):
        answer["hypervisors_links"] = following(request.base_url, path, request.query, str(shown[-1]["id"]), limit)
    return answer


async def _add_servers(service: Compute, request: Request, hosts: list[Host], shown: list[Json]) -> None:
    wanted = request.query.get("with_servers")
    if not _uuids(request) or wanted is None or not boolean(wanted, "with_servers"):
        return
    found = await service.hosts.servers(host.name for host in hosts)
    for host, one in zip(hosts, shown, strict=True):
        if found.get(host.name):
            one["servers"] = views.servers_on(found[host.name])


async def _hypervisor(service: Compute, request: Request) -> Host:
    host_id = request.params["hypervisor_id"]
    if _uuids(request) and not ids.is_uuid(host_id):
        raise BadRequest(f"Invalid uuid {host_id[:64]}")
    try:
        return await service.hosts.show(host_id)
    except NotFound:
        raise NotFound(f"Hypervisor with ID '{host_id[:64]}' could not be found.") from None


async def hypervisor(service: Compute, ctx: Context, request: Request) -> Json:
    host = await _hypervisor(service, request)
    shown = _detail(service, request, host, await service.hosts.use())
    await _add_servers(service, request, [host], [shown])
    return {"hypervisor": shown}


async def statistics(service: Compute, ctx: Context, request: Request) -> Json:
    use = await service.hosts.use()
    hosts = [(host, use.get(host.name, HostUse())) for host in await service.hosts.index() if not host.disabled]
    return {"hypervisor_statistics": views.statistics(hosts)}


async def uptime(service: Compute, ctx: Context, request: Request) -> Json:
    host = await _hypervisor(service, request)
    brief = views.hypervisor_brief(host, up=service.hosts.up(host), uuids=_uuids(request))
    return {"hypervisor": {**brief, "uptime": views.uptime(host)}}


async def search(service: Compute, ctx: Context, request: Request) -> Json:
    hosts = await _matching(service, request)
    return {"hypervisors": [views.hypervisor_brief(one, up=service.hosts.up(one), uuids=False) for one in hosts]}


async def search_servers(service: Compute, ctx: Context, request: Request) -> Json:
    hosts = await _matching(service, request)
    found = await service.hosts.servers(host.name for host in hosts)
    shown = []
    for host in hosts:
        one = views.hypervisor_brief(host, up=service.hosts.up(host), uuids=False)
        shown.append({**one, "servers": views.servers_on(found[host.name])} if found.get(host.name) else one)
    return {"hypervisors": shown}


async def _matching(service: Compute, request: Request) -> list[Host]:
    pattern = request.params["hypervisor_id"]
    hosts = [host for host in await service.hosts.index() if pattern in host.name]
    if not hosts:
        raise NotFound(f"No hypervisor matching '{pattern[:64]}' could be found.")
    return hosts


# -- availability zones


async def zones(service: Compute, ctx: Context, request: Request) -> Json:
    return {"availabilityZoneInfo": [views.zone(one, None) for one in await service.hosts.zones()]}


async def zone_details(service: Compute, ctx: Context, request: Request) -> Json:
    found = await service.hosts.zones()
    up = {host.name: service.hosts.up(host) for one in found for host in one.hosts}
    return {"availabilityZoneInfo": [views.zone(one, up) for one in found]}


_QUERY = ("limit", "marker", "hypervisor_hostname_pattern", "with_servers")
_SV, _HV, _ONE = "/v2.1/os-services", "/v2.1/os-hypervisors", "/v2.1/os-hypervisors/{hypervisor_id}"
ROUTES = (
    Route("GET", _SV, services, f"{_SERVICES}:list", view="service", query=("host", "binary"), strict="2.75"),
    Route("PUT", f"{_SV}/enable", _switch(disabled=False), f"{_SERVICES}:update", body=schema.SERVICE_HOST, until="2.52"),
    Route("PUT", f"{_SV}/disable", _switch(disabled=True), f"{_SERVICES}:update", body=schema.SERVICE_HOST, until="2.52"),
    Route("PUT", f"{_SV}/disable-log-reason", _switch(disabled=True), f"{_SERVICES}:update", body=schema.SERVICE_REASON,
          until="2.52"),
    Route("PUT", f"{_SV}/force-down", force_down, f"{_SERVICES}:update", body=schema.SERVICE_FORCE_DOWN, since="2.11",
          until="2.52"),
    Route("PUT", f"{_SV}/{{service_id}}", update_service, f"{_SERVICES}:update", body=schema.SERVICE, since="2.53"),
    Route("DELETE", f"{_SV}/{{service_id}}", delete_service, f"{_SERVICES}:delete", 204),
    Route("GET", _HV, hypervisors, f"{_HYPERVISORS}:list", query=_QUERY, strict="2.53"),
    Route("GET", f"{_HV}/detail", hypervisor_details, f"{_HYPERVISORS}:list-detail", view="hypervisor", query=_QUERY,
          strict="2.53"),
    Route("GET", f"{_HV}/statistics", statistics, f"{_HYPERVISORS}:statistics", until="2.87"),
    Route("GET", _ONE, hypervisor, f"{_HYPERVISORS}:show", view="hypervisor", query=("with_servers",), strict="2.53"),
    Route("GET", f"{_ONE}/uptime", uptime, f"{_HYPERVISORS}:uptime", until="2.87"),
    Route("GET", f"{_ONE}/search", search, f"{_HYPERVISORS}:search", until="2.52"),
    Route("GET", f"{_ONE}/servers", search_servers, f"{_HYPERVISORS}:servers", until="2.52"),
    Route("GET", "/v2.1/os-availability-zone", zones, f"{_ZONES}:list"),
    Route("GET", "/v2.1/os-availability-zone/detail", zone_details, f"{_ZONES}:detail"),
)  # fmt: skip
