"""The host's copies of images: each is fetched once, however many guests want it, and is whole or not there.

Guests and volumes hold links of their own to what they were made from, so a copy may be dropped at any time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from wolke.core import ids
from wolke.core.drivers import Failure
from wolke.core.log import get_logger

log = get_logger(__name__)

_UNUSED_S = 86400.0
_PIECE = 1 << 20
_GONE = (403, 404)


class Client(Protocol):
    """What is needed of ``core.agent_client.AgentClient``."""

    async def get_json(self, path: str) -> Any: ...

    async def download(self, path: str, target: Path) -> int: ...


class ImageCache:
    """``local``: the file of an image on this machine, if the Image service keeps it here too (same process)."""

    def __init__(
        self, root: Path, client: Client, local: Callable[[str], Awaitable[Path | None]] | None = None
    ) -> None:
        self._root = root
        self._client = client
        self._local = local
        self._fetching: dict[str, asyncio.Task[Path]] = {}
        self._used: dict[str, float] = {}

    def prepare(self) -> None:
        self._root.mkdir(mode=0o711, parents=True, exist_ok=True)
        for left in self._root.glob("*.part"):
            left.unlink()

    async def fetch(self, image_id: str) -> Path:
        """A readable file with the image. Raises ``Failure`` if there is no such image (any more)."""
        if not ids.is_uuid(image_id):
            raise Failure(f"{image_id!r} is not an image id")
        self._used[image_id] = time.monotonic()
        path = self._root / image_id
        if path.exists():
            return path
        task = self._fetching.get(image_id)
        if task is None:
            task = self._fetching[image_id] = asyncio.create_task(self._get(image_id, path))
            task.add_done_callback(lambda done: self._done(image_id, done))
        return await asyncio.shield(task)  # one who gives up does not end it for the others

    def _done(self, image_id: str, task: asyncio.Task[Path]) -> None:
        del self._fetching[image_id]
        if not task.cancelled():
            task.exception()  # whoever waits has it

    async def _get(self, image_id: str, path: Path) -> Path:
        part = path.with_name(path.name + ".part")
        part.unlink(missing_ok=True)
        here = await self._local(image_id) if self._local else None
        if here is not None:
            await asyncio.to_thread(_link_or_copy, here, part)
        else:
            await self._download(image_id, part)
        await asyncio.to_thread(_settle, part, path)
        return path

    async def _download(self, image_id: str, part: Path) -> None:
        try:
            image = await self._client.get_json(f"/image/v2/images/{image_id}")
            if image["status"] != "active":
                raise Failure(f"The image {image_id} is {image['status']}, so nothing can be made of it.")
            await self._client.download(f"/image/v2/images/{image_id}/file", part)
        except Exception as error:
            if getattr(error, "status", None) in _GONE:
                raise Failure(f"The image {image_id} could not be found.") from None
            raise
        await asyncio.to_thread(_verify, part, image)

    def evict(self) -> None:
        """Drop what nothing was made of for a day."""
        now = time.monotonic()
        for path in self._root.iterdir():
            if path.name in self._fetching or path.suffix == ".part":
                continue
            if now - self._used.setdefault(path.name, now) > _UNUSED_S:
                log.info("image dropped from the cache", image_id=path.name)
                path.unlink()
                del self._used[path.name]


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _verify(path: Path, image: dict[str, Any]) -> None:
    """Raises ``OSError`` if these are not the bytes that the Image service vouches for: fetched again, they may be."""
    algorithm, expected = image.get("os_hash_algo"), image.get("os_hash_value")
    if not algorithm or not expected:
        algorithm, expected = "md5", image.get("checksum")
    if not expected:
        return
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    if digest.hexdigest() != expected:
        path.unlink()
        raise OSError(f"image {path.stem} came with other bytes than were sent")


def _settle(part: Path, path: Path) -> None:
    """On disk, then under its name."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.rename(path)
