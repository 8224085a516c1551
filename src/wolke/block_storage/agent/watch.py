"""Comparing what is on the backends with what should be: volumes and snapshots that nobody owns are removed, and so are files that
a step left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from wolke.block_storage.agent import moves
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
        it had none at the last look either, and has none yet when no step is at work on it: what is just being moved is let be. A volume
        that the controllers do not know at all may be what an older database, brought back, has forgotten: it is kept in quarantine
        where the backend has one."""
        found: list[tuple[str, ...]] = []
        for backend in self._ground.backends.values():
            if backend.reason is None:
                found += [(backend.name, *one) for one in await _things(backend)]
        answer = await self._contents()
        strangers = self._unowned(found, answer)
        for one in strangers:
            if one in self._strangers and self.mine:
                await self._remove(*one)
        self._strangers = set(strangers)
        await asyncio.to_thread(moves.tidy, self._ground, [(one["id"], one["backend"]) for one in answer["volumes"]])
        await asyncio.to_thread(self._tidy_files)
        self._ground.images.evict()

    async def _contents(self) -> dict[str, Any]:
        answer: dict[str, Any] = await self._ground.client.get_json(self._ground.url("contents"))
        return answer

    def _unowned(self, found: list[tuple[str, ...]], answer: dict[str, Any]) -> list[tuple[str, ...]]:
        volumes = {(Address.read(one["backend"] or "").backend, one["id"]) for one in answer["volumes"]}
        snapshots = {one["id"] for one in answer["snapshots"]} | self._ground.resting
        return [one for one in found if (one not in volumes if len(one) == 2 else one[2] not in snapshots)]

    async def _remove(self, *one: str) -> None:
        """``one``: backend, volume, and snapshot if it is one."""
        backend, volume_id, *snapshot_id = one
        driver: Any = self._ground.backends[backend].driver
        try:
            async with self.lock("volume", volume_id):
                answer = await self._contents()
                if not self._unowned([one], answer):
                    return  # it was on its way when we looked, and has come
                log.warning(
                    "belongs to nobody: removing it", backend=backend, volume_id=volume_id, snapshot_id=snapshot_id
                )
                if snapshot_id:
                    await driver.delete_snapshot(volume_id, *snapshot_id)
                    return
                known = volume_id in {row["id"] for row in answer["volumes"]}
                if known and (guest := await self._ground.guests.holder(volume_id)):
                    await guest.stay()  # a copy to it that was called off
                if known or not hasattr(driver, "quarantine"):
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
