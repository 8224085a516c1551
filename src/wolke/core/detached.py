"""Processes that outlive us: started once, found again by anyone, waited for and ended.

Each has a folder, a session of its own and no pipes to us. There is never a second one for a folder, because each holds a lock
on ``process.lock`` in it through a descriptor that it inherited, from before its first instruction until the kernel is done
with it; no pid file can promise that. The lock is of the "open file description" kind, which can be asked about
without taking it. The pid is only needed to signal and to wait. ``process.json`` remembers it, and where we died before
writing that, words that nobody else has are on the command line.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from wolke.core.files import write_whole

FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, pid
_LAST_WORDS_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Den:
    """``words``: on the command line of its process, and of no other. ``log``: the file for what it says."""

    folder: Path
    words: bytes
    log: str = "process.log"

    def file(self, name: str) -> Path:
        return self.folder / name


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    started: int  # clock ticks since boot: with the pid, an identity that is not used twice


class _Detached(subprocess.Popen[bytes]):
    """A child that may outlive us: forgetting it is no mistake to warn about."""

    def __del__(self) -> None:
        pass


def hold_lock(den: Den) -> int:
    """The descriptor to be inherited. Raises ``BlockingIOError`` if a process holds the lock already."""
    lock = os.open(den.file("process.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except BaseException:
        os.close(lock)
        raise
    return lock


def alive(den: Den) -> bool:
    return is_locked(den.file("process.lock"), 0, 0)


def is_locked(path: Path, start: int, length: int) -> bool:
    """Whether anyone holds a lock on these bytes of a file (to its end, if ``length`` is 0)."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        question = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, question)
        return bool(FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
    finally:
        os.close(descriptor)


def spawn(den: Den, argv: Sequence[str], inherited: Sequence[int]) -> Process | None:
    """Start ``argv``, with the lock among what it inherits. None if it has died already."""
    log = os.open(den.file(den.log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = _Detached(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            pass_fds=inherited,
            start_new_session=True,
        )
    finally:
        os.close(log)
    started = _started(child.pid)
    if started is None:
        return None
    process = Process(child.pid, started)
    write_whole(den.file("process.json"), json.dumps(asdict(process)).encode())
    return process


def find(den: Den, patience_s: float = 1.0) -> Process | None:
    """The living process. None if there is none."""
    deadline = time.monotonic() + patience_s
    while alive(den):
        found = _remembered(den) or _search(den.words)
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.001)  # between fork and exec it has our command line
    return None


async def wait(process: Process, timeout_s: float) -> bool:
    """Whether it is gone within ``timeout_s``."""
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[None] = loop.create_future()
    try:
        if _seen(process.pid)[1] != process.started:
            return True
        loop.add_reader(pidfd, _settle, gone)
        async with asyncio.timeout(timeout_s):
            await gone
        return True
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        reap(process.pid)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def kill(den: Den, how: signal.Signals = signal.SIGKILL) -> None:
    """No process afterwards. Raises ``TimeoutError`` if the kernel does not let go of it (stuck in I/O)."""
    process = await asyncio.to_thread(find, den)
    if process is None:
        if alive(den):
            raise TimeoutError(f"the process of {den.folder.name} cannot be found")
        return
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if _started(process.pid) == process.started:
            signal.pidfd_send_signal(pidfd, how)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)
    if not await wait(process, 10):
        raise TimeoutError(f"process {process.pid} does not die")


def reap(pid: int) -> None:
    """If it was our own child, let the kernel forget it."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def last_words(den: Den) -> str:
    """What it wrote since its last start, the end of it."""
    try:
        with den.file(den.log).open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _LAST_WORDS_BYTES))
            return log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _started(pid: int) -> int | None:
    """When the process started; None if it is gone or only waits to be reaped."""
    state, started = _seen(pid)
    return None if state in "ZX" else started


def _seen(pid: int) -> tuple[str, int]:
    """Its state ("X": there is none) and when it started. One that shows as a zombie may have threads that still end."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    return fields[0], int(fields[19])


def _remembered(den: Den) -> Process | None:
    try:
        process = Process(**json.loads(den.file("process.json").read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return process if _started(process.pid) == process.started else None


def _search(words: bytes) -> Process | None:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            found = words in (entry / "cmdline").read_bytes()
        except OSError:
            continue
        started = _started(int(entry.name)) if found else None
        if started is not None:
            return Process(int(entry.name), started)
    return None
