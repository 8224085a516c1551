"""What administrators ask of hosts: services, pools, capabilities; and zones, which everybody may."""

from __future__ import annotations

from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.schema import others as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.hosts import BACKUP, VOLUME
from wolke.block_storage.versions import Since
from wolke.block_storage.views import others as views
from wolke.core.clock import micros
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Response, Route
from wolke.core.schema import boolean

Json = dict[str, Any]


async def services(service: BlockStorage, ctx: Context, request: Request) -> Json:
    query = request.query
    binary, host = query.get("binary") or query.get("service"), query.get("host")
    found = [
        views.service(one)
        for one in await service.hosts.services(ctx)
        if binary in (None, one.binary) and host in (None, one.host, one.host.partition("@")[0])
    ]
    return {"services": found}


def _switch(*, disabled: bool, with_reason: bool = False) -> Any:
    async def switch(service: BlockStorage, ctx: Context, request: Request) -> Json:
        asked = request.body
        binary = asked.get("binary") or asked.get("service")
        if not binary:
            raise BadRequest("Missing required element 'binary' in request body.")
        reason = asked.get("disabled_reason") if with_reason else None
        if reason is not None and not reason.strip():
            raise errors.Invalid("input received", "Disabled reason contains invalid characters or is too long")
        host = asked["host"]
        await service.hosts.switch(ctx, binary, host, disabled=disabled, reason=reason)
        told: Json = {"host": host, "service": binary, "binary": binary, "disabled": disabled}
        told["status"] = "disabled" if disabled else "enabled"
        if not disabled or with_reason:
            told["disabled_reason"] = reason
        return told

    return switch


def _freeze(*, frozen: bool) -> Any:
    async def freeze(service: BlockStorage, ctx: Context, request: Request) -> Response:
        await service.hosts.freeze(ctx, request.body["host"], frozen=frozen)
        return Response(200)

    return freeze


async def failover(service: BlockStorage, ctx: Context, request: Request) -> None:
    raise errors.NotOffered("replication")


# -- pools


async def pools(service: BlockStorage, ctx: Context, request: Request) -> Json:
    query = request.query
    detail = boolean(query.get("detail") or "false", "detail")
    found = await service.hosts.pools()
    if (name := query.get("name")) is not None:
        found = [one for one in found if str(one.address) == name]
    if (wanted := query.get("volume_type")) is not None and request.version >= Since.POOL_TYPES:
        specs = (await service.types.named(ctx, wanted)).extra_specs
        found = service.hosts.fitting(found, specs)
    return {"pools": [views.pool(one, detail=detail) for one in found]}


async def capabilities(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.hosts.capabilities(ctx, request.params["name"])
    told = views.pool(one, detail=True)["capabilities"]
    return {
        "namespace": f"OS::Storage::Capabilities::{one.address.service}",
        "vendor_name": told["vendor_name"],
        "volume_backend_name": told["volume_backend_name"],
        "pool_name": one.pool.name,
        "driver_version": told["driver_version"],
        "storage_protocol": told["storage_protocol"],
        "display_name": one.backend.name,
        "description": None,
        "visibility": None,
        "replication_targets": [],
        "properties": _PROPERTIES,
    }


def _property(title: str, description: str) -> Json:
    return {"title": title, "description": description, "type": "boolean"}


_PROPERTIES = {
    "thin_provisioning": _property("Thin Provisioning", "Volumes take room only as they are written to."),
    "qos": _property("QoS", "Limits of QoS specs are kept by the hypervisor."),
    "replication_enabled": _property("Replication", "Volumes are not replicated."),
}


# -- hosts


async def hosts(service: BlockStorage, ctx: Context, request: Request) -> Json:
    found = [
        {
            "host_name": one.host,
            "service": one.binary,
            "zone": one.zone,
            "service-status": "available" if one.up else "unavailable",
            "service-state": "disabled" if one.disabled else "enabled",
            "last-update": micros(one.updated_at),
        }
        for one in await service.hosts.services(ctx)
        if one.binary in (VOLUME, BACKUP) or not request.query.get("zone")
    ]
    return {"hosts": found}


async def host(service: BlockStorage, ctx: Context, request: Request) -> Json:
    name = request.params["name"]
    usage = await service.hosts.usage(ctx, name)
    rows = [("(total)", [sum(row[at] for row in usage.by_project.values()) for at in range(4)])]
    rows += sorted(usage.by_project.items())
    return {
        "host": [
            {
                "resource": {
                    "host": name,
                    "project": project,
                    "volume_count": str(row[0]),
                    "total_volume_gb": str(row[1]),
                    "snapshot_count": str(row[2]),
                    "total_snapshot_gb": str(row[3]),
                }
            }
            for project, row in rows
        ]
    }


async def zones(service: BlockStorage, ctx: Context, request: Request) -> Json:
    found = await service.hosts.zones()
    return {"availabilityZoneInfo": [{"zoneName": name, "zoneState": {"available": up}} for name, up in found.items()]}


# -- what there is none of


async def clusters(service: BlockStorage, ctx: Context, request: Request) -> Json:
    return {"clusters": []}


async def cluster(service: BlockStorage, ctx: Context, request: Request) -> Json:
    raise NotFound(f"Cluster {request.params['name'][:255]} could not be found.")


async def cleanup(service: BlockStorage, ctx: Context, request: Request) -> Json:
    """Nothing waits for this: what a service left is taken up by the next look of a loop."""
    return {"cleaning": [], "unavailable": []}


_S, _X = "/os-services", "volume_extension"
_POOLS, _UPDATE = "scheduler_extension:scheduler_stats:get_pools", f"{_X}:services:update"
ROUTES = (
    Route("GET", _S, services, f"{_X}:services:index", view="service"),
    Route("PUT", f"{_S}/enable", _switch(disabled=False), _UPDATE, body=schema.SERVICE),
    Route("PUT", f"{_S}/disable", _switch(disabled=True), _UPDATE, body=schema.SERVICE),
    Route("PUT", f"{_S}/disable-log-reason", _switch(disabled=True, with_reason=True), _UPDATE,
          body=schema.SERVICE_REASON),
    Route("PUT", f"{_S}/freeze", _freeze(frozen=True), _UPDATE, body=schema.SERVICE_HOST),
    Route("PUT", f"{_S}/thaw", _freeze(frozen=False), _UPDATE, body=schema.SERVICE_HOST),
    Route("PUT", f"{_S}/failover_host", failover, _UPDATE, body=schema.SERVICE_HOST),
    Route("PUT", f"{_S}/failover", failover, _UPDATE, body=schema.SERVICE_HOST, since="3.26"),
    Route("GET", "/scheduler-stats/get_pools", pools, _POOLS),
    Route("GET", "/capabilities/{name}", capabilities, f"{_X}:capabilities"),
    Route("GET", "/os-hosts", hosts, f"{_X}:hosts"),
    Route("GET", "/os-hosts/{name}", host, f"{_X}:hosts"),
    Route("GET", "/os-availability-zone", zones, f"{_X}:availability_zone_list"),
    Route("GET", "/clusters", clusters, "clusters:get_all", since="3.7"),
    Route("GET", "/clusters/detail", clusters, "clusters:get_all", since="3.7"),
    Route("GET", "/clusters/{name}", cluster, "clusters:get_all", since="3.7"),
    Route("POST", "/workers/cleanup", cleanup, "workers:cleanup", 202, body=schema.CLEANUP, since="3.24"),
)  # fmt: skip
