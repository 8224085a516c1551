"""Large data: a file for each, written once, with a checksum for each MiB of it in a footer.

    data · crc32c of each MiB, u32 each · magic u32 · data bytes u64 · crc u32

The footer's own crc is also in the ``File`` piece, so that a footer of another file is not taken for this one's. Numbers are handed
out in order and never twice. A record of the log says below which number all that may be in use lie, and the index remembers above
which a start must look for data that was finished, or half written, and never committed: no start lists a directory.
"""

from __future__ import annotations

import asyncio
import errno
import struct
import threading
import time
from array import array
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from awscrt.checksums import crc32c

from wolke.object_store.drivers.base import NoSpace, Seen
from wolke.object_store.drivers.segments.disk import Disk
from wolke.object_store.drivers.segments.log import Handle
from wolke.object_store.drivers.segments.records import File, Fresh

T = TypeVar("T")
FULL = {errno.ENOSPC, errno.EDQUOT}
RUN_BYTES = 1 << 20
_END = struct.Struct("<IQ")
_CRC = struct.Struct("<I")
_MAGIC = 0x314B4C46
_PENDING_BYTES = 4 << 20  # taken in and not yet written
_WAITING_BYTES = 8 << 20  # so much of all uploads waits for more of the same; then even little is written
_LITTLE_BYTES = 128 << 10
_SEEN_ASIDE_BYTES = 64 << 10  # below this a thread costs more than a hash
_SYNC_BYTES = 64 << 20  # dirty pages of one upload
_COPY_BYTES = 256 << 10  # what a checksum reads at once: it stays in the processor's cache
RESERVE = 64  # numbers of files at a time: a start after a crash looks for so many


class Files:
    """The directory of large files, and the numbers that are in use without a row that says so."""

    def __init__(self, directory: Path, disk: Disk, threads: ThreadPoolExecutor) -> None:
        self.directory = directory
        self.disk = disk
        self.threads = threads
        directory.mkdir(parents=True, exist_ok=True)
        self.next = 1
        self.limit = 1
        self.writing: set[int] = set()
        self.waiting_bytes = 0
        self.unclaimed: dict[int, float] = {}  # finished, by when; a commit claims it

    def path(self, number: int) -> Path:
        return self.directory / f"{number & 0xFF:02x}" / f"{number:016x}"

    @property
    def worth_writing_bytes(self) -> int:
        """A few fast uploads are written by the MiB, but thousands of slow ones may not each hold one in memory."""
        return RUN_BYTES if self.waiting_bytes < _WAITING_BYTES else _LITTLE_BYTES

    def lowest(self) -> int:
        """A start looks for lost files from here to ``limit``."""
        return min((*self.writing, *self.unclaimed, self.next))

    def take_number(self) -> int | None:
        """None: a record of the log must raise the limit first."""
        if self.next >= self.limit:
            return None
        number = self.next
        self.next += 1
        self.writing.add(number)
        return number

    def handle(self, number: int) -> Handle:
        return Handle(self.disk, self.path(number))

    def create(self, number: int) -> Handle:
        path = self.path(number)
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
            self.disk.sync_directory(self.directory)
        return Handle(self.disk, path, create=True)

    def remove(self, *numbers: int) -> int:
        """For good: their directories are synced. How many were there."""
        gone = [path for number in numbers if self.disk.unlink(path := self.path(number))]
        for directory in {path.parent for path in gone}:
            self.disk.sync_directory(directory)
        return len(gone)

    def footer(self, handle: Handle, piece: File) -> array[int] | None:
        """The checksums of the runs; None if they are not what was written."""
        count = -(-piece.size // RUN_BYTES)
        raw = self.disk.read(handle.fd, 4 * count + _END.size + _CRC.size, piece.size)
        sums, end = raw[: 4 * count], raw[4 * count :]
        if len(end) != _END.size + _CRC.size or _END.unpack_from(end) != (_MAGIC, piece.size):
            return None
        if crc32c(raw[: -_CRC.size]) != piece.crc or _CRC.unpack_from(end, _END.size)[0] != piece.crc:
            return None
        return array("I", sums)

    def describe(self, handle: Handle, number: int) -> File | None:
        """The piece that the file was made for, by what it says itself."""
        length, tail = self.disk.size(handle.fd), _END.size + _CRC.size
        raw = self.disk.read(handle.fd, tail, max(length - tail, 0))
        if len(raw) != tail:
            return None
        magic, size = _END.unpack_from(raw)
        piece = File(number, size, _CRC.unpack_from(raw, _END.size)[0])
        if magic != _MAGIC or length != size + 4 * -(-size // RUN_BYTES) + tail:
            return None
        return piece

    def is_run_good(self, fd: int, piece: File, sums: array[int], run: int) -> bool:
        """Reads it by ``read`` and not through a map: a bad sector is an error then, and not the end of the process."""
        at, end, crc = run * RUN_BYTES, min((run + 1) * RUN_BYTES, piece.size), 0
        buffer = _buffer()
        while at < end:
            part = buffer[: min(_COPY_BYTES, end - at)]
            if (got := self.disk.read_into(fd, part, at)) == 0:
                return False
            crc = crc32c(part[:got], crc)
            at += got
        return bool(crc == sums[run])


_own = threading.local()


def _buffer() -> memoryview:
    """This thread's."""
    if not hasattr(_own, "buffer"):
        _own.buffer = memoryview(bytearray(_COPY_BYTES))
    found: memoryview = _own.buffer
    return found


class FileWriter:
    """Takes data in while a thread writes what came before. At most ``_PENDING_BYTES`` wait."""

    def __init__(self, files: Files, number: int, seen: Seen | None) -> None:
        self._files = files
        self._number = number
        self._seen = seen
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._job: asyncio.Future[None] | None = None
        self._file: Handle | None = None
        self._at = self._synced = 0
        self._crc = 0
        self._sums = array("I")

    async def write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self._files.waiting_bytes += len(data)
        if self._job is not None and (self._job.done() or self._waiting_bytes >= _PENDING_BYTES):
            await self._settle()
        if self._job is None and self._waiting_bytes >= self._files.worth_writing_bytes:
            self._start(self._write_out)

    async def finish(self) -> File:
        await self._settle()
        if self._waiting:
            self._start(self._write_out)
            await self._settle()
        self._start(self._end)
        await self._settle()
        piece = File(self._number, self._at, self._crc)
        self._file = None
        self._files.unclaimed[self._number] = time.monotonic()
        self._files.writing.discard(self._number)
        return piece

    async def abandon(self) -> None:
        if self._job is not None:
            await asyncio.wait([self._job])
            self._job.exception()
            self._job = None
        self._take()
        self._file = None
        await asyncio.get_running_loop().run_in_executor(self._files.threads, self._files.remove, self._number)
        self._files.writing.discard(self._number)

    def _take(self) -> list[bytes]:
        parts, self._waiting = self._waiting, []
        self._files.waiting_bytes -= self._waiting_bytes
        self._waiting_bytes = 0
        return parts

    def _start(self, work: Callable[[list[bytes]], None]) -> None:
        self._job = asyncio.get_running_loop().run_in_executor(self._files.threads, work, self._take())

    async def _settle(self) -> None:
        if self._job is not None:
            job = self._job
            await asyncio.shield(job)
            self._job = None

    def _write_out(self, parts: list[bytes]) -> None:
        if self._file is None:
            self._file = self._files.create(self._number)
        disk, start = self._files.disk, self._at
        disk.write(self._file.fd, parts, start)
        for part in parts:
            self._sum(part)
            if self._seen is not None:
                self._seen(part)
        if self._at - self._synced >= _SYNC_BYTES:
            disk.sync(self._file.fd)
            self._synced = self._at

    def _sum(self, part: bytes) -> None:
        """Continues the checksum of the run that is under way; runs end at whole MiB."""
        left = RUN_BYTES - self._at % RUN_BYTES
        if len(part) < left:
            self._crc = crc32c(part, self._crc)
            self._at += len(part)
            return
        view, at = memoryview(part), 0
        while at + left <= len(part):
            self._sums.append(crc32c(view[at : at + left], self._crc))
            self._crc = 0
            at, left = at + left, RUN_BYTES
        self._crc = crc32c(view[at:])
        self._at += len(part)

    def _end(self, parts: list[bytes]) -> None:
        """The footer; then the file and its name are durable."""
        if self._at % RUN_BYTES:
            self._sums.append(self._crc)
        assert self._file is not None
        footer = self._sums.tobytes() + _END.pack(_MAGIC, self._at)
        self._crc = crc32c(footer)
        disk = self._files.disk
        disk.write(self._file.fd, [footer + _CRC.pack(self._crc)], self._at)
        disk.sync(self._file.fd)
        disk.sync_directory(self._files.path(self._number).parent)


class Writer:
    """Keeps small data in memory; what becomes larger goes to a file."""

    def __init__(
        self,
        files: Files,
        small_bytes: int,
        expected: int,
        number: Callable[[], Awaitable[int]],
        room: Callable[[int], None],
        seen: Seen | None,
    ) -> None:
        self._files = files
        self._small_bytes = small_bytes
        self._expected = expected
        self._number = number
        self._room = room
        self._seen = seen
        self._parts: list[bytes] = []
        self._size = 0
        self._file: FileWriter | None = None
        self._over = False

    async def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._file is None:
            self._parts.append(bytes(data))
            if self._size > self._small_bytes:
                await self._spill()
            return
        if self._size // RUN_BYTES != (self._size - len(data)) // RUN_BYTES:
            self._room(0)
        await self._told(self._file.write(bytes(data)))

    async def finish(self) -> Fresh | File:
        if self._file is not None:
            piece = await self._told(self._file.finish())
            self._over = True
            return piece
        self._room(0)
        self._over = True
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if self._seen is not None and len(data) < _SEEN_ASIDE_BYTES:
            self._seen(data)
        elif self._seen is not None:
            await asyncio.get_running_loop().run_in_executor(self._files.threads, self._seen, data)
        return Fresh(data)

    async def abandon(self) -> None:
        if not self._over and self._file is not None:
            await self._file.abandon()
        self._over = True
        self._parts.clear()

    async def _spill(self) -> None:
        self._room(max(self._expected - self._size, 0))
        parts, self._parts = self._parts, []
        self._file = FileWriter(self._files, await self._number(), self._seen)
        for part in parts:
            await self._told(self._file.write(part))

    async def _told(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except OSError as error:
            if error.errno in FULL:
                raise NoSpace(str(error)) from None
            raise
