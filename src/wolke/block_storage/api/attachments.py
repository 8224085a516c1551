"""/attachments: the way servers use volumes since 3.27."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.api import pages
from wolke.block_storage.api.actions import Action, door
from wolke.block_storage.schema import others as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.views import others as views
from wolke.core.context import Context
from wolke.core.http import Request, Route

Json = dict[str, Any]
COLUMNS = {
    "id": "id", "created_at": "created_at", "volume_id": "volume_id", "attach_status": "status", "status": "status",
    "instance_uuid": "server_id",
}  # fmt: skip
_FOR_SERVICES = frozenset({"service", "agent"})


def _secrets(ctx: Context) -> bool:
    return not _FOR_SERVICES.isdisjoint(ctx.roles | ctx.service_roles)


def _list(*, detail: bool) -> Any:
    async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
        page, offset = pages.page(request, columns=COLUMNS)
        rows = await service.attachments.index(ctx, page, pages.where(request, "attachment"), offset=offset)
        items = [
            views.attachment(one, secrets=_secrets(ctx)) if detail else views.attachment_brief(one) for one in rows
        ]
        return {"attachments": items, **pages.links(request, rows, page, "attachments_links")}

    return index


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.attachments.show(ctx, request.params["attachment_id"])
    return {"attachment": views.attachment(one, secrets=_secrets(ctx))}


async def create(service: BlockStorage, ctx: Context, request: Request) -> Json:
    """With a connector it is connected at once; if that fails nothing is left of it."""
    asked = request.body["attachment"]
    server_id, connector = asked.get("instance_uuid") or None, asked.get("connector")
    mode = asked.get("mode") or (connector or {}).get("mode")
    one = await service.attachments.reserve(
        ctx, asked["volume_uuid"], server_id=server_id, mode=mode if mode in ("rw", "ro") else None
    )
    if connector:
        try:
            one = await service.attachments.connect(ctx, one.id, connector)
        except BaseException:
            await service.attachments.delete(ctx, one.id)
            raise
    return {"attachment": views.attachment(one, secrets=_secrets(ctx))}


async def update(service: BlockStorage, ctx: Context, request: Request) -> Json:
    connector = request.body["attachment"]["connector"]
    one = await service.attachments.connect(ctx, request.params["attachment_id"], connector)
    return {"attachment": views.attachment(one, secrets=_secrets(ctx))}


async def delete(service: BlockStorage, ctx: Context, request: Request) -> Json:
    left = await service.attachments.delete(ctx, request.params["attachment_id"])
    return {"attachments": [views.attachment_brief(one) for one in left]}


async def complete(service: BlockStorage, ctx: Context, request: Request, attachment_id: str, said: Any) -> None:
    await service.attachments.complete(ctx, attachment_id)


ACTIONS = {
    "os-complete": Action(complete, "volume:attachment_complete", schema.ATTACHMENT_COMPLETE, 204, since="3.44"),
}

_A, _ONE = "/attachments", "/attachments/{attachment_id}"
ROUTES = (
    Route("GET", _A, _list(detail=False), "volume:attachment_show", since="3.27"),
    Route(
        "POST", _A, create, "volume:attachment_create", body=schema.ATTACHMENT_CREATE, noun="attachment", since="3.27"
    ),
    Route("GET", f"{_A}/detail", _list(detail=True), "volume:attachment_show", since="3.27"),
    Route("GET", _ONE, show, "volume:attachment_show", since="3.27"),
    Route("PUT", _ONE, update, "volume:attachment_update", body=schema.ATTACHMENT_UPDATE, since="3.27"),
    Route("DELETE", _ONE, delete, "volume:attachment_delete", since="3.27"),
    Route("POST", f"{_ONE}/action", door(ACTIONS, "attachment_id"), body=schema.ATTACHMENT_COMPLETE, since="3.44"),
)
