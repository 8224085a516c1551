"""Where a guest lives: the names of its files and sockets, and the lock that serialises the verbs on it.

``STATE/guests/<server_id>/`` is mode 0700 and belongs to whoever runs the control plane, never to the guest's own user:
QEMU is handed open file descriptors, so a QEMU that was broken out of cannot name another guest's files, nor rewrite the
definition that its next start is read from. Sockets are apart, because their paths must stay below 108 bytes.

What the files mean (the state of a guest is these files and the process, nothing else):

    definition.json   it was created; without it the guest is half made
    on                it ought to be running: no process but this file means that QEMU crashed
    memory            it is suspended: this is its saved memory
    process.lock      locked by the QEMU process itself for as long as that lives
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wolke.core.drivers import Failure

T = TypeVar("T")

LONGEST_RUN_DIR = 60  # + "/" + 36 characters of a UUID + "/serial" stays below sockaddr_un's 108
SERVER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SOCKETS = ("qmp", "look", "serial")  # the control plane listens on these before QEMU is there; see process.py


@dataclass(frozen=True, slots=True)
class Home:
    """One guest's paths: ``root`` holds what must outlive a reboot of the host, ``run`` the sockets."""

    server_id: str
    root: Path
    run: Path

    @classmethod
    def of(cls, server_id: str, guests: Path, run_dir: Path) -> Home:
        """Raises ``Failure`` for anything but a UUID: it becomes part of paths."""
        if not SERVER_ID.fullmatch(server_id):
            raise Failure(f"{server_id!r} is not a server id: it must be a UUID in lower case")
        return cls(server_id, guests / server_id, run_dir / server_id)

    def file(self, name: str) -> Path:
        return self.root / name

    @property
    def on(self) -> bool:
        return self.file("on").exists()

    def wish_on(self) -> None:
        self.file("on").touch(mode=0o600)

    def wish_off(self) -> None:
        self.file("on").unlink(missing_ok=True)

    @property
    def suspended(self) -> bool:
        return self.file("memory").exists()

    @property
    def exists(self) -> bool:
        return self.root.exists() or self.run.exists()


def choose_run_dir(state_dir: Path, wished: Path | None) -> Path:
    """A directory short enough for sockets, the same for the same ``state_dir`` each time; made if need be.

    Raises ``Failure`` if it is too long, or belongs to somebody else (the fallback lies in a directory that all may
    write to, where a stranger could have been first).
    """
    path = wished or state_dir / "run"
    if wished is None and len(os.fsencode(path)) > LONGEST_RUN_DIR:
        name = f"wolke-{os.geteuid()}-{hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]}"
        path = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(path)) > LONGEST_RUN_DIR:
        raise Failure(f"run_dir {path} is longer than {LONGEST_RUN_DIR} bytes, too long for unix sockets")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Failure(f"run_dir {path} belongs to another user; set another one")
    path.chmod(0o700)
    return path


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


async def whole(work: Callable[..., T], *arguments: Any) -> T:
    """``work`` in a thread, to its end even if we are cancelled: a lock must not be let go while it still writes."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


@asynccontextmanager
async def exclusive(home: Home, deadline_s: float) -> AsyncIterator[None]:
    """One verb at a time on a guest, also among several processes; raises ``TimeoutError`` after ``deadline_s``."""
    path = home.root.with_name(f"{home.server_id}.lock")
    lock = await _acquire(path, time.monotonic() + deadline_s)
    try:
        yield
    finally:
        if not home.root.exists():
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
