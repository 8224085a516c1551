"""A running guest's way to another host, by QEMU's own migration.

    source                                         target (``waiting``: a QEMU with -incoming, its disks exported by NBD)
    mirror of each writable disk, until ready ───▶ NBD ──▶ disks of the same sizes on the same base (unless both see the same)
    memory, until little is left              ───▶ incoming
    paused ("pre-switchover"): mirrors end, then   "handover": exports end
    the rest of the memory, acknowledged      ───▶ runs
    stopped for good ("postmigrate")

Both streams are sockets that the caller has connected; QEMU is handed the open files. The target's acknowledgement
(return path) is part of it: what QEMU calls completed has arrived, not only been sent. Pausing before the switch lets the
mirrors end when nothing writes any more; the exports must be gone before the guest's own devices take the disks.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

from wolke.compute.drivers.base import Connect, Watch
from wolke.compute.drivers.qemu.definition import Definition
from wolke.compute.drivers.qemu.home import EPHEMERALS, Home
from wolke.compute.drivers.qemu.memory import UNLIMITED
from wolke.compute.drivers.qemu.qmp import Refused, Session
from wolke.core.drivers import Failure

WRITABLE = ("root", *EPHEMERALS, "swap")
WAITING = "waiting"  # a file in the guest's directory: it has not come yet
NBD, MEMORY, HANDOVER, DISKS = "nbd", "memory", "handover", "disks"  # channels
SHARED, COPIED = "shared", "copied"  # what the other side says of disks
_LOOK_S = 0.5
_DOWNTIME_MS = 300
_CANCEL_S = 30.0
_CAPABILITIES = ("events", "return-path", "pause-before-switchover", "auto-converge")
_GOING = ("setup", "active", "device", "wait-unplug", "pre-switchover")


def writable(definition: Definition) -> list[str]:
    return [name for name in WRITABLE if getattr(definition.disks, name)]


# ------------------------------------------------------------------------------------------------------------- target


async def await_guest(qmp: Session, home: Home, names: Iterable[str]) -> None:
    """The disks of the guest in waiting can be written to, until ``hand_over``."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        (home.run / NBD).unlink(missing_ok=True)
        listener.bind(str(home.run / NBD))
        listener.listen(8)
        qmp.send_descriptor(listener.fileno())
        await qmp.execute("getfd", {"fdname": NBD})
    finally:
        listener.close()
    await qmp.execute("nbd-server-start", {"addr": {"type": "fd", "data": {"str": NBD}}})
    for name in names:
        export = {"type": "nbd", "id": f"export-{name}", "node-name": name, "name": name, "writable": True}
        await qmp.execute("block-export-add", export)


def saying(word: str) -> socket.socket:
    """A stream that says one word and ends."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(word.encode())
    return ours


async def open_memory(qmp: Session) -> socket.socket:
    """The stream into which the guest's memory goes."""
    ours, theirs = socket.socketpair()
    try:
        qmp.send_descriptor(theirs.fileno())
        await qmp.execute("getfd", {"fdname": MEMORY})
        states = [{"capability": name, "state": True} for name in ("events", "return-path")]
        await qmp.execute("migrate-set-capabilities", {"capabilities": states})
        await qmp.execute("migrate-incoming", {"uri": f"fd:{MEMORY}"})
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours


async def hand_over(qmp: Session) -> None:
    """Nobody writes to the disks any more but the guest that is about to come."""
    try:
        await qmp.execute("nbd-server-stop")
    except Refused:
        pass  # it was stopped before


# ------------------------------------------------------------------------------------------------------------- source


class Sending:
    """One attempt to send a guest away."""

    def __init__(self, qmp: Session, definition: Definition, connect: Connect, watch: Watch) -> None:
        self._qmp = qmp
        self._disks = writable(definition)
        self._connect = connect
        self._watch = watch
        self._forced = False

    async def run(self) -> None:
        """Raises ``Failure``; the guest runs on then, if it ran."""
        running = await self._qmp.status() == "running"
        try:
            await self._clear()
            if await self._heard() == SHARED:
                self._disks = []
            for name in self._disks:
                await self._mirror(name)
            await self._until_ready()
            await self._send_memory()
            await self._until_gone()
        except BaseException as error:
            gone = await asyncio.shield(self._stay(running))
            if gone and isinstance(error, Exception):
                return  # it was too late for anything to fail
            if isinstance(error, Refused):
                raise Failure(f"the server cannot be sent: {error}") from error
            raise

    async def _heard(self) -> str:
        """What the other side says of the disks."""
        with await self._connect(DISKS) as link:
            link.setblocking(False)
            return (await asyncio.get_running_loop().sock_recv(link, 64)).decode()

    async def _stay(self, running: bool) -> bool:
        """Nothing of the attempt is left, and the guest goes on; or it has arrived after all, and must not: true then."""
        if await self._state() in _GOING:
            await self._qmp.execute("migrate_cancel")
            await self._qmp.until(("MIGRATION",), self._called_off, _CANCEL_S)
        await self._clear()
        gone = await self._state() == "completed" and await self._qmp.status() == "postmigrate"
        if running and not gone and await self._qmp.status() != "running":
            await self._qmp.execute("cont")
        return gone

    async def _clear(self) -> None:
        """No mirrors, of this attempt or of one that was killed."""
        for job in await self._jobs():
            if job["status"] != "concluded":
                await self._qmp.execute("job-cancel", {"id": job["id"]})
        await self._qmp.until(("JOB_STATUS_CHANGE",), self._ended, _CANCEL_S)
        for job in await self._jobs():
            await self._qmp.execute("job-dismiss", {"id": job["id"]})
        for name in WRITABLE:
            try:
                await self._qmp.execute("blockdev-del", {"node-name": f"mirror-{name}"})
            except Refused:
                pass  # there is none

    async def _jobs(self) -> list[dict[str, Any]]:
        return [job for job in await self._qmp.execute("query-jobs") if job["id"].startswith("mirror-")]

    async def _mirror(self, name: str) -> None:
        link = await self._connect(f"{NBD}:{name}")
        try:
            self._qmp.send_descriptor(link.fileno())
            await self._qmp.execute("getfd", {"fdname": f"mirror-{name}"})
        finally:
            link.close()
        server = {"type": "fd", "str": f"mirror-{name}"}
        node = {"driver": "nbd", "node-name": f"mirror-{name}", "server": server, "export": name}
        await self._qmp.execute("blockdev-add", node | {"discard": "unmap"})
        job = {"job-id": f"mirror-{name}", "device": name, "target": f"mirror-{name}", "sync": "top"}
        await self._qmp.execute("blockdev-mirror", job | {"copy-mode": "write-blocking", "auto-dismiss": False})

    async def _until_ready(self) -> None:
        while True:
            jobs = await self._jobs()
            self._check(jobs)
            await self._report(jobs)  # and once before the memory goes, however small the disks: it may be called off
            if all(job["status"] == "ready" for job in jobs) and len(jobs) == len(self._disks):
                return
            await asyncio.sleep(_LOOK_S if jobs else 0)

    @staticmethod
    def _check(jobs: list[dict[str, Any]]) -> None:
        for job in jobs:
            if job["status"] == "concluded":
                raise Failure(f"the server's disk cannot be copied: {job.get('error') or 'the copy ended'}")

    async def _send_memory(self) -> None:
        states = [{"capability": name, "state": True} for name in _CAPABILITIES]
        await self._qmp.execute("migrate-set-capabilities", {"capabilities": states})
        limits = {"max-bandwidth": UNLIMITED, "downtime-limit": _DOWNTIME_MS}
        await self._qmp.execute("migrate-set-parameters", limits)
        link = await self._connect(MEMORY)
        try:
            self._qmp.send_descriptor(link.fileno())
            await self._qmp.execute("getfd", {"fdname": MEMORY})
        finally:
            link.close()
        await self._qmp.execute("migrate", {"uri": f"fd:{MEMORY}"})

    async def _until_gone(self) -> None:
        waited, switched = 0.0, False
        while (state := await self._state()) != "completed":
            if state in ("failed", "cancelled", "none"):
                said = (await self._qmp.execute("query-migrate")).get("error-desc", "")
                raise Failure(f"the server could not be sent: {said or state}")
            if state == "pre-switchover" and not switched:  # it says so a while after it was told to go on
                switched = True
                await self._switch()
            elif waited >= _LOOK_S:
                waited = 0.0
                await self._report(await self._jobs())
            await asyncio.sleep(0.02)
            waited += 0.02
        await self._clear()

    async def _switch(self) -> None:
        """The guest stands still: the mirrors end with both sides the same, and the other side takes its disks."""
        for name in self._disks:
            await self._qmp.execute("block-job-cancel", {"device": f"mirror-{name}", "force": False})
        await self._qmp.until(("JOB_STATUS_CHANGE",), self._ended, _CANCEL_S)
        for job in await self._jobs():
            if job.get("error"):
                raise Failure(f"the server's disk cannot be copied: {job['error']}")
        await self._clear()
        (await self._connect(HANDOVER)).close()
        await self._qmp.execute("migrate-continue", {"state": "pre-switchover"})

    async def _called_off(self) -> bool | None:
        return None if await self._state() in (*_GOING, "cancelling") else True

    async def _ended(self) -> bool | None:
        return True if all(job["status"] == "concluded" for job in await self._jobs()) else None

    async def _state(self) -> str:
        return str((await self._qmp.execute("query-migrate")).get("status", "none"))

    async def _report(self, jobs: list[dict[str, Any]]) -> None:
        self._check(jobs)
        ram = (await self._qmp.execute("query-migrate")).get("ram", {})
        done = sum(job["current-progress"] for job in jobs)
        total = sum(job["total-progress"] for job in jobs)
        wanted = await self._watch(
            {
                "memory_total": ram.get("total", 0),
                "memory_processed": ram.get("transferred", 0),
                "memory_remaining": ram.get("remaining", 0),
                "disk_total": total,
                "disk_processed": done,
                "disk_remaining": max(0, total - done),
            }
        )
        if wanted == "abort":
            raise Failure("The live migration was aborted.")
        if wanted == "force" and not self._forced:
            self._forced = True
            await self._qmp.execute("stop")  # what does not write converges
