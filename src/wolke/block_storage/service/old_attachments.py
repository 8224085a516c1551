"""The actions that were before attachments (os-reserve, os-attach, …), spelt with them.

They name a volume and not an attachment, so the attachment that they mean is the one that the same actions reserved, or the
only one that there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.model import Attachment
from wolke.block_storage.service.attachments import Attachments
from wolke.block_storage.service.volumes import Volumes
from wolke.block_storage.states import status_of
from wolke.core.context import Context
from wolke.core.db import Database

_BEFORE = ("attaching", "reserved")


class OldAttachments:
    def __init__(self, db: Database, volumes: Volumes, attachments: Attachments) -> None:
        self._db = db
        self._volumes = volumes
        self._attachments = attachments

    async def reserve(self, ctx: Context, volume_id: str) -> None:
        await self._attachments.reserve(ctx, volume_id, server_id=None, legacy=True, status="attaching")

    async def unreserve(self, ctx: Context, volume_id: str) -> None:
        """Fine if it was not reserved."""
        async with self._db.transaction() as tx:
            await self._volumes.held(tx, ctx, volume_id)
            for one in await self._attachments.on(tx, volume_id):
                if one.legacy and one.status in _BEFORE:
                    await self._attachments.delete_in(tx, ctx, one)

    async def attach(
        self, ctx: Context, volume_id: str, server_id: str | None, host: str | None, device: str | None, mode: str
    ) -> None:
        found = await self._reserved(ctx, volume_id)
        if found is None:
            volume = await self._volumes.show(ctx, volume_id)
            if volume.status == "in-use" and not volume.multiattach:
                raise errors.NotSettled("volume", volume_id, "attach", status_of("volume", volume.status, volume.task))
            found = await self._attachments.reserve(
                ctx, volume_id, server_id=server_id, mode=mode, host=host, legacy=True, status="attaching"
            )
        async with self._db.transaction() as tx:
            await self._volumes.held(tx, ctx, volume_id)
            changes = {"server_id": server_id, "instance_host": host, "mode": mode}
            await self._attachments.write(tx, found, changes)
        await self._attachments.complete(ctx, found.id, mount_device=device)

    async def detach(self, ctx: Context, volume_id: str, attachment_id: str | None, *, force: bool = False) -> None:
        """``force``: an administrator takes it away whatever it is doing."""
        found = await self._there(ctx, volume_id)
        if not found and attachment_id is None:
            return  # as it is wished for
        if attachment_id is not None:
            found = [one for one in found if one.id == attachment_id]
            if not found:
                raise errors.AttachmentNotFound(attachment_id)
        if not force:
            found = [one for one in found if one.status in ("attached", "detaching")]
        if len(found) > 1 and attachment_id is None:
            why = f"Volume {volume_id} is attached to more than one server: attachment_id must be specified."
            raise errors.Invalid("volume", why)
        if not found:
            raise errors.Invalid("volume", f"Volume {volume_id} is not attached.")
        left = await self._attachments.delete(ctx, found[0].id)
        if force and not left:
            async with self._db.transaction() as tx:
                volume = await self._volumes.held(tx, ctx, volume_id)
                if volume.status == "error" and volume.task is None:  # which was said of it because it was stuck
                    await self._volumes.write(tx, volume, {"status": "available"})

    async def initialize(self, ctx: Context, volume_id: str, connector: Mapping[str, Any]) -> Mapping[str, Any]:
        """How ``connector`` opens a volume that was reserved."""
        found = await self._reserved(ctx, volume_id)
        if found is None:
            raise errors.Invalid("volume", f"Volume {volume_id} must be reserved before it is connected.")
        return (await self._attachments.connect(ctx, found.id, connector)).connection or {}

    async def terminate(self, ctx: Context, volume_id: str, connector: Mapping[str, Any]) -> None:
        """The connection goes with the attachment. There is nothing to be done before."""
        await self._volumes.show(ctx, volume_id)

    async def _there(self, ctx: Context, volume_id: str) -> list[Attachment]:
        volume = await self._volumes.show(ctx, volume_id)
        return (await self._volumes.attachments([volume.id]))[volume.id]

    async def _reserved(self, ctx: Context, volume_id: str) -> Attachment | None:
        found = [one for one in await self._there(ctx, volume_id) if one.status in _BEFORE]
        return next((one for one in found if one.legacy), found[0] if len(found) == 1 else None)
