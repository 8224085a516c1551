"""/os-hosts, until 2.42, and /os-instance_usage_audit_log: operators' older ways to look at hosts."""

from __future__ import annotations

from typing import Any

from wolke.compute.errors import NotOffered
from wolke.compute.model import Host
from wolke.compute.schema import operations as schema
from wolke.compute.service import Compute
from wolke.core.clock import Instant, moment
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Route

Json = dict[str, Any]
_LAST = "2.42"
_RULE, _AUDIT = "os_compute_api:os-hosts", "os_compute_api:os-instance-usage-audit-log"


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    wanted, zones = request.query.get("zone"), await service.hosts.zone_names()
    shown = [
        {"host_name": one.name, "service": "compute", "zone": zones.get(one.name, _default(service))}
        for one in await service.hosts.index()
    ]
    return {"hosts": [one for one in shown if not wanted or one["zone"] == wanted]}


def _default(service: Compute) -> str:
    return service.config.default_availability_zone


async def _host(service: Compute, request: Request) -> Host:
    name = request.params["host_name"]
    host = await service.hosts.named(name)
    if host is None:
        raise NotFound(f"Compute host {name[:255]} could not be found.")
    return host


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    """What there is, what is promised to servers, and how that is shared among projects."""
    host = await _host(service, request)
    servers = (await service.hosts.servers([host.name])).get(host.name, [])
    inventory = host.inventory
    total = (inventory["vcpus"], inventory["ram_mib"], inventory["disk_gib"])
    by_project: dict[str, tuple[int, int, int]] = {}
    for server in servers:
        cpu, ram, disk = by_project.get(server.project_id, (0, 0, 0))
        flavor = server.flavor
        gib = flavor.disk_gib + flavor.ephemeral_gib
        by_project[server.project_id] = (cpu + flavor.vcpus, ram + flavor.ram_mib, disk + gib)
    used = tuple(sum(amounts) for amounts in zip(*by_project.values(), strict=True)) or (0, 0, 0)
    rows = [("(total)", total), ("(used_now)", used), ("(used_max)", used), *by_project.items()]
    return {"host": [{"resource": _resource(host.name, project, amounts)} for project, amounts in rows]}


def _resource(host: str, project: str, amounts: tuple[int, ...]) -> Json:
    cpu, ram, disk = amounts
    return {"host": host, "project": project, "cpu": cpu, "memory_mb": ram, "disk_gb": disk}


async def update(service: Compute, ctx: Context, request: Request) -> Json:
    asked, host = request.body, await _host(service, request)
    if "status" not in asked and "maintenance_mode" not in asked:
        raise BadRequest("Nothing to update: say status or maintenance_mode.")
    if "maintenance_mode" in asked:
        raise NotOffered("maintenance modes of hosts")
    disabled = asked["status"].lower() == "disable"
    await service.hosts.update(ctx, host, disabled=disabled, disabled_reason=None)
    return {"host": host.name, "status": "disabled" if disabled else "enabled"}


def _power(action: str) -> Any:
    async def act(service: Compute, ctx: Context, request: Request) -> None:
        await _host(service, request)
        raise NotOffered(f"{action} of hosts")

    return act


# -- the audit of use: Nova notes each month when its hosts have told of their servers; no host here does such rounds


async def audit(service: Compute, ctx: Context, request: Request) -> Json:
    return {"instance_usage_audit_logs": await _audited(service, service.clock.now())}


async def audit_before(service: Compute, ctx: Context, request: Request) -> Json:
    text = request.params["before"]
    try:
        before = moment(text.replace(" ", "T") + ("" if text.endswith("Z") or "+" in text else "Z"))
    except (ValueError, OverflowError):
        raise BadRequest(f"Invalid timestamp for date {text[:64]}") from None
    return {"instance_usage_audit_log": await _audited(service, before.isoformat())}


async def _audited(service: Compute, before: Instant) -> Json:
    """Of the last whole month before that."""
    year, month = int(before[:4]), int(before[5:7])
    begins = f"{year - 1}-12" if month == 1 else f"{year:04}-{month - 1:02}"
    hosts = sorted(one.name for one in await service.hosts.index())
    return {
        "period_beginning": f"{begins}-01 00:00:00",
        "period_ending": f"{year:04}-{month:02}-01 00:00:00",
        "num_hosts": len(hosts),
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": len(hosts),
        "hosts_not_run": hosts,
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": f"0 of {len(hosts)} hosts done. 0 errors.",
        "log": {},
    }


_ONE, _LOG = "/v2.1/os-hosts/{host_name}", "/v2.1/os-instance_usage_audit_log"
ROUTES = (
    Route("GET", "/v2.1/os-hosts", index, f"{_RULE}:list", until=_LAST),
    Route("GET", _ONE, show, f"{_RULE}:show", until=_LAST),
    Route("PUT", _ONE, update, f"{_RULE}:update", body=schema.OLD_HOST, until=_LAST),
    Route("GET", f"{_ONE}/startup", _power("startup"), f"{_RULE}:start", until=_LAST),
    Route("GET", f"{_ONE}/shutdown", _power("shutdown"), f"{_RULE}:shutdown", until=_LAST),
    Route("GET", f"{_ONE}/reboot", _power("reboot"), f"{_RULE}:reboot", until=_LAST),
    Route("GET", _LOG, audit, f"{_AUDIT}:list"),
    Route("GET", f"{_LOG}/{{before}}", audit_before, f"{_AUDIT}:show"),
)
