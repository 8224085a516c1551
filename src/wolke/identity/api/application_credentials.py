"""``/v3/users/{user_id}/application_credentials``, and its access rules, of which there are none."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request
from wolke.identity import views
from wolke.identity.api.lists import answer, wanted
from wolke.identity.errors import Missing
from wolke.identity.model import ApplicationCredential
from wolke.identity.service import Identity


def _target(request: Request) -> dict[str, Any]:
    return {"target.user.id": request.params["user_id"]}


async def _view(
    service: Identity, request: Request, one: ApplicationCredential, secret: str | None = None
) -> dict[str, Any]:
    roles = await service.application_credentials.roles(one)
    return views.application_credential(one, roles, request.base_url, secret)


async def index(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    request.enforce("identity:list_application_credentials", _target(request))
    user = await service.users.show(request.params["user_id"])
    found = await service.application_credentials.page(user.id, wanted(request))
    shown = {one.id: await _view(service, request, one) for one in found.records}
    return answer(request, "application_credentials", found, lambda one: shown[one.id])


async def show(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    request.enforce("identity:get_application_credential", _target(request))
    user_id, credential_id = request.params["user_id"], request.params["credential_id"]
    one = await service.application_credentials.show(user_id, credential_id)
    return {"application_credential": await _view(service, request, one)}


async def create(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    request.enforce("identity:create_application_credential", _target(request))
    values = request.body["application_credential"]
    one, secret = await service.application_credentials.create(ctx, request.params["user_id"], values)
    return {"application_credential": await _view(service, request, one, secret)}


async def delete(service: Identity, ctx: Context, request: Request) -> None:
    request.enforce("identity:delete_application_credential", _target(request))
    await service.application_credentials.delete(ctx, request.params["user_id"], request.params["credential_id"])


async def access_rules(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    request.enforce("identity:list_access_rules", _target(request))
    links = {"self": request.origin + request.path, "previous": None, "next": None}
    return {"access_rules": [], "links": links}


async def access_rule(service: Identity, ctx: Context, request: Request) -> None:
    rule = "identity:delete_access_rule" if request.method == "DELETE" else "identity:get_access_rule"
    request.enforce(rule, _target(request))
    raise Missing("access rule", request.params["access_rule_id"])
