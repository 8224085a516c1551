"""``/v3/auth``: tokens, and what one may have a token for."""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.core.context import Context
from wolke.core.http import Request, Response
from wolke.identity import views
from wolke.identity.api.lists import answer, flag
from wolke.identity.errors import NotAllowed
from wolke.identity.model import UNSCOPED, Token
from wolke.identity.service import Identity
from wolke.identity.service.listing import Wanted
from wolke.identity.service.tokens import Verified

_JSON = "application/json"


def _with_catalog(request: Request) -> bool:
    return "nocatalog" not in request.query


async def create(service: Identity, ctx: Context, request: Request) -> Response:
    sealed, _ = await service.authentication.login(request.body)
    entry = await service.tokens.verify(sealed)
    body = await service.tokens.body(entry, catalog=_with_catalog(request))
    headers = {"X-Subject-Token": sealed, "Vary": "X-Auth-Token"}
    return Response(201, body, headers=headers, content_type=_JSON)


async def ec2(service: Identity, ctx: Context, request: Request) -> Response:
    return await _for_signature(service, *await service.ec2.token_for_request(request.body))


async def s3(service: Identity, ctx: Context, request: Request) -> Response:
    return await _for_signature(service, *await service.ec2.token_for_text(request.body))


async def _for_signature(service: Identity, sealed: str, entry: Verified) -> Response:
    headers = {"X-Subject-Token": sealed, "Vary": "X-Auth-Token"}
    return Response(200, await service.tokens.body(entry), headers=headers, content_type=_JSON)


async def _subject(service: Identity, request: Request, rule: str) -> tuple[str, Verified]:
    """The token that is asked about, if the caller may ask."""
    sealed = request.headers.get("x-subject-token", "")
    late = flag(request.query.get("allow_expired") or "0") and request.allows("identity:validate_token", {})
    entry = await service.tokens.verify(sealed, allow_expired=late)  # 404 for whoever asks about one that is none
    request.enforce(rule, {"target.token.user_id": entry.token.user.id})
    return sealed, entry


async def show(service: Identity, ctx: Context, request: Request) -> Response:
    rule = "identity:validate_token" if request.method == "GET" else "identity:check_token"
    sealed, entry = await _subject(service, request, rule)
    body = b""
    if request.method == "GET":
        body = await service.tokens.body(entry, catalog=_with_catalog(request))
    headers = {"X-Subject-Token": sealed, "Vary": "X-Auth-Token"}
    return Response(200, body, headers=headers, content_type=_JSON)


async def delete(service: Identity, ctx: Context, request: Request) -> None:
    sealed, _ = await _subject(service, request, "identity:revoke_token")
    await service.tokens.revoke(sealed)


async def catalog(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    token: Token = ctx.token
    if token.scope == UNSCOPED:
        raise NotAllowed("There is no catalog for a token without a scope.")
    raw = msgspec.Raw(await service.tokens.catalog(token))
    return {"catalog": raw, "links": {"self": f"{request.base_url}/v3/auth/catalog", "next": None, "previous": None}}


async def projects(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    found = await service.users.projects(ctx.user_id or "", Wanted(equal={"enabled": True}))
    return answer(request, "projects", found, lambda one: views.project(one, request.base_url))


async def domains(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    found = await service.users.domains(ctx.user_id or "", Wanted(equal={"enabled": True}))
    return answer(request, "domains", found, lambda one: views.domain(one, request.base_url))


async def system(service: Identity, ctx: Context, request: Request) -> dict[str, Any]:
    found = [{"all": True}] if await service.standing.on_system(ctx.user_id or "") else []
    return {"system": found, "links": {"self": f"{request.base_url}/v3/auth/system"}}
