"""A server's volumes on the wire."""

from __future__ import annotations

from typing import Any

from wolke.compute.schema import volume_attachments as schema
from wolke.compute.service import Compute
from wolke.compute.versions import Since
from wolke.compute.views.volume_attachments import volume_attachment
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Response, Route
from wolke.core.paging import parse_limit

Json = dict[str, Any]


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    found = await service.volumes.index(ctx, request.params["server_id"])
    most = service.config.max_servers_per_page
    limit = parse_limit(request.query.get("limit"), most=most, default=most) or 0
    offset = _offset(request)
    return {"volumeAttachments": [volume_attachment(one) for one in found[offset : offset + limit]]}


def _offset(request: Request) -> int:
    text = request.query.get("offset") or "0"
    if not text.isdecimal() or len(text) > 9:
        raise BadRequest("offset must be a whole number that is not negative")
    return int(text)


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    params = request.params
    return {
        "volumeAttachment": volume_attachment(await service.volumes.show(ctx, params["server_id"], params["volume_id"]))
    }


async def create(service: Compute, ctx: Context, request: Request) -> Json | Response:
    asked = request.body["volumeAttachment"]
    wanted = {"device_name": asked.get("device"), "tag": asked.get("tag")}
    wanted["delete_on_termination"] = asked.get("delete_on_termination") or False
    server_id, shares = request.params["server_id"], request.version >= Since.SHARED_VOLUMES
    made = await service.volumes.attach(ctx, server_id, asked["volumeId"], wanted, shares=shares)
    if request.version >= Since.NO_WORD_OF_ATTACHED_VOLUMES:
        return Response(202)
    return {"volumeAttachment": volume_attachment(made)}


async def update(service: Compute, ctx: Context, request: Request) -> None:
    """To another volume is what only administrators may wish, and older clients alone; the rest is for owners."""
    asked, params = request.body["volumeAttachment"], request.params
    if asked["volumeId"] != params["volume_id"] or request.version < Since.UPDATES_OF_VOLUME_ATTACHMENTS:
        request.enforce(f"{_RULE}:swap")
        await service.volumes.swap(ctx, params["server_id"], params["volume_id"], asked["volumeId"])
        return
    names = {"device": "device_name", "tag": "tag", "delete_on_termination": "delete_on_termination"}
    changes = {names[name]: value for name, value in asked.items() if name in names}
    await service.volumes.update(ctx, params["server_id"], params["volume_id"], changes)


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.volumes.detach(ctx, request.params["server_id"], request.params["volume_id"])


_S = "/v2.1/servers/{server_id}/os-volume_attachments"
_RULE = "os_compute_api:os-volumes-attachments"
ROUTES = (
    Route("GET", _S, index, f"{_RULE}:index", view="volumeAttachment", query=("limit", "offset"), strict="2.75"),
    Route("POST", _S, create, f"{_RULE}:create", body=schema.CREATE, noun="volume_attach", view="volumeAttachment"),
    Route("GET", f"{_S}/{{volume_id}}", show, f"{_RULE}:show", view="volumeAttachment"),
    Route("PUT", f"{_S}/{{volume_id}}", update, f"{_RULE}:update", 202, body=schema.UPDATE, noun="volume_update"),
    Route("DELETE", f"{_S}/{{volume_id}}", delete, f"{_RULE}:delete", 202),
)  # fmt: skip
