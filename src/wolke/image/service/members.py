"""Sharing: an owner adds projects to a shared image; each of them accepts or rejects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Order, Where
from wolke.image import errors
from wolke.image.model import Image, Member
from wolke.image.store import MEMBERS

if TYPE_CHECKING:
    from wolke.image.service import Images


class Members:
    def __init__(self, images: Images) -> None:
        self._images = images
        self._db = images.db

    async def has(self, image: Image, project_id: str | None) -> bool:
        """Whether the image is shared with the project, whatever the project thinks of it."""
        if image.visibility != "shared" or project_id is None:
            return False
        return await self._db.get(MEMBERS, image_id=image.id, member_id=project_id) is not None

    async def add(self, ctx: Context, image: Image, member_id: str) -> Member:
        _check_shared(image)
        now = self._images.clock.now()
        member = Member(image.id, member_id, "pending", now, now)
        most = self._images.config.members_max
        try:
            async with self._db.transaction() as tx:
                await tx.lock(f"image:members:{image.id}")
                count = await tx.count(MEMBERS, image_id=image.id)
                if count >= most:
                    raise errors.TooMany("image members", count + 1, most)
                await tx.insert(MEMBERS, member)
        except DuplicateRow:
            raise errors.MemberExists(image.id, member_id) from None
        return member

    async def members(self, ctx: Context, image: Image) -> list[Member]:
        """All of them for the owner; for a member itself alone."""
        _check_shared(image)
        alone = [] if self._owns(ctx, image) else [Where("member_id", "eq", ctx.project_id or "")]
        return await self._db.find(
            MEMBERS, order=[Order("created_at"), Order("member_id")], where=alone, image_id=image.id
        )

    async def member(self, ctx: Context, image: Image, member_id: str) -> Member:
        _check_shared(image)
        member = await self._db.get(MEMBERS, image_id=image.id, member_id=member_id)
        if member is None or not (self._owns(ctx, image) or member_id == ctx.project_id):
            raise errors.MemberNotFound(image.id, member_id)
        return member

    async def answer(self, ctx: Context, member: Member, status: str) -> Member:
        async with self._db.transaction() as tx:
            changes = {"status": status, "updated_at": self._images.clock.now()}
            if not await tx.update(MEMBERS, changes, image_id=member.image_id, member_id=member.member_id):
                raise errors.MemberNotFound(member.image_id, member.member_id)
        found = await self._db.get(MEMBERS, image_id=member.image_id, member_id=member.member_id)
        return found or member

    async def remove(self, ctx: Context, image: Image, member_id: str) -> None:
        _check_shared(image)
        async with self._db.transaction() as tx:
            if not await tx.delete(MEMBERS, image_id=image.id, member_id=member_id):
                raise errors.MemberNotFound(image.id, member_id)

    def _owns(self, ctx: Context, image: Image) -> bool:
        return ctx.is_admin or (image.owner is not None and image.owner == ctx.project_id)


def _check_shared(image: Image) -> None:
    if image.visibility != "shared":
        raise errors.NotShared
