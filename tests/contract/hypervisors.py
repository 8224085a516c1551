"""What tests of hypervisor drivers share: a driver over a directory of its own, and how this kind is broken and looked into."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wolke.compute.drivers import DRIVERS
from wolke.compute.drivers.base import GuestSpec, Power
from wolke.compute.drivers.qemu import trial
from wolke.core.drivers import load


def processes_of(server_id: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            except OSError:
                continue
            if server_id.encode() in words and not dead:
                found.append(int(entry.name))
    return found


async def eventually(condition: Callable[[], Awaitable[Any]], timeout_s: float = 15) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (result := await condition()):
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.005)
    return result


@dataclass
class Bench:
    """A driver over a directory of its own, and how this kind is made, broken and looked into."""

    name: str
    folder: Path
    run_dir: Path
    drivers: list[Any] = field(default_factory=list)

    @property
    def real(self) -> bool:
        return self.name != "simulated"

    async def driver(self) -> Any:
        """A new instance that knows nothing but the directory."""
        made = load("compute", DRIVERS, self.name)
        options: dict[str, Any] = {}
        if self.name == "qemu":
            from wolke.compute.drivers.qemu import QemuConfig

            options["config"] = QemuConfig(accelerator="tcg", run_dir=self.run_dir, unplug_timeout_s=0.2)
        self.drivers.append(driver := made(self.folder, **options))
        await driver.prepare()
        return driver

    def spec(self, **changes: Any) -> GuestSpec:
        image = self.folder.parent / "image.raw"
        if not image.exists():
            trial.image(image)
        wishes = {"image": image, "image_format": "raw", "ram_mib": 32, "vcpus": 1, "root_gib": 0, "name": "guest"}
        return GuestSpec(server_id=str(uuid.uuid4()), **(wishes | changes))

    async def booted(self, driver: Any, server_id: str, times: int = 1) -> None:
        async def said() -> bool:
            words = await driver.console_output(server_id, None)
            return bool(words.count("booted") >= times)

        await eventually(said)

    async def crash(self, driver: Any, server_id: str) -> None:
        if not self.real:
            driver.crash(server_id)
            return
        (pid,) = processes_of(server_id)
        os.kill(pid, signal.SIGKILL)

    def remains(self) -> list[Path]:
        return [path for folder in (self.folder, self.run_dir) for path in folder.rglob("*") if not path.is_dir()]


async def power(driver: Any, server_id: str) -> Power | None:
    guest = await driver.look(server_id)
    return guest.power if guest else None
