"""The QEMU process of a guest, which outlives us (``core.detached`` says how it is found again), and its sockets.

Sockets for QMP and the serial port are made here and inherited while listening, so that one can connect at once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from wolke.compute.drivers.qemu.home import SOCKETS, Home
from wolke.core import detached
from wolke.core.detached import Den, Process, wait

__all__ = [
    "Process", "alive", "clear_sockets", "find", "hold_lock", "kill", "last_words", "listen", "seal", "spawn", "wait",
]  # fmt: skip


def _den(home: Home) -> Den:
    return Den(home.root, f"\0-uuid\0{home.server_id}\0".encode(), "qemu.log")


def hold_lock(home: Home) -> int:
    """The descriptor to be inherited by QEMU. Raises ``BlockingIOError`` if a process holds the lock already."""
    return detached.hold_lock(_den(home))


def alive(home: Home) -> bool:
    return detached.alive(_den(home))


def spawn(home: Home, argv: Sequence[str], inherited: Sequence[int]) -> Process | None:
    """Start ``argv``; what it says goes to ``qemu.log``. None if it has died already."""
    return detached.spawn(_den(home), argv, inherited)


def find(home: Home, patience_s: float = 1.0) -> Process | None:
    """The living process of a guest. None if there is none."""
    return detached.find(_den(home), patience_s)


async def kill(home: Home) -> None:
    """No process afterwards. Raises ``TimeoutError`` if the kernel does not let go of it (stuck in I/O)."""
    await detached.kill(_den(home))


def last_words(home: Home) -> str:
    """What QEMU wrote since its last start, the end of it."""
    return detached.last_words(_den(home))


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
