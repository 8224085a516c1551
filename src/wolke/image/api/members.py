"""The projects that an image is shared with."""

from __future__ import annotations

from typing import Any

from wolke.core.context import Context
from wolke.core.http import Request
from wolke.image import views
from wolke.image.api.images import found
from wolke.image.service import Images


async def index(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    image = await found(service, ctx, request, "get_members")
    members = await service.members.members(ctx, image)
    return {"members": [views.member(member) for member in members], "schema": "/v2/schemas/members"}


async def add(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    image = await found(service, ctx, request, "add_member")
    return views.member(await service.members.add(ctx, image, request.body["member"]))


async def show(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    image = await found(service, ctx, request, "get_member")
    return views.member(await service.members.member(ctx, image, request.params["member_id"]))


async def answer(service: Images, ctx: Context, request: Request) -> dict[str, Any]:
    """Only the member itself decides."""
    image = await service.image(ctx, request.params["image_id"])
    member = await service.members.member(ctx, image, request.params["member_id"])
    request.enforce("modify_member", {"project_id": image.owner, "member_id": member.member_id})
    return views.member(await service.members.answer(ctx, member, request.body["status"]))


async def remove(service: Images, ctx: Context, request: Request) -> None:
    image = await found(service, ctx, request, "delete_member")
    await service.members.remove(ctx, image, request.params["member_id"])
