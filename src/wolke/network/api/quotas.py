"""Quota sets on the wire."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Route
from wolke.network.schema.attributes import OBJECT
from wolke.network.service import Network


async def index(net: Network, ctx: Context, request: Request) -> Any:
    found = await net.quotas.all(ctx)
    return {"quotas": [{**limits, "project_id": key, "tenant_id": key} for key, limits in found.items()]}


async def show(net: Network, ctx: Context, request: Request) -> Any:
    return {"quota": await net.quotas.show(ctx, request.params["id"])}


async def own(net: Network, ctx: Context, request: Request) -> Any:
    return {"tenant": {"tenant_id": ctx.project_id, "project_id": ctx.project_id}}


async def default(net: Network, ctx: Context, request: Request) -> Any:
    await net.quotas.show(ctx, request.params["id"])
    return {"quota": dict(net.quotas.defaults)}


async def details(net: Network, ctx: Context, request: Request) -> Any:
    return {"quota": await net.quotas.details(ctx, request.params["id"])}


async def update(net: Network, ctx: Context, request: Request) -> Any:
    return {"quota": await net.quotas.update(ctx, request.params["id"], request.body)}


async def delete(net: Network, ctx: Context, request: Request) -> None:
    await net.quotas.delete(ctx, request.params["id"])


_ONE = "/v2.0/quotas/{id}"
ROUTES = (
    Route("GET", "/v2.0/quotas", index),
    Route("GET", "/v2.0/quotas/tenant", own),
    Route("GET", "/v2.0/quotas/project", own),
    Route("GET", _ONE, show),
    Route("PUT", _ONE, update, body=OBJECT),
    Route("DELETE", _ONE, delete, status=204),
    Route("GET", _ONE + "/default", default),
    Route("GET", _ONE + "/details", details),
    Route("GET", _ONE + "/details.json", details),
)
