"""The REST API: every verb at its address under ``/api/v1``, and the OpenAPI 3.1 page that is made from the same rows.

A program signs in with ``Authorization: Bearer KEY``. A page's own requests come with the session's cookie, and then, where they write, with
the session's ``X-CSRF-Token``.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

import msgspec

from wolke.business.desk import Desk
from wolke.business.errors import BusinessError, Invalid, NotAllowed
from wolke.business.verb import ANYONE, Carried, File, Opened, Verb, check_may, read
from wolke.business.who import Who
from wolke.core.context import Context
from wolke.core.errors import CloudError
from wolke.core.http import Api, Request, Response, Route
from wolke.core.http.routes import Handler
from wolke.core.policy import Policy

PREFIX = "/api/v1"
COOKIE = "wolke_session"
_BODY_BYTES = 256 * 1024
_LONGEST_FIGURE = 19


def build_api(desk: Desk) -> Api:
    described = msgspec.json.encode(openapi(desk.verbs.values()))

    async def page(service: Desk, ctx: Context, request: Request) -> Response:
        return Response(200, described, content_type="application/vnd.oai.openapi+json;version=3.1")

    routes = [Route("GET", "/openapi.json", page, auth=False)]
    routes += [
        Route(verb.method, verb.path, _handler(verb), status=verb.status, auth=False) for verb in desk.verbs.values()
    ]
    return Api("business", PREFIX, tuple(routes), desk, Policy(()), spell=spell)


def _handler(verb: Verb) -> Handler:
    async def answer(desk: Desk, ctx: Context, request: Request) -> Any:
        who = await who_asks(desk, request, writes=verb.writes)
        check_may(who, verb.may)  # before what was sent is looked at
        asked = await _asked(verb, request)
        found = await desk.call(who, verb.name, asked, **request.params)
        if isinstance(found, Opened):
            return Response(
                verb.status,
                msgspec.to_builtins(found.shown),
                headers={"Set-Cookie": session_cookie(desk, request, found.token), "Cache-Control": "no-store"},
            )
        if isinstance(found, File):
            return download(found)
        return None if found is None else msgspec.to_builtins(found)

    return answer


def download(file: File) -> Response:
    """To be kept, never shown in the page's own place."""
    name = "".join(c if (c.isalnum() and c.isascii()) or c in "-_." else "_" for c in file.name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    if isinstance(file.content, bytes):
        return Response(200, file.content, headers=headers, content_type=file.media_type)
    headers["Content-Length"] = str(file.size_bytes)
    return Response(200, headers=headers, content_type=file.media_type, chunks=file.content)


async def who_asks(desk: Desk, request: Request, *, writes: bool) -> Who:
    """``NotAllowed`` for a cookie's write without its token: another site's page would have sent the cookie alone."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await desk.customers.keys.who(key.strip(), request.client_address)
    token = cookie(request, COOKIE)
    if not token:
        return Who(address=request.client_address)
    who, csrf = await desk.customers.sessions.who(token, request.client_address)
    if writes and csrf and not hmac.compare_digest(request.headers.get("x-csrf-token", "").encode(), csrf.encode()):
        raise NotAllowed("This page is too old, or was not ours. Please load it again.")
    return who


def session_cookie(desk: Desk, request: Request, token: str) -> str:
    """``Set-Cookie`` for the session that has ``token``; for none, if it is empty."""
    lasts_s = int(desk.needs.config.session_longest_s) if token else 0
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    return f"{COOKIE}={token}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Lax{secure}"


def cookie(request: Request, name: str) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


async def _asked(verb: Verb, request: Request) -> Any:
    if verb.takes is None:
        return None
    if verb.carries:
        return carried(verb, dict(request.query.pairs), request)
    if not verb.writes:
        return read(verb.takes, dict(request.query.pairs), strict=False)
    raw = await request.read(_BODY_BYTES)
    try:
        given = msgspec.json.decode(raw or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Invalid("The request is not valid JSON.") from None
    if not isinstance(given, dict):
        raise Invalid("The request must be a JSON object.")
    return read(verb.takes, given)


def carried(verb: Verb, given: Mapping[str, str], request: Request) -> Carried:
    """What a verb that carries is asked, with the body as it comes."""
    assert verb.takes is not None
    declared = request.headers.get("content-length", "")
    size_bytes = int(declared) if declared.isdecimal() and len(declared) < _LONGEST_FIGURE else None
    kind = request.headers.get("content-type", "") or "application/octet-stream"
    return Carried(read(verb.takes, given, strict=False), kind, request.stream(), size_bytes)


def spell(error: CloudError, request_id: str) -> dict[str, Any]:
    code = error.code if isinstance(error, BusinessError) else error.title.lower().replace(" ", "_")
    body: dict[str, Any] = {"code": code, "message": error.message, "request_id": request_id}
    if isinstance(error, BusinessError) and error.fields:
        body["fields"] = error.fields
    return {"error": body}


def openapi(verbs: Iterable[Verb]) -> dict[str, Any]:
    """OpenAPI 3.1 of all of them."""
    verbs = list(verbs)
    kinds = [kind for verb in verbs for kind in (verb.takes, _plain(verb.gives)) if kind is not None]
    kinds = list(dict.fromkeys(kinds))
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    shape = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for verb in verbs:
        paths.setdefault(verb.path, {})[verb.method.lower()] = _operation(verb, shape)
    bearer = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Wolke: the point of purchase", "version": "1"},
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": bearer},
        "security": [{"key": []}],
    }


def _plain(gives: Any) -> Any:
    return None if gives is None or gives is bytes else gives


def _operation(verb: Verb, shape: Mapping[Any, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in verb.places
    ]
    operation: dict[str, Any] = {
        "operationId": verb.name,
        "summary": verb.summary,
        "tags": [verb.name.partition(".")[0]],
    }
    if verb.takes is not None and (verb.carries or not verb.writes):
        parameters += [
            {
                "name": field.encode_name,
                "in": "query",
                "required": field.required,
                "schema": msgspec.json.schema(field.type),
            }
            for field in msgspec.structs.fields(verb.takes)
        ]
    elif verb.takes is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": shape[verb.takes]}}}
    if verb.carries:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    answer: dict[str, Any] = {"description": "Done."}
    if _plain(verb.gives) is not None:
        answer["content"] = {"application/json": {"schema": shape[verb.gives]}}
    operation |= {"parameters": parameters, "responses": {str(verb.status): answer}, "x-roles": sorted(verb.may)}
    if verb.may is ANYONE:
        operation["security"] = []
    return operation
