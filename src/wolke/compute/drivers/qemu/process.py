"""The QEMU process of a guest: started once, found again by anyone, waited for and ended.

It outlives us: a session of its own, no pipes to us. There is never a second one, because each holds a lock on
``process.lock`` through a descriptor that it inherited, from before its first instruction until the kernel is done with
it; no pid file can promise that. The lock is of the "open file description" kind, which can be asked about without
taking it. The pid is only needed to signal and to wait. ``process.json`` remembers it, and where we died before writing
that, the guest's UUID is on the command line.

Sockets for QMP and the serial port are made here and inherited while listening, so that one can connect at once.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from wolke.compute.drivers.qemu.home import SOCKETS, Home
from wolke.core.files import write_whole

FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, pid


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    started: int  # clock ticks since boot: with the pid, an identity that is not used twice


class _Detached(subprocess.Popen[bytes]):
    """A child that may outlive us: forgetting it is no mistake to warn about."""

    def __del__(self) -> None:
        pass


def hold_lock(home: Home) -> int:
    """The descriptor to be inherited by QEMU. Raises ``BlockingIOError`` if a process holds the lock already."""
    lock = os.open(home.file("process.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK, FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except BaseException:
        os.close(lock)
        raise
    return lock


def alive(home: Home) -> bool:
    try:
        lock = os.open(home.file("process.lock"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        question = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(lock, fcntl.F_OFD_GETLK, question)
        return bool(FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
    finally:
        os.close(lock)


def listen(home: Home, uid: int | None) -> dict[str, socket.socket]:
    """Fresh sockets in a fresh directory, which is the guest's own until ``seal``: QEMU adds ``vnc`` itself."""
    clear_sockets(home)
    home.run.mkdir(mode=0o700)
    sockets = {}
    for name in SOCKETS:
        sockets[name] = listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        listener.bind(str(home.run / name))
        listener.listen(8)
        (home.run / name).chmod(0o600)
    if uid is not None:
        os.chown(home.run, uid, uid)
    return sockets


def seal(home: Home) -> None:
    """Take the directory back: nobody can swap a socket in it for a link to another guest's."""
    os.chown(home.run, os.geteuid(), os.getegid())


def clear_sockets(home: Home) -> None:
    if home.run.is_dir():
        for entry in home.run.iterdir():
            entry.unlink()
        home.run.rmdir()


def spawn(home: Home, argv: Sequence[str], inherited: Sequence[int]) -> Process | None:
    """Start ``argv``; what it says goes to ``qemu.log``. None if it has died already."""
    log = os.open(home.file("qemu.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
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
    write_whole(home.file("process.json"), json.dumps(asdict(process)).encode())
    return process


def find(home: Home, patience_s: float = 1.0) -> Process | None:
    """The living process of a guest. None if there is none."""
    deadline = time.monotonic() + patience_s
    while alive(home):
        found = _remembered(home) or _search(home.server_id)
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


async def kill(home: Home) -> None:
    """No process afterwards. Raises ``TimeoutError`` if the kernel does not let go of it (stuck in I/O)."""
    process = await asyncio.to_thread(find, home)
    if process is None:
        if alive(home):
            raise TimeoutError(f"the process of {home.server_id} cannot be found")
        return
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if _started(process.pid) == process.started:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
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


def last_words(home: Home) -> str:
    """What QEMU wrote since its last start, the end of it."""
    try:
        with home.file("qemu.log").open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - 8192))
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


def _remembered(home: Home) -> Process | None:
    try:
        process = Process(**json.loads(home.file("process.json").read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return process if _started(process.pid) == process.started else None


def _search(server_id: str) -> Process | None:
    wanted = f"\0-uuid\0{server_id}\0".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            found = wanted in (entry / "cmdline").read_bytes()
        except OSError:
            continue
        started = _started(int(entry.name)) if found else None
        if started is not None:
            return Process(int(entry.name), started)
    return None
