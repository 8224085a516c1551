"""The moments of a live migration that a real QEMU shows only now and then, by a double of its monitor."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, cast

from wolke.compute.drivers.base import GuestSpec
from wolke.compute.drivers.qemu.definition import Definition, Disks
from wolke.compute.drivers.qemu.live import Sending, saying
from wolke.compute.drivers.qemu.qmp import Refused, Session


class Monitor:
    """``states``: what QEMU says of the migration, look by look; the last for ever."""

    def __init__(self, states: list[str]) -> None:
        self.states = states
        self.mirrors: list[str] = []
        self.told: list[str] = []
        self.power = "running"

    async def execute(self, command: str, arguments: dict[str, Any] | None = None) -> Any:
        self.told.append(command)
        asked = arguments or {}
        if command == "query-jobs":
            return [
                {"id": name, "status": "ready", "current-progress": 1, "total-progress": 1} for name in self.mirrors
            ]
        if command == "blockdev-mirror":
            self.mirrors.append(asked["job-id"])
        elif command in ("block-job-cancel", "job-cancel"):
            name = asked.get("device") or asked["id"]
            if name not in self.mirrors:
                raise Refused(f"Block job '{name}' not found")
            self.mirrors.remove(name)
        elif command == "query-migrate":
            return {"status": self.states.pop(0) if len(self.states) > 1 else self.states[0]}
        return {}

    async def status(self) -> str:
        return self.power

    async def until(self, events: tuple[str, ...], look: Callable[[], Any], seconds: float) -> None:
        while not await look():
            pass

    def send_descriptor(self, descriptor: int) -> None:
        """Nobody takes it."""


async def sent(monitor: Monitor, wish: str | None = None) -> None:
    async def connect(name: str) -> socket.socket:
        return saying("copied")

    async def watch(progress: Any) -> str | None:
        if wish is not None:
            monitor.power = "postmigrate"
        return wish

    definition = Definition(GuestSpec("server", "name", 1, 64, 1), "pc", 7, Disks(1, 0, 0, 0), {})
    await Sending(cast("Session", monitor), definition, connect, watch).run()


async def test_a_qemu_that_is_slow_to_go_on_has_its_mirrors_ended_once() -> None:
    monitor = Monitor(["none", "active", "pre-switchover", "pre-switchover", "device", "completed"])
    await sent(monitor)
    assert monitor.told.count("block-job-cancel") == monitor.told.count("migrate-continue") == 1


async def test_a_guest_that_has_arrived_when_it_is_called_off_does_not_go_on_here() -> None:
    monitor = Monitor(["none", "active", "completed"])
    await sent(monitor, "abort")
    assert "cont" not in monitor.told
    assert "migrate_cancel" in monitor.told
