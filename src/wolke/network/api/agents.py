"""The door for hosts' agents: who I am, what I should make so, what came of it, and a line whenever to look again."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Response, Route
from wolke.network.schema.attributes import OBJECT
from wolke.network.service import Network

_HOST = "/v1/hosts/{host}"


async def register(net: Network, ctx: Context, request: Request) -> Any:
    await net.hosts.register(request.params["host"], request.body)
    return {"period_s": net.config.agent_down_after_s / 3}


async def wish(net: Network, ctx: Context, request: Request) -> Response:
    found = await net.hosts.wish(request.params["host"])
    headers = {"ETag": f'"{found.digest}"'}
    if request.headers.get("if-none-match", "").strip('" ') == found.digest:
        return Response(304, headers=headers)
    return Response(200, found.body, headers=headers, content_type="application/json")


async def outcome(net: Network, ctx: Context, request: Request) -> None:
    await net.hosts.outcome(request.params["host"], request.body)


async def wakes(net: Network, ctx: Context, request: Request) -> Response:
    return Response(200, chunks=net.hosts.wakes(request.gone), content_type="text/plain")


ROUTES = (
    Route("PUT", _HOST, register, rule="agent", body=OBJECT),
    Route("GET", _HOST + "/wish", wish, rule="agent"),
    Route("POST", _HOST + "/outcome", outcome, rule="agent", status=204, body=OBJECT, body_limit_bytes=16 << 20),
    Route("GET", _HOST + "/wakes", wakes, rule="agent"),
)
