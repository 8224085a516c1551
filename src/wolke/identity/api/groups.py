"""``/v3/groups``."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request
from wolke.identity import views
from wolke.identity.api import targets
from wolke.identity.api.lists import answer, wanted
from wolke.identity.api.targets import allowed
from wolke.identity.model import Group
from wolke.identity.service import Identity
from wolke.identity.service.projects import home_domain


async def _group(service: Identity, request: Request, rule: str) -> Group:
    group_id = request.params["group_id"]
    return await allowed(request, rule, lambda: service.groups.show(group_id), targets.group)


async def index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    asked = wanted(request, ("name", "domain_id", "id"))
    request.enforce("identity:list_groups", {"target.domain_id": ctx.domain_id})
    if ctx.domain_id is not None:
        asked.equal["domain_id"] = ctx.domain_id
    found = await service.groups.page(asked)
    return answer(request, "groups", found, lambda one: views.group(one, request.base_url))


async def show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"group": views.group(await _group(service, request, "identity:get_group"), request.base_url)}


async def create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    values = request.body["group"]
    domain_id = values.get("domain_id") or ctx.domain_id or ctx.project_domain_id
    request.enforce("identity:create_group", {"target.group.domain_id": domain_id})
    values = {**values, "domain_id": domain_id or home_domain(ctx)}
    return {"group": views.group(await service.groups.create(ctx, values), request.base_url)}


async def update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    old = await _group(service, request, "identity:update_group")
    return {"group": views.group(await service.groups.update(ctx, old.id, request.body["group"]), request.base_url)}


async def delete(service: Identity, ctx: Context, request: Request) -> None:
    old = await _group(service, request, "identity:delete_group")
    await service.groups.delete(ctx, old.id)
