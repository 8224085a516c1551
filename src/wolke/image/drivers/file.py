"""Image data as files in one directory: ``<id>`` is whole, ``<id>.part`` is being written, ``<id>.new`` is about to be.

The writer holds a lock (flock) on its file from before the file has its ``.part`` name until it is closed, also across the
rename that makes it whole. The kernel drops the lock when the process dies, so "is the lock free?" is "is the upload dead?", with no
heartbeat and no guess. Durable means: fsync of the file, rename, fsync of the directory, in this order.
Several controllers may share the directory if its file system has working locks.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from wolke.core import ids
from wolke.core.files import set_apart
from wolke.image.drivers.base import Blob, NoBlob, NoSpace

_PIECE_BYTES = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PART, _NEW = ".part", ".new"


class FileDriver:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def begin(self, blob_id: str) -> FileWriter:
        return await asyncio.to_thread(self._begin, _checked(blob_id))

    def _begin(self, blob_id: str) -> FileWriter:
        new, part = self.directory / (blob_id + _NEW), self.directory / (blob_id + _PART)
        while True:
            try:
                fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise _said(error) from None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                new.rename(part)
            except (BlockingIOError, FileNotFoundError):  # a sweeper was quicker: once more
                os.close(fd)
                continue
            return FileWriter(self.directory, blob_id, fd)

    def path(self, blob_id: str) -> Path | None:
        return self.directory / _checked(blob_id)

    async def read(self, blob_id: str, start: int, length: int) -> AsyncIterator[bytes]:
        try:
            fd = os.open(self.directory / _checked(blob_id), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NoBlob(blob_id) from None
        try:
            end = start + length
            while start < end:
                piece = await asyncio.to_thread(os.pread, fd, min(_PIECE_BYTES, end - start), start)
                if not piece:
                    return
                start += len(piece)
                yield piece
        finally:
            os.close(fd)

    async def delete(self, blob_id: str) -> bool:
        return await asyncio.to_thread(self._delete, _checked(blob_id))

    def _delete(self, blob_id: str) -> bool:
        gone = True
        for name in (blob_id + _NEW, blob_id + _PART, blob_id):
            path = self.directory / name
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                if _lock(fd):
                    path.unlink(missing_ok=True)
                else:
                    gone = False
            finally:
                os.close(fd)
        return gone

    async def quarantine(self, blob_id: str) -> None:
        """Its data is kept, but nobody finds it here any more."""
        await asyncio.to_thread(set_apart, self.directory / _checked(blob_id), self.directory / "quarantine")

    async def blobs(self) -> list[Blob]:
        return await asyncio.to_thread(self._list)

    def _list(self) -> list[Blob]:
        found = []
        for path in self.directory.iterdir():
            whole = not path.suffix
            if (not whole and path.suffix not in (_PART, _NEW)) or not ids.is_uuid(path.stem):
                continue
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                found.append(Blob(path.stem, whole, not _lock(fd)))
            finally:
                os.close(fd)
        return found

    async def free_bytes(self) -> int | None:
        space = os.statvfs(self.directory)
        return space.f_bavail * space.f_frsize

    async def close(self) -> None:
        """Nothing is held open."""


class FileWriter:
    def __init__(self, directory: Path, blob_id: str, fd: int) -> None:
        self._directory = directory
        self._final = directory / blob_id
        self._part = directory / (blob_id + _PART)
        self._fd: int | None = fd
        self._committed = False
        self._mutex = threading.Lock()  # a cancelled append still runs in its thread when close comes

    async def append(self, data: bytes) -> None:
        await asyncio.to_thread(self._alone, lambda: self._append(data))

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._open(), view) :]
        except OSError as error:
            raise _said(error) from None

    async def commit(self) -> None:
        await asyncio.to_thread(self._alone, self._commit)

    def _commit(self) -> None:
        try:
            os.fsync(self._open())
            self._part.rename(self._final)
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise _said(error) from None
        self._committed = True

    async def close(self) -> None:
        await asyncio.to_thread(self._alone, self._close)

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            if not self._committed:
                self._part.unlink(missing_ok=True)
                self._final.unlink(missing_ok=True)  # a commit that failed half-way
            os.close(fd)

    def _alone(self, work: Callable[[], None]) -> None:
        with self._mutex:
            work()

    def _open(self) -> int:
        if self._fd is None:
            raise ValueError("this writer is closed")
        return self._fd


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _said(error: OSError) -> Exception:
    return NoSpace() if error.errno in _FULL else error


def _checked(blob_id: str) -> str:
    if not ids.is_uuid(blob_id):
        raise ValueError("a blob's name is a UUID")
    return blob_id
