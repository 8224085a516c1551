"""The driver: it opens the parts, joins them, and lets them go."""

from __future__ import annotations

import asyncio
import fcntl
import os
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from wolke.core.log import get_logger
from wolke.object_store.drivers.base import (
    Capabilities,
    Decide,
    Due,
    Entry,
    Finding,
    Lost,
    Piece,
    Room,
    Seen,
    Stream,
    Tally,
)
from wolke.object_store.drivers.segments.auditor import Auditor
from wolke.object_store.drivers.segments.check import Check
from wolke.object_store.drivers.segments.commits import Committer, Formed, entry
from wolke.object_store.drivers.segments.compactor import Compactor
from wolke.object_store.drivers.segments.files import RESERVE, Files, Writer
from wolke.object_store.drivers.segments.flusher import Flusher
from wolke.object_store.drivers.segments.ledger import DUE, mark
from wolke.object_store.drivers.segments.log import Log
from wolke.object_store.drivers.segments.options import Options
from wolke.object_store.drivers.segments.overlay import Overlay
from wolke.object_store.drivers.segments.quarantine import Quarantine
from wolke.object_store.drivers.segments.reading import Reader
from wolke.object_store.drivers.segments.records import Commit, File, Run
from wolke.object_store.drivers.segments.recovery import Recovered, recover
from wolke.object_store.drivers.segments.sweeper import Sweeper

log = get_logger(__name__)

FORMAT = 1
_ROWS = 1000  # of a scan, before others have their turn
_THREADS = 8
_AGAIN_S = 10.0


class Segments:
    """One process at a time: the directory is locked. Everything but ``open`` and ``close`` wants it open."""

    def __init__(self, directory: Path, options: Options | None = None) -> None:
        self.options = options or Options()
        self.directory = directory
        self.capabilities = Capabilities(small_bytes=self.options.small_bytes, local_files=True, exclusive=True)
        self._lock = -1

    # -------------------------------------------------------------------------------------------------- open and close

    async def open(self) -> None:
        """Raises ``RuntimeError`` if another process has it, or if it was made by a newer version."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self.directory / "lock")
        try:
            self._threads = ThreadPoolExecutor(_THREADS, "wolke-files")
            self.recovered = await asyncio.get_running_loop().run_in_executor(self._threads, self._recover)
            self._join(self.recovered)
        except BaseException:
            self._release()
            raise
        try:
            await self._reserve()
        except (
            BaseException
        ):  # a flush may be under way: LMDB waits for ever for a transaction whose index is closed meanwhile
            await self.commits.close()
            await self.flusher.close(flush=False)
            self._release()
            raise

    def _recover(self) -> Recovered:
        options, folder = self.options, self.directory
        self.store = _store_id(folder / "store.json")
        self.quarantine = Quarantine(folder / "quarantine")
        self.log = Log(folder / "segments", options.disk, options.segment_bytes, options.first_segment_bytes)
        self.files = Files(folder / "files", options.disk, self._threads)
        self.quarantine.keep(self._is_there)
        found = recover(
            self.log, folder / "index", options.map_bytes, self.store, self.quarantine, options.flush_changes
        )
        self.log.position = found.position
        self.log.prepare(found.position.segment)
        return found

    def _is_there(self, damaged: dict[str, int]) -> bool:
        if "file" in damaged:
            return self.files.path(damaged["file"]).exists()
        return damaged["segment"] in self.log.present

    def _join(self, found: Recovered) -> None:
        options = self.options
        self.index, self.ledger = found.index, found.ledger
        self.files.next = self.files.limit = found.files_limit
        self.commits = Committer(self.log, self.ledger, self.files, options.reserve_bytes)
        self.flusher = Flusher(self.index, self.ledger, self.log, self.files, self.store, options)
        self.commits.settled = self.flusher.after_group
        self.reader = Reader(self.log, self.files, self.quarantine, self._threads, options.small_bytes)
        self.sweeper = Sweeper(self.ledger, self.files, self.commits, options)
        self.compactor = Compactor(self.log, self.ledger, self.commits, self.flusher, self.quarantine, options)
        self.auditor = Auditor(self.log, self.ledger, self.reader, self.compactor, self._threads, options)
        self.sweeper.at_start(found.files_from, found.files_limit)
        self.commits.prepare_next()

    async def close(self) -> None:
        """What is broken is left to the next start as it is."""
        await self.commits.close()
        await self.flusher.close(flush=self.commits.broken is None)
        self._release()

    def _release(self) -> None:
        if hasattr(self, "_threads"):
            self._threads.shutdown()
        if hasattr(self, "recovered"):
            self.recovered.index.close()
            self.log.close()
            del self.recovered
        os.close(self._lock)

    # ------------------------------------------------------------------------------------------------- entries, tallies

    async def get(self, partition: bytes, key: bytes) -> Entry | None:
        row = self.ledger.row(partition, key)
        return None if row is None else entry(key, row)

    async def scan(
        self, partition: bytes, start: bytes, stop: bytes, limit: int, *, reverse: bool = False
    ) -> list[Entry]:
        """A long one is not of one moment: others have their turn after each thousand rows."""
        found: list[Entry] = []
        while start < stop and len(found) < limit:
            rows, bound = self.ledger.rows(partition, start, stop, min(limit - len(found), _ROWS), reverse)
            found += [Entry(key, r.meta, r.pieces, r.objects, r.octets, r.due_s) for key, r in rows]
            if bound is None:
                break
            start, stop = (start, bound) if reverse else (bound, stop)
            if len(found) < limit:
                await asyncio.sleep(0)
        return found

    async def tally(self, prefix: bytes) -> Tally:
        return self.ledger.tally(prefix)

    async def partitions(self, after: bytes, limit: int) -> list[bytes]:
        return self.ledger.partitions(after, limit)

    async def due(self, before_s: int, limit: int) -> list[Due]:
        found: list[Due] = []
        for name, full in self.ledger.marks(mark(DUE, 0), mark(DUE, before_s + 1)):
            if len(found) == limit:
                break
            found.append(Due(int.from_bytes(name[1:9], "big"), full[:16], full[16:]))
        return found

    def commit(self, partition: bytes, reads: Sequence[bytes], decide: Decide) -> Coroutine[Any, Any, None]:
        return self.commits.commit(partition, reads, decide)

    # ------------------------------------------------------------------------------------------------------------ data

    def writer(self, size: int | None = None, seen: Seen | None = None) -> Writer:
        return Writer(self.files, self.options.small_bytes, size or 0, self._number, self.commits.need_room, seen)

    async def read(self, pieces: Sequence[Piece], start: int, length: int) -> bytes | Stream:
        return await self.reader.read(pieces, start, length)

    async def again(self, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
        for piece in pieces:
            if isinstance(piece, Run | File):
                self.reader.refuse(piece)
            if isinstance(piece, Run) and piece.segment not in self.log.present:
                raise Lost("The data has gone meanwhile.")
        return tuple(pieces)

    async def _number(self) -> int:
        while (number := self.files.take_number()) is None:
            await self._reserve()
        return number

    async def _reserve(self) -> None:
        """The log knows which numbers may be in use before one of them is."""
        limit = self.files.next + RESERVE

        def form(staged: Overlay) -> Formed:
            return Formed(Commit(b"", [], limit), [])

        await self.commits.put(form)
        self.files.limit = max(self.files.limit, limit)

    # ---------------------------------------------------------------------------------------------------------- upkeep

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            parts = (self.flusher, self.sweeper, self.compactor, self.auditor)
            tasks = [group.create_task(self._steadily(part.run)) for part in parts]
            await self.commits.broke.wait()
            for task in tasks:
                task.cancel()
        if self.commits.broken is not None:
            raise self.commits.broken

    async def _steadily(self, run: Callable[[], Awaitable[None]]) -> None:
        """What fails is tried again: a disk may be full for a while."""
        while True:
            try:
                await run()
            except Exception as error:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError from error  # it met a failure of what was under way
                log.warning("upkeep of the object store failed and is tried again", reason=repr(error))
                await asyncio.sleep(_AGAIN_S)

    async def check(self, *, repair: bool = False) -> list[Finding]:
        return await Check(self).run(repair=repair)

    async def make_index_again(self) -> None:
        """From the log alone. Nothing else may be going on."""
        await self.commits.close()
        await self.flusher.close()
        self.recovered.index.close()
        self.log.close()
        (self.directory / "index" / "data.mdb").unlink()
        self.recovered = await asyncio.get_running_loop().run_in_executor(self._threads, self._recover)
        self._join(self.recovered)
        await self._reserve()

    async def room(self) -> Room:
        """Large files are counted as the log knows them, not by asking each."""
        used = self.log.used_bytes() + self.ledger.file_bytes() + _bytes_in(self.directory / "index")
        live = sum(usage.live for usage in self.ledger.usages.values())
        return Room(used, live, self.options.disk.free(self.directory))


def _bytes_in(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.iterdir())


def _locked(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise RuntimeError(f"{path.parent} is in use by another process") from None
    return fd


def _store_id(path: Path) -> str:
    """Of a store that is there, or of a new one."""
    if path.exists():
        about = msgspec.json.decode(path.read_bytes(), type=dict[str, str | int])
        if about.get("format") != FORMAT:
            raise RuntimeError(f"{path} has format {about.get('format')}; this version reads {FORMAT}")
        return str(about["id"])
    store, fresh = uuid.uuid4().hex, path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode({"format": FORMAT, "id": store}))
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    return store
