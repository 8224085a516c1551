"""Gives room back: what is alive in a segment that is mostly garbage is committed again, then the segment goes.

Alive is a record or its data that the index points to. What moves goes by ordinary commits that are made only if the row is still
the same. A tombstone moves, too, as long as a segment is there that may hold a put of its key; else an index that is made again from
the log would bring the key back to life. A segment is dropped when nothing points to it, the index on disk says so, and whoever
may still read from it has had time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence

from awscrt.checksums import crc32c

from wolke.core.log import get_logger
from wolke.object_store.drivers.base import PARTITION_BYTES
from wolke.object_store.drivers.segments.commits import Committer, Form, Formed
from wolke.object_store.drivers.segments.flusher import Flusher
from wolke.object_store.drivers.segments.ledger import FAR, FILES, Ledger, mark
from wolke.object_store.drivers.segments.log import Found, Log, Position
from wolke.object_store.drivers.segments.options import Options
from wolke.object_store.drivers.segments.overlay import Overlay
from wolke.object_store.drivers.segments.quarantine import Quarantine
from wolke.object_store.drivers.segments.records import (
    Commit,
    File,
    LogDelete,
    LogPut,
    Row,
    Run,
    runs_in,
)

log = get_logger(__name__)

_BATCH = 64  # moves that are under way together
_IDLE_S = 1.0
_MANY = 1000


class Compactor:
    def __init__(
        self,
        journal: Log,
        ledger: Ledger,
        commits: Committer,
        flusher: Flusher,
        quarantine: Quarantine,
        options: Options,
    ) -> None:
        self._log = journal
        self._ledger = ledger
        self._commits = commits
        self._flusher = flusher
        self._quarantine = quarantine
        self._options = options
        self._leaving: deque[tuple[float, int]] = deque()
        self._stuck: set[int] = set()
        self.damaged: set[int] = (
            set()
        )  # segments with records that cannot be read: what is in the index is written again
        self.gate = asyncio.Lock()  # a check wants the log to stay as it is

    async def run(self) -> None:
        while True:
            async with self.gate:
                await self.drop()
                segment = self.victim()
                if segment is not None and self._commits.broken is None:
                    await self.compact(segment)
            if segment is None:
                await asyncio.sleep(min(_IDLE_S, self._options.grace_s))

    def victim(self) -> int | None:
        """The sealed segment with the greatest part of garbage, if it is worth it."""
        best: tuple[float, int] | None = None
        for segment, usage in self._ledger.usages.items():
            if not FILES < segment < self._log.position.segment or segment in self._commits.condemned | self._stuck:
                continue
            if segment in self.damaged:
                return segment
            held = max(usage.live, 0) + (usage.tombs if self._covers(segment, usage.covers) else 0)
            share = 1 - held / max(usage.used, 1)
            if share >= self._options.compact_at and (best is None or share > best[0]):
                best = (share, segment)
        return None if best is None else best[1]

    def _covers(self, segment: int, since: int) -> bool:
        return any(since <= other < segment for other in self._log.present)

    async def compact(self, segment: int) -> None:
        loop, paced = asyncio.get_running_loop(), Pace(self._options.compact_bytes_s)
        walk = await loop.run_in_executor(None, self._records, segment)
        for first in range(0, len(walk), _BATCH):
            commits = await loop.run_in_executor(None, self._read, segment, walk[first : first + _BATCH])
            await self._move(segment, commits, paced)
        for _, full in list(self._ledger.marks(mark(FAR, segment), mark(FAR, segment + 1))):
            await self._move_row(segment, full[:PARTITION_BYTES], full[PARTITION_BYTES:], paced)
        usage = self._ledger.usages.get(segment)
        if usage is not None and usage.live > 0:
            await self._search(segment, paced)
        await self._condemn(segment)

    def _records(self, segment: int) -> list[Found]:
        """Those of a sealed segment: there is a record after it."""
        walk = self._log.walk(Position(segment), after=self._log.following(segment))
        return [step for step in walk if isinstance(step, Found)]

    def _read(self, segment: int, found: Sequence[Found]) -> list[tuple[int, Commit]]:
        return [(one.sequence, self._log.commit_at(segment, one)) for one in found]

    async def _move(self, segment: int, commits: Iterable[tuple[int, Commit]], paced: Pace) -> None:
        moves = []
        for sequence, commit in commits:
            for place, change in enumerate(commit.changes):
                if isinstance(change, LogDelete):
                    if (kept := self._tombstone(change, segment, sequence << 16 | place)) is not None:
                        moves.append(self._commits.put(_always(Commit(commit.partition, [kept]))))
                elif self._is_here(self._ledger.row(commit.partition, change.key), segment):
                    moves.append(self._move_row(segment, commit.partition, change.key, paced))
        if moves:
            await asyncio.gather(*moves)
        await asyncio.sleep(0)

    def _tombstone(self, was: LogDelete, segment: int, uid: int) -> LogDelete | None:
        """As it must be carried on; None if nothing is left that it ends."""
        since, until = was.since or segment, was.until or segment
        if any(since <= other <= until and other != segment for other in self._log.present):
            return LogDelete(was.key, since, until, was.upto or uid)
        return None

    def _is_here(self, row: Row | None, segment: int) -> bool:
        return row is not None and (row.segment == segment or any(r.segment == segment for r in runs_in(row.pieces)))

    async def _move_row(self, segment: int, partition: bytes, key: bytes, paced: Pace) -> None:
        row = self._ledger.row(partition, key)
        if row is None or not self._is_here(row, segment):
            return
        size = sum(run.size for run in runs_in(row.pieces) if run.segment == segment)
        await paced.spend(size + len(row.meta))
        data = await asyncio.get_running_loop().run_in_executor(None, self._data, row, segment)

        def form(staged: Overlay) -> Formed | None:
            now = self._ledger.row(partition, key, staged)
            return None if now is None or now.uid != row.uid else _moved(partition, key, row, segment, data)

        await self._commits.put(form)

    def _data(self, row: Row, segment: int) -> list[bytes]:
        """Of its runs that lie here. Damaged bytes move as they are, under the checksum that they do not have."""
        found = []
        for run in runs_in(row.pieces):
            if run.segment == segment:
                try:
                    data = self._log.read(run) or b""
                except OSError:
                    data = b""
                if len(data) != run.size or crc32c(data) != run.crc:
                    self._quarantine.put(run)
                    data = data.ljust(run.size, b"\x00")
                found.append(data)
        return found

    async def _search(self, segment: int, paced: Pace) -> None:
        """Every row, because records in the segment cannot be read, or its sums are wrong."""
        after = b""
        while some := self._ledger.partitions(after, _MANY):
            for partition in some:
                await self._search_partition(segment, partition, paced)
            after = some[-1]

    async def _search_partition(self, segment: int, partition: bytes, paced: Pace) -> None:
        start: bytes | None = b""
        while start is not None:
            rows, start = self._ledger.rows(partition, start, b"\xff" * 1500, _MANY, False)
            for key in [key for key, row in rows if self._is_here(row, segment)]:
                await self._move_row(segment, partition, key, paced)
            await asyncio.sleep(0)

    async def _condemn(self, segment: int) -> None:
        """From the moment on in which nothing points to it nothing new may."""

        def form(staged: Overlay) -> None:
            live = self._ledger.usages[segment].live + staged.live.get(segment, 0)
            if live <= 0:
                self._commits.condemned.add(segment)

        await self._commits.put(form)
        if segment not in self._commits.condemned:
            log.warning("a segment could not be emptied", segment=segment, live=self._ledger.usages[segment].live)
            self._stuck.add(segment)
            return
        while not await self._flusher.flush():
            log.warning("a segment waits for the index to be written", segment=segment)
        self._leaving.append((time.monotonic(), segment))

    async def drop(self) -> None:
        """Segments whose readers have had their time."""
        while self._leaving and time.monotonic() - self._leaving[0][0] >= self._options.grace_s:
            _, segment = self._leaving.popleft()
            await asyncio.get_running_loop().run_in_executor(None, self._log.drop, segment)
            self._ledger.forget_segment(segment)
            self._commits.condemned.discard(segment)
            self.damaged.discard(segment)
            self._quarantine.keep(lambda one: one.get("segment", 0) == FILES or one["segment"] in self._log.present)


class Pace:
    """So many bytes a second, in bursts of a second at most."""

    def __init__(self, bytes_s: float) -> None:
        self._bytes_s = bytes_s
        self._free_at = time.monotonic()

    async def spend(self, size: int) -> None:
        now = time.monotonic()
        self._free_at = max(self._free_at, now - 1) + size / self._bytes_s
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)


def _always(commit: Commit) -> Form:
    return lambda staged: Formed(commit, [])


def _moved(partition: bytes, key: bytes, row: Row, segment: int, data: list[bytes]) -> Formed:
    pieces: list[Run | File] = []
    at, waiting = 0, iter(data)
    for piece in row.pieces:
        if isinstance(piece, Run) and piece.segment == segment:
            size = len(next(waiting))
            pieces.append(Run(0, at, size, piece.crc))
            at += size
        else:
            pieces.append(piece)
    put = LogPut(key, row.meta, tuple(pieces), row.objects, row.octets, row.due_s, row.since)
    return Formed(Commit(partition, [put]), list(data))
