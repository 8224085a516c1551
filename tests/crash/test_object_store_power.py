"""Loss of power under the embedded object engine, simulated: of what was not synced any 512-byte sectors survive, and no others.

Names that were not synced with their directory may be gone, files that were unlinked may be back, and the index may be an older
copy than the log or missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.object_load import SMALL, Load, Model, state_of
from wolke.object_store.drivers.base import Broken, NoSpace
from wolke.object_store.drivers.segments import Segments
from wolke.object_store.drivers.segments.disk import Disk

STORIES, LIVES = (75, 22) if os.environ.get("CI_FULL") else (12, 22)
SECTOR = 512


class Power(Disk):
    """A disk whose power fails at the sync number ``fails_at``."""

    def __init__(self, random_: random.Random, fails_at: int) -> None:
        self._random = random_
        self._left = fails_at
        self.is_off = False
        self._paths: dict[int, Path] = {}
        self._before: dict[Path, dict[int, bytes]] = {}  # sectors as they were synced last
        self._made: set[Path] = set()
        self._unlinked: dict[Path, bytes] = {}

    def _on(self) -> None:
        if self.is_off:
            raise OSError(errno.EIO, "the power is off")

    def open(self, path: Path, *, create: bool = False) -> int:
        if create:
            self._on()
            if not path.exists():
                self._made.add(path)
        fd = super().open(path, create=create)
        self._paths[fd] = path
        return fd

    def write_some(self, fd: int, parts: Sequence[bytes], offset: int) -> int:
        self._on()
        before = self._before.setdefault(self._paths[fd], {})
        first = offset // SECTOR * SECTOR
        now = os.pread(fd, sum(map(len, parts)) + SECTOR, first)
        for at in range(first, offset + sum(map(len, parts)), SECTOR):
            if at not in before:
                before[at] = now[at - first : at - first + SECTOR].ljust(SECTOR, b"\x00")
        return super().write_some(fd, parts, offset)

    def sync(self, fd: int) -> None:
        self._tick()
        self._before.pop(self._paths[fd], None)

    def sync_directory(self, path: Path) -> None:
        self._tick()
        self._made = {one for one in self._made if one.parent != path}
        self._unlinked = {one: data for one, data in self._unlinked.items() if one.parent != path}

    def unlink(self, path: Path) -> bool:
        self._on()
        if path.exists():
            self._unlinked[path] = path.read_bytes()
            self._made.discard(path)
        return super().unlink(path)

    def _tick(self) -> None:
        self._on()
        self._left -= 1
        if self._left <= 0:
            self.is_off = True
            raise OSError(errno.EIO, "the power fails")

    def cut(self) -> None:
        """What the disk holds when the power is back."""
        toss = self._random.random
        for path, sectors in self._before.items():
            if path.exists():
                with path.open("r+b") as file:
                    for at, data in sectors.items():
                        if toss() < 0.5 and at < path.stat().st_size:
                            file.seek(at)
                            file.write(data)
        for path in self._made:
            if toss() < 0.5:
                path.unlink(missing_ok=True)
        for path, data in self._unlinked.items():
            if toss() < 0.5:
                path.write_bytes(data)


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory: it is the logic that is tried, not the disk."""
    made = Path(tempfile.mkdtemp(prefix="wolke-power-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield made
    shutil.rmtree(made)


def older_index(store: Path, copy: Path, random_: random.Random) -> None:
    """The index as it was at the end of some earlier life, or none."""
    chance = random_.random()
    if chance < 0.1:
        shutil.rmtree(store / "index", ignore_errors=True)
    elif chance < 0.4 and copy.exists():
        shutil.rmtree(store / "index", ignore_errors=True)
        shutil.copytree(copy, store / "index")
    elif chance < 0.7 and (store / "index").exists():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(store / "index", copy)


async def life(folder: Path, seed: int, model: Model) -> None:
    random_ = random.Random(seed)
    disk = Power(random_, random_.choice((1, 2, 3, 5, 8, 13, 40, 100)))
    options = replace(
        SMALL,
        disk=disk,
        flush_changes=random_.choice((3, 30, 1000)),
        segment_bytes=128 << 10,
        first_segment_bytes=32 << 10,
    )
    store = Segments(folder / "store", replace(options, grace_s=0.0))

    def tell(what: str, number: str, changes: dict[str, str | None] | None = None) -> None:
        if what == "B":
            model.begins(number, changes or {})
        else:
            model.done(number)

    try:
        await store.open()
    except (OSError, Broken):
        disk.cut()
        return
    try:
        model.check(await state_of(store))
        if random_.random() < 0.1:
            assert await store.check() == []
        upkeep = asyncio.create_task(store.run())
        load = Load(store, seed, tell, large_bytes=60_000)
        work = [load.work(number, 60) for number in range(random_.choice((1, 2, 8)))]
        results = await asyncio.gather(*work, return_exceptions=True)
        assert all(isinstance(r, OSError | Broken | NoSpace | None) for r in results), results
        disk.is_off = True
        upkeep.cancel()
        with contextlib.suppress(BaseExceptionGroup, asyncio.CancelledError, OSError, Broken, NoSpace):
            await upkeep
    finally:
        disk.is_off = True
        store.commits.broken = store.commits.broken or Broken("the power is off")
        await store.close()
    disk.cut()


@pytest.mark.parametrize("story", range(STORIES))
def test_a_power_cut_loses_nothing_that_was_acknowledged(folder: Path, story: int) -> None:
    random_, model = random.Random(story), Model()
    for number in range(LIVES):
        older_index(folder / "store", folder / "copy", random_)
        asyncio.run(life(folder, story * 1000 + number, model))
