"""The key with which a guest's QEMU opens a volume that is served over the network: there for one moment, then nowhere.

QEMU reads it from a folder, when it is told of the volume and never again. The folder is in the guest's home, belongs to the
guest's user while it is there, and is handed over open, since that user cannot name it. One that was left by somebody who died
goes when the key is needed next, or with the guest.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from wolke.compute.drivers.base import Volume
from wolke.compute.drivers.qemu.home import Home

_FILE = "keys.psk"  # as QEMU calls it


@contextmanager
def key_folder(home: Home, uid: int | None, volume: Volume) -> Iterator[int]:
    """An open folder with the key in it."""
    if volume.remote is None or not volume.remote.key:
        raise ConnectionError("the key of a volume has not come yet")  # with the next wish it does
    folder = home.file(f"tls-{volume.volume_id}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        written = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(written, f"{volume.remote.username}:{volume.remote.key}\n".encode())
        finally:
            os.close(written)
        if uid is not None:
            os.chown(folder / _FILE, uid, uid)
            os.chown(folder, uid, uid)
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
