"""Loops: the only thing that makes a wish come true, and the only recovery there is.

A loop has no input. ``look`` finds the keys of what is due; ``act`` deals with one of them, and must be safe to be called
again at any time. A wake says "look", never what; the period repairs wakes that were lost. One key is never acted on twice
at once; a key that fails waits longer each time and starves nobody. Where several controllers share a database, a loop runs
where its lease is.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import msgspec

from wolke.core import ids, metrics
from wolke.core.clock import Clock
from wolke.core.db import Database, DuplicateRow, Table, Where
from wolke.core.log import get_logger

log = get_logger(__name__)


class Lease(msgspec.Struct, frozen=True):
    name: str
    holder: str
    expires_at: str


LEASES = Table("core_leases", Lease, key=("name",))


class Leases:
    """Who runs which loop. A lease is a row that its holder must renew before ``expires_at``."""

    def __init__(self, db: Database, clock: Clock, *, duration_s: float = 15.0) -> None:
        self.holder = ids.uuid()
        self.duration_s = duration_s
        self._db = db
        self._clock = clock

    async def hold(self, name: str) -> bool:
        """Take or renew it; False while another holds it."""
        now, until = self._clock.now(), self._clock.after(self.duration_s)
        mine_or_free = Where("", "any", [[Where("holder", "eq", self.holder)], [Where("expires_at", "lt", now)]])
        try:
            async with self._db.transaction() as tx:
                changes = {"holder": self.holder, "expires_at": until}
                if await tx.update(LEASES, changes, name=name, where=[mine_or_free]):
                    return True
                if await tx.get(LEASES, name=name) is not None:
                    return False
                await tx.insert(LEASES, Lease(name, self.holder, until))
        except DuplicateRow:
            return False
        return True

    @contextlib.asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """For what only one may do at a time, and briefly: others wait for it."""
        while not await self.hold(name):  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.05)
        try:
            yield
        finally:
            async with self._db.transaction() as tx:
                await tx.delete(LEASES, name=name, holder=self.holder)

    async def release(self) -> None:
        async with self._db.transaction() as tx:
            await tx.delete(LEASES, holder=self.holder)


class Loop:
    """``run`` until cancelled; ``drain`` in tests, until nothing is due."""

    def __init__(
        self,
        name: str,
        look: Callable[[], Awaitable[Iterable[str]]],
        act: Callable[[str], Awaitable[None]],
        *,
        period_s: float = 10.0,
        concurrency: int = 32,
        leases: Leases | None = None,
        backoff_s: tuple[float, float] = (0.5, 60.0),
    ) -> None:
        self.name = name
        self.period_s = period_s
        self._look = look
        self._act = act
        self._slots = asyncio.Semaphore(concurrency)
        self._leases = leases
        self._leased_until = 0.0
        self._backoff_s = backoff_s
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._awake = asyncio.Event()

    def wake(self) -> None:
        self._awake.set()

    async def run(self) -> None:
        try:
            while True:
                self._awake.clear()
                try:
                    if await self._leading():
                        await self._round()
                except Exception:
                    log.exception("loop could not look", loop=self.name)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s()):  # wait_for of Python 3.11 can lose a cancellation
                        await self._awake.wait()
        finally:
            for task in list(self._running.values()):
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def drain(self, *, rounds: int = 1000) -> None:
        """Look and act until nothing is due any more; an act that fails raises."""
        for _ in range(rounds):
            keys = list(await self._look())
            if not keys:
                return
            for key in keys:
                await self._act(key)
        raise RuntimeError(f"loop {self.name} does not come to rest: {keys[:5]}")

    async def _leading(self) -> bool:
        if self._leases is None:
            return True
        now = asyncio.get_running_loop().time()
        if now < self._leased_until:
            return True
        if not await self._leases.hold(self.name):
            return False
        self._leased_until = now + self._leases.duration_s / 3
        return True

    async def _round(self) -> None:
        keys = list(await self._look())
        metrics.LOOP_DUE.labels(self.name).set(len(keys))
        now = asyncio.get_running_loop().time()
        self._failures = {key: f for key, f in self._failures.items() if key in keys or f[1] > now}
        for key in keys:
            if key not in self._running and self._failures.get(key, (0, 0.0))[1] <= now:
                self._running[key] = asyncio.create_task(self._one(key))

    async def _one(self, key: str) -> None:
        async with self._slots:
            try:
                await self._act(key)
            except Exception:
                self._fail(key)
            else:
                self._failures.pop(key, None)
                metrics.LOOP_ACTS.labels(self.name, "done").inc()
            finally:
                del self._running[key]
                self._awake.set()

    def _fail(self, key: str) -> None:
        count = self._failures.get(key, (0, 0.0))[0] + 1
        least, most = self._backoff_s
        delay = min(most, least * 2 ** min(count - 1, 16)) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load only
        self._failures[key] = (count, asyncio.get_running_loop().time() + delay)
        metrics.LOOP_ACTS.labels(self.name, "failed").inc()
        log.exception("loop will try again", loop=self.name, key=key, failures=count, delay_s=round(delay, 1))

    def _pause_s(self) -> float:
        """Until the period ends, the lease must be renewed, or the first backed-off key is due again."""
        now = asyncio.get_running_loop().time()
        due = [at - now for _, at in self._failures.values()]
        if self._leases is not None:
            due.append(self._leases.duration_s / 3)
        return max(0.01, min([self.period_s, *due]))
