"""Files that are whole or not there, and locks that outlive nobody: what drivers keep their state in."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def write_whole(path: Path, data: bytes) -> None:
    """All of ``data`` or what was there before; not necessarily after a power cut."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb", opener=_private) as file:
        file.write(data)
    part.rename(path)


def write_durably(path: Path, data: bytes) -> None:
    """As ``write_whole``, also after a power cut."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb", opener=_private) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    rename_durably(part, path)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def rename_durably(source: Path, target: Path) -> None:
    source.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def set_apart(path: Path, folder: Path) -> None:
    """Into ``folder``, on the same file system, under a name that nothing there has. Fine if it is not there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if path.exists():
        rename_durably(path, folder / f"{path.name}.{time.time_ns()}")


async def whole(work: Callable[..., T], *arguments: Any) -> T:
    """``work`` in a thread, to its end even if we are cancelled: a lock must not be let go while it still writes."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


@asynccontextmanager
async def exclusive(folder: Path, deadline_s: float) -> AsyncIterator[None]:
    """One verb at a time on what lies in ``folder``, which need not be there, also among several processes; raises
    ``TimeoutError`` after ``deadline_s``. The lock is a file beside it, and goes with it."""
    path = folder.with_name(f"{folder.name}.lock")
    lock = await _acquire(path, time.monotonic() + deadline_s)
    try:
        yield
    finally:
        if not folder.exists():
            path.unlink(missing_ok=True)  # while it is held, so that whoever waits for it sees that it is stale
        os.close(lock)


async def _acquire(path: Path, deadline: float) -> int:
    pause_s = 0.001
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:
                return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise TimeoutError(f"another operation on {path.stem} is still under way") from None
        os.close(lock)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)
