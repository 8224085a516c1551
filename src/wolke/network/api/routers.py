"""What routers do besides being routers."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request, Route
from wolke.network.api.resources import shown
from wolke.network.schema import ROUTER
from wolke.network.schema.attributes import OBJECT
from wolke.network.service import Network


async def add_interface(net: Network, ctx: Context, request: Request) -> Any:
    return await net.routers.add_interface(ctx, request.params["id"], request.body)


async def remove_interface(net: Network, ctx: Context, request: Request) -> Any:
    return await net.routers.remove_interface(ctx, request.params["id"], request.body)


async def add_routes(net: Network, ctx: Context, request: Request) -> Any:
    router = await net.routers.change_routes(ctx, request.params["id"], request.body, add=True)
    return {"router": (await shown(net, ctx, ROUTER, [router]))[0]}


async def remove_routes(net: Network, ctx: Context, request: Request) -> Any:
    router = await net.routers.change_routes(ctx, request.params["id"], request.body, add=False)
    return {"router": (await shown(net, ctx, ROUTER, [router]))[0]}


_ONE = "/v2.0/routers/{id}"
ROUTES = (
    Route("PUT", _ONE + "/add_router_interface", add_interface, body=OBJECT),
    Route("PUT", _ONE + "/remove_router_interface", remove_interface, body=OBJECT),
    Route("PUT", _ONE + "/add_extraroutes", add_routes, body=OBJECT),
    Route("PUT", _ONE + "/remove_extraroutes", remove_routes, body=OBJECT),
)
