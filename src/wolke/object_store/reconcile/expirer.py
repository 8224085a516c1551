"""Deletes objects whose time has come. Nobody can read them any more; this gives their room back and takes them off lists."""

from __future__ import annotations

from collections.abc import Iterable

from wolke.core.errors import CloudError
from wolke.core.log import get_logger
from wolke.core.loop import Leases, Loop
from wolke.object_store.drivers.base import Due
from wolke.object_store.service import ObjectStore

_BATCH = 1000
_PATIENCE_S = 3600  # how long one that cannot be deleted (it is locked) is let alone
log = get_logger(__name__)


class Expirer:
    """Goes by the places of the storage policies, the oldest first, a batch at a time."""

    def __init__(self, objects: ObjectStore, *, leases: Leases | None = None) -> None:
        self._store = objects
        self._refused: dict[tuple[bytes, bytes], int] = {}
        period_s = objects.ground.config.expire_period_s
        self.loop = Loop("object-expirer", self.look, self.act, period_s=period_s, leases=leases)

    async def look(self) -> Iterable[str]:
        now_s = self._store.ground.now_s()
        self._refused = {key: until for key, until in self._refused.items() if until > now_s}
        return [policy for policy in self._store.ground.engines if await self._due(policy, now_s)]

    async def act(self, policy: str) -> None:
        now_s = self._store.ground.now_s()
        for due in await self._due(policy, now_s):
            try:
                await self._store.objects.expire(due.partition, due.key, now_s)
            except CloudError as error:
                self._refused[due.partition, due.key] = now_s + _PATIENCE_S
                log.info("an object outlives its time", reason=error.message)

    async def _due(self, policy: str, now_s: int) -> list[Due]:
        found = await self._store.ground.engine(policy).due(now_s, _BATCH + len(self._refused))
        return [due for due in found if (due.partition, due.key) not in self._refused]

    async def run(self) -> None:
        await self.loop.run()
