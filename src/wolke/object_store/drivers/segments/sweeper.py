"""Unlinks files that nothing refers to: those that were replaced, after a while; those that were never committed, after a day."""

from __future__ import annotations

import asyncio
import time

from wolke.object_store.drivers.segments.commits import Committer
from wolke.object_store.drivers.segments.files import Files
from wolke.object_store.drivers.segments.ledger import DOOMED, Ledger, mark
from wolke.object_store.drivers.segments.options import Options

_MOST = 1000  # files of one sweep


class Sweeper:
    def __init__(self, ledger: Ledger, files: Files, commits: Committer, options: Options) -> None:
        self._ledger = ledger
        self._files = files
        self._commits = commits
        self._options = options

    def at_start(self, lowest: int, limit: int) -> None:
        """No reader is left from before, so what is lost or doomed goes at once."""
        lost = [number for number in range(lowest, limit) if self._ledger.references(number) is None]
        marks = self._ledger.marks(mark(DOOMED, 0), mark(DOOMED, 1 << 63))
        doomed = [int.from_bytes(name[1:9], "big") for name, _ in marks]
        self._files.remove(*lost, *doomed)
        for number in doomed:
            self._ledger.forget_file(number)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._options.grace_s / 2))
            await self.sweep()

    async def sweep(self) -> None:
        """Names are gone for good, by a sync of their directories, before the index forgets the numbers."""
        now, waiting = time.monotonic(), self._commits.doomed
        lost = [n for n, since in self._files.unclaimed.items() if now - since > self._options.unclaimed_s]
        for number in lost:
            del self._files.unclaimed[number]
        doomed: list[int] = []
        while waiting and now - waiting[0][0] >= self._options.grace_s and len(doomed) < _MOST:
            doomed.append(waiting.popleft()[1])
        doomed = [number for number in doomed if self._ledger.references(number) == 0]
        if lost or doomed:
            await asyncio.get_running_loop().run_in_executor(self._files.threads, self._files.remove, *(lost + doomed))
        for number in doomed:
            self._ledger.forget_file(number)
