"""/qos-specs."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.api import pages
from wolke.block_storage.model import QosSpecs
from wolke.block_storage.schema import types as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.views import types as views
from wolke.block_storage.views.links import links
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.schema import boolean

Json = dict[str, Any]
COLUMNS = {"id": "id", "name": "name", "created_at": "created_at"}


def _detail(ctx: Context, request: Request, one: QosSpecs) -> Json:
    return {"qos_specs": views.qos_specs(one), "links": links(request.base_url, ctx, "qos-specs", one.id)}


async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
    page, offset = pages.page(request, columns=COLUMNS)
    rows = await service.qos_specs.index(ctx, page, offset=offset)
    return {
        "qos_specs": [views.qos_specs(one) for one in rows],
        **pages.links(request, rows, page, "qos_specs_links"),
    }


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    return _detail(ctx, request, await service.qos_specs.show(ctx, request.params["specs_id"]))


async def create(service: BlockStorage, ctx: Context, request: Request) -> Json:
    specs = dict(request.body["qos_specs"])
    name, consumer = specs.pop("name").strip(), specs.pop("consumer", "back-end")
    return _detail(ctx, request, await service.qos_specs.create(ctx, name, consumer, specs))


async def change(service: BlockStorage, ctx: Context, request: Request) -> Json:
    specs = request.body["qos_specs"]
    await service.qos_specs.set(ctx, request.params["specs_id"], specs)
    return {"qos_specs": specs}


async def unset(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.qos_specs.unset(ctx, request.params["specs_id"], request.body["keys"])


async def delete(service: BlockStorage, ctx: Context, request: Request) -> None:
    force = boolean(request.query.get("force") or "false", "force")
    await service.qos_specs.delete(ctx, request.params["specs_id"], force=force)


async def associations(service: BlockStorage, ctx: Context, request: Request) -> Json:
    types = await service.qos_specs.associations(ctx, request.params["specs_id"])
    items = [{"association_type": "volume_type", "name": one.name, "id": one.id} for one in types]
    return {"qos_associations": items}


async def associate(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.qos_specs.associate(ctx, request.params["specs_id"], _type_id(request))


async def disassociate(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.qos_specs.disassociate(ctx, request.params["specs_id"], _type_id(request))


async def disassociate_all(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.qos_specs.disassociate(ctx, request.params["specs_id"], None)


def _type_id(request: Request) -> str:
    found = request.query.get("vol_type_id")
    if not found:
        raise BadRequest("Volume Type id must not be None.")
    return found


_Q, _ONE, _RULE = "/qos-specs", "/qos-specs/{specs_id}", "volume_extension:qos_specs_manage"
ROUTES = (
    Route("GET", _Q, index, f"{_RULE}:get_all"),
    Route("POST", _Q, create, f"{_RULE}:create", body=schema.QOS_CREATE),
    Route("GET", _ONE, show, f"{_RULE}:get"),
    Route("PUT", _ONE, change, f"{_RULE}:update", body=schema.QOS_SET),
    Route("PUT", f"{_ONE}/delete_keys", unset, f"{_RULE}:update", 202, body=schema.QOS_UNSET),
    Route("DELETE", _ONE, delete, f"{_RULE}:delete", 202),
    Route("GET", f"{_ONE}/associations", associations, f"{_RULE}:get_all"),
    Route("GET", f"{_ONE}/associate", associate, f"{_RULE}:update", 202),
    Route("GET", f"{_ONE}/disassociate", disassociate, f"{_RULE}:update", 202),
    Route("GET", f"{_ONE}/disassociate_all", disassociate_all, f"{_RULE}:update", 202),
)
