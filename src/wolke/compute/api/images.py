"""/images, until 2.35, and their metadata, until 2.38: for clients that know no Image service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wolke.compute.api.pages import full
from wolke.compute.schema import servers as schema
from wolke.compute.service import Compute
from wolke.compute.service.images import metadata_of
from wolke.compute.views import images as views
from wolke.compute.views.links import following
from wolke.core.clock import instant, moment
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.core.http import Request, Route
from wolke.core.paging import parse_limit
from wolke.image.model import Image

Json = dict[str, Any]
_UNTIL, _METADATA_UNTIL = "2.35", "2.38"


def _filter(request: Request) -> Callable[[Image], bool]:
    query = request.query
    tests: list[Callable[[Image], bool]] = []
    if name := query.get("name"):
        tests.append(lambda image: image.name == name)
    if status := query.get("status"):
        tests.append(lambda image: views.status(image) == status.upper())
    if server := query.get("server"):
        server_id = server.rstrip("/").rpartition("/")[2]
        tests.append(lambda image: image.properties.get("instance_uuid") == server_id)
    if kind := query.get("type"):
        wanted = "snapshot" if kind == "snapshot" else None
        tests.append(lambda image: (image.properties.get("image_type") == "snapshot") == (wanted is not None))
    if since := query.get("changes-since"):
        after = _instant(since)
        tests.append(lambda image: image.updated_at >= after)
    for name_, least in (("minDisk", "min_disk"), ("minRam", "min_ram")):
        if (text := query.get(name_)) is not None:
            tests.append(_no_less(least, _number(name_, text)))
    return lambda image: all(test(image) for test in tests)


def _no_less(column: str, least: int) -> Callable[[Image], bool]:
    return lambda image: (getattr(image, column) or 0) >= least


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise BadRequest(f"Invalid input for query parameters {name}. Value: {text[:64]}")
    return int(text)


def _instant(text: str) -> str:
    try:
        return instant(moment(text.replace(" ", "+", 1)))
    except (ValueError, OverflowError):
        raise BadRequest(f"Invalid input for query parameters changes-since. Value: {text[:64]}") from None


async def _page(service: Compute, ctx: Context, request: Request, path: str) -> tuple[list[Image], Json]:
    most = service.config.max_servers_per_page
    limit = parse_limit(request.query.get("limit"), most=most, default=most)
    limit = most if limit is None else limit
    found = await service.images.index(ctx, _filter(request), request.query.get("marker"), limit)
    if not full(found, limit):
        return found, {}
    return found, {"images_links": following(request.base_url, path, request.query, found[-1].id, limit)}


async def index(service: Compute, ctx: Context, request: Request) -> Json:
    found, more = await _page(service, ctx, request, "images")
    return {"images": [views.brief(one, request.base_url) for one in found], **more}


async def detail(service: Compute, ctx: Context, request: Request) -> Json:
    found, more = await _page(service, ctx, request, "images/detail")
    return {"images": [views.image(one, request.base_url, metadata_of(one)) for one in found], **more}


async def show(service: Compute, ctx: Context, request: Request) -> Json:
    found = await service.images.show(ctx, request.params["image_id"])
    return {"image": views.image(found, request.base_url, metadata_of(found))}


async def delete(service: Compute, ctx: Context, request: Request) -> None:
    await service.images.delete(ctx, request.params["image_id"])


async def metadata(service: Compute, ctx: Context, request: Request) -> Json:
    return {"metadata": metadata_of(await service.images.show(ctx, request.params["image_id"]))}


async def add_metadata(service: Compute, ctx: Context, request: Request) -> Json:
    items = request.body["metadata"]
    return {
        "metadata": await service.images.set_metadata(ctx, request.params["image_id"], lambda old: {**old, **items})
    }


async def replace_metadata(service: Compute, ctx: Context, request: Request) -> Json:
    items = request.body["metadata"]
    return {"metadata": await service.images.set_metadata(ctx, request.params["image_id"], lambda old: items)}


async def item(service: Compute, ctx: Context, request: Request) -> Json:
    key = request.params["key"]
    found = metadata_of(await service.images.show(ctx, request.params["image_id"]))
    if key not in found:
        raise NotFound("Metadata item was not found")
    return {"meta": {key: found[key]}}


async def set_item(service: Compute, ctx: Context, request: Request) -> Json:
    key, items = request.params["key"], request.body["meta"]
    if set(items) != {key}:
        raise BadRequest("Request body and URI mismatch")
    await service.images.set_metadata(ctx, request.params["image_id"], lambda old: {**old, **items})
    return {"meta": items}


async def delete_item(service: Compute, ctx: Context, request: Request) -> None:
    key = request.params["key"]

    def less(old: dict[str, str]) -> dict[str, str]:
        if key not in old:
            raise NotFound("Invalid metadata key")
        return {name: value for name, value in old.items() if name != key}

    await service.images.set_metadata(ctx, request.params["image_id"], less)


_ONE, _META = "/v2.1/images/{image_id}", "/v2.1/images/{image_id}/metadata"
ROUTES = (
    Route("GET", "/v2.1/images", index, until=_UNTIL),
    Route("GET", "/v2.1/images/detail", detail, until=_UNTIL),
    Route("GET", _ONE, show, until=_UNTIL),
    Route("DELETE", _ONE, delete, status=204, until=_UNTIL),
    Route("GET", _META, metadata, until=_METADATA_UNTIL),
    Route("POST", _META, add_metadata, body=schema.METADATA_ALL, until=_METADATA_UNTIL),
    Route("PUT", _META, replace_metadata, body=schema.METADATA_ALL, until=_METADATA_UNTIL),
    Route("GET", f"{_META}/{{key}}", item, until=_METADATA_UNTIL),
    Route("PUT", f"{_META}/{{key}}", set_item, body=schema.METADATA_ITEM, until=_METADATA_UNTIL),
    Route("DELETE", f"{_META}/{{key}}", delete_item, status=204, until=_METADATA_UNTIL),
)
