"""An image that is being filled or deleted when the process dies; its data is in files, as on a laptop."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.conftest import create_tables
from tests.crash.points import Killed, Points, bury
from tests.crash.scenes import open_in
from tests.life_cloud import ADMIN
from wolke.core.clock import HeldClock
from wolke.core.db import Database
from wolke.image.config import ImageConfig
from wolke.image.drivers.file import FileDriver, FileWriter
from wolke.image.model import Image
from wolke.image.reconcile import build_loop
from wolke.image.service import Images, ImageWish
from wolke.image.store import IMAGES, MARKS, TRASH

CONTENT = [os.urandom(600_000) for _ in range(4)]  # three pieces on disk
SHA512 = hashlib.sha512(b"".join(CONTENT)).hexdigest()
_DRIVER = ("delete", "blobs")
_WRITER = ("append", "commit", "close")


class Disk(FileDriver):
    """Files, whose writers have points too; when the process is dead the kernel lets go of what they held open."""

    def __init__(self, directory: Path, points: Points | None) -> None:
        super().__init__(directory)
        self._points = points
        self._writers: list[FileWriter] = []

    async def begin(self, blob_id: str) -> Any:
        if self._points is None:
            return await super().begin(blob_id)
        self._points("before begin")
        writer = await super().begin(blob_id)
        self._writers.append(writer)
        self._points("after begin")
        return self._points.around(writer, *_WRITER)

    def let_go(self) -> None:
        for writer in self._writers:
            if writer._fd is not None:
                os.close(writer._fd)
                writer._fd = None


async def content() -> AsyncIterator[bytes]:
    for chunk in CONTENT:
        yield chunk


async def upload(images: Images) -> None:
    await images.upload(ADMIN, (await only(images)).id, content())


async def stage_and_import(images: Images) -> None:
    image = await images.data.upload(ADMIN, await only(images), content(), stage=True)
    await images.data.import_staged(ADMIN, image)


async def upload_too_much(images: Images) -> None:
    """It says that it is smaller than it is, and is refused at the end."""
    try:
        await images.upload(ADMIN, (await only(images)).id, content(), size=5)
    except Exception as error:
        if type(error).__name__ != "SizeMismatch":
            raise


async def upload_deleted(images: Images) -> None:
    """The image is deleted while its data comes in."""

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in content():
            yield chunk
        await images.delete(ADMIN, await only(images))

    try:
        await images.upload(ADMIN, (await only(images)).id, chunks())
    except Exception as error:
        if type(error).__name__ != "ImageGone":
            raise


async def delete(images: Images) -> None:
    await images.delete(ADMIN, await only(images))


async def only(images: Images) -> Image:
    [image] = await images.db.find(IMAGES)
    return image


# scene: what the user wishes, whether the image is filled before, and what may be there afterwards
SCENES: dict[str, tuple[Callable[[Images], Awaitable[None]], bool, frozenset[str]]] = {
    "upload": (upload, False, frozenset({"queued", "active"})),
    "stage and import": (stage_and_import, False, frozenset({"queued", "uploading", "active"})),
    "upload too much": (upload_too_much, False, frozenset({"queued"})),
    "upload deleted": (upload_deleted, False, frozenset({"queued", "gone"})),
    "delete": (delete, True, frozenset({"active", "gone"})),
}


def open_images(root: Path, db: Database, points: Points | None = None) -> Images:
    if points:
        points.around_transactions(db)
    (root / "images").mkdir(exist_ok=True)
    disk = Disk(root / "images", points)
    driver: Any = points.around(disk, *_DRIVER) if points else disk
    return Images(db, ImageConfig(), HeldClock("2026-01-01T00:00:00.000000Z"), driver)


async def prepare(root: Path, scene: str) -> None:
    root.mkdir()
    await create_tables(f"sqlite:///{root}/wolke.db")
    db = await open_in(root)
    images = open_images(root, db)
    image = await images.create(ADMIN, ImageWish(name="disk", disk_format="raw", container_format="bare", tags=["a"]))
    if SCENES[scene][1]:
        await images.upload(ADMIN, image.id, content())
    await db.close()


async def play(root: Path, scene: str, points: Points) -> None:
    db = await open_in(root)
    images = open_images(root, db, points)
    try:
        await build_loop(images).drain()
        await SCENES[scene][0](images)
        await build_loop(images).drain()
    except Killed:
        pass
    finally:
        await db.close()
        await bury()
        disk = images.driver._thing  # type: ignore[attr-defined]
        disk.let_go()


async def settled(root: Path, scene: str) -> list[str]:
    """Start again, sweep, and say what is wrong with rows and files."""
    db = await open_in(root)
    images = open_images(root, db)
    try:
        await build_loop(images).drain()
        return await wrongs(images, root, SCENES[scene][2])
    finally:
        await db.close()


async def wrongs(images: Images, root: Path, allowed: frozenset[str]) -> list[str]:
    found = [f"trash {one.blob}" for one in await images.db.find(TRASH)]
    rows = await images.db.find(IMAGES)
    status = rows[0].status if rows else "gone"
    if status not in allowed:
        found.append(f"image is {status}")
    found += [f"upload {row.upload}" for row in rows if row.upload]
    files = sorted(path.name for path in (root / "images").iterdir())
    if files != [row.blob for row in rows if row.blob]:
        found.append(f"files {files}, image {status}")
    if not rows:
        return found + [f"mark {one.mark}" for one in await images.db.find(MARKS)]
    if status == "queued":
        await upload(images)
    image = await only(images)
    if image.status == "uploading":
        image = await images.data.import_staged(ADMIN, image)
    there = b"".join([piece async for piece in images.data.download(image, 0, image.size or 0)])
    if (image.status, image.hash_value, hashlib.sha512(there).hexdigest()) != ("active", SHA512, SHA512):
        found.append(f"{image.status} with other content")
    return found
