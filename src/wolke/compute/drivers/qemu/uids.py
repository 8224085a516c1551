"""A user id of its own for every guest, so that one guest's QEMU can neither signal, trace nor read another's.

A claim is a symbolic link ``STATE/uids/<uid> -> <server_id>``: the one thing that a file system makes atomically and
with content, so two processes cannot both have an id and a crash leaves no half claim. Claims are looked for from a place
that depends on the server alone; whoever comes again after a crash meets its own.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from wolke.core.drivers import Failure


def claim(folder: Path, server_id: str, base: int, count: int) -> int:
    """The uid of ``server_id``, the same each time until ``release``. Raises ``Failure`` if all are taken."""
    held = _held(folder, server_id)
    if held:
        return held[0]
    first = zlib.crc32(server_id.encode())
    for step in range(count):
        uid = base + (first + step) % count
        try:
            (folder / str(uid)).symlink_to(server_id)
            return uid
        except FileExistsError:
            continue
    raise Failure(f"this host has no free user id for another guest: all {count} are taken")


def release(folder: Path, server_id: str) -> None:
    """Only once the guest's process is gone: the id may be another's at once."""
    for uid in _held(folder, server_id):
        (folder / str(uid)).unlink(missing_ok=True)


def _held(folder: Path, server_id: str) -> list[int]:
    try:
        with os.scandir(folder) as entries:
            return [int(entry.name) for entry in entries if _target(entry) == server_id]
    except FileNotFoundError:
        return []


def _target(entry: os.DirEntry[str]) -> str:
    try:
        return str(Path(entry.path).readlink())
    except OSError:  # released meanwhile
        return ""


def mapped(base: int, count: int, uid_map: str) -> bool:
    """Whether all the ids exist in this user namespace; ``uid_map`` is the text of ``/proc/self/uid_map``."""
    ranges = [(int(start), int(length)) for start, _, length in (line.split() for line in uid_map.splitlines())]
    return any(start <= base and base + count <= start + length for start, length in ranges)
