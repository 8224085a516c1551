"""/os-server-groups."""

from __future__ import annotations

from typing import Any

from wolke.compute.api.pages import number
from wolke.compute.model import ServerGroup
from wolke.compute.schema import operations as schema
from wolke.compute.service import Compute
from wolke.compute.views.server_groups import server_group
from wolke.core.context import Context
from wolke.core.http import Request, Route
from wolke.core.paging import parse_limit

_RULE = "os_compute_api:os-server-groups"
Json = dict[str, Any]


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    everywhere = "all_projects" in request.query and ctx.is_admin
    if everywhere:
        request.enforce(f"{_RULE}:index:all_projects")
    most = service.config.max_servers_per_page
    limit = parse_limit(request.query.get("limit"), most=most, default=most)
    found = await service.server_groups.index(
        ctx, everywhere=everywhere, limit=most if limit is None else limit, offset=number(request, "offset")
    )
    members = await service.server_groups.members(found)
    return {"server_groups": [server_group(one, members[one.id]) for one in found]}


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    return await _one(service, await service.server_groups.show(ctx, request.params["group_id"]))


async def _one(service: Compute, group: ServerGroup) -> Json:
    members = await service.server_groups.members([group])
    return {"server_group": server_group(group, members[group.id])}


async def create(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["server_group"]
    rules = {name: int(value) for name, value in asked.get("rules", {}).items()}
    return await _one(service, await service.server_groups.create(ctx, asked["name"], asked["policy"], rules))


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.server_groups.delete(ctx, request.params["group_id"])


_ALL, _ONE = "/v2.1/os-server-groups", "/v2.1/os-server-groups/{group_id}"
ROUTES = (
    Route("GET", _ALL, index, f"{_RULE}:index", view="server_group", query=("all_projects", "limit", "offset"),
          strict="2.75"),
    Route("POST", _ALL, create, f"{_RULE}:create", body=schema.SERVER_GROUP, noun="server_group_create",
          view="server_group"),
    Route("GET", _ONE, show, f"{_RULE}:show", view="server_group"),
    Route("DELETE", _ONE, delete, f"{_RULE}:delete", 204),
)  # fmt: skip
