"""``/v3/regions``, ``/v3/services`` and ``/v3/endpoints``."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request
from wolke.identity import views
from wolke.identity.api.lists import answer, wanted
from wolke.identity.errors import Invalid
from wolke.identity.model import Endpoint
from wolke.identity.service import Identity

# -- regions


async def region_index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    found = await service.catalog.regions(wanted(request, ("parent_region_id",)))
    return answer(request, "regions", found, lambda one: views.region(one, request.base_url))


async def region_show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"region": views.region(await service.catalog.region(request.params["region_id"]), request.base_url)}


async def region_create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    region = await service.catalog.create_region(ctx, request.body["region"])
    return {"region": views.region(region, request.base_url)}


async def region_put(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    """The older way to choose a region's id."""
    region_id, values = request.params["region_id"], request.body["region"]
    if values.get("id", region_id) != region_id:
        raise Invalid("The ID of the region in the body is not that in the URL.")
    region = await service.catalog.create_region(ctx, values, region_id=region_id)
    return {"region": views.region(region, request.base_url)}


async def region_update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    region = await service.catalog.update_region(ctx, request.params["region_id"], request.body["region"])
    return {"region": views.region(region, request.base_url)}


async def region_delete(service: Identity, ctx: Context, request: Request) -> None:
    await service.catalog.delete_region(ctx, request.params["region_id"])


# -- services


async def service_index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    found = await service.catalog.services(wanted(request, ("type", "name")))
    return answer(request, "services", found, lambda one: views.service(one, request.base_url))


async def service_show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"service": views.service(await service.catalog.service(request.params["service_id"]), request.base_url)}


async def service_create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    made = await service.catalog.create_service(ctx, request.body["service"])
    return {"service": views.service(made, request.base_url)}


async def service_update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    changed = await service.catalog.update_service(ctx, request.params["service_id"], request.body["service"])
    return {"service": views.service(changed, request.base_url)}


async def service_delete(service: Identity, ctx: Context, request: Request) -> None:
    await service.catalog.delete_service(ctx, request.params["service_id"])


# -- endpoints


def _endpoint(service: Identity, request: Request, one: Endpoint) -> dict[str, Any]:
    return views.endpoint(one, request.base_url, service.ground.public_url)


async def endpoint_index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    found = await service.catalog.endpoints(wanted(request, ("interface", "service_id", "region_id"), ("enabled",)))
    return answer(request, "endpoints", found, lambda one: _endpoint(service, request, one))


async def endpoint_show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"endpoint": _endpoint(service, request, await service.catalog.endpoint(request.params["endpoint_id"]))}


async def endpoint_create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {
        "endpoint": _endpoint(service, request, await service.catalog.create_endpoint(ctx, request.body["endpoint"]))
    }


async def endpoint_update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    endpoint_id = request.params["endpoint_id"]
    changed = await service.catalog.update_endpoint(ctx, endpoint_id, request.body["endpoint"])
    return {"endpoint": _endpoint(service, request, changed)}


async def endpoint_delete(service: Identity, ctx: Context, request: Request) -> None:
    await service.catalog.delete_endpoint(ctx, request.params["endpoint_id"])
