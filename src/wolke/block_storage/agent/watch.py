"""Comparing what is on the backends with what should be: volumes and snapshots that nobody owns are removed, and so are files that
a step left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from wolke.block_storage.agent.ground import Backend, Ground
from wolke.block_storage.model import Address
from wolke.core.drivers import Failure
from wolke.core.log import get_logger

log = get_logger(__name__)

_STALE_FILE_S = 86400.0


class Watch:
    """``lock``: of a thing, by kind and id, which steps hold as well. Nothing is removed before ``mine`` is true: until then it may
    be another cloud's."""

    def __init__(self, ground: Ground, lock: Callable[[str, str], asyncio.Lock]) -> None:
        self._ground = ground
        self.lock = lock
        self._strangers: set[tuple[str, ...]] = set()
        self.mine = False

    async def look(self) -> None:
        """Backends first, then the controllers' list: whatever is here and not in the later list has no owner any more. It goes if
        it had none at the last look either, so that what is just being moved is let be. A volume that the controllers do not know at
        all may be what an older database, brought back, has forgotten: it is kept in quarantine where the backend has one."""
        found: list[tuple[str, ...]] = []
        for backend in self._ground.backends.values():
            if backend.reason is None:
                found += [(backend.name, *one) for one in await _things(backend)]
        answer = await self._ground.client.get_json(self._ground.url("contents"))
        volumes = {(Address.read(one["backend"] or "").backend, one["id"]) for one in answer["volumes"]}
        snapshots = {one["id"] for one in answer["snapshots"]} | self._ground.resting
        known = {one["id"] for one in answer["volumes"]}
        strangers = [one for one in found if (one not in volumes if len(one) == 2 else one[2] not in snapshots)]
        for one in strangers:
            if one in self._strangers and self.mine:
                await self._remove(*one, known=one[1] in known)
        self._strangers = set(strangers)
        await asyncio.to_thread(self._tidy_files)
        self._ground.images.evict()

    async def _remove(self, backend: str, volume_id: str, snapshot_id: str | None = None, *, known: bool) -> None:
        driver: Any = self._ground.backends[backend].driver
        log.warning("belongs to nobody: removing it", backend=backend, volume_id=volume_id, snapshot_id=snapshot_id)
        try:
            async with self.lock("volume", volume_id):
                if snapshot_id is not None:
                    await driver.delete_snapshot(volume_id, snapshot_id)
                elif known or not hasattr(driver, "quarantine"):
                    await driver.delete(volume_id)
                else:
                    await driver.quarantine(volume_id)
        except (Failure, OSError) as why:
            log.warning("could not be removed", backend=backend, volume_id=volume_id, error=str(why))

    def _tidy_files(self) -> None:
        before = time.time() - _STALE_FILE_S
        for path in (self._ground.state_dir / "copies").iterdir():
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)


async def _things(backend: Backend) -> list[tuple[str, ...]]:
    """(volume id) and (volume id, snapshot id) of all that is there."""
    found: list[tuple[str, ...]] = []
    for one in await backend.driver.volumes():
        found.append((one.volume_id,))
        found += [(one.volume_id, snapshot_id) for snapshot_id in one.snapshots]
    return found
