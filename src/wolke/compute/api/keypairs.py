"""/os-keypairs."""

from __future__ import annotations

from typing import Any

from wolke.compute.api.pages import full
from wolke.compute.schema import keypairs as schema
from wolke.compute.service import Compute
from wolke.compute.versions import Since
from wolke.compute.views import keypairs as views
from wolke.compute.views.links import following
from wolke.core.context import Context
from wolke.core.db import Order
from wolke.core.http import Request, Response, Route
from wolke.core.paging import Page, parse_limit

_RULE = "os_compute_api:os-keypairs"
Json = dict[str, Any]


def _owner(request: Request, rule: str, asked: str | None) -> str | None:
    """Whose key pairs are meant; others' are for admins."""
    user_id = asked if asked and request.version >= Since.KEY_PAIR_OWNERS else request.ctx.user_id
    request.enforce(f"{_RULE}:{rule}", {"user_id": user_id, "project_id": request.ctx.project_id})
    return user_id


def _lower(request: Request, items: list[Json]) -> None:
    assert request.api.versions is not None
    request.api.versions.lower("keypair", request.version, items)


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    user_id = _owner(request, "index", request.query.get("user_id"))
    most, limit, marker = service.config.max_servers_per_page, None, None
    if request.version >= Since.PAGED_KEY_PAIRS:
        limit = parse_limit(request.query.get("limit"), most=most, default=most)
        marker = request.query.get("marker")
    found = await service.keypairs.index(ctx, user_id, Page((Order("name"),), limit, marker))
    shown = [views.brief(pair) for pair in found]
    _lower(request, shown)
    answer: Json = {"keypairs": [{"keypair": one} for one in shown]}
    if full(found, limit):
        answer["keypairs_links"] = following(request.base_url, "os-keypairs", request.query, found[-1].name, limit)
    return answer


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    user_id = _owner(request, "show", request.query.get("user_id"))
    return {"keypair": views.keypair(await service.keypairs.show(ctx, user_id, request.params["name"]))}


async def create(service: Compute, ctx: Context, request: Request) -> Response:
    asked = request.body["keypair"]
    user_id = _owner(request, "create", asked.get("user_id"))
    pair, private_key = await service.keypairs.create(
        ctx, user_id, asked["name"], asked.get("type", "ssh"), asked.get("public_key")
    )
    status = 201 if request.version >= Since.KEY_PAIR_STATUSES else 200
    return Response(status, {"keypair": views.created(pair, private_key)})


async def delete(service: Compute, ctx: Context, request: Request) -> Response:
    user_id = _owner(request, "delete", request.query.get("user_id"))
    await service.keypairs.delete(ctx, user_id, request.params["name"])
    return Response(204 if request.version >= Since.KEY_PAIR_STATUSES else 202)


ROUTES = (
    Route("GET", "/v2.1/os-keypairs", index, query=("user_id", "limit", "marker"), strict="2.75"),
    Route("POST", "/v2.1/os-keypairs", create, body=schema.CREATE, noun="keypair_create", view="keypair"),
    Route("GET", "/v2.1/os-keypairs/{name}", show, view="keypair", query=("user_id",), strict="2.75"),
    Route("DELETE", "/v2.1/os-keypairs/{name}", delete, query=("user_id",), strict="2.75"),
)
