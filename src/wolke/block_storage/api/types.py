"""/types: with extra specs, access, encryption, and which is whose default."""

from __future__ import annotations

import ast
from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.api import pages
from wolke.block_storage.api.actions import ANY_ACTION, Action, door
from wolke.block_storage.api.seen import TYPE, less
from wolke.block_storage.model import DefaultType, VolumeType
from wolke.block_storage.schema import types as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.views import types as views
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Response, Route
from wolke.core.schema import boolean

Json = dict[str, Any]
_SENSITIVE = "volume_extension:types_extra_specs:read_sensitive"


def _shown(request: Request, one: VolumeType) -> Json:
    item = views.volume_type(one, sensitive=request.allows(_SENSITIVE))
    less(request, TYPE, [item])
    return item


async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
    page, offset = pages.page(request)
    found = await service.types.index(
        ctx, page, is_public=_public(request), extra_specs=_specs_filter(request), offset=offset
    )
    items = [_shown(request, one) for one in found]
    return {"volume_types": items, **pages.links(request, found, page, "volume_type_links")}


def _public(request: Request) -> bool | None:
    said = request.query.get("is_public")
    if said is None:
        return True
    return None if said.lower() == "none" else boolean(said, "is_public")


def _specs_filter(request: Request) -> dict[str, str]:
    said = request.query.get("extra_specs")
    if said is None:
        return {}
    try:
        found = ast.literal_eval(said) if len(said) < 4096 else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise errors.Invalid("input received", f"Invalid value for the filter extra_specs: {said[:128]!r}")
    return {str(name): str(value) for name, value in found.items()}


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    type_id = request.params["type_id"]
    if type_id == "default":
        one = await service.types.default(ctx)
        if one is None:
            raise errors.TypeNotFound("default")
    else:
        one = await service.types.show(ctx, type_id)
    return {"volume_type": _shown(request, one)}


async def create(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["volume_type"]
    is_public = boolean(asked.get("os-volume-type-access:is_public", True), "is_public")
    specs = asked.get("extra_specs") or {}
    made = await service.types.create(
        ctx, asked["name"].strip(), asked.get("description"), is_public=is_public, extra_specs=specs
    )
    item = _shown(request, made)
    item.pop("qos_specs_id", None)
    return {"volume_type": item}


async def update(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["volume_type"]
    changes: Json = {}
    if asked.get("name") is not None:
        changes["name"] = asked["name"].strip()
        if not changes["name"]:
            raise BadRequest("Volume type name can not be empty.")
    if "description" in asked:
        changes["description"] = asked["description"]
    if asked.get("is_public") is not None:
        changes["is_public"] = boolean(asked["is_public"], "is_public")
    if not any(value is not None for value in changes.values()):
        raise BadRequest("Specify volume type name, description, is_public or a combination thereof.")
    item = _shown(request, await service.types.update(ctx, request.params["type_id"], changes))
    return {"volume_type": {k: v for k, v in item.items() if k in _UPDATED}}


_UPDATED = ("id", "name", "description", "is_public", "extra_specs")


async def delete(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.types.delete(ctx, request.params["type_id"])


# -- extra specs


async def extra_specs(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.types.show(ctx, request.params["type_id"])
    return {"extra_specs": _shown(request, one).get("extra_specs", {})}


async def add_extra_specs(service: BlockStorage, ctx: Context, request: Request) -> Json:
    specs = request.body["extra_specs"]
    if not specs:
        raise BadRequest("No extra specs are given.")
    await service.types.set_extra_specs(ctx, request.params["type_id"], specs)
    return {"extra_specs": specs}


async def extra_spec(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one, key = await service.types.show(ctx, request.params["type_id"]), request.params["key"]
    specs = _shown(request, one).get("extra_specs", {})
    if key not in specs:
        raise errors.ExtraSpecNotFound(one.id, key)
    return {key: specs[key]}


async def set_extra_spec(service: BlockStorage, ctx: Context, request: Request) -> Json:
    key = request.params["key"]
    if key not in request.body:
        raise BadRequest("Request body and URI mismatch")
    one = await service.types.set_extra_specs(ctx, request.params["type_id"], request.body)
    return {key: one.extra_specs[key]}


async def delete_extra_spec(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.types.delete_extra_spec(ctx, request.params["type_id"], request.params["key"])


# -- access


async def access(service: BlockStorage, ctx: Context, request: Request) -> Json:
    type_id = request.params["type_id"]
    projects = await service.types.projects(ctx, type_id)
    return {"volume_type_access": [{"volume_type_id": type_id, "project_id": one} for one in projects]}


async def add_access(service: BlockStorage, ctx: Context, request: Request, type_id: str, said: Json) -> None:
    await service.types.add_project(ctx, type_id, said["project"])


async def remove_access(service: BlockStorage, ctx: Context, request: Request, type_id: str, said: Json) -> None:
    await service.types.remove_project(ctx, type_id, said["project"])


_ACCESS = "volume_extension:volume_type_access"
ACTIONS = {
    "addProjectAccess": Action(add_access, f"{_ACCESS}:addProjectAccess", schema.ADD_ACCESS),
    "removeProjectAccess": Action(remove_access, f"{_ACCESS}:removeProjectAccess", schema.REMOVE_ACCESS),
}

# -- encryption


async def encryption(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.types.show(ctx, request.params["type_id"])
    return views.encryption_detail(one.id, one.encryption) if one.encryption else {}


async def encryption_item(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one, key = await service.types.show(ctx, request.params["type_id"]), request.params["key"]
    told = views.encryption_detail(one.id, one.encryption) if one.encryption else {}
    if key not in told:
        raise errors.MetadataNotFound(key)
    return {key: told[key]}


async def create_encryption(service: BlockStorage, ctx: Context, request: Request) -> Json:
    changes = _encryption(request.body["encryption"])
    wanted = {"cipher": None, "key_size": None, **changes}
    one = await service.types.create_encryption(ctx, request.params["type_id"], **wanted)
    assert one.encryption is not None
    return {"encryption": views.encryption_type(one.id, one.encryption)}


async def update_encryption(service: BlockStorage, ctx: Context, request: Request) -> Json:
    params, changes = request.params, _encryption(request.body["encryption"])
    await service.types.update_encryption(ctx, params["type_id"], params["key"], changes)
    return {"encryption": request.body["encryption"]}


async def delete_encryption(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.types.delete_encryption(ctx, request.params["type_id"], request.params["key"])


def _encryption(asked: Json) -> Json:
    changes = dict(asked)
    if changes.get("key_size") is not None:
        changes["key_size"] = int(changes["key_size"])
    return changes


# -- defaults


def _default(one: DefaultType) -> Json:
    return {"project_id": one.project_id, "volume_type_id": one.type_id}


async def defaults(service: BlockStorage, ctx: Context, request: Request) -> Json:
    return {"default_types": [_default(one) for one in await service.types.defaults(ctx)]}


async def default(service: BlockStorage, ctx: Context, request: Request) -> Json:
    return {"default_type": _default(await service.types.default_of(ctx, request.params["of_project_id"]))}


async def set_default(service: BlockStorage, ctx: Context, request: Request) -> Json:
    wanted = request.body["default_type"]["volume_type"]
    return {"default_type": _default(await service.types.set_default(ctx, request.params["of_project_id"], wanted))}


async def unset_default(service: BlockStorage, ctx: Context, request: Request) -> Response:
    await service.types.unset_default(ctx, request.params["of_project_id"])
    return Response(204)


_T, _ONE, _X = "/types", "/types/{type_id}", "volume_extension"
_S, _E, _D = f"{_ONE}/extra_specs", f"{_ONE}/encryption", "/default-types"
_SPECS, _CRYPT = f"{_X}:types_extra_specs", f"{_X}:volume_type_encryption"
ROUTES = (
    Route("GET", _T, index, f"{_X}:type_get_all"),
    Route("POST", _T, create, f"{_X}:type_create", body=schema.CREATE),
    Route("GET", _ONE, show, f"{_X}:type_get"),
    Route("PUT", _ONE, update, f"{_X}:type_update", body=schema.UPDATE),
    Route("DELETE", _ONE, delete, f"{_X}:type_delete", 202),
    Route("POST", f"{_ONE}/action", door(ACTIONS, "type_id"), body=ANY_ACTION),
    Route("GET", f"{_ONE}/os-volume-type-access", access, f"{_ACCESS}:get_all_for_type"),
    Route("GET", _S, extra_specs, f"{_SPECS}:index"),
    Route("POST", _S, add_extra_specs, f"{_SPECS}:create", body=schema.EXTRA_SPECS),
    Route("GET", f"{_S}/{{key}}", extra_spec, f"{_SPECS}:show"),
    Route("PUT", f"{_S}/{{key}}", set_extra_spec, f"{_SPECS}:update", body=schema.EXTRA_SPEC),
    Route("DELETE", f"{_S}/{{key}}", delete_extra_spec, f"{_SPECS}:delete", 202),
    Route("GET", _E, encryption, f"{_CRYPT}:get"),
    Route("POST", _E, create_encryption, f"{_CRYPT}:create", body=schema.ENCRYPTION_CREATE),
    Route("GET", f"{_E}/{{key}}", encryption_item, f"{_CRYPT}:get"),
    Route("PUT", f"{_E}/{{key}}", update_encryption, f"{_CRYPT}:update", body=schema.ENCRYPTION_UPDATE),
    Route("DELETE", f"{_E}/{{key}}", delete_encryption, f"{_CRYPT}:delete", 202),
)
#: These say whose default they mean; no project comes before.
DEFAULT_ROUTES = (
    Route("GET", _D, defaults, f"{_X}:default_get_all", since="3.62"),
    Route("GET", f"{_D}/{{of_project_id}}", default, f"{_X}:default_get", since="3.62"),
    Route(
        "PUT",
        f"{_D}/{{of_project_id}}",
        set_default,
        f"{_X}:default_set_or_update",
        body=schema.DEFAULT_TYPE,
        since="3.62",
    ),
    Route("DELETE", f"{_D}/{{of_project_id}}", unset_default, f"{_X}:default_unset", since="3.62"),
)
