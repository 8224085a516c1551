"""A hypervisor without guests: the model for authors of drivers, and what tests and rehearsals of large clouds run on.

It keeps the contract of ``base.py`` to the letter: every verb looks before it acts, may be called twice, and is fulfilled when it
returns. With a directory it remembers its guests in files, one each, written before the verb returns, so that a test may
kill the process anywhere and look at what is there. Without one it forgets.

Trouble is simulated too: ``delays`` makes a verb slow, ``failures`` makes it fail, always, sometimes, or as told call by call.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from wolke.compute.drivers.base import Capabilities, Guest, GuestSpec, Inventory, Nic, Power
from wolke.core.drivers import Failure, Unsupported

# The smallest images there are: one sector of zeroes; for qcow2 a header, a table of reference counts, counts, a map.
IMAGES = {
    "raw": bytes(512),
    "qcow2": b"".join(
        part.ljust(512, b"\0")
        for part in (
            struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 9, 512, 0, 1, 1536, 512, 1, 0, 0),
            struct.pack(">Q", 1024),
            struct.pack(">4H", 1, 1, 1, 1),
            b"",
        )
    ),
}


@dataclass(frozen=True, slots=True)
class _Record:
    """All there is of a simulated guest."""

    server_id: str
    power: Power
    ports: tuple[str, ...] = ()
    console: str = ""


class SimulatedDriver:
    """The verbs of ``base.Driver``, ``Consoles`` (its text only), ``Snapshots`` and ``NicHotplug``.

    ``delays``: verb -> seconds. ``failures``: verb -> how often it fails (0 to 1), or what its next calls raise, in
    order, None for a call that succeeds.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        vcpus: int = 1000,
        ram_mib: int = 1 << 20,
        disk_gib: int = 100_000,
        delays: Mapping[str, float] | None = None,
        failures: Mapping[str, float | Sequence[Exception | None]] | None = None,
    ) -> None:
        self._folder = state_dir / "guests" if state_dir else None
        self._inventory = Inventory(vcpus, ram_mib, disk_gib, "simulated", {"sockets": 1, "cores": vcpus, "threads": 1})
        self._delays = dict(delays or {})
        self._rates = {verb: plan for verb, plan in (failures or {}).items() if isinstance(plan, int | float)}
        self._plans = {verb: list(plan) for verb, plan in (failures or {}).items() if not isinstance(plan, int | float)}
        self._guests: dict[str, _Record] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            hypervisor_type="simulated",
            hypervisor_version=1_000_000,
            pause=True,
            suspend=True,
            console_output=True,
            snapshot=True,
            nic_hotplug=True,
        )

    async def prepare(self) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in self._folder.glob("*.json"):
            record = msgspec.json.decode(file.read_bytes(), type=_Record)
            self._guests[record.server_id] = record

    async def close(self) -> None:
        pass

    async def inventory(self) -> Inventory:
        await self._trouble("inventory")
        return self._inventory

    async def list(self) -> Sequence[Guest]:
        await self._trouble("list")
        return [Guest(record.server_id, record.power) for record in self._guests.values()]

    async def look(self, server_id: str) -> Guest | None:
        await self._trouble("look")
        record = self._guests.get(server_id)
        return Guest(server_id, record.power) if record else None

    async def create(self, spec: GuestSpec) -> None:
        await self._trouble("create")
        if spec.server_id not in self._guests:
            ports = tuple(nic.port_id for nic in spec.nics)
            self._keep(_Record(spec.server_id, Power.SHUTDOWN, ports))

    async def start(self, server_id: str) -> None:
        await self._trouble("start")
        record = self._find(server_id)
        if record.power in (Power.SHUTDOWN, Power.CRASHED):
            record = replace(record, console=f"{record.console}simulated server {server_id} booted\n"[-65536:])
        self._set(record, Power.RUNNING)

    async def stop(self, server_id: str, timeout_s: float) -> None:
        await self._trouble("stop")
        record = self._find(server_id)
        if record.power is not Power.SUSPENDED:  # that is off already, and keeps its memory
            self._set(record, Power.SHUTDOWN)

    async def reboot(self, server_id: str, *, hard: bool) -> None:
        await self._trouble("reboot")
        record = self._find(server_id)
        self._set(replace(record, console=f"{record.console}simulated server {server_id} booted\n"), Power.RUNNING)

    async def pause(self, server_id: str) -> None:
        await self._trouble("pause")
        self._set(self._running(server_id), Power.PAUSED)

    async def unpause(self, server_id: str) -> None:
        await self._trouble("unpause")
        self._set(self._running(server_id), Power.RUNNING)

    async def suspend(self, server_id: str) -> None:
        await self._trouble("suspend")
        if self._find(server_id).power is not Power.SUSPENDED:
            self._set(self._running(server_id), Power.SUSPENDED)

    async def destroy(self, server_id: str) -> None:
        await self._trouble("destroy")
        if self._folder:
            (self._folder / f"{server_id}.json").unlink(missing_ok=True)
        self._guests.pop(server_id, None)

    async def console_output(self, server_id: str, length_lines: int | None) -> str:
        await self._trouble("console_output")
        lines = self._find(server_id).console.splitlines(keepends=True)
        return "".join(lines if length_lines is None else lines[len(lines) - length_lines :])

    async def vnc(self, server_id: str) -> Path:
        raise Unsupported("a simulated server has no screen")

    async def serial(self, server_id: str) -> Path:
        raise Unsupported("a simulated server has no serial port")

    async def snapshot(self, server_id: str, target: Path, disk_format: str) -> None:
        await self._trouble("snapshot")
        self._find(server_id)
        if disk_format not in IMAGES:
            raise Failure(f"this host cannot write images of format {disk_format!r}; use raw or qcow2")
        target.write_bytes(IMAGES[disk_format])

    async def attach_nic(self, server_id: str, nic: Nic) -> None:
        await self._trouble("attach_nic")
        record = self._find(server_id)
        if nic.port_id not in record.ports:
            self._keep(replace(record, ports=(*record.ports, nic.port_id)))

    async def detach_nic(self, server_id: str, port_id: str) -> None:
        await self._trouble("detach_nic")
        record = self._find(server_id)
        self._keep(replace(record, ports=tuple(port for port in record.ports if port != port_id)))

    def crash(self, server_id: str) -> None:
        """For tests: as if the guest had died by itself."""
        self._set(self._find(server_id), Power.CRASHED)

    async def _trouble(self, verb: str) -> None:
        """What was asked for in ``delays`` and ``failures``, before the verb does anything."""
        if verb in self._delays:
            await asyncio.sleep(self._delays[verb])
        if self._plans.get(verb) and (error := self._plans[verb].pop(0)):
            raise error
        if random.random() < self._rates.get(verb, 0):  # noqa: S311
            raise Failure(f"simulated failure of {verb}")

    def _find(self, server_id: str) -> _Record:
        try:
            return self._guests[server_id]
        except KeyError:
            raise Failure("there is no such server on this host") from None

    def _running(self, server_id: str) -> _Record:
        record = self._find(server_id)
        if record.power not in (Power.RUNNING, Power.PAUSED):
            raise Failure("the server is not running")
        return record

    def _set(self, record: _Record, power: Power) -> None:
        if self._guests[record.server_id] != (changed := replace(record, power=power)):
            self._keep(changed)

    def _keep(self, record: _Record) -> None:
        """On disk first: what a caller was told must not be forgotten."""
        if self._folder:
            part = self._folder / f"{record.server_id}.part"
            part.write_bytes(msgspec.json.encode(record))
            part.rename(self._folder / f"{record.server_id}.json")
        self._guests[record.server_id] = record
