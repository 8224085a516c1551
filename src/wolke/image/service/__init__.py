"""The verbs of the image service. ``data`` moves bytes, ``members`` shares; the rest is here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wolke.core import ids
from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.db import Database, DuplicateRow, Order, Related, Transaction, Where
from wolke.core.errors import BadRequest
from wolke.core.paging import Page, find_page
from wolke.image import errors
from wolke.image.config import ImageConfig
from wolke.image.drivers.base import Driver
from wolke.image.model import ACTIVE, DEACTIVATED, QUEUED, Image, Trash
from wolke.image.service.data import ImageData
from wolke.image.service.members import Members
from wolke.image.service.sight import in_default_list, seen_by, sees_all
from wolke.image.store import IMAGES, MARKS, MEMBERS, TRASH, property_mark, write_marks

__all__ = ["ImageWish", "Images"]

LOOP = "image.trash"
_ONLY_WHILE_QUEUED = ("disk_format", "container_format")


@dataclass(frozen=True, slots=True)
class ImageWish:
    """What a new image shall be."""

    id: str | None = None
    name: str | None = None
    owner: str | None = None  # None: the caller's project
    visibility: str = "shared"
    disk_format: str | None = None
    container_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    protected: bool = False
    hidden: bool = False
    tags: Sequence[str] = ()
    properties: Mapping[str, str | None] = field(default_factory=dict)


class Images:
    """Every verb that takes an image id refuses with ``ImageNotFound`` what the caller may not see. Whether the caller may
    do it is asked before, at the door, for whom an in-process caller stands in."""

    def __init__(self, db: Database, config: ImageConfig, clock: Clock, driver: Driver) -> None:
        self.db = db
        self.config = config
        self.clock = clock
        self.driver = driver
        self.data = ImageData(self)
        self.members = Members(self)

    async def create(
        self,
        ctx: Context,
        wish: ImageWish,
        also: Callable[[Transaction, Image], Awaitable[None]] | None = None,
    ) -> Image:
        """``also`` writes in the same transaction what there must not be an image without."""
        self.check_counts(wish.tags, wish.properties)
        now = self.clock.now()
        tags, properties = list(dict.fromkeys(wish.tags)), dict(wish.properties)
        image = Image(
            wish.id or ids.uuid(), wish.name, wish.owner or ctx.project_id, wish.visibility, QUEUED,
            wish.disk_format, wish.container_format, wish.min_disk, wish.min_ram, wish.protected, wish.hidden,
            None, None, None, None, None, tags, properties, None, None, 0, now, now,
        )  # fmt: skip
        try:
            async with self.db.transaction() as tx:
                await tx.insert(IMAGES, image)
                await write_marks(tx, image.id, tags, properties, fresh=True)
                if also is not None:
                    await also(tx, image)
        except DuplicateRow:
            raise errors.ImageExists(image.id) from None
        return image

    async def image(self, ctx: Context, image_id: str) -> Image:
        image = await self.db.get(IMAGES, id=image_id)
        if image is None or not (seen_by(ctx, image) or await self.members.has(image, ctx.project_id)):
            raise errors.ImageNotFound(image_id)
        return image

    async def images(
        self,
        ctx: Context,
        page: Page,
        *,
        where: Sequence[Where] = (),
        visibility: str | None = None,
        owner: str | None = None,
        member_status: str = "accepted",
    ) -> list[Image]:
        """One page of what the caller may see; community images of others only when asked for by visibility or owner."""
        conditions = [*where, *in_default_list(ctx, visibility, owner, member_status)]
        marker = None
        if page.marker is not None:
            try:
                marker = await self.image(ctx, page.marker)
            except errors.ImageNotFound:
                raise BadRequest(f"Invalid marker. Image could not be found: {page.marker[:64]}") from None
        return await find_page(self.db, IMAGES, page, where=conditions, marker=marker)

    async def having(self, owner: str, properties: Mapping[str, str]) -> list[Image]:
        """The images of a project that have all these properties, oldest first. For callers in this process."""
        marks = [property_mark(name, value) for name, value in properties.items()]
        where = [Where("id", "within", Related(MARKS, "image_id", [Where("mark", "eq", mark)])) for mark in marks]
        return await self.db.find(IMAGES, where=where, order=(Order("created_at"), Order("id")), owner=owner)

    async def update(self, ctx: Context, image: Image, changes: Mapping[str, Any]) -> Image:
        """``changes`` by the record's names, as decided from ``image``; 409 if somebody else changed it meanwhile."""
        if image.status != QUEUED and any(name in changes for name in _ONLY_WHILE_QUEUED):
            raise errors.OnlyWhileQueued(next(name for name in _ONLY_WHILE_QUEUED if name in changes))
        tags, properties = changes.get("tags", image.tags), changes.get("properties", image.properties)
        self.check_counts(tags, properties)
        if not changes:
            return image
        async with self.db.transaction() as tx:
            if not await self.write(tx, image, changes):
                raise errors.ImageChanged
            if "tags" in changes or "properties" in changes:
                await write_marks(tx, image.id, tags, properties)
        return await self.image(ctx, image.id)

    async def add_tag(self, ctx: Context, image: Image, tag: str) -> None:
        if tag not in image.tags:
            await self.update(ctx, image, {"tags": [*image.tags, tag]})

    async def remove_tag(self, ctx: Context, image: Image, tag: str) -> None:
        if tag not in image.tags:
            raise errors.TagNotFound(tag)
        await self.update(ctx, image, {"tags": [other for other in image.tags if other != tag]})

    async def deactivate(self, ctx: Context, image: Image) -> None:
        await self._switch(image, "deactivate", ACTIVE, DEACTIVATED)

    async def reactivate(self, ctx: Context, image: Image) -> None:
        await self._switch(image, "reactivate", DEACTIVATED, ACTIVE)

    async def _switch(self, image: Image, verb: str, before: str, after: str) -> None:
        if image.status == after:
            return
        if image.status != before:
            raise errors.CannotDeactivate(verb, image.status)
        async with self.db.transaction() as tx:
            if not await self.write(tx, image, {"status": after}):
                raise errors.ImageChanged

    async def delete(self, ctx: Context, image: Image) -> None:
        """The row goes now, and with it the name of the data; the data follows, at the latest when the loop looks.
        An upload under way finds out when it ends; that it has come further since ``image`` was read is no reason to stay."""
        async with self.db.transaction() as tx:
            now = await tx.get(IMAGES, id=image.id)
            if now is None:
                raise errors.ImageNotFound(image.id)
            image = now
            if image.protected:
                raise errors.ImageProtected(image.id)
            if not await tx.delete(IMAGES, id=image.id, generation=image.generation):
                raise errors.ImageChanged
            await tx.delete(MARKS, image_id=image.id)
            await tx.delete(MEMBERS, image_id=image.id)
            if image.blob is not None:
                await tx.insert(TRASH, Trash(image.blob, self.clock.now()))
                tx.wake(LOOP)

    async def write(self, tx: Transaction, image: Image, changes: Mapping[str, Any], **guards: Any) -> int:
        """Write ``changes`` if nobody wrote since ``image`` was read."""
        more = {"generation": image.generation + 1, "updated_at": self.clock.now()}
        return await tx.update(IMAGES, {**changes, **more}, id=image.id, generation=image.generation, **guards)

    async def describe_in(self, tx: Transaction, image: Image, properties: Mapping[str, str | None]) -> None:
        """Other properties for an image that ``tx`` has made."""
        self.check_counts(image.tags, properties)
        await tx.update(IMAGES, {"properties": dict(properties)}, id=image.id)
        await write_marks(tx, image.id, image.tags, properties)

    async def activate_in(self, tx: Transaction, image: Image) -> None:
        """One without data: what it is of stands in its properties."""
        if not await self.write(tx, image, {"status": ACTIVE, "size": 0}, status=QUEUED):
            raise errors.ImageChanged

    def check_counts(self, tags: Sequence[str], properties: Mapping[str, str | None]) -> None:
        for what, count, most in (
            ("image properties", len(properties), self.config.properties_max),
            ("image tags", len(set(tags)), self.config.tags_max),
        ):
            if count > most:
                raise errors.TooMany(what, count, most)

    # -- for other services of this process

    async def upload(
        self, ctx: Context, image_id: str, chunks: AsyncIterator[bytes], *, size: int | None = None
    ) -> Image:
        """Fill an image that is queued, and wait until it is active."""
        return await self.data.upload(ctx, await self.image(ctx, image_id), chunks, size=size)

    async def create_from_file(self, ctx: Context, wish: ImageWish, path: Path) -> Image:
        """An active image with the content of a local file; nothing is left of it if that fails."""
        image = await self.create(ctx, wish)
        try:
            return await self.data.upload_file(ctx, image, path)
        except BaseException:
            async with self.db.transaction() as tx:
                await tx.delete(IMAGES, id=image.id)
                await tx.delete(MARKS, image_id=image.id)
            raise

    async def file_path(self, image_id: str) -> Path | None:
        """The local file with an active image's data; None if there is no data, or it is not in a local file."""
        image = await self.db.get(IMAGES, id=image_id)
        if image is None or image.blob is None or image.status not in (ACTIVE, DEACTIVATED):
            return None
        return self.driver.path(image.blob)

    def sees_all(self, ctx: Context) -> bool:
        return sees_all(ctx)
