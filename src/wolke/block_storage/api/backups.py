"""/backups."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.api import pages
from wolke.block_storage.api.actions import ANY_ACTION, Action, door
from wolke.block_storage.model import Backup
from wolke.block_storage.schema import others as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.backups import BACKUP_SERVICE
from wolke.block_storage.views import others as views
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.schema import boolean

Json = dict[str, Any]
_STATUSES = ("creating", "available", "deleting", "error", "error_deleting", "restoring")
COLUMNS = {
    **pages.SORTABLE, "container": "container", "size": "size_gib", "volume_id": "volume_id",
    "data_timestamp": "data_timestamp", "updated_at": "updated_at", "snapshot_id": "snapshot_id",
}  # fmt: skip


def _list(*, detail: bool) -> Any:
    async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
        page, offset = pages.page(request, columns=COLUMNS)
        where = pages.where(request, "backup")
        rows = await service.backups.index(ctx, page, where, offset=offset)
        base = request.base_url
        if detail:
            items = await _shown(service, ctx, request, rows)
        else:
            items = [views.backup_brief(base, ctx, one) for one in rows]
        found: Json = {"backups": items, **pages.links(request, rows, page, "backup_links")}
        if pages.wants_count(request):
            found["count"] = await service.backups.count(ctx, where)
        return found

    return index


async def _shown(service: BlockStorage, ctx: Context, request: Request, rows: list[Backup]) -> list[Json]:
    dependents = await service.backups.with_dependents([one.id for one in rows])
    inner = request.allows("backup:backup_project_attribute")
    return [views.backup(request.base_url, ctx, one, has_dependents=one.id in dependents, inner=inner) for one in rows]


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.backups.show(ctx, request.params["backup_id"])
    return {"backup": (await _shown(service, ctx, request, [one]))[0]}


async def create(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["backup"]
    made = await service.backups.create(
        ctx,
        asked["volume_id"],
        name=asked.get("name"),
        description=asked.get("description"),
        container=asked.get("container") or None,
        incremental=boolean(asked.get("incremental") or False, "incremental"),
        force=boolean(asked.get("force") or False, "force"),
        snapshot_id=asked.get("snapshot_id") or None,
        metadata=asked.get("metadata") or {},
        availability_zone=asked.get("availability_zone") or None,
    )
    return _answer(ctx, request, made)


def _answer(ctx: Context, request: Request, one: Backup) -> Json:
    return {"backup": {**views.backup_brief(request.base_url, ctx, one), "metadata": one.metadata}}


async def update(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["backup"]
    changes = {name: asked[name] for name in ("name", "description", "metadata") if name in asked}
    if changes.get("metadata", {}) is None:
        del changes["metadata"]
    if not changes:
        raise BadRequest("Missing updates: name, description or metadata.")
    return _answer(ctx, request, await service.backups.change(ctx, request.params["backup_id"], changes))


async def delete(service: BlockStorage, ctx: Context, request: Request) -> None:
    await service.backups.delete(ctx, request.params["backup_id"])


async def restore(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked, backup_id = request.body["restore"], request.params["backup_id"]
    _, volume_id, name = await service.backups.restore(
        ctx, backup_id, asked.get("volume_id") or None, asked.get("name")
    )
    return {"restore": {"backup_id": backup_id, "volume_id": volume_id, "volume_name": name}}


async def export_record(service: BlockStorage, ctx: Context, request: Request) -> Json:
    text = await service.backups.export_record(ctx, request.params["backup_id"])
    return {"backup-record": {"backup_service": BACKUP_SERVICE, "backup_url": text}}


async def import_record(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["backup-record"]
    made = await service.backups.import_record(ctx, asked["backup_service"], asked["backup_url"])
    return {"backup": views.backup_brief(request.base_url, ctx, made)}


async def reset(service: BlockStorage, ctx: Context, request: Request, backup_id: str, said: Json) -> None:
    if said["status"] not in _STATUSES:
        raise BadRequest(f"Must specify a valid status: {said['status'][:64]!r} is not one of {', '.join(_STATUSES)}.")
    await service.backups.reset(ctx, backup_id, said["status"])


async def force_delete(service: BlockStorage, ctx: Context, request: Request, backup_id: str, said: Any) -> None:
    await service.backups.delete(ctx, backup_id, force=True)


_ADMIN = "volume_extension:backup_admin_actions"
ACTIONS = {
    "os-reset_status": Action(reset, f"{_ADMIN}:reset_status", schema.BACKUP_RESET),
    "os-force_delete": Action(force_delete, f"{_ADMIN}:force_delete", schema.BACKUP_FORCE_DELETE),
}

_B, _ONE = "/backups", "/backups/{backup_id}"
ROUTES = (
    Route("GET", _B, _list(detail=False), "backup:get_all"),
    Route("POST", _B, create, "backup:create", 202, body=schema.BACKUP_CREATE, noun="backup", view="backup"),
    Route("GET", f"{_B}/detail", _list(detail=True), "backup:get_all", view="backup"),
    Route("POST", f"{_B}/import_record", import_record, "backup:backup-import", 201, body=schema.IMPORT,
          body_limit_bytes=2 << 20),
    Route("GET", _ONE, show, "backup:get", view="backup"),
    Route("PUT", _ONE, update, "backup:update", body=schema.BACKUP_UPDATE, noun="backup_update", view="backup",
          since="3.9"),
    Route("DELETE", _ONE, delete, "backup:delete", 202),
    Route("POST", f"{_ONE}/restore", restore, "backup:restore", 202, body=schema.RESTORE),
    Route("GET", f"{_ONE}/export_record", export_record, "backup:export-import"),
    Route("POST", f"{_ONE}/action", door(ACTIONS, "backup_id"), body=ANY_ACTION),
)  # fmt: skip
