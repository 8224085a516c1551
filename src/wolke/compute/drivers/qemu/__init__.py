"""The driver ``qemu``: guests as QEMU processes that we start, talk to and end ourselves, with no daemon in between.

``guests.py`` has the verbs that every hypervisor has; here is what only some have.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wolke.compute.drivers.base import Capabilities, Connect, GuestSpec, Layer, Measures, Nic, RescueSpec, Volume, Watch
from wolke.compute.drivers.qemu import (
    command,
    console,
    disks,
    growing,
    letting_go,
    limits,
    live,
    measures,
    moves,
    nics,
    process,
    relocating,
    shared,
    snapshots,
    swaps,
    uids,
    volumes,
)
from wolke.compute.drivers.qemu.config import QemuConfig
from wolke.compute.drivers.qemu.definition import (
    Definition,
    RescueDisk,
    like,
    load,
    save,
    with_news,
    with_nic,
    with_swapped,
    with_volume,
    with_volumes,
    without_nic,
    without_volume,
)
from wolke.compute.drivers.qemu.guests import Guests, defined
from wolke.compute.drivers.qemu.home import Home
from wolke.compute.drivers.qemu.launch import launch
from wolke.core.drivers import Failure
from wolke.core.files import whole

__all__ = ["QemuConfig", "QemuDriver"]

_LOOK_S = 0.2  # between two looks at a volume that moves


class QemuDriver(Guests):
    """The verbs of ``base.Driver``, ``Consoles``, ``Snapshots``, ``NicHotplug``, ``Moves``, ``Rescue``, ``LiveMigration``
    ``Volumes`` and ``Diagnostics``."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            hypervisor_type="KVM" if self._host.accelerator == "kvm" else "QEMU",
            hypervisor_version=self._version,
            pause=True,
            suspend=True,
            console_output=True,
            vnc=True,
            serial=True,
            snapshot=True,
            nic_hotplug=True,
            moves=True,
            rescue=True,
            live_migration=True,
            shared_disks=self._pool,
            volumes=True,
            diagnostics=True,
        )

    async def console_output(self, server_id: str, length_lines: int | None) -> str:
        home = self._home(server_id)
        defined(home)
        await asyncio.to_thread(console.trim, home, self._config.console_log_kib << 10)
        return await asyncio.to_thread(console.read, home, length_lines)

    async def measure(self, server_id: str) -> Measures:
        home = self._home(server_id)
        definition, found = defined(home), process.find(home)
        if found is None:
            return measures.still(definition)
        async with self._hold(server_id), self._talk(home) as qmp:
            return await measures.measure(qmp, found.pid, definition)

    async def vnc(self, server_id: str) -> Path:
        return self._socket(server_id, "vnc")

    async def serial(self, server_id: str) -> Path:
        return self._socket(server_id, "serial")

    def _socket(self, server_id: str, name: str) -> Path:
        home = self._home(server_id)
        if not process.alive(home):
            raise Failure("the server is not running")
        return home.run / name

    async def snapshot(self, server_id: str, target: Path, disk_format: str) -> None:
        async with self._hold(server_id) as home:
            definition = defined(home)
            if not definition.disks.root:
                raise Failure("the server has no disk of its own to take an image of")
            if disk_format not in self.capabilities.disk_formats:
                raise Failure(f"this host cannot write images of format {disk_format!r}; use raw or qcow2")
            part = await disks.make_target(target, disk_format, definition.disks.root)
            try:
                await self._copy_root(home, definition, part, disk_format)
                await whole(disks.finish_target, part, target)
            finally:
                part.unlink(missing_ok=True)

    async def _copy_root(self, home: Home, definition: Definition, part: Path, disk_format: str) -> None:
        if not process.alive(home) or home.suspended:
            await disks.copy_offline(home, definition.spec, part, disk_format)
            return
        async with self._talk(home) as qmp:
            await snapshots.copy_running(qmp, part, disk_format, self._config.snapshot_timeout_s)

    async def attach_nic(self, server_id: str, nic: Nic) -> None:
        async with self._hold(server_id) as home:
            before = defined(home)
            wished = before if nic.port_id in before.places else with_nic(before, nic)
            command.check(wished)
            await whole(save, home, wished)
            if not process.alive(home):
                return
            try:
                async with self._talk(home) as qmp:
                    await nics.plug(qmp, wished, nic)
            except Exception:
                await whole(save, home, before)  # or a card that cannot be would keep it from starting
                raise

    async def detach_nic(self, server_id: str, port_id: str) -> None:
        async with self._hold(server_id) as home:
            definition = defined(home)
            if process.alive(home):
                async with self._talk(home) as qmp:
                    await nics.unplug(qmp, port_id, self._config.unplug_timeout_s)
            if port_id in definition.places:
                await whole(save, home, without_nic(definition, port_id))

    async def attach_volume(self, server_id: str, volume: Volume) -> None:
        self._learn_keys([volume])
        async with self._hold(server_id) as home:
            before = defined(home)
            wished = with_volume(before, volume)
            command.check(wished)
            await whole(save, home, wished)
            if not process.alive(home):
                return
            try:
                async with self._talk(home) as qmp:
                    await volumes.plug(qmp, home, wished, replace(volume, plugged_as=_called(wished, volume)))
                    await limits.keep(qmp, wished)
            except Exception:
                await whole(save, home, before)  # or a volume that cannot be would keep it from starting
                raise

    async def detach_volume(self, server_id: str, volume_id: str) -> None:
        async with self._hold(server_id) as home:
            definition = defined(home)
            volume = definition.volume(volume_id) or Volume(volume_id, 0, ())
            if process.alive(home):
                async with self._talk(home) as qmp:
                    await swaps.end_copy(qmp, volume_id)
                    await volumes.unplug(qmp, volume, self._config.unplug_timeout_s)
            self._keys.pop(volume_id, None)
            if definition.volume(volume_id):
                await whole(save, home, without_volume(definition, volume_id))

    async def swap_volume(self, server_id: str, volume_id: str, new: Volume) -> None:
        self._learn_keys([new])
        async with self._hold(server_id) as home:
            before = defined(home)
            if not process.alive(home) or home.suspended:
                raise Failure("the server is not running")
            wished = with_swapped(before, volume_id, new)
            command.check(wished)
            async with self._talk(home) as qmp:
                await swaps.swap(qmp, home, before, volume_id, new)
                await whole(save, home, wished)
                await limits.keep(qmp, wished)

    async def connect_volumes(self, server_id: str, volumes: Sequence[Volume]) -> None:
        self._learn_keys(volumes)
        async with self._hold(server_id) as home:
            before = defined(home)
            runs = process.alive(home) and not home.suspended
            wished = with_news(before, volumes) if runs else with_volumes(before, volumes)
            if wished == before:
                return
            command.check(wished)
            if runs:
                async with self._talk(home) as qmp:
                    await growing.follow(qmp, before, wished)
                    await limits.keep(qmp, wished)
            await whole(save, home, wished)

    async def holder(self, volume_id: str) -> QemuHolder | None:
        for server_id in sorted(self._known()):
            home = self._home(server_id)
            definition = await asyncio.to_thread(load, home)
            there = definition and definition.volume(volume_id)
            if there and there.layers and process.alive(home):
                return QemuHolder(self, server_id, volume_id)
        return None

    async def overlay_volume(self, server_id: str, volume_id: str, layer: Layer) -> None:
        async with self._hold(server_id) as home:
            definition = defined(home)
            volume = definition.volume(volume_id)
            if volume is None or layer in volume.layers[:1]:
                return
            async with self._talk(home) as qmp:
                await volumes.overlay(qmp, volume, layer)
            changed = replace(volume, layers=(layer, *volume.layers))
            await whole(save, home, with_volume(definition, changed))

    async def resize_volume(self, server_id: str, volume_id: str, size_bytes: int) -> None:
        async with self._hold(server_id) as home:
            definition = defined(home)
            volume = definition.volume(volume_id)
            if volume is None:
                return
            async with self._talk(home) as qmp:
                await volumes.resize(qmp, volume, size_bytes)
            await whole(save, home, with_volume(definition, replace(volume, size_gib=size_bytes >> 30)))

    async def move_volume(
        self, server_id: str, volume_id: str, layers: Sequence[Layer], ready: Callable[[], Awaitable[None]]
    ) -> None:
        while True:
            if await self._moved(server_id, volume_id, layers, ready):
                return
            await asyncio.sleep(_LOOK_S)

    async def _moved(
        self, server_id: str, volume_id: str, layers: Sequence[Layer], ready: Callable[[], Awaitable[None]]
    ) -> bool:
        async with self._hold(server_id) as home:
            definition = defined(home)
            volume = definition.volume(volume_id)
            if volume is None or not volume.layers or volume.encrypted:
                raise Failure("the server does not have the volume as a plain file")
            if not process.alive(home) or home.suspended:
                raise Failure("the server was switched off before the volume was copied")
            new = replace(volume, layers=tuple(layers))
            async with self._talk(home) as qmp:
                if not await relocating.further(qmp, volume, new, ready):
                    return False
                changed = with_volume(definition, new)
                await whole(save, home, changed)
                await limits.keep(qmp, changed)
        return True

    async def keep_volume(self, server_id: str, volume_id: str) -> None:
        async with self._hold(server_id) as home:
            if process.alive(home):
                async with self._talk(home) as qmp:
                    await relocating.stay(qmp, volume_id)

    async def set_aside(self, server_id: str) -> None:
        async with self._hold(server_id, must_exist=False) as home:
            if process.alive(home):
                raise Failure("the server is running")
            await whole(moves.set_aside, home)
            process.clear_sockets(home)

    async def take_back(self, server_id: str) -> None:
        async with self._hold(server_id, must_exist=False) as home:
            ids = self._uids if self._isolate else None
            await whole(moves.take_back, home, ids, self._config.uid_base, self._config.uid_count)

    async def forget_aside(self, server_id: str) -> None:
        async with self._hold(server_id, must_exist=False) as home:
            await whole(moves.forget, home)
            if not home.exists:
                uids.release(self._uids, server_id)

    async def asides(self) -> Sequence[str]:
        return [entry.name.removesuffix(moves.ASIDE) for entry in self._guests.glob(f"*{moves.ASIDE}")]

    async def parts(self, server_id: str) -> Mapping[str, Path]:
        return moves.parts(self._home(server_id))

    async def incoming(self, server_id: str) -> Path:
        path = moves.incoming(self._home(server_id))
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    async def adopt(self, spec: GuestSpec) -> None:
        async with self._hold(spec.server_id, must_exist=False) as home:
            if load(home):
                return
            await whole(moves.bring_in, home)
            if spec.image is None and home.file("base").exists():
                spec = replace(spec, image=home.file("base"))
            await self._create(home, spec)

    async def rescue(self, server_id: str, spec: RescueSpec) -> None:
        async with self._hold(server_id) as home:
            if process.alive(home):
                raise Failure("the server is running")
            definition = defined(home)
            image = await self._check_image(spec.image, spec.image_format)
            disk = RescueDisk(spec.image_format, spec.stable, spec.device, spec.bus)
            draft = replace(definition, rescue=disk, disks=replace(definition.disks, rescue=image.size))
            command.check(draft)
            await disks.make_rescue(home, spec, image, definition.uid)
            await whole(save, home, draft)

    async def unrescue(self, server_id: str) -> None:
        async with self._hold(server_id) as home:
            await self._power_off(home)
            definition = defined(home)
            await whole(save, home, replace(definition, rescue=None, disks=replace(definition.disks, rescue=0)))
            disks.drop_rescue(home)

    async def shape(self, server_id: str) -> Mapping[str, Any]:
        definition = defined(self._home(server_id))
        if definition.rescue:
            raise Failure("the server is being rescued")
        if any(not volume.remote for volume in definition.spec.volumes):
            raise Failure("the server has volumes in files of this host, which cannot be handed over while it runs")
        places = {"places": definition.places, "volume_places": definition.volume_places}
        return {"machine": definition.machine, "disks": asdict(definition.disks), "pool": self._pool, **places}

    async def let_go(self, server_id: str) -> Sequence[str]:
        async with self._hold(server_id) as home:
            definition = defined(home)
            files = [one for one in definition.spec.volumes if not one.remote]
            if not files or not process.alive(home) or home.suspended:
                return []
            async with self._talk(home) as qmp:
                await letting_go.let_go(qmp, home, files)
            return [one.volume_id for one in files]

    async def take_up(self, server_id: str, volumes: Sequence[Volume]) -> None:
        self._learn_keys(volumes)
        async with self._hold(server_id) as home:
            if not letting_go.stands_still(home) or not process.alive(home):
                return
            async with self._talk(home) as qmp:
                for volume in volumes:
                    definition = defined(home)
                    there = definition.volume(volume.volume_id)
                    if there is not None:
                        opened = replace(volume, plugged_as=there.plugged_as)
                        await letting_go.take_up(qmp, home, definition.uid, opened)
                        await whole(save, home, with_volume(definition, opened))
                now = defined(home)
                await limits.keep(qmp, now)
                await letting_go.go_on(qmp, home, now.spec.volumes)

    async def still_parts(self, server_id: str) -> Mapping[str, Path]:
        home = self._home(server_id)
        defined(home)
        return {name: home.file(name) for name in moves.STILL if home.file(name).exists()}

    async def receive(self, spec: GuestSpec, shape: Mapping[str, Any]) -> None:
        async with self._hold(spec.server_id, must_exist=False) as home:
            self._learn_keys(spec.volumes)
            shares = bool(self._pool) and shape["pool"] == self._pool
            if not load(home):
                await whole(moves.bring_in, home)
                home.file(live.WAITING).write_text(live.SHARED if shares else live.COPIED)
                await self._create_like(home, spec, shape, shares=shares)
            if process.alive(home):
                return
            definition = defined(home)
            ready = self._with_keys(definition)
            await launch(home, ready, self._host, self._config.start_timeout_s, waits=True)
            if not shares:
                async with self._talk(home) as qmp:
                    await live.await_guest(qmp, home, live.writable(definition))

    async def _create_like(self, home: Home, spec: GuestSpec, shape: Mapping[str, Any], *, shares: bool) -> None:
        if spec.image is None and home.file("base").exists():
            spec = replace(spec, image=home.file("base"))
        if home.file("config").exists():
            spec = replace(spec, config_drive=home.file("config"))
        image = await self._check_image(spec.image, spec.image_format) if spec.image else None
        definition = like(spec, shape)
        command.check(definition)
        uid = self._claim_uid(spec.server_id)
        if not shares:
            await whole(shared.own, home, self._me)
        await disks.make_like(home, spec, image, definition.disks, uid)
        await whole(save, home, replace(definition, uid=uid))

    async def channel(self, server_id: str, name: str) -> socket.socket:
        home = self._home(server_id)
        if not home.file(live.WAITING).exists() or not process.alive(home):
            raise Failure("the server is not waited for on this host")
        if name.startswith(f"{live.NBD}:"):
            return await asyncio.to_thread(_connected, home.run / live.NBD)
        if name == live.DISKS:
            return live.saying(home.file(live.WAITING).read_text())
        async with self._hold(server_id), self._talk(home) as qmp:
            if name == live.MEMORY:
                return await live.open_memory(qmp)
            if name != live.HANDOVER:
                raise Failure(f"there is no channel {name!r}")
            await live.hand_over(qmp)
        ours, theirs = socket.socketpair()
        theirs.close()
        return ours

    async def send(self, server_id: str, connect: Connect, watch: Watch) -> None:
        async with self._hold(server_id) as home:
            if not process.alive(home) or home.suspended:
                raise Failure("the server is not running")
            async with self._talk(home) as qmp:
                if await qmp.status() == "postmigrate":
                    return  # it went before we were killed
                await live.Sending(qmp, defined(home), connect, watch).run()

    async def settle(self, server_id: str) -> None:
        async with self._hold(server_id) as home:
            if not home.file(live.WAITING).exists():
                return
            async with self._talk(home) as qmp:
                if await qmp.status() in ("inmigrate", "postmigrate", "finish-migrate"):
                    raise Failure("the server has not come")
            (home.run / live.NBD).unlink(missing_ok=True)
            await whole(shared.own, home, self._me)
            home.file(live.WAITING).unlink()


@dataclass(frozen=True, slots=True)
class QemuHolder:
    """The guest that runs with a volume."""

    driver: QemuDriver
    server_id: str
    volume_id: str

    async def overlay(self, layer: Any) -> None:
        await self.driver.overlay_volume(self.server_id, self.volume_id, Layer(layer.path, layer.format))

    async def resize(self, size_bytes: int) -> None:
        await self.driver.resize_volume(self.server_id, self.volume_id, size_bytes)

    async def move(self, layers: Sequence[Any], ready: Callable[[], Awaitable[None]]) -> None:
        there = [Layer(one.path, one.format) for one in layers]
        await self.driver.move_volume(self.server_id, self.volume_id, there, ready)

    async def stay(self) -> None:
        await self.driver.keep_volume(self.server_id, self.volume_id)


def _called(definition: Definition, volume: Volume) -> str:
    there = definition.volume(volume.volume_id)
    return there.plugged_as if there else ""


def _connected(path: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        link.connect(str(path))
    except BaseException:
        link.close()
        raise
    return link
