"""Start: what the log knows and the index does not, in order, up to the first record that was never whole."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import lmdb
from awscrt.checksums import crc32c

from wolke.core.log import get_logger
from wolke.object_store.drivers.segments.index import FORMAT, Full, Index, State
from wolke.object_store.drivers.segments.ledger import Ledger
from wolke.object_store.drivers.segments.log import Found, Log, Position
from wolke.object_store.drivers.segments.overlay import Overlay, Usage
from wolke.object_store.drivers.segments.quarantine import Quarantine
from wolke.object_store.drivers.segments.records import Commit, Run, Unreadable

log = get_logger(__name__)

_COPY_BYTES = 1 << 20
_BATCH = 1000


@dataclass
class Recovered:
    index: Index
    ledger: Ledger
    position: Position
    files_from: int
    files_limit: int
    rebuilt: bool
    gaps: list[tuple[int, range]]


def recover(journal: Log, directory: Path, map_bytes: int, store: str, quarantine: Quarantine, batch: int) -> Recovered:
    """For a thread. Where the index cannot be trusted it is made again from the whole log."""
    try:
        index = Index(directory, map_bytes)
        state = index.state()
        if state is not None and _fits(state, store, journal):
            return _replayed(Replay(journal, index, state, quarantine, batch, rebuilt=False), index)
        reason = "it is new" if state is None else "it does not fit the log"
        index.close()
    except (lmdb.Error, Unreadable, ValueError) as error:
        reason = str(error)
    if journal.present:
        log.warning("the object store's index is made again from its log", reason=reason)
    shutil.rmtree(directory, ignore_errors=True)
    index = Index(directory, map_bytes)
    state = State(store, segment=min(journal.present, default=1))
    return _replayed(Replay(journal, index, state, quarantine, batch, rebuilt=True), index)


def _replayed(replay: Replay, index: Index) -> Recovered:
    """One that fails leaves no index open: a second one of the same place in the same process would share its locks with it."""
    try:
        return replay.run()
    except BaseException:
        index.close()
        raise


def _fits(state: State, store: str, journal: Log) -> bool:
    """From its position on the log must be without gaps: tombstones for what the index holds may have gone with them."""
    if state.store != store or state.format != FORMAT:
        return False
    return all(number in journal.present for number in range(state.segment, max(journal.present, default=0) + 1)) and (
        state.segment in journal.present
    )


class Replay:
    def __init__(
        self, journal: Log, index: Index, state: State, quarantine: Quarantine, batch: int, *, rebuilt: bool
    ) -> None:
        self._log = journal
        self._index = index
        self._state = state
        self._quarantine = quarantine
        self._batch = batch
        self._rebuilt = rebuilt
        self._ledger = Ledger(index)
        self._limit = state.files_limit
        self._staged = Overlay()
        self._gaps: list[tuple[int, range]] = []
        self._position = Position(state.segment, state.offset, state.sequence, state.previous)

    def run(self, upto: int | None = None) -> Recovered:
        """``upto``: no record after this sequence."""
        start = self._position
        for segment in sorted(number for number in self._log.present if number >= start.segment):
            after = self._log.following(segment, self._position.sequence)
            at = start if segment == start.segment else self._position._replace(segment=segment, offset=0)
            if segment != start.segment and self._log.first(segment, self._position.sequence) is None:
                continue  # prepared and not used, or nothing of it is whole
            if not self._segment(at, after, upto):
                break
        self._settle()
        if upto is None and self._position != start:
            self._write_again(start)
        return Recovered(
            self._index, self._ledger, self._position, self._state.files_from, self._limit, self._rebuilt, self._gaps
        )

    def _segment(self, at: Position, after: Found | None, upto: int | None) -> bool:
        """Whether to go on with the next."""
        steps = list(self._log.walk(at, after=after))
        synced = max((step.group for step in steps if isinstance(step, Found)), default=0)
        for step in steps:
            if isinstance(step, range):
                self._gaps.append((at.segment, step))
                log.error("a part of the log is unreadable", segment=at.segment, offset=step.start, size=len(step))
                continue
            if upto is not None and step.sequence > upto:
                return False
            commit = self._log.commit_at(at.segment, step)
            damaged = self._damaged(at.segment, step, commit)
            if damaged and after is None and step.sequence >= synced:
                return False  # the torn end of the last group
            for piece in damaged:
                self._quarantine.put(piece)
            self._absorb(at.segment, step, commit)
        return True

    def _damaged(self, segment: int, found: Found, commit: Commit) -> list[Run]:
        """The data of the record that is not what was written."""
        file = self._log.handle(segment)
        bad = []
        for change in commit.changes:
            for piece in getattr(change, "pieces", ()):
                if isinstance(piece, Run) and not piece.segment:
                    at = found.data_at + piece.offset
                    data = self._log.disk.read(file.fd, piece.size, at)
                    if len(data) != piece.size or crc32c(data) != piece.crc:
                        bad.append(Run(segment, at, piece.size, piece.crc))
        return bad

    def _absorb(self, segment: int, found: Found, commit: Commit) -> None:
        self._limit = max(self._limit, commit.files)
        self._ledger.absorb(commit, found.sequence, segment, found.data_at, self._staged)
        self._position = Position(segment, found.end, found.sequence, found.crc)
        self._staged.log_bytes += found.end - found.offset
        self._ledger.wrote(segment, found.end)
        if self._staged.changes >= _BATCH:
            self._settle()
            if self._ledger.active.changes >= self._batch:
                self.flush()

    def flush(self) -> None:
        flush(self._index, self._ledger, self.state())

    def _settle(self) -> None:
        self._ledger.settle(self._staged)
        self._staged = Overlay()

    def state(self) -> State:
        at, was = self._position, self._state
        return State(was.store, at.segment, at.offset, at.sequence, at.previous, was.files_from, self._limit)

    def _write_again(self, start: Position) -> None:
        """What was read may be in the page cache alone, after a sync that failed: written again, it is known to be on the disk."""
        segment = self._position.segment
        file = self._log.handle(segment)
        begin = start.offset if start.segment == segment else 0
        for at in range(begin, self._position.offset, _COPY_BYTES):
            data = self._log.disk.read(file.fd, min(_COPY_BYTES, self._position.offset - at), at)
            self._log.disk.write(file.fd, [data], at)
        self._log.disk.sync(file.fd)


def flush(index: Index, ledger: Ledger, state: State) -> None:
    """Where nobody else is at work."""
    overlay, usages = ledger.freeze()
    write(index, overlay, state, usages)
    ledger.thaw()


def write(index: Index, overlay: Overlay, state: State, usages: dict[int, Usage | None]) -> None:
    while True:
        try:
            index.write(overlay, state, usages)
            return
        except Full:
            index.grow()
