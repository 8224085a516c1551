"""The only way to the disk. A test swaps it for one that fails, fills up or loses power."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

_VECTORS = 1000  # of one pwritev; Linux takes 1,024
_NOT_NOW = {errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL}


class Unsure(OSError):
    """A write was cut short, or a sync failed: nobody knows what is on the disk."""


class Disk:
    def open(self, path: Path, *, create: bool = False) -> int:
        return os.open(path, (os.O_RDWR | os.O_CREAT if create else os.O_RDWR) | os.O_CLOEXEC, 0o600)

    def close(self, fd: int) -> None:
        os.close(fd)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def changed_ns(self, fd: int) -> int:
        """When it was last written to."""
        return os.fstat(fd).st_mtime_ns

    def read(self, fd: int, size: int, offset: int) -> bytes:
        """Exactly ``size`` bytes, or fewer at the file's end."""
        data = os.pread(fd, size, offset)
        while 0 < len(data) < size and (more := os.pread(fd, size - len(data), offset + len(data))):
            data += more
        return data

    def read_into(self, fd: int, buffer: bytearray | memoryview, offset: int) -> int:
        return os.preadv(fd, [buffer], offset)

    def read_cached(self, fd: int, size: int, offset: int) -> bytes | None:
        """What the page cache holds whole, without waiting for the disk; else None."""
        buffer = bytearray(size)
        try:
            got = os.preadv(fd, [buffer], offset, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno in _NOT_NOW:
                return None
            raise
        return bytes(buffer) if got == size else None

    def write(self, fd: int, parts: Sequence[bytes], offset: int) -> int:
        """All of it; how many bytes. An error before the first byte comes as it is, a later one as ``Unsure``."""
        at = offset
        for first in range(0, len(parts), _VECTORS):
            some = parts[first : first + _VECTORS]
            wanted = sum(map(len, some))
            try:
                got = self.write_some(fd, some, at)
            except OSError as error:
                if at == offset:
                    raise
                raise Unsure(error.errno, "a write failed half-way") from error
            if got != wanted:
                raise Unsure(errno.EIO, "a write was cut short")
            at += got
        return at - offset

    def write_some(self, fd: int, parts: Sequence[bytes], offset: int) -> int:
        return os.pwritev(fd, parts, offset)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        os.fdatasync(fd)

    def sync_directory(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def unlink(self, path: Path) -> bool:
        """Whether it was there."""
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def free(self, path: Path) -> int:
        """Bytes that an unprivileged process may still write."""
        stat = os.statvfs(path)
        return stat.f_bavail * stat.f_frsize
