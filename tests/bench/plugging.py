"""What QEMU and a guest take for a new disk when nobody else has a part in it: the commands by hand, on the guest's own monitor."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wolke.compute.drivers.qemu.qmp import Refused, Session, session

_NODE, _DEVICE, _THREAD = "by-hand", "disk-by-hand", "thread-by-hand"
_SEAT = {"driver": "virtio-blk-pci", "bus": "pci.0", "addr": "0x1c"}
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Settings:
    """How QEMU has a disk. ``aio``: of its file; ``direct``: past the host's page cache; ``thread``: it has one of its own."""

    aio: str = "threads"
    direct: bool = False
    thread: bool = False


def create(file: Path) -> None:
    """An empty qcow2 of 1 GiB, whatever was there."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(file), "1G"], check=True)


def plugged(monitor: Path, file: Path | None, use: Callable[[], Any], settings: Settings = Settings()) -> float:
    """Seconds from the first of QEMU's commands to the end of ``use``. The disk is gone afterwards. Without ``file`` it is one that
    answers at once and keeps nothing: what is left is the guest's own part."""
    return asyncio.run(_plugged(monitor, file, use, settings))


async def _plugged(monitor: Path, file: Path | None, use: Callable[[], Any], settings: Settings) -> float:
    async with session(monitor, _PATIENCE_S) as qmp, _opened(qmp, file, settings) as node:
        started = time.perf_counter()
        if settings.thread:
            # Without polling: a thread that polls the rings of a disk reads them while an emulated guest sets them up.
            await qmp.execute("object-add", {"qom-type": "iothread", "id": _THREAD, "poll-max-ns": 0})
        await qmp.execute("blockdev-add", {"node-name": _NODE} | node)
        thread = {"iothread": _THREAD} if settings.thread else {}
        await qmp.execute("device_add", {"id": _DEVICE, "drive": _NODE} | _SEAT | thread)
        await asyncio.to_thread(use)
        took = time.perf_counter() - started
        await _pull(qmp)
        if settings.thread:
            await qmp.execute("object-del", {"id": _THREAD})
    return took


@asynccontextmanager
async def _opened(qmp: Session, file: Path | None, settings: Settings) -> AsyncIterator[dict[str, Any]]:
    if file is None:
        yield {"driver": "null-co", "size": 1 << 30, "read-zeroes": False}
        return
    descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        qmp.send_descriptor(descriptor)
        number = (await qmp.execute("add-fd", {}))["fdset-id"]
    finally:
        os.close(descriptor)
    cache = {"cache": {"direct": settings.direct}}
    below = {"driver": "file", "filename": f"/dev/fdset/{number}", "aio": settings.aio, **cache}
    yield {"driver": "qcow2", "file": below, **cache}
    await qmp.execute("remove-fd", {"fdset-id": number})


async def _pull(qmp: Session) -> None:
    """QEMU keeps the node until the device has really ended."""

    async def out() -> bool | None:
        try:
            await qmp.execute("blockdev-del", {"node-name": _NODE})
        except Refused:
            return None
        return True

    await qmp.execute("device_del", {"id": _DEVICE})
    await qmp.until(("DEVICE_DELETED",), out, _PATIENCE_S)
