"""/groups, /group_snapshots and /group_types."""

from __future__ import annotations

from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.api import pages
from wolke.block_storage.api.actions import ANY_ACTION, Action, door
from wolke.block_storage.model import Group, GroupSnapshot, GroupType
from wolke.block_storage.schema import snapshots as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.views import snapshots as views
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.schema import boolean

Json = dict[str, Any]
_STATUSES = ("creating", "available", "deleting", "error", "error_deleting", "updating", "in-use")
_SNAPSHOT_STATUSES = ("creating", "available", "deleting", "error", "error_deleting", "updating")


def _brief(one: Group | GroupSnapshot) -> Json:
    return {"id": one.id, "name": one.name}


# -- groups


async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
    page, offset = pages.page(request)
    rows = await service.groups.index(ctx, page, pages.where(request, "group"), offset=offset)
    return {"groups": [_brief(one) for one in rows], **pages.links(request, rows, page, "group_links")}


async def details(service: BlockStorage, ctx: Context, request: Request) -> Json:
    page, offset = pages.page(request)
    rows = await service.groups.index(ctx, page, pages.where(request, "group"), offset=offset)
    volumes = await service.groups.members([one.id for one in rows]) if _wants_volumes(request) else {}
    inner = request.allows("group:group_project_attribute")
    items = [views.group(one, volumes.get(one.id), inner=inner) for one in rows]
    return {"groups": items, **pages.links(request, rows, page, "group_links")}


def _wants_volumes(request: Request) -> bool:
    return boolean(request.query.get("list_volume") or "false", "list_volume")


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.groups.show(ctx, request.params["group_id"])
    volumes = (await service.groups.members([one.id]))[one.id] if _wants_volumes(request) else None
    return {"group": views.group(one, volumes, inner=request.allows("group:group_project_attribute"))}


async def create(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["group"]
    if not asked["volume_types"]:
        raise errors.Invalid("input received", "volume_types must be provided to create a group.")
    made = await service.groups.create(
        ctx,
        name=asked.get("name"),
        description=asked.get("description"),
        group_type=asked["group_type"],
        volume_types=asked["volume_types"],
        availability_zone=asked.get("availability_zone") or None,
    )
    return {"group": _brief(made)}


async def create_from(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["create-from-src"]
    snapshot_id, group_id = asked.get("group_snapshot_id") or None, asked.get("source_group_id") or None
    if (snapshot_id is None) == (group_id is None):
        raise BadRequest("Either 'group_snapshot_id' or 'source_group_id' must be provided, and not both.")
    made = await service.groups.create_from(
        ctx, name=asked.get("name"), description=asked.get("description"), snapshot_id=snapshot_id, group_id=group_id
    )
    return {"group": _brief(made)}


async def update(service: BlockStorage, ctx: Context, request: Request) -> None:
    asked = request.body["group"]
    changes = {name: asked[name] for name in ("name", "description") if asked.get(name) is not None}
    add, remove = (_ids(asked.get(name)) for name in ("add_volumes", "remove_volumes"))
    if not (changes or add or remove):
        raise BadRequest("Name, description, add_volumes, and remove_volumes can not be all empty in the request body.")
    await service.groups.update(ctx, request.params["group_id"], changes=changes, add=add, remove=remove)


def _ids(text: str | None) -> list[str]:
    return list(dict.fromkeys(one.strip() for one in (text or "").split(",") if one.strip()))


async def delete(service: BlockStorage, ctx: Context, request: Request, group_id: str, said: Json) -> None:
    with_volumes = boolean(said.get("delete-volumes", False), "delete-volumes")
    await service.groups.delete(ctx, group_id, with_volumes=with_volumes)


async def reset(service: BlockStorage, ctx: Context, request: Request, group_id: str, said: Json) -> None:
    await service.groups.reset(ctx, group_id, _status(said, _STATUSES))


def _status(said: Json, known: tuple[str, ...]) -> str:
    if said["status"] not in known:
        raise BadRequest(f"Must specify a valid status: {said['status'][:64]!r} is not one of {', '.join(known)}.")
    return str(said["status"])


ACTIONS = {
    "delete": Action(delete, "group:delete", schema.GROUP_DELETE),
    "reset_status": Action(reset, "group:reset_status", schema.RESET_GROUP, since="3.20"),
}

# -- snapshots of groups


def _snapshots(*, detail: bool) -> Any:
    async def snapshots(service: BlockStorage, ctx: Context, request: Request) -> Json:
        page, offset = pages.page(request)
        rows = await service.groups.snapshots(ctx, page, pages.where(request, "group_snapshot"), offset=offset)
        inner = request.allows("group:group_snapshot_project_attribute")
        items = [views.group_snapshot(one, inner=inner) if detail else _brief(one) for one in rows]
        return {"group_snapshots": items, **pages.links(request, rows, page, "group_snapshot_links")}

    return snapshots


async def show_snapshot(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.groups.show_snapshot(ctx, request.params["group_snapshot_id"])
    inner = request.allows("group:group_snapshot_project_attribute")
    return {"group_snapshot": views.group_snapshot(one, inner=inner)}


async def create_snapshot(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["group_snapshot"]
    made = await service.groups.create_snapshot(ctx, asked["group_id"], asked.get("name"), asked.get("description"))
    return {"group_snapshot": {**_brief(made), "group_type_id": made.group_type_id}}


async def delete_snapshot(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.groups.delete_snapshot(ctx, request.params["group_snapshot_id"])


async def reset_snapshot(service: BlockStorage, ctx: Context, request: Request, snapshot_id: str, said: Json) -> None:
    await service.groups.reset_snapshot(ctx, snapshot_id, _status(said, _SNAPSHOT_STATUSES))


SNAPSHOT_ACTIONS = {
    "reset_status": Action(reset_snapshot, "group:reset_group_snapshot_status", schema.RESET_GROUP, since="3.19"),
}

# -- types of groups


def _type(request: Request, one: GroupType) -> Json:
    return views.group_type(one, specs=request.allows("group:access_group_types_specs"))


async def types(service: BlockStorage, ctx: Context, request: Request) -> Json:
    page, _ = pages.page(request)
    said = request.query.get("is_public")
    is_public = None if said is None or said.lower() == "none" else boolean(said, "is_public")
    rows = await service.group_types.index(ctx, page, is_public=is_public)
    items = [_type(request, one) for one in rows]
    return {"group_types": items, **pages.links(request, rows, page, "group_type_links")}


async def show_type(service: BlockStorage, ctx: Context, request: Request) -> Json:
    type_id = request.params["group_type_id"]
    if type_id == "default":
        raise errors.GroupTypeNotFound("default")
    return {"group_type": _type(request, await service.group_types.show(ctx, type_id))}


async def create_type(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["group_type"]
    made = await service.group_types.create(
        ctx,
        asked["name"],
        asked.get("description"),
        is_public=boolean(asked.get("is_public", True), "is_public"),
        group_specs=_specs(asked.get("group_specs") or {}),
    )
    return {"group_type": _type(request, made)}


def _specs(asked: Json) -> dict[str, str]:
    return {name: value if value is not None else "" for name, value in asked.items()}


async def update_type(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["group_type"]
    changes: Json = {name: asked[name] for name in ("name", "description") if asked.get(name) is not None}
    if "is_public" in asked:
        changes["is_public"] = boolean(asked["is_public"], "is_public")
    if not changes or changes.get("name") == "":
        raise BadRequest("Specify group type name, description or a combination thereof.")
    return {
        "group_type": _type(request, await service.group_types.update(ctx, request.params["group_type_id"], changes))
    }


async def delete_type(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.group_types.delete(ctx, request.params["group_type_id"])


async def specs(service: BlockStorage, ctx: Context, request: Request) -> Json:
    return {"group_specs": (await service.group_types.show(ctx, request.params["group_type_id"])).group_specs}


async def add_specs(service: BlockStorage, ctx: Context, request: Request) -> Json:
    added = _specs(request.body["group_specs"])
    await service.group_types.set_specs(ctx, request.params["group_type_id"], added)
    return {"group_specs": added}


async def show_spec(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one, key = await service.group_types.show(ctx, request.params["group_type_id"]), request.params["key"]
    if key not in one.group_specs:
        raise errors.GroupSpecNotFound(one.id, key)
    return {key: one.group_specs[key]}


async def set_spec(service: BlockStorage, ctx: Context, request: Request) -> Json:
    key = request.params["key"]
    if key not in request.body:
        raise BadRequest("Request body and URI mismatch")
    await service.group_types.set_specs(ctx, request.params["group_type_id"], _specs(request.body))
    return dict(request.body)


async def delete_spec(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.group_types.delete_spec(ctx, request.params["group_type_id"], request.params["key"])


_G, _ONE, _S, _T = "/groups", "/groups/{group_id}", "/group_snapshots", "/group_types"
_SHOT, _TYPE = f"{_S}/{{group_snapshot_id}}", f"{_T}/{{group_type_id}}"
_SPECS, _RULE = f"{_TYPE}/group_specs", "group:group_types_specs"
ROUTES = (
    Route("GET", _G, index, "group:get_all", since="3.13"),
    Route("POST", _G, create, "group:create", 202, body=schema.GROUP_CREATE, since="3.13"),
    Route("GET", f"{_G}/detail", details, "group:get_all", view="group", since="3.13"),
    Route("POST", f"{_G}/action", create_from, "group:create", 202, body=schema.GROUP_FROM, since="3.14"),
    Route("GET", _ONE, show, "group:get", view="group", since="3.13"),
    Route("PUT", _ONE, update, "group:update", 202, body=schema.GROUP_UPDATE, since="3.13"),
    Route("POST", f"{_ONE}/action", door(ACTIONS, "group_id"), body=ANY_ACTION, since="3.13"),
    Route("GET", _S, _snapshots(detail=False), "group:get_all_group_snapshots", since="3.14"),
    Route("POST", _S, create_snapshot, "group:create_group_snapshot", 202, body=schema.GROUP_SNAPSHOT_CREATE,
          since="3.14"),
    Route("GET", f"{_S}/detail", _snapshots(detail=True), "group:get_all_group_snapshots", view="group_snapshot",
          since="3.14"),
    Route("GET", _SHOT, show_snapshot, "group:get_group_snapshot", view="group_snapshot", since="3.14"),
    Route("DELETE", _SHOT, delete_snapshot, "group:delete_group_snapshot", 202, since="3.14"),
    Route("POST", f"{_SHOT}/action", door(SNAPSHOT_ACTIONS, "group_snapshot_id"), body=ANY_ACTION, since="3.19"),
    Route("GET", _T, types, since="3.11"),
    Route("POST", _T, create_type, "group:group_types:create", 202, body=schema.GROUP_TYPE_CREATE, since="3.11"),
    Route("GET", _TYPE, show_type, since="3.11"),
    Route("PUT", _TYPE, update_type, "group:group_types:update", body=schema.GROUP_TYPE_UPDATE, since="3.11"),
    Route("DELETE", _TYPE, delete_type, "group:group_types:delete", 202, since="3.11"),
    Route("GET", _SPECS, specs, f"{_RULE}:get_all", since="3.11"),
    Route("POST", _SPECS, add_specs, f"{_RULE}:create", 202, body=schema.GROUP_SPECS, since="3.11"),
    Route("GET", f"{_SPECS}/{{key}}", show_spec, f"{_RULE}:get", since="3.11"),
    Route("PUT", f"{_SPECS}/{{key}}", set_spec, f"{_RULE}:update", body=schema.GROUP_SPEC, since="3.11"),
    Route("DELETE", f"{_SPECS}/{{key}}", delete_spec, f"{_RULE}:delete", 202, since="3.11"),
)  # fmt: skip
