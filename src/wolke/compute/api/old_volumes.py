"""/os-volumes and /os-snapshots, until 2.35: for clients that know no Block Storage."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.model import Snapshot
from wolke.block_storage.states import status_of
from wolke.compute.schema import old_volumes as schema
from wolke.compute.service import Compute
from wolke.compute.service.old_volumes import Shown
from wolke.core.clock import micros
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.paging import parse_limit
from wolke.core.schema import boolean

Json = dict[str, Any]
_LAST = "2.35"
_RULE = "os_compute_api:os-volumes"


def _view(shown: Shown) -> Json:
    one, attachments, type_name = shown
    used = [
        {"id": one.id, "volumeId": one.id, "serverId": a.server_id, "device": a.mount_device}
        for a in attachments
        if a.server_id is not None and a.status in ("attached", "detaching")
    ]
    return {
        "id": one.id,
        "status": status_of("volume", one.status, one.task),
        "size": one.size_gib,
        "availabilityZone": one.availability_zone,
        "createdAt": micros(one.created_at),
        "displayName": one.name,
        "displayDescription": one.description,
        "volumeType": type_name,
        "snapshotId": one.snapshot_id,
        "metadata": one.metadata,
        "attachments": [{k: v for k, v in item.items() if v is not None} for item in used] or [{}],
    }


def _snapshot(one: Snapshot) -> Json:
    return {
        "id": one.id,
        "volumeId": one.volume_id,
        "status": status_of("snapshot", one.status, one.task),
        "size": one.size_gib,
        "createdAt": micros(one.created_at),
        "displayName": one.name,
        "displayDescription": one.description,
    }


def _window(service: Compute, request: Request) -> Json:
    most = service.config.max_servers_per_page
    limit, text = parse_limit(request.query.get("limit"), most=most, default=most), request.query.get("offset") or "0"
    if not text.isdecimal() or len(text) > 9:
        raise BadRequest(f"Invalid input for query parameters offset. Value: {text[:64]}")
    return {"limit": most if limit is None else limit, "offset": int(text)}


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    return {"volumes": [_view(one) for one in await service.old_volumes.index(ctx, **_window(service, request))]}


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    return {"volume": _view(await service.old_volumes.show(ctx, request.params["volume_id"]))}


async def create(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["volume"]
    wish = {
        "size_gib": int(asked["size"]),
        "name": asked.get("display_name"),
        "description": asked.get("display_description"),
        "type": asked.get("volume_type") or None,
        "metadata": asked.get("metadata") or {},
        "snapshot_id": asked.get("snapshot_id") or None,
        "availability_zone": asked.get("availability_zone") or None,
    }
    return {"volume": _view(await service.old_volumes.create(ctx, wish))}


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.old_volumes.delete(ctx, request.params["volume_id"])


async def snapshots(service: Compute, ctx: Context, request: Request) -> Json:
    found = await service.old_volumes.snapshots(ctx, **_window(service, request))
    return {"snapshots": [_snapshot(one) for one in found]}


async def snapshot(service: Compute, ctx: Context, request: Request) -> Json:
    return {"snapshot": _snapshot(await service.old_volumes.snapshot(ctx, request.params["snapshot_id"]))}


async def create_snapshot(service: Compute, ctx: Context, request: Request) -> Json:
    asked = request.body["snapshot"]
    made = await service.old_volumes.create_snapshot(
        ctx,
        asked["volume_id"],
        name=asked.get("display_name"),
        description=asked.get("display_description"),
        force=boolean(asked.get("force", False), "force"),
    )
    return {"snapshot": _snapshot(made)}


async def delete_snapshot(service: Compute, ctx: Context, request: Request) -> None:
    await service.old_volumes.delete_snapshot(ctx, request.params["snapshot_id"])


def _routes(
    path: str, param: str, rules: str, index: Any, show: Any, create: Any, delete: Any, body: Json
) -> tuple[Route, ...]:
    one = f"{path}/{{{param}}}"
    return (
        Route("GET", path, index, f"{rules}list", until=_LAST),
        Route("GET", f"{path}/detail", index, f"{rules}detail", until=_LAST),
        Route("POST", path, create, f"{rules}create", 200, body, until=_LAST),
        Route("GET", one, show, f"{rules}show", until=_LAST),
        Route("DELETE", one, delete, f"{rules}delete", 202, until=_LAST),
    )


ROUTES = (
    *_routes("/v2.1/os-volumes", "volume_id", f"{_RULE}:", index, show, create, delete, schema.VOLUME),
    *_routes("/v2.1/os-snapshots", "snapshot_id", f"{_RULE}:snapshots:", snapshots, snapshot, create_snapshot,
             delete_snapshot, schema.SNAPSHOT),
)  # fmt: skip
