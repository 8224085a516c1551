"""Reads everything again, slowly: decay is found while another copy may still be had, and not on the day it is asked for."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from wolke.core.log import get_logger
from wolke.object_store.drivers.base import Damaged, Lost
from wolke.object_store.drivers.segments.compactor import Compactor, Pace
from wolke.object_store.drivers.segments.files import RUN_BYTES
from wolke.object_store.drivers.segments.ledger import Ledger
from wolke.object_store.drivers.segments.log import Found, Log, Position
from wolke.object_store.drivers.segments.options import Options
from wolke.object_store.drivers.segments.reading import Reader
from wolke.object_store.drivers.segments.records import Run, Unreadable

log = get_logger(__name__)

_BATCH = 64
_FILES = 1000


class Auditor:
    def __init__(
        self,
        journal: Log,
        ledger: Ledger,
        reader: Reader,
        compactor: Compactor,
        threads: ThreadPoolExecutor,
        options: Options,
    ) -> None:
        self._log = journal
        self._ledger = ledger
        self._reader = reader
        self._compactor = compactor
        self._threads = threads
        self._options = options

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._options.audit_pause_s)
            await self.audit()

    async def audit(self) -> None:
        """All of it once."""
        pace = Pace(self._options.audit_bytes_s)
        for segment in sorted(self._log.present):
            if segment <= self._log.position.segment:
                await self._segment(segment, pace)
        after = -1
        while some := self._ledger.files(after, _FILES):
            for number in some:
                await self._file(number, pace)
            after = some[-1]

    # -------------------------------------------------------------------------------------------------------- segments

    async def _segment(self, segment: int, pace: Pace) -> None:
        loop = asyncio.get_running_loop()
        try:
            steps = await loop.run_in_executor(self._threads, self._steps, segment)
            for first in range(0, len(steps), _BATCH):
                some = steps[first : first + _BATCH]
                await pace.spend(sum(step.end - step.offset for step in some))
                await loop.run_in_executor(self._threads, self._verify, segment, some)
        except FileNotFoundError:
            return  # given back meanwhile

    def _steps(self, segment: int) -> list[Found]:
        """The records that were acknowledged; the segment's rows are written again if some cannot be read."""
        last = self._log.position
        steps = list(self._log.walk(Position(segment), after=self._log.following(segment)))
        found = [step for step in steps if isinstance(step, Found)]
        if len(found) < len(steps):
            log.error("records of the log are damaged; what they hold is written again", segment=segment)
            self._compactor.damaged.add(segment)
        return [step for step in found if segment < last.segment or step.end <= last.offset]

    def _verify(self, segment: int, some: list[Found]) -> None:
        for found in some:
            try:
                commit = self._log.commit_at(segment, found)
            except (Unreadable, OSError):
                self._compactor.damaged.add(segment)
                continue
            for change in commit.changes:
                for piece in getattr(change, "pieces", ()):
                    if isinstance(piece, Run) and not piece.segment:
                        self._whole(Run(segment, found.data_at + piece.offset, piece.size, piece.crc))

    def _whole(self, run: Run) -> None:
        try:
            self._reader.whole(run)
        except (Damaged, Lost):
            return  # put aside, or gone

    # ----------------------------------------------------------------------------------------------------------- files

    async def _file(self, number: int, pace: Pace) -> None:
        loop = asyncio.get_running_loop()
        piece = await loop.run_in_executor(self._threads, self._reader.described, number)
        if piece is None:
            return
        try:
            handle, sums = await loop.run_in_executor(self._threads, self._reader.open_file, piece)
            for run in range(len(sums)):
                await pace.spend(RUN_BYTES)
                await loop.run_in_executor(self._threads, self._reader.verify, handle.fd, piece, sums, run)
        except (Damaged, Lost):
            return
