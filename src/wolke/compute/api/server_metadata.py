"""/servers/{id}/metadata and /servers/{id}/tags."""

from __future__ import annotations

from typing import Any

from wolke.compute.schema import servers as schema
from wolke.compute.service import Compute
from wolke.compute.views.links import VERSION
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Response, Route

_METADATA = "os_compute_api:server-metadata"
_TAGS = "os_compute_api:os-server-tags"
Json = dict[str, Any]


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    return {"metadata": (await service.servers.show(ctx, request.params["server_id"])).metadata}


async def add(service: Compute, ctx: Context, request: Request) -> Json:
    items = request.body["metadata"]
    server = await service.servers.set_metadata(ctx, request.params["server_id"], items, replace=False)
    return {"metadata": server.metadata}


async def replace(service: Compute, ctx: Context, request: Request) -> Json:
    items = request.body["metadata"]
    server = await service.servers.set_metadata(ctx, request.params["server_id"], items, replace=True)
    return {"metadata": server.metadata}


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    key = request.params["key"]
    return {"meta": {key: await service.servers.metadata_item(ctx, request.params["server_id"], key)}}


async def set_item(service: Compute, ctx: Context, request: Request) -> Json:
    key, items = request.params["key"], request.body["meta"]
    if key not in items:
        raise BadRequest("Request body and URI mismatch")
    await service.servers.set_metadata(ctx, request.params["server_id"], items, replace=False)
    return {"meta": items}


async def delete_item(service: Compute, ctx: Context, request: Request) -> None:
    await service.servers.delete_metadata_item(ctx, request.params["server_id"], request.params["key"])


async def tags(service: Compute, ctx: Context, request: Request) -> Json:
    return {"tags": (await service.servers.show(ctx, request.params["server_id"])).tags}


async def replace_tags(service: Compute, ctx: Context, request: Request) -> Json:
    server = await service.servers.set_tags(ctx, request.params["server_id"], request.body["tags"])
    return {"tags": server.tags}


async def delete_tags(service: Compute, ctx: Context, request: Request) -> None:
    await service.servers.set_tags(ctx, request.params["server_id"], [])


async def has_tag(service: Compute, ctx: Context, request: Request) -> None:
    server = await service.servers.show(ctx, request.params["server_id"])
    if request.params["tag"] not in server.tags:
        raise NotFound(f"Server {server.id} has no tag '{request.params['tag']}'")


async def add_tag(service: Compute, ctx: Context, request: Request) -> Response:
    server_id, tag = request.params["server_id"], request.params["tag"]
    if not 1 <= len(tag) <= schema.TAG["maxLength"] or "," in tag:
        raise BadRequest(
            f"Tag '{tag[:80]}' is invalid: it must be a string of at most 60 characters, without / or comma."
        )
    if await service.servers.add_tag(ctx, server_id, tag):
        where = f"{request.base_url}/{VERSION}/servers/{server_id}/tags/{tag}"
        return Response(201, headers={"Location": where})
    return Response(204)


async def delete_tag(service: Compute, ctx: Context, request: Request) -> None:
    await service.servers.delete_tag(ctx, request.params["server_id"], request.params["tag"])


_M = "/v2.1/servers/{server_id}/metadata"
_T = "/v2.1/servers/{server_id}/tags"
ROUTES = (
    Route("GET", _M, index, f"{_METADATA}:index"),
    Route("POST", _M, add, f"{_METADATA}:create", body=schema.METADATA_ALL),
    Route("PUT", _M, replace, f"{_METADATA}:update_all", body=schema.METADATA_ALL),
    Route("GET", f"{_M}/{{key}}", show, f"{_METADATA}:show"),
    Route("PUT", f"{_M}/{{key}}", set_item, f"{_METADATA}:update", body=schema.METADATA_ITEM),
    Route("DELETE", f"{_M}/{{key}}", delete_item, f"{_METADATA}:delete", 204),
    Route("GET", _T, tags, f"{_TAGS}:index", since="2.26"),
    Route("PUT", _T, replace_tags, f"{_TAGS}:update_all", body=schema.TAGS_ALL, since="2.26"),
    Route("DELETE", _T, delete_tags, f"{_TAGS}:delete_all", 204, since="2.26"),
    Route("GET", f"{_T}/{{tag}}", has_tag, f"{_TAGS}:show", 204, since="2.26"),
    Route("PUT", f"{_T}/{{tag}}", add_tag, f"{_TAGS}:update", since="2.26"),
    Route("DELETE", f"{_T}/{{tag}}", delete_tag, f"{_TAGS}:delete", 204, since="2.26"),
)
