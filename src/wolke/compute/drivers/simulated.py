"""A hypervisor without guests: the model for authors of drivers, and what tests and rehearsals of large clouds run on.

It keeps the contract of ``base.py`` to the letter: every verb looks before it acts, may be called twice, and is fulfilled when it
returns. With a directory it remembers its guests in files, one each, written before the verb returns, so that a test may
kill the process anywhere and look at what is there. Without one it forgets.

Trouble is simulated too: ``delays`` makes a verb slow, ``failures`` makes it fail, always, sometimes, or as told call by call.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import socket, socketpair
from typing import Any

import msgspec

from wolke.compute.drivers.base import (
    Capabilities,
    Connect,
    DiskTraffic,
    Guest,
    GuestSpec,
    Inventory,
    Measures,
    Nic,
    Power,
    RescueSpec,
    Volume,
    Watch,
    last_lines,
)
from wolke.compute.drivers.smallest_images import IMAGES
from wolke.core.drivers import Failure, Unsupported
from wolke.core.files import set_apart


@dataclass(frozen=True, slots=True)
class _Record:
    """All there is of a simulated guest."""

    server_id: str
    power: Power
    ports: tuple[str, ...] = ()
    console: str = ""
    vcpus: int = 0
    rescued: bool = False
    going: str = ""  # a live migration: "waiting" for it, "come" but not settled, "gone" elsewhere
    volumes: tuple[str, ...] = ()
    limits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of its volumes
    files: tuple[str, ...] = ()  # the volumes that it has open as files of this host
    let_go: bool = False  # it stands still without them
    stubborn: bool = False  # lets go of no volume
    written: str = ""  # what its disk holds: it goes where the guest goes


def _with(record: _Record, volumes: Sequence[Volume]) -> _Record:
    limits = {one.volume_id: dict(one.limits) for one in volumes}
    return replace(record, volumes=tuple(limits), limits=limits, files=_files(volumes))


def _files(volumes: Sequence[Volume]) -> tuple[str, ...]:
    return tuple(one.volume_id for one in volumes if not one.remote)


def _seen(record: _Record) -> Power:
    return Power.PAUSED if record.let_go and record.power is Power.RUNNING else record.power


class SimulatedHolder:
    """A guest that runs with a volume, and agrees to everything."""

    async def overlay(self, layer: Any) -> None: ...

    async def resize(self, size_bytes: int) -> None: ...

    async def move(self, layers: Sequence[Any], ready: Callable[[], Awaitable[None]]) -> None:
        await ready()

    async def stay(self) -> None: ...


class SimulatedDriver:
    """The verbs of ``base.Driver``, ``Consoles`` (its text only), ``Snapshots``, ``NicHotplug``, ``Rescue``, ``LiveMigration`` and, with a directory, ``Moves``.

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
        self._asides: dict[str, _Record] = {}
        self._coming: asyncio.Task[None] | None = None  # held, so that it is not thrown away while it works

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
            moves=self._folder is not None,
            rescue=True,
            volumes=True,
            live_migration=True,
            diagnostics=True,
        )

    async def prepare(self) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, kept in (("json", self._guests), ("aside", self._asides)):
            for file in self._folder.glob(f"*.{name}"):
                record = msgspec.json.decode(file.read_bytes(), type=_Record)
                kept[record.server_id] = record

    async def close(self) -> None:
        pass

    async def inventory(self) -> Inventory:
        await self._trouble("inventory")
        return self._inventory

    async def list(self) -> Sequence[Guest]:
        await self._trouble("list")
        return [Guest(record.server_id, _seen(record)) for record in self._guests.values()]

    async def look(self, server_id: str) -> Guest | None:
        await self._trouble("look")
        record = self._guests.get(server_id)
        return Guest(server_id, _seen(record)) if record else None

    async def create(self, spec: GuestSpec) -> None:
        await self._trouble("create")
        if spec.server_id not in self._guests:
            ports = tuple(nic.port_id for nic in spec.nics)
            self._keep(_with(_Record(spec.server_id, Power.SHUTDOWN, ports, vcpus=spec.vcpus), spec.volumes))

    async def start(self, server_id: str) -> None:
        await self._trouble("start")
        record = self._find(server_id)
        if record.power in (Power.SHUTDOWN, Power.CRASHED):
            record = replace(record, console=f"{record.console}simulated server {server_id} booted\n"[-65536:])
        record = replace(record, let_go=False)
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
            shutil.rmtree(self._folder / f"{server_id}.incoming", ignore_errors=True)
        self._drop(server_id, self._guests, "json")

    async def console_output(self, server_id: str, length_lines: int | None) -> str:
        await self._trouble("console_output")
        return last_lines(self._find(server_id).console, length_lines)

    async def measure(self, server_id: str) -> Measures:
        await self._trouble("measure")
        guest = self._find(server_id)
        nics = (None,) * len(guest.ports)
        if guest.power not in (Power.RUNNING, Power.PAUSED):
            return Measures(None, (), (), nics)
        return Measures(0, (0,) * guest.vcpus, (DiskTraffic(0, 0, 0, 0, 0),), nics)

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

    async def attach_volume(self, server_id: str, volume: Volume) -> None:
        await self._trouble("attach_volume")
        record = self._find(server_id)
        if volume.volume_id not in record.volumes:
            limits = {**record.limits, volume.volume_id: dict(volume.limits)}
            files = (*record.files, *_files([volume]))
            self._keep(replace(record, volumes=(*record.volumes, volume.volume_id), limits=limits, files=files))

    async def detach_volume(self, server_id: str, volume_id: str) -> None:
        await self._trouble("detach_volume")
        record = self._find(server_id)
        if volume_id in record.volumes:
            if record.stubborn and record.power in (Power.RUNNING, Power.PAUSED):
                raise Failure("the server's operating system did not let go of the volume")
            left, files = (tuple(one for one in some if one != volume_id) for some in (record.volumes, record.files))
            self._keep(replace(record, volumes=left, files=files))

    async def swap_volume(self, server_id: str, volume_id: str, new: Volume) -> None:
        await self._trouble("swap_volume")
        record = self._find(server_id)
        changed = tuple(new.volume_id if one == volume_id else one for one in record.volumes)
        files = (*(one for one in record.files if one not in (volume_id, new.volume_id)), *_files([new]))
        limits = {**record.limits, new.volume_id: dict(new.limits)}
        self._keep(replace(record, volumes=changed, limits=limits, files=files))

    async def connect_volumes(self, server_id: str, volumes: Sequence[Volume]) -> None:
        await self._trouble("connect_volumes")
        record = self._find(server_id)
        if record.power in (Power.RUNNING, Power.PAUSED):
            volumes = [one for one in volumes if one.volume_id in record.volumes]
            self._keep(replace(_with(record, volumes), files=record.files))
            return
        self._keep(_with(record, volumes))

    async def holder(self, volume_id: str) -> SimulatedHolder | None:
        there = [one for one in self._guests.values() if volume_id in one.volumes]
        return SimulatedHolder() if any(one.power in (Power.RUNNING, Power.PAUSED) for one in there) else None

    def volumes(self, server_id: str) -> tuple[str, ...]:
        """For tests: what it has."""
        return self._find(server_id).volumes

    def limits(self, server_id: str, volume_id: str) -> Mapping[str, str]:
        """For tests: how fast one of its volumes may be."""
        return self._find(server_id).limits[volume_id]

    def be_stubborn(self, server_id: str, stubborn: bool = True) -> None:
        """For tests: as if something in the guest used its volumes."""
        self._keep(replace(self._find(server_id), stubborn=stubborn))

    async def set_aside(self, server_id: str) -> None:
        await self._trouble("set_aside")
        if server_id not in self._guests and server_id in self._asides:
            return
        if self._find(server_id).power not in (Power.SHUTDOWN, Power.CRASHED):
            raise Failure("the server is running")
        self._keep(self._guests[server_id], self._asides, "aside")
        self._drop(server_id, self._guests, "json")

    async def take_back(self, server_id: str) -> None:
        await self._trouble("take_back")
        if server_id in self._guests:
            return
        if server_id not in self._asides:
            raise Failure("nothing of the server was set aside on this host")
        self._keep(self._asides[server_id])
        self._drop(server_id, self._asides, "aside")

    async def forget_aside(self, server_id: str) -> None:
        await self._trouble("forget_aside")
        self._drop(server_id, self._asides, "aside")

    async def asides(self) -> Sequence[str]:
        return list(self._asides)

    async def parts(self, server_id: str) -> Mapping[str, Path]:
        await self._trouble("parts")
        if server_id not in self._asides:
            raise Failure("nothing of the server was set aside on this host")
        path = self._place() / f"{server_id}.disk"
        path.write_text(self._asides[server_id].written)
        return {"disk": path}

    async def incoming(self, server_id: str) -> Path:
        path = self._place() / f"{server_id}.incoming"
        path.mkdir(parents=True, exist_ok=True)
        return path

    async def adopt(self, spec: GuestSpec) -> None:
        await self._trouble("adopt")
        if spec.server_id in self._guests:
            return
        folder = self._place() / f"{spec.server_id}.incoming"
        if not (folder / "disk").exists():
            raise Failure("nothing of the server has come to this host")
        ports = tuple(nic.port_id for nic in spec.nics)
        written = (folder / "disk").read_text()
        self._keep(
            _with(_Record(spec.server_id, Power.SHUTDOWN, ports, vcpus=spec.vcpus, written=written), spec.volumes)
        )
        shutil.rmtree(folder)

    async def quarantine(self, server_id: str) -> None:
        await self._trouble("quarantine")
        if self._folder:
            set_apart(self._folder / f"{server_id}.json", self._folder / "quarantine")
        await self.destroy(server_id)

    async def rescue(self, server_id: str, spec: RescueSpec) -> None:
        await self._trouble("rescue")
        if spec.bus not in ("virtio", "scsi", "ide", "usb"):
            raise Failure(f"this host has no bus {spec.bus!r} for a rescue disk")
        self._keep(replace(self._find(server_id), rescued=True))

    async def unrescue(self, server_id: str) -> None:
        await self._trouble("unrescue")
        self._keep(replace(self._find(server_id), rescued=False, power=Power.SHUTDOWN))

    def rescued(self, server_id: str) -> bool:
        """For tests: whether it starts from another disk."""
        return self._find(server_id).rescued

    async def let_go(self, server_id: str) -> Sequence[str]:
        await self._trouble("let_go")
        record = self._find(server_id)
        if not record.files or record.power not in (Power.RUNNING, Power.PAUSED):
            return ()
        self._keep(replace(record, let_go=True))
        return record.files

    async def take_up(self, server_id: str, volumes: Sequence[Volume]) -> None:
        await self._trouble("take_up")
        record = self._find(server_id)
        if record.let_go:
            if not set(record.files) <= {one.volume_id for one in volumes}:
                raise ConnectionError("not all of its volumes have come back yet")
            served = {one.volume_id for one in volumes if one.remote}
            self._keep(replace(record, let_go=False, files=tuple(one for one in record.files if one not in served)))

    async def shape(self, server_id: str) -> Mapping[str, Any]:
        await self._trouble("shape")
        record = self._find(server_id)
        if record.files:
            raise Failure("the server has volumes in files of this host, which cannot be handed over while it runs")
        return {"vcpus": record.vcpus}

    async def still_parts(self, server_id: str) -> Mapping[str, Path]:
        self._find(server_id)
        return {}

    async def receive(self, spec: GuestSpec, shape: Mapping[str, Any]) -> None:
        await self._trouble("receive")
        if spec.server_id not in self._guests:
            ports = tuple(nic.port_id for nic in spec.nics)
            waiting = _Record(spec.server_id, Power.PAUSED, ports, vcpus=shape["vcpus"], going="waiting")
            self._keep(_with(waiting, spec.volumes))
        if self._folder:
            shutil.rmtree(self._folder / f"{spec.server_id}.incoming", ignore_errors=True)

    async def channel(self, server_id: str, name: str) -> socket:
        await self._trouble("channel")
        if self._find(server_id).going != "waiting":
            raise Failure("the server is not waited for on this host")
        ours, theirs = socketpair()
        self._coming = asyncio.create_task(self._take_in(server_id, theirs))
        return ours

    async def _take_in(self, server_id: str, link: socket) -> None:
        link.setblocking(False)
        loop, said = asyncio.get_running_loop(), b""
        with link:
            while not said.endswith(b"\n") and (piece := await loop.sock_recv(link, 65536)):
                said += piece
            if not said.endswith(b"\n"):
                return
            there, here = msgspec.json.decode(said, type=_Record), self._find(server_id)
            come = replace(there, ports=here.ports, volumes=here.volumes, limits=here.limits, files=(), going="come")
            self._keep(come)
            await loop.sock_sendall(link, b"ok")

    async def send(self, server_id: str, connect: Connect, watch: Watch) -> None:
        await self._trouble("send")
        record = self._find(server_id)
        if record.going == "gone":
            return
        self._running(server_id)
        size = len(record.written)
        told = {f"{what}_{which}": size for what in ("memory", "disk") for which in ("total", "processed", "remaining")}
        if await watch(told) == "abort":
            raise Failure("The live migration was aborted.")
        loop = asyncio.get_running_loop()
        with await connect("memory") as link:
            link.setblocking(False)
            await loop.sock_sendall(link, msgspec.json.encode(record) + b"\n")
            if await loop.sock_recv(link, 2) != b"ok":
                raise Failure("the other host went away")
        self._keep(replace(record, power=Power.PAUSED, going="gone"))

    async def settle(self, server_id: str) -> None:
        await self._trouble("settle")
        record = self._find(server_id)
        if record.going == "waiting":
            raise Failure("the server has not come")
        self._keep(replace(record, going=""))

    def write(self, server_id: str, text: str) -> None:
        """For tests: as if the guest had written to its disk."""
        self._keep(replace(self._find(server_id), written=text))

    def read(self, server_id: str) -> str:
        """For tests: what is on the guest's disk."""
        return self._find(server_id).written

    def size(self, server_id: str) -> int:
        """For tests: its virtual CPUs."""
        return self._find(server_id).vcpus

    def _place(self) -> Path:
        """Where files pass through on their way to another host."""
        if self._folder is None:
            raise Unsupported("a simulated host without a directory cannot move servers")
        return self._folder

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

    def _keep(self, record: _Record, among: dict[str, _Record] | None = None, name: str = "json") -> None:
        """On disk first: what a caller was told must not be forgotten."""
        if self._folder:
            part = self._folder / f"{record.server_id}.part"
            part.write_bytes(msgspec.json.encode(record))
            part.rename(self._folder / f"{record.server_id}.{name}")
        (self._guests if among is None else among)[record.server_id] = record

    def _drop(self, server_id: str, among: dict[str, _Record], name: str) -> None:
        if self._folder:
            (self._folder / f"{server_id}.{name}").unlink(missing_ok=True)
            (self._folder / f"{server_id}.disk").unlink(missing_ok=True)
        among.pop(server_id, None)
