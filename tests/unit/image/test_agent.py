from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from wolke.core import ids
from wolke.core.drivers import Failure
from wolke.image.agent import ImageCache


class Glance:
    """The Image service as an agent sees it."""

    def __init__(self, data: bytes = b"disk", status: str = "active", digest: str | None = None) -> None:
        self.data, self.status, self.digest, self.downloads = data, status, digest, 0

    async def get_json(self, path: str) -> Any:
        digest = self.digest or hashlib.sha512(self.data).hexdigest()
        return {"status": self.status, "os_hash_algo": "sha512", "os_hash_value": digest}

    async def download(self, path: str, target: Path) -> int:
        self.downloads += 1
        await asyncio.sleep(0.01)
        return target.write_bytes(self.data)


def cache_of(root: Path, glance: Any, local: Any = None) -> ImageCache:
    cache = ImageCache(root / "cache", glance, local)
    cache.prepare()
    return cache


async def test_who_wants_the_same_image_at_once_shares_one_download(tmp_path: Path) -> None:
    glance = Glance()
    cache, image_id = cache_of(tmp_path, glance), ids.uuid()
    paths = await asyncio.gather(*(cache.fetch(image_id) for _ in range(5)))
    assert {path.read_bytes() for path in paths} == {b"disk"}
    await cache.fetch(image_id)
    assert glance.downloads == 1


async def test_one_who_gives_up_does_not_end_the_download_of_others(tmp_path: Path) -> None:
    cache, image_id = cache_of(tmp_path, Glance()), ids.uuid()
    first, second = (asyncio.create_task(cache.fetch(image_id)) for _ in range(2))
    await asyncio.sleep(0.002)
    first.cancel()
    assert (await second).exists()


async def test_other_bytes_than_were_promised_are_not_kept(tmp_path: Path) -> None:
    cache, image_id = cache_of(tmp_path, Glance(digest="0" * 128)), ids.uuid()
    with pytest.raises(OSError, match="other bytes"):
        await cache.fetch(image_id)
    assert list((tmp_path / "cache").iterdir()) == []


async def test_an_image_that_is_not_active_is_a_reason_for_the_user(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="deactivated"):
        await cache_of(tmp_path, Glance(status="deactivated")).fetch(ids.uuid())


@pytest.mark.parametrize("image_id", ["../../etc/passwd", "", "x"])
async def test_only_ids_become_paths(tmp_path: Path, image_id: str) -> None:
    with pytest.raises(Failure):
        await cache_of(tmp_path, Glance()).fetch(image_id)


async def test_a_local_image_is_linked_not_copied(tmp_path: Path) -> None:
    source = tmp_path / "blob"
    source.write_bytes(b"local")

    async def local(image_id: str) -> Path:
        return source

    glance = Glance()
    path = await cache_of(tmp_path, glance, local).fetch(ids.uuid())
    assert path.stat().st_ino == source.stat().st_ino
    assert glance.downloads == 0
    source.unlink()
    assert path.read_bytes() == b"local"


async def test_what_a_dead_agent_left_half_done_is_cleared(tmp_path: Path) -> None:
    cache_of(tmp_path, Glance())
    (tmp_path / "cache" / "x.part").touch()
    cache_of(tmp_path, Glance())
    assert list((tmp_path / "cache").iterdir()) == []
