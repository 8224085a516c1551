"""Resource providers, and what hangs on them by name: usages, aggregates, traits."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.db import Related, Where
from wolke.core.http import Request, Response
from wolke.core.microversion import text
from wolke.placement import errors, views
from wolke.placement.api import queries
from wolke.placement.api.answers import answer
from wolke.placement.model import Provider
from wolke.placement.scheduler.candidates import Wants
from wolke.placement.service import Placement
from wolke.placement.store import AGGREGATES, INVENTORIES, PROVIDERS, TRAITS
from wolke.placement.versions import PROVIDER_PARAMETERS, VERSIONS, knows, served


async def root(service: Placement, ctx: Context, request: Request) -> dict[str, Any]:
    low, high = text(VERSIONS.minimum), text(VERSIONS.maximum)
    version = {"id": "v1.0", "status": "CURRENT", "min_version": low, "max_version": high}
    return {"versions": [{**version, "links": [{"rel": "self", "href": ""}]}]}


async def index(service: Placement, ctx: Context, request: Request) -> Response:
    params, version = request.query, request.version
    queries.check_names(params, served(version, PROVIDER_PARAMETERS))
    where = [Where(name, "eq", value) for name in ("name", "uuid") if (value := params.get(name)) is not None]
    where = [Where(one.column, "eq", queries.uuid_of(one.value)) if one.column == "uuid" else one for one in where]
    if (tree := params.get("in_tree")) is not None:
        member = (Where("uuid", "eq", queries.uuid_of(tree)),)
        where.append(Where("root", "within", Related(PROVIDERS, "root", member)))
    if "member_of" in params:
        where += _wanted(queries.aggregates(params.all("member_of"), version), AGGREGATES, "aggregate")
    if "required" in params:
        traits = queries.traits(params.all("required"), version)
        await service.names.check_traits({name for group in (*traits.any_of, traits.none_of) for name in group})
        where += _wanted(traits, TRAITS, "trait")
    found = await service.providers.providers(where)
    if (asked := params.get("resources")) is not None:
        found = await _with_room(service, found, queries.resources(asked))
    shown = [views.provider(one, request.api.prefix) for one in found]
    return answer(request, {"resource_providers": shown}, (one.updated_at for one in found))


def _wanted(wants: Wants, table: Any, column: str) -> list[Where]:
    where = [
        Where("uuid", "within", Related(table, "provider", (Where(column, "in", sorted(one)),))) for one in wants.any_of
    ]
    if wants.none_of:
        none = (Where(column, "in", sorted(wants.none_of)),)
        where.append(Where("uuid", "without", Related(table, "provider", none)))
    return where


async def _with_room(service: Placement, found: list[Provider], resources: dict[str, int]) -> list[Provider]:
    await service.names.check_classes(resources)
    rows = await service.db.find(INVENTORIES, where=[Where("resource_class", "in", sorted(resources))])
    fits: dict[str, int] = {}
    for one in rows:
        if one.fits(resources[one.resource_class]):
            fits[one.provider] = fits.get(one.provider, 0) + 1
    return [one for one in found if fits.get(one.uuid) == len(resources)]


async def create(service: Placement, ctx: Context, request: Request) -> Response:
    body = request.body
    uuid = queries.uuid_of(body["uuid"]) if "uuid" in body else None
    parent = body.get("parent_provider_uuid")
    provider = await service.providers.create(body["name"], uuid, queries.uuid_of(parent) if parent else None)
    where = f"/resource_providers/{provider.uuid}"
    if knows(request.version, "a body on create"):
        shown = views.provider(provider, request.api.prefix)
        return answer(request, shown, [provider.updated_at], location=where)
    return Response(201, headers={"Location": request.base_url + where})


async def show(service: Placement, ctx: Context, request: Request) -> Response:
    return _shown(request, await found(service, request))


async def update(service: Placement, ctx: Context, request: Request) -> Response:
    provider = await found(service, request)
    body = request.body
    parent = body.get("parent_provider_uuid")
    moving = knows(request.version, "moving providers")
    given = "parent_provider_uuid" in body
    if given and parent is None and provider.parent is not None and not moving:
        raise errors.BadParent("un-parenting a provider is not currently allowed.")
    parent = queries.uuid_of(parent) if parent else None
    changed = await service.providers.update(provider.uuid, body["name"], parent, set_parent=given, may_move=moving)
    return _shown(request, changed)


async def delete(service: Placement, ctx: Context, request: Request) -> None:
    await service.providers.delete(uuid(request))


async def usages(service: Placement, ctx: Context, request: Request) -> Response:
    provider = await found(service, request)
    inventories = await service.inventories.inventories(provider.uuid)
    shown = {one.resource_class: one.used for one in inventories}
    return answer(request, {"resource_provider_generation": provider.generation, "usages": shown})


async def aggregates(service: Placement, ctx: Context, request: Request) -> Response:
    return await _aggregates(service, request, await found(service, request))


async def set_aggregate_list(service: Placement, ctx: Context, request: Request) -> Response:
    wanted = [queries.uuid_of(one) for one in request.body]
    return await _aggregates(service, request, await service.providers.set_aggregates(uuid(request), wanted, None))


async def set_aggregates(service: Placement, ctx: Context, request: Request) -> Response:
    wanted = [queries.uuid_of(one) for one in request.body["aggregates"]]
    generation = request.body["resource_provider_generation"]
    return await _aggregates(
        service, request, await service.providers.set_aggregates(uuid(request), wanted, generation)
    )


async def _aggregates(service: Placement, request: Request, provider: Provider) -> Response:
    body: dict[str, Any] = {"aggregates": await service.providers.aggregates(provider.uuid)}
    if knows(request.version, "aggregate generations"):
        body["resource_provider_generation"] = provider.generation
    return answer(request, body)


async def traits(service: Placement, ctx: Context, request: Request) -> Response:
    return await _traits(service, request, await found(service, request))


async def set_traits(service: Placement, ctx: Context, request: Request) -> Response:
    generation = request.body["resource_provider_generation"]
    provider = await service.providers.set_traits(uuid(request), request.body["traits"], generation)
    return await _traits(service, request, provider)


async def clear_traits(service: Placement, ctx: Context, request: Request) -> None:
    await service.providers.set_traits(uuid(request), [], None)


async def _traits(service: Placement, request: Request, provider: Provider) -> Response:
    body = {
        "traits": await service.providers.traits(provider.uuid),
        "resource_provider_generation": provider.generation,
    }
    return answer(request, body)


async def found(service: Placement, request: Request) -> Provider:
    return await service.providers.provider(uuid(request))


def uuid(request: Request) -> str:
    """The provider's UUID in the path; what is none names nothing."""
    try:
        return queries.uuid_of(request.params["uuid"])
    except errors.BadQuery:
        raise errors.ProviderNotFound(request.params["uuid"]) from None


def _shown(request: Request, provider: Provider) -> Response:
    return answer(request, views.provider(provider, request.api.prefix), [provider.updated_at])
