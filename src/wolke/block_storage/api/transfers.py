"""/os-volume-transfer, and since 3.55 /volume-transfers: the same."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.api import pages
from wolke.block_storage.schema import others as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.versions import Since
from wolke.block_storage.views import others as views
from wolke.core.context import Context
from wolke.core.http import Request, Route
from wolke.core.schema import boolean

Json = dict[str, Any]
COLUMNS = {"id": "id", "name": "name", "volume_id": "volume_id", "created_at": "created_at"}


def _list(*, detail: bool) -> Any:
    view = views.transfer if detail else views.transfer_brief

    async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
        page, offset = pages.page(request, columns=COLUMNS)
        rows = await service.transfers.index(ctx, page, pages.where(request, "transfer"), offset=offset)
        items = [view(request.base_url, ctx, one) for one in rows]
        return {"transfers": items, **pages.links(request, rows, page, "transfers_links")}

    return index


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.transfers.show(ctx, request.params["transfer_id"])
    return {"transfer": views.transfer(request.base_url, ctx, one)}


async def create(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["transfer"]
    made, key = await service.transfers.create(
        ctx,
        asked["volume_id"],
        asked.get("name"),
        no_snapshots=boolean(asked.get("no_snapshots", False), "no_snapshots"),
        allow_encrypted=request.version >= Since.ENCRYPTED_TRANSFERS,
    )
    return {"transfer": {**views.transfer(request.base_url, ctx, made), "auth_key": key}}


async def delete(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.transfers.delete(ctx, request.params["transfer_id"])


async def accept(service: BlockStorage, ctx: Context, request: Request) -> Json:
    key = request.body["accept"]["auth_key"]
    one = await service.transfers.accept(ctx, request.params["transfer_id"], key)
    return {"transfer": views.transfer_brief(request.base_url, ctx, one)}


def _routes(path: str, since: str) -> tuple[Route, ...]:
    one = f"{path}/{{transfer_id}}"
    return (
        Route("GET", path, _list(detail=False), "volume:get_all_transfers", since=since),
        Route("POST", path, create, "volume:create_transfer", 202, body=schema.TRANSFER_CREATE, noun="transfer",
              view="transfer", since=since),
        Route("GET", f"{path}/detail", _list(detail=True), "volume:get_all_transfers", view="transfer", since=since),
        Route("GET", one, show, "volume:get_transfer", view="transfer", since=since),
        Route("DELETE", one, delete, "volume:delete_transfer", 202, since=since),
        Route("POST", f"{one}/accept", accept, "volume:accept_transfer", 202, body=schema.TRANSFER_ACCEPT, since=since),
    )  # fmt: skip


ROUTES = (*_routes("/os-volume-transfer", "3.0"), *_routes("/volume-transfers", "3.55"))
