"""Bytes in and out.

An upload, in the order that makes a crash at any point harmless:

    begin (the blob is live) → the row: queued → saving, upload = blob → append … → commit (durable) → the row: active → close

Dead before the row is written: a blob that no row knows, and that is not live; swept. Dead later: a row whose upload is not
live any more; put back to queued, and the blob swept. Both are found by ``reconcile``, and neither can be mistaken for
an upload that goes on, because a live blob stays live until after the row is active.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Where
from wolke.core.errors import TooLarge
from wolke.image import errors
from wolke.image.drivers.base import NoSpace, Writer
from wolke.image.formats import Inspector, judge
from wolke.image.model import ACTIVE, DEACTIVATED, QUEUED, SAVING, UPLOADING, Image, Landed
from wolke.image.store import IMAGES

if TYPE_CHECKING:
    from wolke.image.service import Images

_PIECE_BYTES = 1 << 20
_DRAIN_BYTES = 1 << 30  # a client that sends is told why it is refused only once it has been heard out
HASH_ALGO = "sha512"


class ImageData:
    def __init__(self, images: Images) -> None:
        self._images = images

    async def upload(
        self, ctx: Context, image: Image, chunks: AsyncIterator[bytes], *, size: int | None = None, stage: bool = False
    ) -> Image:
        """Take the data of a queued image. ``size``: what the client announced. ``stage``: it waits for ``import_staged``."""
        wanted = UPLOADING if stage else SAVING
        if image.status != QUEUED:
            raise errors.WrongStatus(image.status, wanted)
        if image.disk_format is None or image.container_format is None:
            raise errors.FormatsMissing
        limit = await self._limit(image)
        upload_id = ids.uuid()
        try:
            writer = await self._images.driver.begin(upload_id)
        except NoSpace:
            raise errors.StorageFull from None
        try:
            try:
                image = await self._take(image, wanted, upload_id)
                landed = await self._pour(image, chunks, writer, limit, size)
                await self._land(image, landed, stage)
            except BaseException:
                await asyncio.shield(self._give_up(image.id, upload_id, writer))
                raise
        finally:
            await asyncio.shield(writer.close())
        return await self._images.image(ctx, image.id)

    async def upload_file(self, ctx: Context, image: Image, path: Path) -> Image:
        async def pieces() -> AsyncIterator[bytes]:
            file = await asyncio.to_thread(path.open, "rb")
            try:
                while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                    yield piece
            finally:
                file.close()

        return await self.upload(ctx, image, pieces())

    async def import_staged(self, ctx: Context, image: Image) -> Image:
        """The second half of a staged upload; the data was inspected and hashed when it came."""
        if image.status != UPLOADING or image.upload is not None or image.blob is None:
            raise errors.WrongStatus(image.status, "importing")
        async with self._images.db.transaction() as tx:
            if not await self._images.write(tx, image, {"status": ACTIVE}, status=UPLOADING):
                raise errors.ImageChanged
        return await self._images.image(ctx, image.id)

    async def put_back(self, image_id: str, upload_id: str) -> int:
        """An upload ended without success: the image waits for the next. Does nothing if it ended otherwise."""
        async with self._images.db.transaction() as tx:
            changes = {"status": QUEUED, "upload": None, "blob": None, "updated_at": self._images.clock.now()}
            return await tx.update(IMAGES, changes, id=image_id, upload=upload_id)

    async def _give_up(self, image_id: str, upload_id: str, writer: Writer) -> None:
        await self.put_back(image_id, upload_id)
        await writer.close()
        await self.discard(upload_id)

    async def discard(self, blob_id: str) -> bool:
        """Delete data that no row knows; whether it is gone."""
        known = Where("", "any", [[Where("blob", "eq", blob_id)], [Where("upload", "eq", blob_id)]])
        if await self._images.db.count(IMAGES, where=[known]):
            return False
        return await self._images.driver.delete(blob_id)

    def download(self, image: Image, start: int, length: int) -> AsyncIterator[bytes]:
        return self._images.driver.read(image.blob or "", start, length)

    def path(self, image: Image) -> Path | None:
        return self._images.driver.path(image.blob) if image.blob else None

    def check_download(self, ctx: Context, image: Image) -> bool:
        """Whether there is data to be had; ``ImageDeactivated`` where it is withheld."""
        if image.status == DEACTIVATED and not self._images.sees_all(ctx):
            raise errors.ImageDeactivated
        return image.status in (ACTIVE, DEACTIVATED) and image.blob is not None

    async def _limit(self, image: Image) -> int:
        """How many bytes may come at most."""
        config = self._images.config
        if not config.project_quota_bytes or image.owner is None:
            return config.size_cap_bytes
        _, used = await self._images.db.sums(IMAGES, "size", owner=image.owner)
        return min(config.size_cap_bytes, max(0, config.project_quota_bytes - used))

    async def _take(self, image: Image, status: str, upload_id: str) -> Image:
        async with self._images.db.transaction() as tx:
            changes = {"status": status, "upload": upload_id}
            if not await self._images.write(tx, image, changes, status=QUEUED):
                raise errors.WrongStatus(status, status)
            taken = await tx.get(IMAGES, id=image.id)
        if taken is None:
            raise errors.ImageGone(image.id)
        return taken

    async def _pour(
        self, image: Image, chunks: AsyncIterator[bytes], writer: Writer, limit: int, announced: int | None
    ) -> Landed:
        sink = _Sink(writer)
        try:
            if announced is not None and announced > limit:
                raise self._too_large(limit)
            await sink.pour(chunks, limit, lambda: self._too_large(limit))
            if announced is not None and announced != sink.inspector.size:
                raise errors.SizeMismatch(announced, sink.inspector.size)
            virtual_size = self._judge(image, sink.inspector)
            await writer.commit()
        except NoSpace:
            await _drain(chunks)
            raise errors.StorageFull from None
        except TooLarge:
            await _drain(chunks)
            raise
        return Landed(sink.inspector.size, virtual_size, sink.md5.hexdigest(), sink.sha512.hexdigest())

    def _judge(self, image: Image, inspector: Inspector) -> int | None:
        if image.container_format != "bare":
            return None
        disk_format = image.disk_format or "raw"
        virtual_size, problem = judge(inspector, disk_format, must_match=self._images.config.require_format_match)
        if problem is not None:
            raise errors.WrongContent(problem)
        return virtual_size

    def _too_large(self, limit: int) -> TooLarge:
        if limit < self._images.config.size_cap_bytes:
            return errors.QuotaExceeded(limit)
        return errors.ImageTooLarge(limit)

    async def _land(self, image: Image, landed: Landed, stage: bool) -> None:
        changes = {
            "status": UPLOADING if stage else ACTIVE, "blob": image.upload, "upload": None, "size": landed.size,
            "virtual_size": landed.virtual_size, "checksum": landed.checksum, "hash_algo": HASH_ALGO,
            "hash_value": landed.hash_value, "updated_at": self._images.clock.now(),
        }  # fmt: skip
        quota = self._images.config.project_quota_bytes
        async with self._images.db.transaction() as tx:
            if quota and image.owner is not None:
                await tx.lock(f"quota:image:{image.owner}")
                _, used = await tx.sums(IMAGES, "size", owner=image.owner)
                if used + landed.size > quota:
                    raise errors.QuotaExceeded(max(0, quota - used))
            now = await tx.get(IMAGES, id=image.id, upload=image.upload)
            if now is None:
                raise errors.ImageGone(image.id)
            if not await self._images.write(tx, now, changes):
                raise errors.ImageChanged


class _Sink:
    """Collects small chunks to pieces; each piece is hashed and inspected in a thread while it is being written and the
    next one comes in."""

    def __init__(self, writer: Writer) -> None:
        self.inspector = Inspector()
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.sha512 = hashlib.sha512()
        self._writer = writer
        self._under_way: asyncio.Future[Any] | None = None

    async def pour(self, chunks: AsyncIterator[bytes], limit: int, refuse: Callable[[], Exception]) -> None:
        piece, total = bytearray(), 0
        try:
            async for chunk in chunks:
                total += len(chunk)
                if total > limit:
                    raise refuse()
                piece += chunk
                if len(piece) >= _PIECE_BYTES:
                    await self._settle()
                    self._under_way = asyncio.gather(*self._work(bytes(piece)))
                    piece.clear()
            await self._settle()
            if piece:
                await asyncio.gather(*self._work(bytes(piece)))
        finally:
            if self._under_way is not None:
                await asyncio.wait([self._under_way])
                self._under_way.exception()

    def _work(self, piece: bytes) -> tuple[Awaitable[None], Awaitable[None]]:
        return self._writer.append(piece), asyncio.to_thread(self._look, piece)

    async def _settle(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            await under_way

    def _look(self, piece: bytes) -> None:
        self.md5.update(piece)
        self.sha512.update(piece)
        self.inspector.feed(piece)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    left = _DRAIN_BYTES
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            return
