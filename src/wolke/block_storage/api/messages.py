"""/messages, and what lists can be filtered by."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.api import pages
from wolke.block_storage.service import BlockStorage, filters
from wolke.block_storage.views import others as views
from wolke.core.context import Context
from wolke.core.http import Request, Route

Json = dict[str, Any]
COLUMNS = {
    "id": "id", "created_at": "created_at", "message_level": "level", "resource_type": "resource_type",
    "resource_uuid": "resource_id", "request_id": "request_id", "event_id": "action_id", "guaranteed_until": "expires_at",
}  # fmt: skip


async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
    page, offset = pages.page(request, columns=COLUMNS)
    rows = await service.messages.index(ctx, page, pages.where(request, "message"), offset=offset)
    items = [views.message(request.base_url, ctx, one) for one in rows]
    return {"messages": items, **pages.links(request, rows, page, "messages_links")}


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.messages.show(ctx, request.params["message_id"])
    return {"message": views.message(request.base_url, ctx, one)}


async def delete(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.messages.delete(ctx, request.params["message_id"])


async def resource_filters(service: BlockStorage, ctx: Context, request: Request) -> Json:
    wanted = request.query.get("resource")
    found = [
        {"resource": name, "filters": list(offered)}
        for name, offered in filters.OFFERED.items()
        if wanted in (None, name)
    ]
    return {"resource_filters": found}


_M = "/messages"
ROUTES = (
    Route("GET", _M, index, "message:get_all", since="3.3"),
    Route("GET", f"{_M}/{{message_id}}", show, "message:get", since="3.3"),
    Route("DELETE", f"{_M}/{{message_id}}", delete, "message:delete", 204, since="3.3"),
    Route("GET", "/resource_filters", resource_filters, "volume_extension:resource_filters", since="3.33"),
)
