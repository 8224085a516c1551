"""Images: create, list, show, change, delete; tags; deactivate and reactivate."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.errors import BadRequest
from wolke.core.http import Request, Response
from wolke.core.paging import next_link
from wolke.image import errors, views
from wolke.image.api.discovery import IMPORT_METHODS
from wolke.image.api.queries import read_query
from wolke.image.model import Image
from wolke.image.schema import patches
from wolke.image.schema.images import COLUMNS, WRITABLE
from wolke.image.service import Images, ImageWish

_TAG_MAX = 255
_PUBLISHING = {"public": "publicize_image", "community": "communitize_image"}


async def found(service: Images, ctx: Context, request: Request, rule: str) -> Image:
    """The image that the path names, if the caller sees it and the rule allows."""
    image = await service.image(ctx, request.params["image_id"])
    request.enforce(rule, await target(service, ctx, image))
    return image


async def target(service: Images, ctx: Context, image: Image) -> dict[str, Any]:
    owned = service.sees_all(ctx) or image.owner == ctx.project_id
    member_id = ctx.project_id if not owned and await service.members.has(image, ctx.project_id) else None
    return {"project_id": image.owner, "owner": image.owner, "visibility": image.visibility, "member_id": member_id}


async def create(service: Images, ctx: Context, request: Request) -> Response:
    body: dict[str, Any] = request.body
    for name in body:
        if name != "id":
            patches.refuse_unwritable(name)
    owner = body.get("owner") or ctx.project_id
    request.enforce("add_image", {"project_id": owner, "owner": owner})
    if (rule := _PUBLISHING.get(body.get("visibility", ""))) is not None:
        request.enforce(rule, {"project_id": owner})
    fields = {COLUMNS[name]: value for name, value in body.items() if name in WRITABLE}
    properties = {name: value for name, value in body.items() if name not in WRITABLE and name != "id"}
    image_id = body["id"].lower() if "id" in body else None
    image = await service.create(ctx, ImageWish(**{**fields, "owner": owner, "id": image_id, "properties": properties}))
    headers = {
        "Location": f"{request.base_url}/v2/images/{image.id}",
        "OpenStack-image-import-methods": ",".join(IMPORT_METHODS),
    }
    return Response(201, views.image(image), headers=headers)


async def index(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    query = read_query(request.query, service.config)
    images = await service.images(
        ctx,
        query.page,
        where=query.where,
        visibility=query.visibility,
        owner=query.owner,
        member_status=query.member_status,
    )
    first = [(name, value) for name, value in request.query.pairs if name != "marker"]
    body: dict[str, Any] = {
        "images": [views.image(image) for image in images],
        "first": query.first_link("/v2/images", first),
        "schema": "/v2/schemas/images",
    }
    if images and len(images) == query.page.limit:
        body["next"] = next_link("/v2/images", request.query, images[-1].id)
    return body


async def show(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    return views.image(await found(service, ctx, request, "get_image"))


async def tasks(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    """An image is imported by what is done to its row: there are no tasks beside it."""
    await found(service, ctx, request, "get_image")
    return {"tasks": []}


async def update(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in (patches.MEDIA_TYPE, patches.OLD_MEDIA_TYPE):
        accepted = f"{patches.MEDIA_TYPE}, {patches.OLD_MEDIA_TYPE}"
        raise errors.WrongContentType(given, accepted, headers={"Accept-Patch": accepted})
    wanted = patches.operations(request.body, old=given == patches.OLD_MEDIA_TYPE)
    image = await found(service, ctx, request, "modify_image")
    changes = patches.changes(image, wanted)
    if (rule := _PUBLISHING.get(changes.get("visibility", ""))) is not None:
        request.enforce(rule, {"project_id": image.owner})
    if "owner" in changes and not ctx.is_admin:
        raise errors.ReadOnly("owner")
    return views.image(await service.update(ctx, image, changes))


async def delete(service: Images, ctx: Context, request: Request) -> None:
    await service.delete(ctx, await found(service, ctx, request, "delete_image"))


async def deactivate(service: Images, ctx: Context, request: Request) -> None:
    await service.deactivate(ctx, await found(service, ctx, request, "deactivate"))


async def reactivate(service: Images, ctx: Context, request: Request) -> None:
    await service.reactivate(ctx, await found(service, ctx, request, "reactivate"))


async def add_tag(service: Images, ctx: Context, request: Request) -> None:
    tag = request.params["tag"]
    if len(tag) > _TAG_MAX:
        raise BadRequest(f"A tag has at most {_TAG_MAX} characters.")
    await service.add_tag(ctx, await found(service, ctx, request, "modify_image"), tag)


async def remove_tag(service: Images, ctx: Context, request: Request) -> None:
    await service.remove_tag(ctx, await found(service, ctx, request, "modify_image"), request.params["tag"])
