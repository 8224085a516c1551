"""``/v3/roles`` and what roles imply."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.errors import NotFound
from wolke.core.http import Request
from wolke.identity import views
from wolke.identity.api.lists import answer, wanted
from wolke.identity.errors import Missing
from wolke.identity.model import Role
from wolke.identity.service import Identity


async def _role(service: Identity, request: Request, verb: str) -> Role:
    """A role of the cloud or of a domain, each under its own rule."""
    try:
        role = await service.roles.show(request.params["role_id"])
    except NotFound:
        request.enforce(f"identity:{verb}_role", {})
        raise
    rule = f"identity:{verb}_domain_role" if role.domain_id else f"identity:{verb}_role"
    request.enforce(rule, {"target.domain_id": request.ctx.domain_id})
    return role


async def index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    asked = wanted(request, ("name", "domain_id", "id"))
    rule = "identity:list_domain_roles" if asked.equal.get("domain_id") else "identity:list_roles"
    request.enforce(rule, {"target.domain_id": ctx.domain_id})
    found = await service.roles.page(asked)
    return answer(request, "roles", found, lambda one: views.role(one, request.base_url))


async def show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"role": views.role(await _role(service, request, "get"), request.base_url)}


async def create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    values = request.body["role"]
    request.enforce("identity:create_domain_role" if values.get("domain_id") else "identity:create_role", {})
    return {"role": views.role(await service.roles.create(ctx, values), request.base_url)}


async def update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    old = await _role(service, request, "update")
    return {"role": views.role(await service.roles.update(ctx, old.id, request.body["role"]), request.base_url)}


async def delete(service: Identity, ctx: Context, request: Request) -> None:
    old = await _role(service, request, "delete")
    await service.roles.delete(ctx, old.id)


# -- implications


async def inferences(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    found = await service.roles.inferences()
    rows = [views.inferences(prior, implied, request.base_url) for prior, implied in found]
    return {"role_inferences": rows, "links": {"self": f"{request.base_url}/v3/role_inferences"}}


async def implied_index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    prior = await service.roles.show(request.params["role_id"])
    implied = await service.roles.implied_by(prior.id)
    links = {"self": f"{request.base_url}/v3/roles/{prior.id}/implies"}
    return {"role_inference": views.inferences(prior, implied, request.base_url), "links": links}


async def implied_show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    prior = await service.roles.show(request.params["role_id"])
    implied = await service.roles.show(request.params["implied_role_id"])
    if not await service.roles.implies(prior.id, implied.id):
        raise Missing("role inference rule", f"{prior.id} implies {implied.id}")
    return views.inference(prior, implied, request.base_url)


async def implied_check(service: Identity, ctx: Context, request: Request) -> None:
    await implied_show(service, ctx, request)


async def imply(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    await service.roles.imply(ctx, request.params["role_id"], request.params["implied_role_id"])
    return await implied_show(service, ctx, request)


async def imply_no_more(service: Identity, ctx: Context, request: Request) -> None:
    await service.roles.imply_no_more(ctx, request.params["role_id"], request.params["implied_role_id"])
