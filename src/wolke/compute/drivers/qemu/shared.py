"""Disks that lie where several hosts see them.

``DISKS/<server_id>/owner`` names the host whose guest they are. Whoever takes a guest over writes its own name there; a host
that clears away what it has of a guest takes the disks with it only if it is their owner. ``DISKS/.pool`` is the same for all who
see the same directory, and so tells two hosts whether they do.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from wolke.compute.drivers.qemu.home import Home
from wolke.core.files import write_whole

OWNER, POOL = "owner", ".pool"


def pool_of(disk_dir: Path) -> str:
    """What the directory is called, by all who see it; the first who asks gives it its name."""
    disk_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = disk_dir / f".pool.{uuid.uuid4().hex}"
    part.write_text(uuid.uuid4().hex)
    try:
        os.link(part, disk_dir / POOL)  # it is there whole, or somebody else's is
    except FileExistsError:
        pass
    part.unlink()
    return (disk_dir / POOL).read_text()


def own(home: Home, host: str) -> None:
    """From now on the disks are this host's guest's."""
    if home.shares:
        home.disks.mkdir(mode=0o700, exist_ok=True)
        write_whole(home.disks / OWNER, host.encode())


def owned(home: Home, host: str) -> bool:
    try:
        return (home.disks / OWNER).read_text() == host
    except FileNotFoundError:
        return True  # half made, here


def clear(home: Home, host: str) -> None:
    """What this host has of the guest's disks, if they are not in its directory anyway."""
    if home.shares and home.disks.exists() and owned(home, host):
        shutil.rmtree(home.disks)
