"""/volumes: made, found, changed, deleted; their metadata, their sum, how they are encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.api import metadata, pages
from wolke.block_storage.api.seen import VOLUME, less
from wolke.block_storage.model import Volume
from wolke.block_storage.schema import volumes as schema
from wolke.block_storage.service import BlockStorage, NewVolume
from wolke.block_storage.versions import Since
from wolke.block_storage.views import volumes as views
from wolke.core.context import Context
from wolke.core.http import Request, Response, Route
from wolke.core.schema import boolean

Json = dict[str, Any]

COLUMNS = {
    **pages.SORTABLE, "size": "size_gib", "availability_zone": "availability_zone", "bootable": "bootable",
    "updated_at": "updated_at", "host": "backend", "user_id": "user_id", "project_id": "project_id",
    "display_description": "description", "migration_status": "migration_status", "volume_type_id": "type_id",
    "launched_at": "launched_at", "replication_status": "migration_status", "attach_status": "status",
}  # fmt: skip
_INNER = "volume_extension:volume_host_attribute"


async def index(service: BlockStorage, ctx: Context, request: Request) -> Json:
    page, rows = await _page(service, ctx, request)
    found = {"volumes": [views.brief(request.base_url, ctx, one) for one in rows]}
    return await _around(service, ctx, request, page, rows, found)


async def details(service: BlockStorage, ctx: Context, request: Request) -> Json:
    page, rows = await _page(service, ctx, request)
    return await _around(service, ctx, request, page, rows, {"volumes": await shown(service, ctx, request, rows)})


async def _page(service: BlockStorage, ctx: Context, request: Request) -> tuple[Any, list[Volume]]:
    page, offset = pages.page(request, columns=COLUMNS, most=service.config.max_volumes_per_page)
    return page, await service.volumes.index(ctx, page, pages.where(request, "volume"), offset=offset)


async def _around(
    service: BlockStorage, ctx: Context, request: Request, page: Any, rows: Sequence[Volume], found: Json
) -> Json:
    found |= pages.links(request, rows, page, "volumes_links")
    if pages.wants_count(request):
        found["count"] = await service.volumes.count(ctx, pages.where(request, "volume"))
    return found


async def shown(service: BlockStorage, ctx: Context, request: Request, rows: Sequence[Volume]) -> list[Json]:
    """As ``detail``, with a query for all types and one for all attachments."""
    inner = request.allows(_INNER)
    types = await service.types.by_id([one.type_id for one in rows])
    attachments = await service.volumes.attachments([one.id for one in rows])
    base = request.base_url
    items = [
        views.detail(base, ctx, one, types.get(one.type_id or ""), attachments[one.id], inner=inner) for one in rows
    ]
    less(request, VOLUME, items)
    return items


async def changed(service: BlockStorage, ctx: Context, request: Request, one: Volume) -> Json:
    types = await service.types.by_id([one.type_id])
    attachments = await service.volumes.attachments([one.id])
    kind = types.get(one.type_id or "")
    item = views.volume(request.base_url, ctx, one, kind, attachments[one.id], inner=False)
    return {"volume": item}


async def show(service: BlockStorage, ctx: Context, request: Request) -> Json:
    one = await service.volumes.show(ctx, request.params["volume_id"])
    return {"volume": (await shown(service, ctx, request, [one]))[0]}


async def create(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["volume"]
    hints = request.body.get("OS-SCH-HNT:scheduler_hints") or request.body.get("scheduler_hints") or {}
    multiattach = boolean(asked.get("multiattach") or False, "multiattach")
    if multiattach and request.version >= Since.MULTIATTACH_BY_TYPE:
        why = "multiattach parameter has been removed. The default behavior is to use multiattach enabled volume types."
        raise errors.Invalid("input received", why)
    wish = NewVolume(
        size_gib=_size(asked.get("size")),
        name=asked.get("name", asked.get("display_name")),
        description=asked.get("description", asked.get("display_description")),
        type=asked.get("volume_type") or None,
        availability_zone=asked.get("availability_zone") or None,
        metadata=asked.get("metadata") or {},
        image_id=asked.get("imageRef") or asked.get("image_id") or None,
        snapshot_id=asked.get("snapshot_id") or None,
        source_volume_id=asked.get("source_volid") or None,
        backup_id=asked.get("backup_id") or None,
        group_id=asked.get("group_id") or None,
        multiattach=multiattach,
        hints=hints,
    )
    if wish.image_id is not None:
        request.enforce("volume:create_from_image")
    one = await service.making.create(ctx, wish)
    if one.multiattach:
        request.enforce("volume:multiattach")
    return await changed(service, ctx, request, one)


def _size(value: Any) -> int | None:
    return None if value is None else int(value)


async def update(service: BlockStorage, ctx: Context, request: Request) -> Json:
    asked = request.body["volume"]
    changes = {}
    for column, names in (("name", ("name", "display_name")), ("description", ("description", "display_description"))):
        for name in names:
            if name in asked:
                changes[column] = asked[name]
                break
    if asked.get("metadata") is not None:
        changes["metadata"] = asked["metadata"]
    one = await service.volumes.change(ctx, request.params["volume_id"], changes)
    return await changed(service, ctx, request, one)


async def delete(service: BlockStorage, ctx: Context, request: Request) -> None:
    query = request.query
    cascade = boolean(query.get("cascade") or "false", "cascade")
    force = False
    if request.version >= Since.FORCE_IN_DELETE:
        force = boolean(query.get("force") or "false", "force")
    if force:
        request.enforce("volume:force_delete")
    await service.volume_actions.delete(ctx, request.params["volume_id"], cascade=cascade, force=force)


async def summary(service: BlockStorage, ctx: Context, request: Request) -> Json:
    count, size_gib, items = await service.volumes.summary(ctx, everybody=pages.everybody(request))
    return {"volume-summary": {"total_count": count, "total_size": size_gib, "metadata": items}}


async def nobody(service: BlockStorage, ctx: Context, request: Request) -> None:
    """A client that forgot the id of what it would change or delete."""
    raise errors.VolumeNotFound("")


# -- encryption


async def encryption(service: BlockStorage, ctx: Context, request: Request) -> Json:
    return dict(views.encryption(await service.volumes.show(ctx, request.params["volume_id"])))


async def encryption_item(service: BlockStorage, ctx: Context, request: Request) -> Response:
    told = views.encryption(await service.volumes.show(ctx, request.params["volume_id"]))
    key = request.params["key"]
    if key not in told:
        raise errors.MetadataNotFound(key)
    return Response(200, str(told[key] if told[key] is not None else "").encode(), content_type="text/plain")


_V, _ONE = "/volumes", "/volumes/{volume_id}"
_E = f"{_ONE}/encryption"
_METADATA = metadata.Rules(
    "volume:get_volume_metadata",
    "volume:create_volume_metadata",
    "volume:update_volume_metadata",
    "volume:delete_volume_metadata",
)
ROUTES = (
    Route("GET", _V, index, "volume:get_all"),
    Route("POST", _V, create, "volume:create", 202, body=schema.CREATE, noun="volume", view="volume"),
    Route("GET", f"{_V}/detail", details, "volume:get_all", view="volume"),
    Route("GET", f"{_V}/summary", summary, "volume:get_all", view="volume-summary", since="3.12"),
    Route("PUT", _V, nobody, "volume:update"),
    Route("DELETE", _V, nobody, "volume:delete"),
    Route("GET", _ONE, show, "volume:get", view="volume"),
    Route("PUT", _ONE, update, "volume:update", body=schema.UPDATE, view="volume"),
    Route("DELETE", _ONE, delete, "volume:delete", 202),
    *metadata.routes(_ONE, lambda service: service.volumes, _METADATA),
    Route("GET", _E, encryption, "volume_extension:volume_encryption_metadata"),
    Route("GET", f"{_E}/{{key}}", encryption_item, "volume_extension:volume_encryption_metadata"),
)
