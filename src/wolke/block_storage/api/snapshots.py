"""/snapshots, with their metadata and what is done to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wolke.block_storage.api import metadata, pages
from wolke.block_storage.api.actions import ANY_ACTION, Action, door
from wolke.block_storage.api.seen import SNAPSHOT, less
from wolke.block_storage.model import Snapshot
from wolke.block_storage.schema import snapshots as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.versions import Since
from wolke.block_storage.views import snapshots as views
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.schema import boolean

Json = dict[str, Any]
COLUMNS = {**pages.SORTABLE, "volume_id": "volume_id", "volume_size": "size_gib", "updated_at": "updated_at"}
_STATUSES = ("creating", "available", "deleting", "error", "error_deleting", "backing-up", "restoring", "unmanaging")


def _list(view: Callable[[Snapshot], Json]) -> Any:
    async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
        page, offset = pages.page(request, columns=COLUMNS)
        where = pages.where(request, "snapshot")
        rows: Sequence[Snapshot] = await service.snapshots.index(ctx, page, where, offset=offset)
        items = [view(one) for one in rows]
        less(request, SNAPSHOT, items)
        found: Json = {"snapshots": items, **pages.links(request, rows, page, "snapshots_links")}
        if pages.wants_count(request):
            found["count"] = await service.snapshots.count(ctx, where)
        return found

    return index


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    item = views.detail(await service.snapshots.show(ctx, request.params["snapshot_id"]))
    less(request, SNAPSHOT, [item])
    return {"snapshot": item}


async def create(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["snapshot"]
    force = asked.get("force")
    if request.version >= Since.SNAPSHOT_FORCE:
        if force is not None and not boolean(force, "force"):
            raise BadRequest("force: False is not allowed: snapshots of volumes in use are always taken.")
        force = True
    made = await service.snapshots.create(
        ctx,
        asked["volume_id"] or "",
        name=asked.get("name", asked.get("display_name")),
        description=asked.get("description", asked.get("display_description")),
        metadata=asked.get("metadata") or {},
        force=boolean(force or False, "force"),
    )
    return {"snapshot": views.snapshot(made)}


async def update(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked, changes = request.body["snapshot"], {}
    for column in ("name", "description"):
        for name in (column, f"display_{column}"):
            if name in asked:
                changes[column] = asked[name]
                break
    return {"snapshot": views.snapshot(await service.snapshots.change(ctx, request.params["snapshot_id"], changes))}


async def delete(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.snapshots.delete(ctx, request.params["snapshot_id"])


# -- actions


async def reset(service: BlockStorage, ctx: Context, request: Request, snapshot_id: str, said: Json) -> None:
    status = said["status"]
    if status not in _STATUSES:
        raise BadRequest(f"Must specify a valid status: {status!r} is not one of {', '.join(_STATUSES)}.")
    await service.snapshots.reset(ctx, snapshot_id, status)


async def report(service: BlockStorage, ctx: Context, request: Request, snapshot_id: str, said: Json) -> None:
    """From whoever takes snapshots of volumes in use."""
    one = await service.snapshots.show(ctx, snapshot_id)
    allowed = {"creating": ("creating", "available", "error"), "deleting": ("deleting", "error_deleting")}
    if said["status"] not in allowed.get(one.status, ()):
        raise BadRequest(
            f"Provided snapshot status {said['status'][:64]} not allowed for snapshot with status {one.status}."
        )
    await service.snapshots.reset(ctx, snapshot_id, said["status"], _progress(said.get("progress")))


def _progress(said: Any) -> str | None:
    if said is None:
        return None
    digits = str(said).removesuffix("%")
    if not digits.isdecimal() or int(digits[:9]) > 100:
        raise BadRequest("progress must be an integer percentage")
    return f"{int(digits)}%"


async def force_delete(service: BlockStorage, ctx: Context, request: Request, snapshot_id: str, said: Any) -> None:
    await service.snapshots.delete(ctx, snapshot_id, force=True)


async def unmanage(service: BlockStorage, ctx: Context, request: Request, snapshot_id: str, said: Any) -> None:
    await service.snapshots.unmanage(ctx, snapshot_id)


_ADMIN = "volume_extension:snapshot_admin_actions"
ACTIONS: dict[str, Action] = {
    "os-reset_status": Action(reset, f"{_ADMIN}:reset_status", schema.RESET),
    "os-force_delete": Action(force_delete, f"{_ADMIN}:force_delete", schema.FORCE_DELETE),
    "os-update_snapshot_status": Action(
        report, "volume_extension:snapshot_actions:update_snapshot_status", schema.UPDATE_STATUS
    ),
    "os-unmanage": Action(unmanage, "snapshot_extension:snapshot_unmanage", schema.UNMANAGE),
}

_S, _ONE = "/snapshots", "/snapshots/{snapshot_id}"
_WRITE = "volume:update_snapshot_metadata"
_METADATA = metadata.Rules("volume:get_snapshot_metadata", _WRITE, _WRITE, "volume:delete_snapshot_metadata")
ROUTES = (
    Route("GET", _S, _list(views.snapshot), "volume:get_all_snapshots", view="snapshot"),
    Route("POST", _S, create, "volume:create_snapshot", 202, body=schema.CREATE, view="snapshot"),
    Route("GET", f"{_S}/detail", _list(views.detail), "volume:get_all_snapshots", view="snapshot"),
    Route("GET", _ONE, show, "volume:get_snapshot", view="snapshot"),
    Route("PUT", _ONE, update, "volume:update_snapshot", body=schema.UPDATE, view="snapshot"),
    Route("DELETE", _ONE, delete, "volume:delete_snapshot", 202),
    Route("POST", f"{_ONE}/action", door(ACTIONS, "snapshot_id"), body=ANY_ACTION),
    *metadata.routes(_ONE, lambda service: service.snapshots, _METADATA),
)
