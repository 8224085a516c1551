"""Servers' root volumes made anew, and images of servers with volumes: the controller's part, which is mostly waiting.

A rebuild lets go of the root volume, so that it is nobody's but reserved, and has Block Storage fill it from the image; the
guest gets it back when it is made anew. An image becomes active when the snapshots that it names are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.block_storage.service import BlockStorage
from wolke.compute.model import BlockDevice, Server
from wolke.compute.service.life.actions import finish_verb
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.failing import Failing
from wolke.compute.service.life.ground import Ground
from wolke.compute.states import SERVER
from wolke.compute.store import BLOCK_DEVICES
from wolke.core.context import system_context
from wolke.core.errors import CloudError, NotFound

_CLOUD = system_context()


class Pictures:
    def __init__(self, ground: Ground, building: Building, failing: Failing) -> None:
        self._ground = ground
        self._building = building
        self._failing = failing

    async def waits(self, server: Server) -> bool:
        """Whether Block Storage is still at what the server waits for."""
        if self._ground.storage is None:
            return False
        if server.task == "image_snapshot_pending":
            return "creating" in (await self._snapshots(self._ground.storage, server)).values()
        root = await self._root(server)
        if root is None or "reimaging" not in server.arguments:
            return False
        try:
            return (await self._ground.storage.volumes.show(_CLOUD, str(root.volume_id))).task == "reimaging"
        except NotFound:
            return False

    # -- a root volume

    async def reimage(self, server: Server) -> None:
        root, storage = await self._root(server), self._ground.storage
        try:
            if root is None or storage is None or root.volume_id is None:
                await self._fail(server, "The server has no root volume.")
            elif "reimaging" not in server.arguments:
                await self._begin(server, storage, root)
            else:
                await self._end(server, storage, root.volume_id)
        except CloudError as error:
            if error.status >= 500:
                raise
            await self._fail(server, f"The root volume cannot be made anew: {error.message}")

    async def _begin(self, server: Server, storage: BlockStorage, root: BlockDevice) -> None:
        images = self._ground.images
        if images is None:
            await self._fail(server, "This cloud has no images.")
            return
        image = await images.image(_CLOUD, str(server.arguments["root_image_id"]))
        volume_id = str(root.volume_id)
        async with self._ground.db.transaction() as tx:
            arguments = {**server.arguments, "reimaging": True}
            if not await self._ground.write(tx, server, {"arguments": arguments, "generation": server.generation + 1}):
                return
            if (await storage.volumes.held(tx, _CLOUD, volume_id)).status not in ("reserved", "error"):
                await storage.attachments.drop_in(tx, root.attachment_id or "")
                kept = await storage.attachments.reserve_in(
                    tx, _CLOUD, volume_id, server_id=server.id, host=server.host, patient=True
                )
                await tx.update(BLOCK_DEVICES, {"attachment_id": kept.id}, id=root.id)
            await storage.volume_actions.reimage_in(tx, _CLOUD, volume_id, image, reserved=True)

    async def _end(self, server: Server, storage: BlockStorage, volume_id: str) -> None:
        volume = await storage.volumes.show(_CLOUD, volume_id)
        if volume.task == "reimaging":
            return
        if volume.status == "error":
            await self._fail(server, f"Volume {volume_id} could not be made anew: {volume.reason or 'it is in error'}")
            return
        async with self._ground.db.transaction() as tx:
            await self._ground.write(tx, server, SERVER.learn(server, {}))

    async def _root(self, server: Server) -> BlockDevice | None:
        found = await self._ground.db.find(BLOCK_DEVICES, server_id=server.id, boot_index=0)
        return found[0] if found else None

    async def _fail(self, server: Server, reason: str) -> None:
        async with self._ground.db.transaction() as tx:
            await self._failing.fail_in(tx, server, reason, {})

    # -- an image of volumes

    async def picture(self, server: Server) -> None:
        storage, images = self._ground.storage, self._ground.images
        assert storage is not None and images is not None
        states = await self._snapshots(storage, server)
        if "creating" in states.values():
            return
        broken = [snapshot_id for snapshot_id, state in states.items() if state != "available"]
        try:
            image = await images.image(_CLOUD, server.arguments["image_id"])
        except NotFound:
            await self._fail(server, "The image was deleted before the server's volumes were in it.")
            return
        if broken:
            await self._building.forget_image(server)
            await self._fail(server, f"Snapshot {broken[0]} did not come about: {states[broken[0]]}")
            return
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, {"arguments": {}, "deadline_at": None})):
                await images.activate_in(tx, image)
                await finish_verb(tx, server, self._ground.clock.now())

    async def _snapshots(self, storage: BlockStorage, server: Server) -> Mapping[str, str]:
        """What each has become: creating, available, or why it is not."""
        found: dict[str, Any] = {}
        for snapshot_id in server.arguments.get("snapshot_ids", ()):
            try:
                one = await storage.snapshots.show(_CLOUD, snapshot_id)
            except NotFound:
                found[snapshot_id] = "it was deleted"
                continue
            found[snapshot_id] = one.status if one.status in ("creating", "available") else one.reason or one.status
        return found
