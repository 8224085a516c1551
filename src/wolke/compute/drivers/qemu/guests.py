"""Guests as QEMU processes: the verbs that every hypervisor has, and what the others stand on.

A guest *is* its directory and its process (``home.py`` says what each file means); this class keeps nothing of it in memory.
So a driver that is killed anywhere is replaced by a new one that looks at the same things. Each verb holds the guest's lock,
looks, and does what is left to do; only looking takes no lock.

    create ─▶ SHUTDOWN ──start──▶ RUNNING ◀─unpause/pause─▶ PAUSED
                 ▲  ▲               │ │ │
                 │  └─stop, poweroff┘ │ └─suspend─▶ SUSPENDED ──start──▶ RUNNING
                 └─── start ── CRASHED ◀── QEMU died
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from wolke.compute.drivers.base import Guest, GuestSpec, Inventory, Power, Volume
from wolke.compute.drivers.qemu import (
    command,
    console,
    disks,
    host,
    kvm,
    letting_go,
    limits,
    memory,
    moves,
    process,
    relocating,
    shared,
    uids,
)
from wolke.compute.drivers.qemu.config import QemuConfig
from wolke.compute.drivers.qemu.definition import (
    Definition,
    Disks,
    keys_of,
    load,
    newly_started,
    place_nics,
    save,
    with_keys,
    with_volumes,
)
from wolke.compute.drivers.qemu.home import SERVER_ID, Home, choose_run_dir
from wolke.compute.drivers.qemu.launch import launch, observe
from wolke.compute.drivers.qemu.qmp import Gone, Session, session
from wolke.core.disk_images import ImageCheck
from wolke.core.drivers import Failure
from wolke.core.files import exclusive, set_apart, whole, write_durably
from wolke.core.tools import ToolError, run

LOCK_DEADLINE_S = 120.0
ASK_AGAIN_S = 3.0  # a guest that boots misses a press of its power button
EVENTS_OF_POWER = ("SHUTDOWN", "STOP", "RESUME")


class Guests:
    """The verbs of ``base.Driver``."""

    def __init__(self, state_dir: Path, *, config: QemuConfig | None = None) -> None:
        self._config = config or QemuConfig()
        self._state = state_dir
        self._guests = state_dir / "guests"
        self._uids = state_dir / "uids"
        self._isolate = self._config.isolate and os.geteuid() == 0
        self._check_image = ImageCheck(self._config.image_check_timeout_s)
        self._run = Path()
        self._host = command.Host(self._config.emulator, "tcg", self._config.tcg_cache_mib, "")
        self._version = 0
        self._me = ""  # as the owner of disks
        self._pool = ""
        self._trimming: asyncio.Task[None] | None = None
        self._keys: dict[str, tuple[str, str]] = {}  # of volumes: on no disk, and told again before each start

    async def prepare(self) -> None:
        """Raises ``Failure`` if this host cannot run guests at all."""
        self._state.mkdir(parents=True, exist_ok=True)
        for folder in (self._guests, self._uids):
            folder.mkdir(mode=0o700, exist_ok=True)
        if self._config.disk_dir:
            self._me = await asyncio.to_thread(_name_of, self._state / "disk-owner")
            self._pool = await asyncio.to_thread(shared.pool_of, self._config.disk_dir)
        self._run = choose_run_dir(self._state, self._config.run_dir)
        if self._isolate:
            self._check_uids()
        self._version = await self._emulator_version()
        accelerator = self._config.accelerator
        if accelerator != "tcg":
            works, why = await asyncio.to_thread(kvm.usable)
            if accelerator == "kvm" and not works:
                raise Failure(f"KVM is configured but does not work on this host: {why}")
            accelerator = "kvm" if works else "tcg"
        self._host = replace(self._host, accelerator=accelerator, version=await asyncio.to_thread(_own_version))
        self._trimming = asyncio.create_task(self._keep_trimming())

    def _check_uids(self) -> None:
        base, count = self._config.uid_base, self._config.uid_count
        if not uids.mapped(base, count, Path("/proc/self/uid_map").read_text()):
            raise Failure(f"user ids {base} to {base + count - 1} do not exist in this container: set uid_base")

    async def _emulator_version(self) -> int:
        try:
            said = (await run(self._config.emulator, "--version")).decode().split()
        except (OSError, ToolError) as error:
            raise Failure(f"{self._config.emulator} cannot be run; install QEMU 7.2 or newer") from error
        major, minor, micro = (int(part) for part in said[3].split("."))
        return major * 1_000_000 + minor * 1_000 + micro

    async def close(self) -> None:
        if self._trimming:
            self._trimming.cancel()
            await asyncio.gather(self._trimming, return_exceptions=True)

    async def inventory(self) -> Inventory:
        return await asyncio.to_thread(host.inventory, self._state)

    async def list(self) -> Sequence[Guest]:
        found = await asyncio.gather(*(self._look_anyway(server_id) for server_id in sorted(self._known())))
        return [guest for guest in found if guest]

    async def look(self, server_id: str) -> Guest | None:
        home = self._home(server_id)
        if not home.exists:
            return None
        power, detail = await observe(home, self._config.answer_timeout_s)
        if power is Power.SHUTDOWN and process.alive(home):
            await self._tidy_away(home)
        return Guest(server_id, power, detail)

    async def _look_anyway(self, server_id: str) -> Guest | None:
        """As ``look``; one guest that does not answer must not hide the others."""
        try:
            return await self.look(server_id)
        except (TimeoutError, OSError) as error:
            return Guest(server_id, Power.NOSTATE, str(error) or "the QEMU process does not answer")

    def _known(self) -> set[str]:
        return {entry.name for folder in (self._guests, self._run) for entry in folder.iterdir() if _is_home(entry)}

    async def _tidy_away(self, home: Home) -> None:
        """A guest that powered itself off still has its process, and its memory; unless a verb is at it, end that."""
        try:
            async with exclusive(home.root, 0):
                if (await observe(home, self._config.answer_timeout_s))[0] is Power.SHUTDOWN:
                    await self._power_off(home)
        except TimeoutError:
            pass

    async def create(self, spec: GuestSpec) -> None:
        async with self._hold(spec.server_id, must_exist=False) as home:
            if not load(home):
                await self._create(home, spec)

    async def _create(self, home: Home, spec: GuestSpec) -> None:
        image = await self._check_image(spec.image, spec.image_format) if spec.image else None
        disks.root_size(spec, image)
        machine = command.machine_type(spec.image_properties, self._config.machine)
        draft = with_volumes(Definition(spec, machine, None, Disks(), place_nics(list(spec.nics))), spec.volumes)
        self._learn_keys(spec.volumes)
        command.check(draft)
        home.root.mkdir(mode=0o700, exist_ok=True)
        await whole(shared.own, home, self._me)
        uid = self._claim_uid(spec.server_id)
        sizes = await disks.make(home, spec, image, uid)
        await whole(save, home, replace(draft, uid=uid, disks=sizes))

    def _claim_uid(self, server_id: str) -> int | None:
        if not self._isolate:
            return None
        return uids.claim(self._uids, server_id, self._config.uid_base, self._config.uid_count)

    async def start(self, server_id: str) -> None:
        async with self._hold(server_id) as home:
            await self._start(home)

    async def _start(self, home: Home) -> None:
        if process.alive(home):
            power, _ = await observe(home, self._config.answer_timeout_s)
            if power is Power.RUNNING:
                process.seal(home)  # whoever started it may have died before, and before this
                async with self._talk(home) as qmp:
                    await limits.keep(qmp, defined(home))
                return
            if power is Power.PAUSED and not letting_go.stands_still(home):
                await self._cont(home)
                return
            await process.kill(home)  # suspended, off, or without its volumes: none can lose anything, or go on
        letting_go.forget(home)
        await whole(save, home, newly_started(defined(home)))
        await launch(home, self._with_keys(defined(home)), self._host, self._start_timeout_s(home))

    def _learn_keys(self, volumes: Sequence[Volume]) -> None:
        self._keys |= {one.volume_id: keys_of(one) for one in volumes if any(keys_of(one))}

    def _with_keys(self, definition: Definition) -> Definition:
        return with_keys(definition, self._keys)

    def _start_timeout_s(self, home: Home) -> float:
        return self._config.suspend_timeout_s if home.suspended else self._config.start_timeout_s

    async def stop(self, server_id: str, timeout_s: float) -> None:
        async with self._hold(server_id) as home:
            if process.alive(home) and not home.suspended and timeout_s > 0:
                await self._ask_to_power_off(home, timeout_s)
            await self._power_off(home)

    async def _ask_to_power_off(self, home: Home, timeout_s: float) -> bool:
        """Press the power button; whether the guest went down within ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s), self._talk(home) as qmp:

                async def down() -> bool | None:
                    status = await qmp.status()
                    return None if status in ("running", "suspended") else status == "shutdown"

                while True:
                    await qmp.execute("system_powerdown")
                    try:
                        return bool(await qmp.until(EVENTS_OF_POWER, down, ASK_AGAIN_S))
                    except TimeoutError:
                        continue
        except (TimeoutError, Gone):
            return False

    async def _power_off(self, home: Home) -> None:
        """Pull the plug, letting QEMU write out what the guest believes to be on disk."""
        home.wish_off()
        found = await asyncio.to_thread(process.find, home)
        if found is None:
            return
        try:
            async with asyncio.timeout(self._config.quit_timeout_s):
                async with self._talk(home) as qmp:
                    await qmp.execute("quit")
                await process.wait(found, self._config.quit_timeout_s)
        except (TimeoutError, Gone):
            pass
        await process.kill(home)

    async def reboot(self, server_id: str, *, hard: bool) -> None:
        """Soft: restarts when the guest has shut down; one that does not within ``soft_reboot_timeout_s`` is cut off."""
        async with self._hold(server_id) as home:
            if not hard and process.alive(home) and not home.suspended:
                await self._ask_to_power_off(home, self._config.soft_reboot_timeout_s)
            await self._power_off(home)
            home.file("memory").unlink(missing_ok=True)
            await self._start(home)

    async def pause(self, server_id: str) -> None:
        async with self._running(server_id) as qmp:
            await qmp.execute("stop")

    async def unpause(self, server_id: str) -> None:
        if letting_go.stands_still(self._home(server_id)):
            raise Failure("the server waits for its volumes")
        async with self._running(server_id) as qmp:
            await qmp.execute("cont")

    async def _cont(self, home: Home) -> None:
        async with self._talk(home) as qmp:
            await qmp.execute("cont")

    async def suspend(self, server_id: str) -> None:
        async with self._hold(server_id) as home:
            if not home.suspended:
                if not process.alive(home):
                    raise Failure("the server is not running")
                async with self._talk(home) as qmp:
                    for volume in defined(home).spec.volumes:
                        await relocating.stay(qmp, volume.volume_id)  # QEMU saves no memory while it copies a disk
                    await memory.save(qmp, home, self._config.suspend_timeout_s)
            await self._power_off(home)

    async def destroy(self, server_id: str) -> None:
        home = self._home(server_id)
        await process.kill(home)  # before its lock is ours: whatever verb is at work ends with the process
        async with exclusive(home.root, LOCK_DEADLINE_S):
            await process.kill(home)
            if not moves.aside(home).exists():
                uids.release(self._uids, server_id)
            process.clear_sockets(home)
            await whole(shared.clear, home, self._me)
            for folder in (home.root, moves.incoming(home)):
                if folder.exists():
                    await whole(shutil.rmtree, folder)

    async def quarantine(self, server_id: str) -> None:
        home = self._home(server_id)
        if home.shares:
            raise Failure("its disks are on storage that other hosts see as well, and may be another host's by now")
        await process.kill(home)
        async with exclusive(home.root, LOCK_DEADLINE_S):
            await process.kill(home)
            await whole(set_apart, home.root, self._state / "quarantine")
        await self.destroy(server_id)

    def _home(self, server_id: str) -> Home:
        return Home.of(server_id, self._guests, self._run, self._config.disk_dir)

    @asynccontextmanager
    async def _hold(self, server_id: str, *, must_exist: bool = True) -> AsyncIterator[Home]:
        """The guest's directory, to ourselves. Raises ``Failure`` if there is no such guest."""
        home = self._home(server_id)
        if must_exist:
            defined(home)
        async with exclusive(home.root, LOCK_DEADLINE_S):
            if must_exist:
                defined(home)  # it may have been destroyed while we waited
            yield home

    @asynccontextmanager
    async def _talk(self, home: Home) -> AsyncIterator[Session]:
        async with session(home.run / "qmp", self._config.answer_timeout_s) as qmp:
            yield qmp

    @asynccontextmanager
    async def _running(self, server_id: str) -> AsyncIterator[Session]:
        async with self._hold(server_id) as home:
            if not process.alive(home) or home.suspended:
                raise Failure("the server is not running")
            async with self._talk(home) as qmp:
                if await qmp.status() not in ("running", "paused", "suspended"):
                    raise Failure("the server is not running")
                yield qmp

    async def _keep_trimming(self) -> None:
        while True:
            await asyncio.sleep(self._config.console_trim_period_s)
            await asyncio.to_thread(self._trim_all)

    def _trim_all(self) -> None:
        for entry in self._guests.iterdir():
            if _is_home(entry):
                console.trim(self._home(entry.name), self._config.console_log_kib << 10)


def _name_of(path: Path) -> str:
    """What this host is called, at all its starts."""
    if not path.exists():
        write_durably(path, uuid.uuid4().hex.encode())
    return path.read_text()


def _own_version() -> str:
    from importlib.metadata import version  # slow to import, and to look

    return version("wolke")


def _is_home(entry: Path) -> bool:
    return bool(SERVER_ID.fullmatch(entry.name))


def defined(home: Home) -> Definition:
    definition = load(home)
    if definition is None:
        raise Failure("there is no such server on this host")
    return definition
