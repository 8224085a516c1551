"""Images as Compute has always shown them; the Image service has more to say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wolke.compute import errors
from wolke.compute.service.needs import Needs
from wolke.compute.service.quotas import Quotas
from wolke.compute.service.server_create import check_metadata
from wolke.core.context import Context
from wolke.core.db import Order
from wolke.core.errors import Forbidden, NotFound
from wolke.core.paging import Page
from wolke.image.errors import ImageProtected
from wolke.image.model import Image
from wolke.image.service import Images as Service

_MOST = 1000
_NEWEST_FIRST = (Order("created_at", True), Order("id", True))


class Images:
    def __init__(self, needs: Needs, quotas: Quotas) -> None:
        self._needs = needs
        self._quotas = quotas

    async def index(self, ctx: Context, passes: Callable[[Image], bool], marker: str | None, limit: int) -> list[Image]:
        """The newest that pass, after ``marker``."""
        found = await self._service.images(ctx, Page(_NEWEST_FIRST, _MOST, marker))
        return [image for image in found if passes(image)][:limit]

    async def show(self, ctx: Context, image_id: str) -> Image:
        try:
            return await self._service.image(ctx, image_id)
        except NotFound:
            raise NotFound("Image not found.") from None

    async def delete(self, ctx: Context, image_id: str) -> None:
        image = await self._owned(ctx, image_id, "delete")
        try:
            await self._service.delete(ctx, image)
        except ImageProtected:
            raise Forbidden("You are not allowed to delete the image.") from None

    async def set_metadata(
        self, ctx: Context, image_id: str, change: Callable[[dict[str, str]], Mapping[str, str]]
    ) -> dict[str, str]:
        """``change`` gets what there is and returns what there shall be."""
        image = await self._owned(ctx, image_id, "change")
        wanted = dict(change(metadata_of(image)))
        check_metadata(wanted, await self._quotas.limits(ctx.project_id or "", ctx.user_id))
        return metadata_of(await self._service.update(ctx, image, {"properties": wanted}))

    async def _owned(self, ctx: Context, image_id: str, verb: str) -> Image:
        image = await self.show(ctx, image_id)
        if image.owner != ctx.project_id and not ctx.is_admin:
            raise Forbidden(f"You are not allowed to {verb} the image.")
        return image

    @property
    def _service(self) -> Service:
        if self._needs.images is None:
            raise errors.NotOffered("images")
        return self._needs.images


def metadata_of(image: Image) -> dict[str, str]:
    return {name: str(value) for name, value in image.properties.items() if value is not None}
