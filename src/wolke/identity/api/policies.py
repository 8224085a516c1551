"""``/v3/policies``: documents of other programs, an API that its authors gave up and clients still have."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request
from wolke.identity import views
from wolke.identity.api.lists import answer, wanted
from wolke.identity.service import Identity


async def index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    found = await service.policies.page(wanted(request, ("type",)))
    return answer(request, "policies", found, lambda one: views.policy(one, request.base_url))


async def show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"policy": views.policy(await service.policies.show(request.params["policy_id"]), request.base_url)}


async def create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"policy": views.policy(await service.policies.create(ctx, request.body["policy"]), request.base_url)}


async def update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    changed = await service.policies.update(ctx, request.params["policy_id"], request.body["policy"])
    return {"policy": views.policy(changed, request.base_url)}


async def delete(service: Identity, ctx: Context, request: Request) -> None:
    await service.policies.delete(ctx, request.params["policy_id"])
