"""Resource classes and traits."""

from __future__ import annotations

from wolke.core.context import Context
from wolke.core.http import Request, Response
from wolke.placement import errors
from wolke.placement.api.answers import answer
from wolke.placement.api.queries import check_names
from wolke.placement.model import CustomName
from wolke.placement.service import Placement


async def classes(service: Placement, ctx: Context, request: Request) -> Response:
    found = await service.names.classes()
    return answer(
        request, {"resource_classes": [_class(request, one) for one in found]}, (one.updated_at for one in found)
    )


async def create_class(service: Placement, ctx: Context, request: Request) -> Response:
    made = await service.names.add_class(request.body["name"])
    return answer(request, None, [made.updated_at], status=201, location=f"/resource_classes/{made.name}")


async def show_class(service: Placement, ctx: Context, request: Request) -> Response:
    found = await service.names.resource_class(request.params["name"])
    return answer(request, _class(request, found), [found.updated_at])


async def rename_class(service: Placement, ctx: Context, request: Request) -> Response:
    renamed = await service.names.rename_class(request.params["name"], request.body["name"])
    return answer(request, _class(request, renamed), [renamed.updated_at])


async def ensure_class(service: Placement, ctx: Context, request: Request) -> Response:
    name, status = request.params["name"], 201
    try:
        await service.names.add_class(name)
    except errors.ClassExists:
        status = 204
    return answer(request, None, status=status, location=f"/resource_classes/{name}")


async def delete_class(service: Placement, ctx: Context, request: Request) -> None:
    await service.names.remove_class(request.params["name"])


async def traits(service: Placement, ctx: Context, request: Request) -> Response:
    check_names(request.query, {"name", "associated"})
    name, associated = request.query.get("name", ""), request.query.get("associated")
    if associated is not None and associated.lower() not in ("true", "false"):
        raise errors.BadQuery("The query parameter 'associated' only accepts 'true' or 'false'")
    prefix, names = "", None
    if name and name.startswith("startswith:"):
        prefix = name.removeprefix("startswith:")
    elif name and name.startswith("in:"):
        names = name.removeprefix("in:").split(",")
    elif name:
        raise errors.BadQuery("Badly formatted name parameter. Expected startswith:PREFIX or in:NAME1,NAME2.")
    wanted = None if associated is None else associated.lower() == "true"
    return answer(request, {"traits": await service.names.traits(prefix=prefix, names=names, associated=wanted)})


async def show_trait(service: Placement, ctx: Context, request: Request) -> Response:
    if not await service.names.has_trait(request.params["name"]):
        raise errors.TraitNotFound(request.params["name"])
    return answer(request, None, status=204)


async def ensure_trait(service: Placement, ctx: Context, request: Request) -> Response:
    name = request.params["name"]
    new = await service.names.add_trait(name)
    return answer(request, None, status=201 if new else 204, location=f"/traits/{name}")


async def delete_trait(service: Placement, ctx: Context, request: Request) -> None:
    await service.names.remove_trait(request.params["name"])


def _class(request: Request, one: CustomName) -> dict[str, object]:
    href = f"{request.api.prefix}/resource_classes/{one.name}"
    return {"name": one.name, "links": [{"rel": "self", "href": href}]}
