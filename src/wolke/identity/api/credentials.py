"""``/v3/credentials`` and the EC2 key pairs among them."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request
from wolke.identity import views
from wolke.identity.api import targets
from wolke.identity.api.lists import answer, wanted
from wolke.identity.api.targets import allowed
from wolke.identity.model import Credential
from wolke.identity.service import Identity
from wolke.identity.service.credentials import EC2
from wolke.identity.service.listing import Wanted


async def _credential(service: Identity, request: Request, rule: str) -> Credential:
    credential_id = request.params["credential_id"]
    return await allowed(request, rule, lambda: service.credentials.show(credential_id), targets.credential)


def _view(service: Identity, request: Request, one: Credential) -> dict[str, Any]:
    return views.credential(one, service.credentials.blob(one), request.base_url)


async def index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    asked = wanted(request, ("user_id", "type"))
    if not request.allows("identity:list_credentials", {}):
        asked.equal["user_id"] = ctx.user_id
        request.enforce("identity:list_credentials", {"target.credential.user_id": ctx.user_id})
    found = await service.credentials.page(asked)
    return answer(request, "credentials", found, lambda one: _view(service, request, one))


async def show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"credential": _view(service, request, await _credential(service, request, "identity:get_credential"))}


async def create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    values = request.body["credential"]
    owner = values.get("user_id") or ctx.user_id
    request.enforce("identity:create_credential", {"target.credential.user_id": owner})
    return {"credential": _view(service, request, await service.credentials.create(ctx, values))}


async def update(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    old = await _credential(service, request, "identity:update_credential")
    values = request.body["credential"]
    if "user_id" in values:
        request.enforce("identity:update_credential", {"target.credential.user_id": values["user_id"]})
    return {"credential": _view(service, request, await service.credentials.update(ctx, old.id, values))}


async def delete(service: Identity, ctx: Context, request: Request) -> None:
    old = await _credential(service, request, "identity:delete_credential")
    await service.credentials.delete(ctx, old.id)


# -- EC2


def _ec2_view(service: Identity, request: Request, one: Credential) -> dict[str, Any]:
    pair = service.credentials.pair(one)
    return views.ec2(one, str(pair.get("access", "")), str(pair.get("secret", "")), request.base_url)


async def ec2_index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    user_id = request.params["user_id"]
    request.enforce("identity:ec2_list_credentials", {"target.user.id": user_id})
    found = await service.credentials.page(Wanted(equal={"user_id": user_id, "type": EC2}))
    return answer(request, "credentials", found, lambda one: _ec2_view(service, request, one))


async def ec2_create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    user_id, project_id = request.params["user_id"], request.body["tenant_id"]
    request.enforce("identity:ec2_create_credential", {"target.user.id": user_id})
    one = await service.credentials.create_ec2(ctx, user_id, project_id)
    return {"credential": _ec2_view(service, request, one)}


async def _ec2(service: Identity, request: Request, rule: str) -> Credential:
    user_id, access = request.params["user_id"], request.params["access"]
    return await allowed(request, rule, lambda: service.credentials.ec2(user_id, access), targets.credential)


async def ec2_show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    return {"credential": _ec2_view(service, request, await _ec2(service, request, "identity:ec2_get_credential"))}


async def ec2_delete(service: Identity, ctx: Context, request: Request) -> None:
    one = await _ec2(service, request, "identity:ec2_delete_credential")
    await service.credentials.delete(ctx, one.id)
