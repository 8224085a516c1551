"""Servers that need help are started from another image, and then from their own disk again."""

from __future__ import annotations

from wolke.compute import errors
from wolke.compute.service.boot_disks import BootDisks, image_copy
from wolke.compute.service.needs import Needs
from wolke.compute.service.server_actions import ServerActions
from wolke.compute.service.servers import Servers
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.errors import BadRequest, NotFound
from wolke.image.model import Image

_USED = ("hw_rescue_device", "hw_rescue_bus", "kernel_id", "ramdisk_id")


class Rescues:
    def __init__(self, needs: Needs, servers: Servers, actions: ServerActions, disks: BootDisks) -> None:
        self._disks = disks
        self._needs = needs
        self._servers = servers
        self._actions = actions

    async def rescue(
        self, ctx: Context, server_id: str, image_id: str | None, *, volume_backed_allowed: bool = True
    ) -> None:
        """From ``image_id``, or from the image that the server, or its root volume, was made of."""
        server = await self._servers.show(ctx, server_id)
        self._actions.allowed(ctx, server, "rescue", "rescue")
        await self._actions.require(server, "rescue", "rescuing")
        if server.volume_backed and not volume_backed_allowed:
            why = "Cannot rescue a volume-backed instance"
            raise BadRequest(f"Instance {server_id} cannot be rescued: {why}")
        if server.volume_backed and image_id is None:
            image_id = (await self._disks.root_volume(server)).image_metadata.get("image_id")
        image = await self._image(ctx, image_id or server.image_id)
        kept = image_copy(image)
        arguments = {
            "rescue_image_id": image.id,
            "disk_format": image.disk_format,
            "properties": {name: kept["properties"][name] for name in _USED if name in kept["properties"]},
            "was": server.status,
        }
        await self._actions.begin(ctx, server_id, "rescue", "rescue", arguments=arguments)

    async def unrescue(self, ctx: Context, server_id: str) -> None:
        await self._actions.begin(ctx, server_id, "unrescue", "unrescue")

    async def _image(self, ctx: Context, image_id: str | None) -> Image:
        images = self._needs.images
        if images is None:
            raise errors.NotOffered("rescuing")
        if image_id is None or not ids.is_uuid(image_id):
            raise BadRequest("Invalid image provided.")
        try:
            image = await images.image(ctx, image_id)
        except NotFound:
            raise BadRequest(f"Image {image_id} could not be found.") from None
        if image.status != "active":
            raise BadRequest(f"Image {image_id} is not active.")
        return image
