"""What QEMU and a guest take for a new disk when nobody else has a part in it: the commands by hand, on the guest's own monitor."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from wolke.compute.drivers.qemu.qmp import Refused, Session, session

_NODE, _DEVICE = "by-hand", "disk-by-hand"
_SEAT = {"driver": "virtio-blk-pci", "bus": "pci.0", "addr": "0x1c"}
_PATIENCE_S = 60.0


def plugged(monitor: Path, file: Path | None, use: Callable[[], Any]) -> float:
    """Seconds from the first of QEMU's commands to the end of ``use``. The disk, an empty qcow2 of 1 GiB, is gone afterwards.
    Without ``file`` it is one that answers at once and keeps nothing: what is left is the guest's own part."""
    if file is not None:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(file), "1G"], check=True)
    return asyncio.run(_plugged(monitor, file, use))


async def _plugged(monitor: Path, file: Path | None, use: Callable[[], Any]) -> float:
    async with session(monitor, _PATIENCE_S) as qmp, _opened(qmp, file) as node:
        started = time.perf_counter()
        await qmp.execute("blockdev-add", {"node-name": _NODE} | node)
        await qmp.execute("device_add", {"id": _DEVICE, "drive": _NODE} | _SEAT)
        await asyncio.to_thread(use)
        took = time.perf_counter() - started
        await _pull(qmp)
    return took


@asynccontextmanager
async def _opened(qmp: Session, file: Path | None) -> AsyncIterator[dict[str, Any]]:
    """The node, of a file that QEMU may not open itself."""
    if file is None:
        yield {"driver": "null-co", "size": 1 << 30, "read-zeroes": False}
        return
    descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        qmp.send_descriptor(descriptor)
        number = (await qmp.execute("add-fd", {}))["fdset-id"]
    finally:
        os.close(descriptor)
    yield {"driver": "qcow2", "file": {"driver": "file", "filename": f"/dev/fdset/{number}"}}
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
