"""Copying the root disk of a running guest as it is at one instant.

A backup job copies each block before the guest may overwrite it. The copy stands alone: nothing of the image or of the
overlay is shared with it. A job that a process before us left behind is ended first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from wolke.compute.drivers.qemu.qmp import Refused, Session
from wolke.core.drivers import Failure

JOB = NODE = "snapshot"


async def copy_running(qmp: Session, part: Path, disk_format: str, timeout_s: float) -> None:
    """Fill ``part``, an empty image of the root disk's size. Raises ``Failure`` if the disk cannot be copied."""
    await _tidy(qmp, timeout_s)
    descriptor = os.open(part, os.O_RDWR | os.O_CLOEXEC)
    try:
        qmp.send_descriptor(descriptor)
        handed = await qmp.execute("add-fd")
    finally:
        os.close(descriptor)
    file = {"driver": "file", "filename": f"/dev/fdset/{handed['fdset-id']}"}
    try:
        await qmp.execute("blockdev-add", {"driver": disk_format, "node-name": NODE, "file": file})
        job = {"job-id": JOB, "device": "root", "target": NODE, "sync": "full", "auto-dismiss": False}
        await qmp.execute("blockdev-backup", job)
        ended = await qmp.until(("JOB_STATUS_CHANGE",), lambda: _concluded(qmp), timeout_s)
        if ended.get("error"):
            raise Failure(f"the server's disk cannot be copied: {ended['error']}")
    finally:
        await _tidy(qmp, timeout_s)
        await qmp.execute("remove-fd", {"fdset-id": handed["fdset-id"]})


async def _job(qmp: Session) -> dict[str, Any] | None:
    return next((job for job in await qmp.execute("query-jobs") if job["id"] == JOB), None)


async def _concluded(qmp: Session) -> dict[str, Any] | None:
    job = await _job(qmp)
    return job if job and job["status"] == "concluded" else None


async def _tidy(qmp: Session, timeout_s: float) -> None:
    """No job and no node of ours in QEMU afterwards."""
    job = await _job(qmp)
    if job:
        if job["status"] != "concluded":
            await qmp.execute("job-cancel", {"id": JOB})
            await qmp.until(("JOB_STATUS_CHANGE",), lambda: _concluded(qmp), timeout_s)
        await qmp.execute("job-dismiss", {"id": JOB})
    try:
        await qmp.execute("blockdev-del", {"node-name": NODE})
    except Refused:
        pass  # there is none
