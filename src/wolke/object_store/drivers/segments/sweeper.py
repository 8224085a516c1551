"""Unlinks files that nothing refers to: those that were replaced, after a while; those that were never committed, after a day."""

from __future__ import annotations

import asyncio
import time

from wolke.object_store.drivers.segments.commits import Committer
from wolke.object_store.drivers.segments.files import Files
from wolke.object_store.drivers.segments.ledger import DOOMED, Ledger, mark
from wolke.object_store.drivers.segments.options import Options

_SLICE = 64  # files, before others have their turn


class Sweeper:
    def __init__(self, ledger: Ledger, files: Files, commits: Committer, options: Options) -> None:
        self._ledger = ledger
        self._files = files
        self._commits = commits
        self._options = options

    def at_start(self, lowest: int, limit: int) -> None:
        """No reader is left from before, so what is lost or doomed goes at once."""
        for number in range(lowest, limit):
            if self._ledger.references(number) is None:
                self._files.remove(number)
        for name, _ in list(self._ledger.marks(mark(DOOMED, 0), mark(DOOMED, 1 << 63))):
            self._remove(int.from_bytes(name[1:9], "big"))

    async def run(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._options.grace_s / 2))
            await self.sweep()

    async def sweep(self) -> None:
        now, doomed = time.monotonic(), self._commits.doomed
        for number, since in list(self._files.unclaimed.items()):
            if now - since > self._options.unclaimed_s:
                del self._files.unclaimed[number]
                self._files.remove(number)
        count = 0
        while doomed and now - doomed[0][0] >= self._options.grace_s:
            _, number = doomed.popleft()
            self._remove(number)
            count += 1
            if count % _SLICE == 0:
                await asyncio.sleep(0)

    def _remove(self, number: int) -> None:
        """A reference that came back in the group in which the last one went keeps it."""
        if self._ledger.references(number) == 0:
            self._files.remove(number)
            self._ledger.forget_file(number)
