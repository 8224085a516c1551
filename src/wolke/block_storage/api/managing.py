"""/manageable_volumes and /manageable_snapshots, under their old names too."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.api import pages
from wolke.block_storage.api.volumes import shown
from wolke.block_storage.schema import snapshots as snapshot_schema
from wolke.block_storage.schema import volumes as schema
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.views import snapshots as snapshot_views
from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Route
from wolke.core.paging import parse_limit
from wolke.core.schema import boolean

Json = dict[str, Any]
_BRIEF = {
    "volumes": ("reference", "size", "safe_to_manage"),
    "snapshots": ("reference", "size", "safe_to_manage", "source_reference"),
}
_DETAIL = ("cinder_id", "extra_info", "reason_not_safe")


async def manage(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["volume"]
    if not asked.get("host"):
        raise BadRequest("Must specify 'host'; there are no clusters here.")
    one = await service.managing.manage(
        ctx,
        asked["host"],
        asked["ref"],
        name=asked.get("name"),
        description=asked.get("description"),
        type_=asked.get("volume_type") or None,
        availability_zone=asked.get("availability_zone") or None,
        metadata=asked.get("metadata") or {},
        bootable=boolean(asked.get("bootable", False), "bootable"),
    )
    return {"volume": (await shown(service, ctx, request, [one]))[0]}


async def manage_snapshot(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["snapshot"]
    one = await service.managing.manage_snapshot(
        ctx,
        asked["volume_id"],
        asked["ref"],
        name=asked.get("name"),
        description=asked.get("description"),
        metadata=asked.get("metadata") or {},
    )
    return {"snapshot": snapshot_views.snapshot(one)}


def _list(noun: str, *, detail: bool) -> Any:
    async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
        host = request.query.get("host")
        if not host:
            raise BadRequest("The host must be given: ?host=host@backend#pool")
        found = list(await service.managing.manageable(ctx, noun, host))
        limit = parse_limit(request.query.get("limit"), most=1000, default=1000)
        start = pages.offset(request)
        names = _BRIEF[noun] + (_DETAIL if detail else ())
        return {f"manageable-{noun}": [{n: one.get(n) for n in names} for one in found[start:][:limit]]}

    return index


def _routes(noun: str, path: str, rule: str, make: Any, body: Json, since: str) -> tuple[Route, ...]:
    listing, managing = f"{rule}_extension:list_manageable", f"{rule}_extension:{rule}_manage"
    return (
        Route("GET", path, _list(noun, detail=False), listing, since=since),
        Route("POST", path, make, managing, 202, body=body, view=rule, since=since),
        Route("GET", f"{path}/detail", _list(noun, detail=True), listing, since=since),
    )


ROUTES = (
    *_routes("volumes", "/os-volume-manage", "volume", manage, schema.MANAGE, "3.0"),
    *_routes("snapshots", "/os-snapshot-manage", "snapshot", manage_snapshot, snapshot_schema.MANAGE, "3.0"),
    *_routes("volumes", "/manageable_volumes", "volume", manage, schema.MANAGE, "3.8"),
    *_routes("snapshots", "/manageable_snapshots", "snapshot", manage_snapshot, snapshot_schema.MANAGE, "3.8"),
)
