"""``/v3/users`` and ``/v3/groups/{group_id}/users``."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request
from wolke.identity import views
from wolke.identity.api import targets
from wolke.identity.api.lists import answer, wanted
from wolke.identity.api.targets import allowed
from wolke.identity.errors import Missing
from wolke.identity.model import User
from wolke.identity.service import Identity
from wolke.identity.service.projects import home_domain


async def _user(service: Identity, request: Request, rule: str) -> User:
    user_id = request.params["user_id"]
    return await allowed(request, rule, lambda: service.users.show(user_id), targets.user)


async def index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    asked = wanted(request, ("name", "domain_id", "id", "default_project_id"), ("enabled",))
    request.enforce("identity:list_users", {"target.domain_id": ctx.domain_id})
    if ctx.domain_id is not None:
        asked.equal["domain_id"] = ctx.domain_id
    found = await service.users.page(asked)
    return answer(request, "users", found, lambda one: views.user(one, request.base_url))


async def show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"user": views.user(await _user(service, request, "identity:get_user"), request.base_url)}


async def create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    values = request.body["user"]
    domain_id = values.get("domain_id") or ctx.domain_id or ctx.project_domain_id
    request.enforce("identity:create_user", {"target.user.domain_id": domain_id})
    values = {**values, "domain_id": domain_id or home_domain(ctx)}
    return {"user": views.user(await service.users.create(ctx, values), request.base_url)}


async def update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    old = await _user(service, request, "identity:update_user")
    return {"user": views.user(await service.users.update(ctx, old.id, request.body["user"]), request.base_url)}


async def delete(service: Identity, ctx: Context, request: Request) -> None:
    old = await _user(service, request, "identity:delete_user")
    await service.users.delete(ctx, old.id)


async def change_password(service: Identity, ctx: Context, request: Request) -> None:
    """The original password is the authentication."""
    given = request.body["user"]
    await service.users.change_password(request.params["user_id"], given["original_password"], given["password"])


async def projects(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    user = await _user(service, request, "identity:list_user_projects")
    found = await service.users.projects(user.id, wanted(request, ("name", "domain_id", "parent_id"), ("enabled",)))
    return answer(request, "projects", found, lambda one: views.project(one, request.base_url))


async def groups(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    user = await _user(service, request, "identity:list_groups_for_user")
    found = await service.users.groups(user.id, wanted(request))
    return answer(request, "groups", found, lambda one: views.group(one, request.base_url))


# -- in a group


async def in_group(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    group_id = request.params["group_id"]
    await allowed(request, "identity:list_users_in_group", lambda: service.groups.show(group_id), targets.group)
    found = await service.users.of_group(group_id, wanted(request, ("name",), ("enabled",)))
    return answer(request, "users", found, lambda one: views.user(one, request.base_url))


async def _membership(service: Identity, request: Request, rule: str) -> tuple[str, str]:
    async def look() -> dict[str, Any]:
        group = await service.groups.show(request.params["group_id"])
        return targets.group(group) | targets.user(await service.users.show(request.params["user_id"]))

    await allowed(request, rule, look, lambda target: target)
    return request.params["user_id"], request.params["group_id"]


async def check_member(service: Identity, ctx: Context, request: Request) -> None:
    user_id, group_id = await _membership(service, request, "identity:check_user_in_group")
    if not await service.users.is_member(user_id, group_id):
        raise Missing("user", user_id)


async def add_member(service: Identity, ctx: Context, request: Request) -> None:
    await service.users.add_to_group(ctx, *await _membership(service, request, "identity:add_user_to_group"))


async def remove_member(service: Identity, ctx: Context, request: Request) -> None:
    await service.users.remove_from_group(ctx, *await _membership(service, request, "identity:remove_user_from_group"))
