"""What every noun of Identity stands on: the database, the clock, and *epochs*.

A commit that may change what a token means (a role taken, a user disabled, an endpoint moved) counts the epoch up.
Whatever is remembered from the database remembers its epoch too and is forgotten when there is a newer one. This process
knows of its own commits at once, of another controller's by its wake in a fraction of a millisecond, and if the wake is lost by
asking for the number once a second: one indexed read instead of one for each token. Where a SQLite file has a second
process, that one looks at the file's own count of commits, which costs two microseconds.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

from wolke.core.clock import Clock
from wolke.core.db import Database, DuplicateRow, Transaction
from wolke.identity.config import IdentityConfig
from wolke.identity.errors import Duplicate
from wolke.identity.model import Epoch
from wolke.identity.store import EPOCHS, NEXT_EPOCH

WAKE = "identity.tokens"
PROJECTS_WAKE = "identity.projects"
_NAME = "tokens"


class Ground:
    def __init__(self, db: Database, config: IdentityConfig, clock: Clock, public_url: str) -> None:
        self.db = db
        self.config = config
        self.clock = clock
        self.public_url = public_url.rstrip("/")
        self._epoch = 0
        self._changes = 1  # that this process has heard of
        self._seen = 0  # of those, which the epoch read last has in it
        self._ask_again_at = 0.0
        self._elsewhere = 0  # commits of others, as of the epoch read last
        db.on_wake(WAKE, self._changed)

    async def start(self) -> None:
        if await self.db.get(EPOCHS, name=_NAME) is None:
            with contextlib.suppress(DuplicateRow):
                async with self.db.transaction() as tx:
                    await tx.insert(EPOCHS, Epoch(_NAME, 1))

    def _changed(self) -> None:
        self._changes += 1

    @property
    def epoch_if_fresh(self) -> int:
        """The epoch, or -1 if it must be asked for."""
        if self._seen == self._changes and time.monotonic() < self._ask_again_at:
            return self._epoch if self.db.writes_elsewhere() == self._elsewhere else -1
        return -1

    async def epoch(self) -> int:
        fresh = self.epoch_if_fresh
        if fresh >= 0:
            return fresh
        heard, asked_at, elsewhere = self._changes, time.monotonic(), self.db.writes_elsewhere()
        row = await self.db.get(EPOCHS, name=_NAME)
        self._epoch = max(self._epoch, row.value if row else 0)
        self._seen = max(self._seen, heard)
        self._elsewhere = elsewhere
        self._ask_again_at = asked_at + self.config.token_cache_check_s
        return self._epoch

    @contextlib.asynccontextmanager
    async def writing(self, noun: str, *, tokens: bool = False, idempotent: bool = False) -> AsyncIterator[Transaction]:
        """A transaction in which a second of the same name is a 409, or, idempotent, as good as the first. ``tokens``:
        what is written may change what some token means."""
        try:
            async with self.db.transaction() as tx:
                yield tx
                if tokens:
                    await tx.run(NEXT_EPOCH, which=_NAME)
                    tx.wake(WAKE)
        except DuplicateRow:
            if not idempotent:
                raise Duplicate(noun) from None
        if tokens:
            self._changed()
