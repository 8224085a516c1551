"""What makes the image service whole again after anything: uploads that died, data that nobody refers to, deletes half done."""

from __future__ import annotations

from collections.abc import Iterable

from wolke.core.db import Where
from wolke.core.loop import Leases, Loop
from wolke.image.service import LOOP, Images
from wolke.image.store import IMAGES, TRASH

_BATCH = 500


class Sweeper:
    """``look`` finds ``trash:<blob>`` at every wake; at the first and then every ``sweep_period_s`` also
    ``upload:<image>:<blob>`` of uploads that died and ``blob:<blob>`` of data without an image."""

    def __init__(self, images: Images) -> None:
        self._images = images
        self._next_sweep = 0.0

    async def look(self) -> Iterable[str]:
        keys = [f"trash:{trash.blob}" for trash in await self._images.db.find(TRASH, limit=_BATCH)]
        now = self._images.clock.time()
        if now >= self._next_sweep:
            self._next_sweep = now + self._images.config.sweep_period_s
            keys += await self._sweep()
        return keys

    async def _sweep(self) -> list[str]:
        """The order of the three looks makes each conclusion safe: see ``service/data.py``."""
        db = self._images.db
        uploads = await db.find(IMAGES, where=[Where("upload", "isnull", False)])
        blobs = await self._images.driver.blobs()
        live = {blob.id for blob in blobs if blob.live}
        keys = [f"upload:{image.id}:{image.upload}" for image in uploads if image.upload not in live]
        for start in range(0, len(blobs), _BATCH):
            batch = [blob.id for blob in blobs[start : start + _BATCH] if not blob.live]
            if batch:
                known = {image.blob for image in await db.find(IMAGES, where=[Where("blob", "in", batch)])}
                known |= {trash.blob for trash in await db.find(TRASH, where=[Where("blob", "in", batch)])}
                keys += [f"blob:{blob_id}" for blob_id in batch if blob_id not in known]
        return keys

    async def act(self, key: str) -> None:
        kind, _, rest = key.partition(":")
        if kind == "trash":
            await self._empty(rest)
        elif kind == "upload":
            image_id, _, upload_id = rest.partition(":")
            await self._images.data.put_back(image_id, upload_id)
            await self._images.data.discard(upload_id)
        else:
            await self._images.data.discard(rest)

    async def _empty(self, blob_id: str) -> None:
        if not await self._images.driver.delete(blob_id):
            raise RuntimeError("the data of a deleted image is still held by its upload")
        async with self._images.db.transaction() as tx:
            await tx.delete(TRASH, blob=blob_id)


def build_loop(images: Images, leases: Leases | None = None) -> Loop:
    """The service's one loop. Let ``drain`` run once before the first request: then nothing shows that was left behind."""
    sweeper = Sweeper(images)
    loop = Loop(LOOP, sweeper.look, sweeper.act, period_s=images.config.sweep_period_s, leases=leases)
    images.db.on_wake(LOOP, loop.wake)
    return loop
