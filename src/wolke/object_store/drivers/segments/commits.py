"""Group commit: everybody who came while the last group was on its way to the disk goes together, with one write and one sync.

``decide`` of each is called on the event loop when its group is formed, one after the other, and sees what those before it in the
group have decided: that is the whole of isolation, there are no locks. Nobody else sees a group until it is durable. One group is
under way at a time; so after a crash only the end of the last one can be torn.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from wolke.core.log import get_logger
from wolke.object_store.drivers.base import (
    KEY_LIMIT_BYTES,
    PARTITION_BYTES,
    Broken,
    Change,
    Decide,
    Delete,
    Entry,
    Lost,
    NoSpace,
    Put,
)
from wolke.object_store.drivers.segments.disk import Unsure
from wolke.object_store.drivers.segments.files import FULL, Files
from wolke.object_store.drivers.segments.ledger import Ledger
from wolke.object_store.drivers.segments.log import Log, Position
from wolke.object_store.drivers.segments.overlay import Overlay
from wolke.object_store.drivers.segments.records import (
    CHANGES_LIMIT,
    HEADER,
    Commit,
    File,
    Fresh,
    LogDelete,
    LogPut,
    Row,
    Run,
    encode,
)
from wolke.object_store.drivers.segments.worker import Worker

log = get_logger(__name__)

META_LIMIT_BYTES = 256 << 10
_GROUP_BYTES = 8 << 20
_GROUP_COMMITS = 512  # the loop belongs to others, too
_ENOUGH = (
    8  # commits to start with in the midst of a turn of the loop: the disk works while the others of that turn come
)
_LIMIT = 1 << 63  # of a number in a record
_FREE_FOR_S = 0.25  # how long what the file system said of its free space is believed


class Formed(NamedTuple):
    """What one commit will log, the data that goes with it, and rows that were looked up already."""

    commit: Commit
    data: list[bytes]
    known: Mapping[bytes, Row | None] = {}


#: Makes it when the group is formed, given what the group has staged; None if there is nothing to log.
Form = Callable[[Overlay], Formed | None]


class _Waiting(NamedTuple):
    form: Form
    done: asyncio.Future[None]


class _Group:
    def __init__(self, ledger: Ledger, journal: Log) -> None:
        self._ledger = ledger
        self._start = at = journal.position
        self._offset, self._sequence, self._previous = at.offset, at.sequence, at.previous
        self._capacity = journal.bytes_of(at.segment)
        self.staged = Overlay()
        self.parts: list[bytes] = []
        self.done: list[asyncio.Future[None]] = []

    def add(self, formed: Formed) -> bool:
        """False if it does not fit: nothing has changed then."""
        segment, sequence, data = self._start.segment, self._sequence + 1, formed.data
        size = sum(map(len, data)) if data else 0
        head, crc = encode(formed.commit, segment, self._previous, sequence, sequence - self._start.sequence - 1, size)
        data_at = self._offset + len(head)
        if data_at + size > self._capacity:
            return False
        self.parts.append(head)
        if data:
            self.parts += data
        self._ledger.absorb(formed.commit, sequence, segment, data_at, self.staged, formed.known)
        self._offset, self._sequence, self._previous = data_at + size, sequence, crc
        return True

    @property
    def bytes(self) -> int:
        return self._offset - self._start.offset

    @property
    def position(self) -> Position:
        """After it."""
        return Position(self._start.segment, self._offset, self._sequence, self._previous)


class Committer:
    """``full`` says what the disk has free at least; ``condemned`` are segments that are about to go."""

    def __init__(self, journal: Log, ledger: Ledger, files: Files, reserve_bytes: int) -> None:
        self._log = journal
        self._ledger = ledger
        self._files = files
        self._reserve_bytes = reserve_bytes
        self._queue: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self._early: tuple[_Group, asyncio.Future[None]] | None = None  # under way before the task had its first turn
        self._waits = False  # the task, for its first turn
        self._preparing: asyncio.Task[None] | None = None
        self._thread = Worker("wolke-log")
        self._free = (0.0, 0)
        self.condemned: set[int] = set()
        self.doomed: deque[tuple[float, int]] = deque()  # files that nothing refers to any more, by when
        self.broken: Broken | None = None
        self.broke = asyncio.Event()
        self.settled: Callable[[], Awaitable[object] | None] = lambda: None
        self.groups = 0

    async def commit(self, partition: bytes, reads: Sequence[bytes], decide: Decide) -> None:
        if len(partition) != PARTITION_BYTES:
            raise ValueError(f"a partition has {PARTITION_BYTES} bytes")

        def form(staged: Overlay) -> Formed | None:
            ledger = self._ledger
            known = {key: ledger.row(partition, key, staged) for key in reads}
            held = [None if (row := known[key]) is None else entry(key, row) for key in reads]
            return self._translate(partition, decide(held, ledger.tally(partition, staged)), staged, known)

        await self.put(form)

    async def put(self, form: Form) -> None:
        """Returns when what ``form`` made is durable and visible."""
        if self.broken is not None:
            raise self.broken
        done = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(form, done))
        if self._task is None:
            self._waits = True
            self._task = asyncio.get_running_loop().create_task(self._run())
        elif self._waits and len(self._queue) >= _ENOUGH and self._early is None:
            self._start_early()
        await done

    async def close(self) -> None:
        while self._task is not None:
            await asyncio.wait([self._task])
        if self._preparing is not None:
            await asyncio.wait([self._preparing])
        self._thread.close()

    def need_room(self, more_bytes: int) -> None:
        """Raises ``NoSpace`` unless that much may still be taken in."""
        now = time.monotonic()
        if now - self._free[0] > _FREE_FOR_S:
            self._free = (now, self._log.disk.free(self._log.directory))
        if self._free[1] - more_bytes < self._reserve_bytes:
            raise NoSpace("The disk is full.")

    # --------------------------------------------------------------------------------------------------------- forming

    def _translate(
        self, partition: bytes, changes: Sequence[Change], staged: Overlay, known: Mapping[bytes, Row | None]
    ) -> Formed | None:
        logged: list[LogPut | LogDelete] = []
        data: list[bytes] = []
        at, deletes = 0, False
        for change in changes:
            if isinstance(change, Put):
                pieces: list[Run | File] = []
                for piece in change.pieces:
                    if isinstance(piece, Fresh):
                        pieces.append(Run(0, at, len(piece.data), piece.crc))
                        data.append(piece.data)
                        at += len(piece.data)
                    else:
                        pieces.append(self._there(piece, staged))
                logged.append(_log_put(change, tuple(pieces)))
            elif (deleted := self._delete(partition, change, logged, staged)) is not None:
                deletes = True
                logged.append(deleted)
        if not logged:
            return None
        if len(logged) > CHANGES_LIMIT:
            raise ValueError(f"a commit has at most {CHANGES_LIMIT} changes")
        if data or not deletes:
            self.need_room(at)
        return Formed(Commit(partition, logged), data, known)

    def _there(self, piece: object, staged: Overlay) -> Run | File:
        """Raises ``Lost`` for what is on its way out."""
        if isinstance(piece, Run):
            if piece.segment in self._log.present and piece.segment not in self.condemned:
                return piece
        elif isinstance(piece, File):
            if self._ledger.references(piece.number, staged) or piece.number in self._files.unclaimed:
                return piece
        else:
            raise TypeError(f"{type(piece).__name__} is no piece of this driver's")
        raise Lost("The data has gone meanwhile.")

    def _delete(
        self, partition: bytes, change: Delete, before: list[LogPut | LogDelete], staged: Overlay
    ) -> LogDelete | None:
        """None if there is nothing to delete."""
        if (row := self._ledger.row(partition, change.key, staged)) is not None:
            return LogDelete(change.key, row.since)
        return LogDelete(change.key, 0) if any(b.key == change.key and isinstance(b, LogPut) for b in before) else None

    def _form(self, group: _Group) -> int:
        """Fills it. If not even one fits, how many bytes the next segment must have; else 0."""
        if self._log.position.offset == 0:  # what must outlive the segments before
            group.add(Formed(Commit(b"", [], self._files.limit), []))
        while self._queue and group.bytes < _GROUP_BYTES and len(group.done) < _GROUP_COMMITS:
            waiting = self._queue.popleft()
            if waiting.done.done():
                continue
            group.done.append(waiting.done)
            try:
                formed = waiting.form(group.staged)
            except Exception as error:
                waiting.done.set_exception(error)
                continue
            if formed is not None and not group.add(formed):
                group.done.pop()
                self._queue.appendleft(waiting)
                return 0 if group.done else _needed(formed)
        return 0

    # --------------------------------------------------------------------------------------------------------- writing

    def _start_early(self) -> None:
        if self.settled() is not None:
            return
        group = _Group(self._ledger, self._log)
        try:
            if self._form(group):
                return  # the task turns to the next segment
        except Exception as error:
            self._break(error, group.done)
            raise
        if group.parts:
            self._early = (group, self._write(group))
        else:
            self._finish(group)

    async def _run(self) -> None:
        group = _Group(self._ledger, self._log)
        self._waits = False
        try:
            if self._early is not None:
                group, written = self._early
                self._early = None
                await self._written(group, written)
            while self._queue and self.broken is None:
                if (waits := self.settled()) is not None:
                    await waits
                group = _Group(self._ledger, self._log)
                if needed := self._form(group):
                    await self._turn(needed)
                elif group.parts:
                    await self._written(group, self._write(group))
                else:
                    self._finish(group)
        except Exception as error:  # a bug, or an index that cannot be read: nobody may wait for ever
            log.exception("the object store stopped")
            self._break(error, group.done)
        finally:
            self._task = None

    def _write(self, group: _Group) -> asyncio.Future[None]:
        return self._thread.run(self._log.write, group.parts)

    async def _written(self, group: _Group, written: asyncio.Future[None]) -> None:
        try:
            await written
        except OSError as error:
            await self._failed(group, error)
            return
        self._settle(group)
        self._finish(group)

    def _finish(self, group: _Group) -> None:
        for done in group.done:
            if not done.done():
                done.set_result(None)

    def _settle(self, group: _Group) -> None:
        self.groups += 1
        group.staged.log_bytes = group.bytes
        self._log.position = group.position
        self._ledger.wrote(group.position.segment, group.position.offset)
        self._ledger.settle(group.staged)
        if group.staged.files:
            now = time.monotonic()
            for number in group.staged.files:
                self._files.unclaimed.pop(number, None)
            self.doomed.extend((now, number) for number in group.staged.doomed())

    async def _failed(self, group: _Group, error: OSError) -> None:
        if not isinstance(error, Unsure) and error.errno in FULL:
            for done in group.done:
                if not done.done():
                    done.set_exception(NoSpace(str(error)))
            return
        try:
            await self._thread.run(self._log.unwrite)
        except OSError:
            log.warning("the end of the log could not be erased", segment=self._log.position.segment)
        self._break(error, group.done)

    def _break(self, error: Exception, done: list[asyncio.Future[None]]) -> None:
        """After a failed sync the page cache cannot be believed. Only a start, which reads the log again, makes it right."""
        self.broken = Broken(f"The store must be opened anew: {error}")
        self.broke.set()
        log.error("the object store is broken until it is opened anew", reason=str(error))
        for one in [*done, *(waiting.done for waiting in self._queue)]:
            if not one.done():
                one.set_exception(self.broken)
        self._queue.clear()

    # -------------------------------------------------------------------------------------------------------- segments

    async def _turn(self, needed: int) -> None:
        """To a segment with room for ``needed`` bytes; who waits is told if there is none to be had."""
        following = self._log.position.segment + 1
        if self._preparing is not None:
            await asyncio.wait([self._preparing])
        if not self._log.is_ready(following, needed):
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._log.prepare, following, needed)
            except OSError as error:
                self._queue.popleft().done.set_exception(NoSpace(f"There is no room for another segment: {error}"))
                return
        self._log.turn()
        self.prepare_next()

    def prepare_next(self) -> None:
        self._preparing = asyncio.get_running_loop().create_task(self._prepare(self._log.position.segment + 1))

    async def _prepare(self, segment: int) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._log.prepare, segment)
        except OSError as error:
            log.warning("no room for the next segment", segment=segment, reason=str(error))


def entry(key: bytes, row: Row) -> Entry:
    return Entry(key, row.meta, row.pieces, row.objects, row.octets, row.due_s)


def _log_put(change: Put, pieces: tuple[Run | File, ...]) -> LogPut:
    if len(change.key) > KEY_LIMIT_BYTES or len(change.meta) > META_LIMIT_BYTES:
        raise ValueError(f"a key has at most {KEY_LIMIT_BYTES} bytes, metadata {META_LIMIT_BYTES}")
    if not (-_LIMIT <= change.objects < _LIMIT and -_LIMIT <= change.octets < _LIMIT):
        raise ValueError("a count is beyond 64 bits")
    if change.due_s is not None and not 0 <= change.due_s < _LIMIT:
        raise ValueError("due_s is a Unix time")
    return LogPut(change.key, change.meta, pieces, change.objects, change.octets, change.due_s)


def _needed(formed: Formed) -> int:
    """Bytes of a segment that can hold it, with the record that each begins with."""
    longest = sum(
        len(c.key) + len(getattr(c, "meta", b"")) + 64 * (len(getattr(c, "pieces", ())) + 2)
        for c in formed.commit.changes
    )
    return 3 * HEADER.size + 256 + longest + sum(map(len, formed.data))
