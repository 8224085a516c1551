"""Suspending a guest to a file and bringing it back.

Memory that is saved fits the disk as it was at that moment, and never again after the guest ran on. So the file stays
until QEMU has read all of it, and is renamed *before* the guest runs: after a crash there is either a suspended guest
or one that has its disk, never old memory on a newer disk.
"""

from __future__ import annotations

import os

from wolke.compute.drivers.qemu.home import Home
from wolke.compute.drivers.qemu.qmp import Gone, Session
from wolke.core.drivers import Failure
from wolke.core.files import rename_durably

UNLIMITED = 1 << 40  # bytes per second; the default of 128 MiB/s is meant for networks
EVENTS = {"capabilities": [{"capability": "events", "state": True}]}
ENDED = ("completed", "failed", "cancelled")


async def save(qmp: Session, home: Home, timeout_s: float) -> None:
    """Stop the guest and write its memory; durable on return. The process stays, stopped, to be ended by the caller."""
    part = home.file("memory.part")
    await _abandon(qmp, timeout_s)
    if await qmp.status() == "postmigrate":  # saved before we crashed, but not yet under its name: once more
        await qmp.execute("cont")
    await qmp.execute("stop")
    await qmp.execute("migrate-set-capabilities", EVENTS)
    await qmp.execute("migrate-set-parameters", {"max-bandwidth": UNLIMITED})
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        qmp.send_descriptor(descriptor)
        await qmp.execute("getfd", {"fdname": "memory"})
        await qmp.execute("migrate", {"uri": "fd:memory"})
        await qmp.until(("MIGRATION",), lambda: _ended(qmp), timeout_s)
        reason = (await qmp.execute("query-migrate")).get("error-desc", "")
        if await _ended(qmp) != "completed":
            await qmp.execute("cont")
            part.unlink()
            raise Failure(f"the server's memory cannot be saved: {reason or 'cancelled'}; it runs on")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    rename_durably(part, home.file("memory"))


async def restore(qmp: Session, home: Home, timeout_s: float) -> None:
    """Give a QEMU that waits for it the saved memory, and let it run. Raises ``Gone`` if QEMU cannot use it."""
    await qmp.execute("migrate-set-capabilities", EVENTS)
    descriptor = os.open(home.file("memory"), os.O_RDONLY | os.O_CLOEXEC)
    try:
        qmp.send_descriptor(descriptor)
        await qmp.execute("getfd", {"fdname": "memory"})
    finally:
        os.close(descriptor)
    await qmp.execute("migrate-incoming", {"uri": "fd:memory"})
    if await qmp.until(("MIGRATION",), lambda: _ended(qmp), timeout_s) != "completed":
        raise Gone("load of migration failed")
    rename_durably(home.file("memory"), home.file("memory.used"))
    await qmp.execute("cont")
    home.file("memory.used").unlink()


async def _ended(qmp: Session) -> str | None:
    status = (await qmp.execute("query-migrate")).get("status")
    return status if status in ENDED else None


async def _abandon(qmp: Session, timeout_s: float) -> None:
    """End a save that a process before us began: where it writes to may not be what we would call it."""
    status = (await qmp.execute("query-migrate")).get("status")
    if status and status not in ENDED:
        await qmp.execute("migrate_cancel")
        await qmp.until(("MIGRATION",), lambda: _ended(qmp), timeout_s)
