"""The inventories of a provider."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Response
from wolke.placement import views
from wolke.placement.api.answers import answer
from wolke.placement.api.providers import found, uuid
from wolke.placement.model import Provider
from wolke.placement.service import Placement
from wolke.placement.versions import knows


async def index(service: Placement, ctx: Context, request: Request) -> Response:
    return await _all(service, request, await found(service, request))


async def replace(service: Placement, ctx: Context, request: Request) -> Response:
    body = request.body
    provider = await service.inventories.replace(
        uuid(request), body["inventories"], body["resource_provider_generation"], all_reserved=_all_reserved(request)
    )
    return await _all(service, request, provider)


async def clear(service: Placement, ctx: Context, request: Request) -> None:
    await service.inventories.replace(uuid(request), {}, None)


async def create(service: Placement, ctx: Context, request: Request) -> Response:
    values, name = _values(request), request.body["resource_class"]
    generation = request.body.get("resource_provider_generation")
    provider = await service.inventories.add(
        uuid(request), name, values, generation, all_reserved=_all_reserved(request)
    )
    return await _one(service, request, provider, name, status=201)


async def show(service: Placement, ctx: Context, request: Request) -> Response:
    provider = await found(service, request)
    return await _one(service, request, provider, request.params["resource_class"])


async def update(service: Placement, ctx: Context, request: Request) -> Response:
    name, generation = request.params["resource_class"], request.body["resource_provider_generation"]
    values = _values(request)
    provider = await service.inventories.update(
        uuid(request), name, values, generation, all_reserved=_all_reserved(request)
    )
    return await _one(service, request, provider, name)


async def delete(service: Placement, ctx: Context, request: Request) -> None:
    await service.inventories.remove(uuid(request), request.params["resource_class"])


async def _all(service: Placement, request: Request, provider: Provider) -> Response:
    records = await service.inventories.inventories(provider.uuid)
    return answer(request, views.inventories(records, provider.generation), (one.updated_at for one in records))


async def _one(service: Placement, request: Request, provider: Provider, name: str, *, status: int = 200) -> Response:
    record = await service.inventories.inventory(provider.uuid, name)
    body = {**views.inventory(record), "resource_provider_generation": provider.generation}
    where = f"/resource_providers/{provider.uuid}/inventories/{name}" if status == 201 else ""
    return answer(request, body, [record.updated_at], status=status, location=where)


def _values(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.body.items() if not name.startswith("resource_")}


def _all_reserved(request: Request) -> bool:
    return knows(request.version, "all reserved")
