"""Volumes as files: qcow2 or raw, copy-on-write over images, snapshots and one another.

A volume *is* its directory (``home.py`` says what lies in it); this class keeps nothing of it in memory. So a driver that is
killed anywhere is replaced by a new one that looks at the same things. Each verb holds the volume's lock, looks, and does what
is left to do: it makes new layers beside the old ones, then replaces the definition in one go, then removes what nothing
names any more.

    snapshot   the top is frozen under the snapshot's name; a new, empty top lies on it
    clone      the same, but the new top is another volume's, which has links to all that is below
    revert     a new, empty top on the snapshot's layer
    deletion of a snapshot   its name goes; a layer that only one other stands on is merged with that, if nobody has it open

Where a guest has the volume open, that guest's QEMU is a ``Holder`` and changes to the new top itself.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from wolke.block_storage.drivers import base
from wolke.block_storage.drivers.base import GIB, Capacity, Connection, Connector, Found, Holder, Layer, Source, Volume
from wolke.block_storage.drivers.file import layers, making
from wolke.block_storage.drivers.file.adoption import Unmanaged
from wolke.block_storage.drivers.file.config import FileConfig
from wolke.block_storage.drivers.file.exports import Exports
from wolke.block_storage.drivers.file.home import Definition, Home, Kept, Pending, Record, is_home
from wolke.core.disk_images import ImageCheck
from wolke.core.drivers import Failure
from wolke.core.files import exclusive, set_apart, whole
from wolke.core.log import get_logger

log = get_logger(__name__)

__all__ = ["FileConfig", "FileDriver"]

_OPEN = Failure("The volume is in use by a server.")


class FileDriver:
    """The verbs of ``base.Driver`` and ``base.Adoption``. ``host``: as connectors call this machine."""

    def __init__(self, folder: Path, *, host: str = "", config: FileConfig | None = None) -> None:
        self._config = config or FileConfig()
        self._host = host
        self._volumes = folder / "volumes"
        self._images = folder / "images"  # copies of those that lie on other file systems
        self._reading = folder / "reading"  # links to layers that are being copied; each begins with its process id
        self._check_image = ImageCheck(self._config.image_check_timeout_s)
        self._quarantine = folder / "quarantine"
        self._exports = Exports(self._config)
        self._unmanaged = Unmanaged(folder / "unmanaged")

    @property
    def capabilities(self) -> base.Capabilities:
        return base.Capabilities(
            storage_protocol="file",
            online_extend=True,
            online_snapshot=True,
            encryption=True,
            multiattach=self._exports.possible,
            remote=self._exports.reachable,
            adoption=True,
            copy_formats=("raw", "qcow2", "vmdk", "vhdx", "vdi", "vpc"),
        )

    async def prepare(self) -> None:
        for folder in (self._volumes, self._images, self._reading, self._unmanaged.folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._reading.iterdir():
            if not Path("/proc", left.name.partition("-")[0]).exists():
                shutil.rmtree(left)
        for copy in self._images.iterdir():
            if copy.stat().st_nlink == 1:
                copy.unlink()  # no volume stands on it
        making.check_tools()
        for volume_id in await asyncio.to_thread(self._served):
            await self._serve_again(volume_id)

    def _served(self) -> list[str]:
        names = [entry.name for entry in self._volumes.iterdir() if is_home(entry.name)]
        there = {name: self._home(name).load() for name in names}
        return sorted(name for name, definition in there.items() if definition and definition.exported)

    async def _serve_again(self, volume_id: str) -> None:
        """Guests elsewhere wait for it when this host was down; it comes back where it was."""
        try:
            async with self._hold(volume_id) as (home, definition):
                if definition.exported:
                    await self._exports.ensure(home, layers.node(home, definition, definition.top))
        except (Failure, OSError) as why:
            log.error("a volume that was served is not served again", volume_id=volume_id, reason=str(why))

    async def close(self) -> None:
        pass

    async def capacity(self) -> Capacity:
        found = await asyncio.to_thread(os.statvfs, self._volumes)
        return Capacity(found.f_blocks * found.f_frsize / GIB, found.f_bavail * found.f_frsize / GIB)

    async def volumes(self) -> Sequence[Found]:
        return await asyncio.to_thread(self._look_at_all)

    def _look_at_all(self) -> list[Found]:
        names = sorted(entry.name for entry in self._volumes.iterdir() if is_home(entry.name))
        return [found for found in map(_look, map(self._home, names)) if found]

    async def look(self, volume_id: str) -> Found | None:
        return await asyncio.to_thread(_look, self._home(volume_id))

    # -- making and unmaking

    async def create(self, volume: Volume, source: Source) -> None:
        async with self._lock(volume.volume_id) as home:
            if home.load() is not None:
                return
            home.clear()
            home.root.mkdir(mode=0o700)
            try:
                made = await self._made(home, volume, source)
            except BaseException:
                home.clear()
                raise
            await self._save(home, made)

    async def _made(self, home: Home, volume: Volume, source: Source) -> Definition:
        if isinstance(source, base.Blank):
            return await making.blank(home, volume, self._config.format)
        if isinstance(source, base.OfImage):
            return await self._of_image(home, volume, source)
        if isinstance(source, base.OfVolume):
            async with self._hold(source.volume_id) as (other, definition):
                if _is_open(other, definition):
                    raise Failure("The source volume is in use by a server; make a snapshot of it first.")
                if len(list(definition.chain(definition.top))) >= self._config.most_layers:
                    return await making.full_copy(home, volume, other, definition, self._config.format)
                frozen = await self._freeze(other, definition)
                below = frozen.layers[frozen.top].parent
                return await making.clone(home, volume, other, frozen, str(below), frozen.size_gib)
        async with self._hold(source.volume_id) as (other, definition):
            kept = definition.snapshots.get(source.snapshot_id)
            if kept is None:
                raise Failure("The snapshot is not there any more.")
            return await making.clone(home, volume, other, definition, kept.layer, kept.size_gib)

    async def _of_image(self, home: Home, volume: Volume, source: base.OfImage) -> Definition:
        image = await self._check_image(source.path, source.format)
        if image.size > volume.size_gib * GIB:
            need = -(-image.size // GIB)
            raise Failure(f"The image needs a volume of at least {need} GiB; this one has {volume.size_gib}.")
        if volume.encryption or self._config.format == "raw":
            return await making.image_copied(home, volume, source, self._config.format)
        return await making.image_below(home, volume, source, self._images)

    async def _freeze(self, home: Home, definition: Definition) -> Definition:
        """The same volume, whose top is empty: nobody will ever write to what it lies on."""
        top = definition.top
        if definition.layers[top].parent and home.file(top).stat().st_mtime_ns == definition.untouched_ns:
            return definition
        below = await making.frozen(home, definition)
        made = await making.with_new_top(home, below, below.top)
        await self._save(home, made)
        return made

    async def delete(self, volume_id: str) -> None:
        async with self._lock(volume_id) as home:
            definition = home.load()
            await self._exports.stop(home)
            if definition is not None and _is_open(home, definition):
                raise _OPEN
            await whole(home.clear)

    async def fill(self, volume: Volume, source: base.OfImage) -> None:
        async with self._hold(volume.volume_id) as (home, definition):
            self._must_be_closed(home, definition)
            if volume.encryption or not definition.encrypted:
                made = await self._of_image(
                    home, base.Volume(volume.volume_id, definition.size_gib, volume.encryption), source
                )
            else:  # ciphertext
                made = await making.ciphertext(home, definition, source, self._config.format)
            kept = {**definition.layers, **made.layers}
            await self._save(home, replace(made, layers=kept, snapshots=definition.snapshots))

    async def extend(self, volume_id: str, size_gib: int, holder: Holder | None = None) -> None:
        async with self._hold(volume_id) as (home, definition):
            if size_gib < definition.size_gib:
                raise Failure(f"The volume has {definition.size_gib} GiB and cannot be made smaller.")
            if size_gib == definition.size_gib:
                return
            size_bytes = size_gib * GIB + definition.head_bytes
            if _is_open(home, definition):
                who = self._holder(home, holder)
                definition = await self._resolved(home, definition, who)
                await who.resize(size_bytes)
            else:
                await layers.resize(home, definition, size_bytes)
            await self._save(home, replace(definition, size_gib=size_gib))

    # -- snapshots

    async def snapshot(self, volume_id: str, snapshot_id: str, holder: Holder | None = None) -> None:
        async with self._hold(volume_id) as (home, definition):
            if _is_open(home, definition):
                who = self._holder(home, holder)
                definition = await self._resolved(home, definition, who)
                if snapshot_id not in definition.snapshots:
                    definition = await self._announce(home, definition, snapshot_id)
                    await self._resolved(home, definition, who)
            elif snapshot_id not in definition.snapshots:
                self._must_be_shallow(definition)
                below = await making.frozen(home, definition)
                kept = Kept(below.top, below.size_gib)
                made = await making.with_new_top(home, below, below.top)
                await self._save(home, replace(made, snapshots={**below.snapshots, snapshot_id: kept}))

    async def _announce(self, home: Home, definition: Definition, snapshot_id: str) -> Definition:
        """A snapshot of a volume that is open is written down before it is taken. If we die, whoever comes next cannot know
        whether the holder writes to the new top already, but may go on from there, because it is empty if not."""
        self._must_be_shallow(definition)
        below = definition.layers[definition.top].format
        layer = await layers.overlay(home, definition.top, below, definition.size_bytes)
        record = Record("qcow2", definition.top)
        pending = Pending(layer, snapshot_id)
        definition = replace(definition, pending=pending, layers={**definition.layers, layer: record})
        await self._save(home, definition)
        return definition

    async def _resolved(self, home: Home, definition: Definition, holder: Holder | None) -> Definition:
        """Without a pending snapshot: what ``holder`` has open, or nobody, has the new top."""
        if definition.pending is None:
            return definition
        if holder is not None:
            await holder.overlay(Layer(str(home.file(definition.pending.layer)), "qcow2"))
        definition = _promoted(await making.frozen(home, definition))
        await self._save(home, definition)
        return definition

    async def delete_snapshot(self, volume_id: str, snapshot_id: str) -> None:
        async with self._hold_if_there(volume_id) as (home, definition):
            if definition is None:
                return
            left = {name: kept for name, kept in definition.snapshots.items() if name != snapshot_id}
            pending = definition.pending
            if pending and pending.snapshot_id == snapshot_id:
                pending = replace(pending, snapshot_id="")  # it comes about all the same, but nobody wants it
            definition = replace(definition, snapshots=left, pending=pending)
            await self._save(home, definition)
            while not _is_open(home, definition) and (layer := making.mergeable(home, definition)):
                await layers.merge(home, definition, layer)
                definition = making.merged(definition, layer)
                await self._save(home, definition)

    async def revert(self, volume_id: str, snapshot_id: str) -> None:
        async with self._hold(volume_id) as (home, definition):
            self._must_be_closed(home, definition)
            kept = definition.snapshots.get(snapshot_id)
            if kept is None:
                raise Failure("The snapshot is not there any more.")
            await self._save(home, await making.with_new_top(home, definition, kept.layer))

    async def copy_out(self, volume_id: str, snapshot_id: str | None, target: Path, disk_format: str) -> None:
        if disk_format not in self.capabilities.copy_formats:
            raise Failure(f"This backend cannot write {disk_format!r}.")
        if snapshot_id is None:
            async with self._hold(volume_id) as (home, definition):
                self._must_be_closed(home, definition)
                await layers.copy_out(layers.node(home, definition, definition.top), target, disk_format)
            return
        async with AsyncExitStack() as later:
            async with self._hold(volume_id) as (home, definition):
                kept = definition.snapshots.get(snapshot_id)
                if kept is None:
                    raise Failure("The snapshot is not there any more.")
                mine = await later.enter_async_context(self._borrowed(home, list(definition.chain(kept.layer))))
            with layers.in_words():  # and without the lock: nobody need wait until a large disk is copied
                await layers.copy_out(layers.node(mine, definition, kept.layer), target, disk_format)

    # -- being used

    async def connect(self, volume_id: str, connector: Connector) -> Connection:
        async with self._hold(volume_id) as (home, definition):
            here = connector.host == self._host
            wanted = connector.shared or connector.served or self._config.serve_own_guests
            if here and not wanted and not definition.exported:
                files = tuple(
                    Layer(str(home.file(name)), definition.layers[name].format)
                    for name in definition.chain(definition.top)
                )
                return Connection("file", connector.read_only, definition.encrypted, files)
            self._exports.check_possible(here=here and not connector.served)
            if not definition.exported and _is_open(home, definition):
                raise Failure("A server of this host has the volume open as a file.")
            users = sorted({*definition.exported, connector.attachment_id})
            definition = replace(definition, exported=users)
            await self._save(home, definition)
            said = await self._exports.ensure(home, layers.node(home, definition, definition.top))
            return dataclasses.replace(said, read_only=connector.read_only, encrypted=definition.encrypted)

    async def disconnect(self, volume_id: str, attachment_id: str) -> None:
        async with self._hold_if_there(volume_id) as (home, definition):
            if definition is None:
                return
            left = [user for user in definition.exported if user != attachment_id]
            if not left:
                await self._exports.stop(home)
            if left != definition.exported:
                await self._save(home, replace(definition, exported=left))

    # -- what others made

    async def adoptable(self) -> Sequence[Mapping[str, Any]]:
        return await asyncio.to_thread(self._unmanaged.list)

    async def adopt(self, volume_id: str, reference: Mapping[str, Any]) -> int:
        async with self._lock(volume_id) as home:
            definition = home.load()
            if definition is None:
                home.clear()
                home.root.mkdir(mode=0o700)
                try:
                    definition = await self._unmanaged.adopted(home, reference, self._check_image)
                except BaseException:
                    home.clear()
                    raise
                await self._save(home, definition)
            await whole(self._unmanaged.forget, reference)
            return definition.size_gib

    async def release(self, volume_id: str) -> Mapping[str, Any]:
        async with self._hold_if_there(volume_id) as (home, definition):
            if definition is not None:
                self._must_be_closed(home, definition)
                if definition.snapshots:
                    raise Failure("The volume has snapshots.")
                await self._unmanaged.keep(home, definition)
            await whole(home.clear)
            return {"source-name": self._unmanaged.name_of(volume_id)}

    async def quarantine(self, volume_id: str) -> None:
        async with self._lock(volume_id) as home:
            definition = home.load()
            await self._exports.stop(home)
            if definition is not None:
                self._must_be_closed(home, definition)
            await whole(set_apart, home.root, self._quarantine)

    async def adoptable_snapshots(self) -> Sequence[Mapping[str, Any]]:
        return await asyncio.to_thread(self._released_snapshots)

    def _released_snapshots(self) -> list[Mapping[str, Any]]:
        homes = [self._home(entry.name) for entry in sorted(self._volumes.iterdir()) if is_home(entry.name)]
        return [
            {"reference": {"source-name": name}, "size_gib": kept.size_gib, "reason": None, "volume_id": home.volume_id}
            for home in homes
            if (definition := home.load())
            for name, kept in sorted(definition.snapshots.items())
            if kept.released
        ]

    async def adopt_snapshot(self, volume_id: str, snapshot_id: str, reference: Mapping[str, Any]) -> int:
        async with self._hold(volume_id) as (home, definition):
            if snapshot_id in definition.owned:
                return definition.snapshots[snapshot_id].size_gib
            name = reference.get("source-name")
            kept = definition.snapshots.get(name) if isinstance(name, str) else None
            if kept is None or not kept.released:
                raise Failure(f"There is no snapshot {name!r} of the volume that could be managed.")
            others = {key: one for key, one in definition.snapshots.items() if key != name}
            adopted = {**others, snapshot_id: replace(kept, released=False)}
            await self._save(home, replace(definition, snapshots=adopted))
            return kept.size_gib

    async def release_snapshot(self, volume_id: str, snapshot_id: str) -> Mapping[str, Any]:
        async with self._hold_if_there(volume_id) as (home, definition):
            if definition and (kept := definition.snapshots.get(snapshot_id)):
                given = {**definition.snapshots, snapshot_id: replace(kept, released=True)}
                await self._save(home, replace(definition, snapshots=given))
        return {"source-name": snapshot_id}

    # -- the volume's directory

    def _home(self, volume_id: str) -> Home:
        return Home.of(volume_id, self._volumes)

    @asynccontextmanager
    async def _lock(self, volume_id: str) -> AsyncIterator[Home]:
        home = self._home(volume_id)
        with layers.in_words():
            async with exclusive(home.root, self._config.lock_timeout_s):
                yield home

    @asynccontextmanager
    async def _hold(self, volume_id: str) -> AsyncIterator[tuple[Home, Definition]]:
        """The volume, to ourselves. Raises ``Failure`` if there is none."""
        async with self._hold_if_there(volume_id) as (home, definition):
            if definition is None:
                raise Failure("There is no such volume on this backend.")
            yield home, definition

    @asynccontextmanager
    async def _hold_if_there(self, volume_id: str) -> AsyncIterator[tuple[Home, Definition | None]]:
        """None if the volume is not there, or not wholly. Afterwards nothing lies there that it does not need."""
        async with self._lock(volume_id) as home:
            definition = home.load()
            await whole(home.sweep)
            if definition and definition.pending and not _is_open(home, definition):
                definition = await self._resolved(home, definition, None)
            try:
                yield home, definition
            finally:
                await whole(home.sweep)

    @asynccontextmanager
    async def _borrowed(self, home: Home, names: list[str]) -> AsyncIterator[Home]:
        """Links of our own to frozen layers, which stay as they are whatever becomes of the volume."""
        mine = Home(home.volume_id, self._reading / f"{os.getpid()}-{uuid.uuid4().hex}")
        mine.root.mkdir(mode=0o700)
        try:
            await whole(making.link_all, mine, home, names)
            yield mine
        finally:
            await whole(mine.clear)

    async def _save(self, home: Home, definition: Definition) -> None:
        await whole(home.save, definition.pruned())

    def _holder(self, home: Home, holder: Holder | None) -> Holder:
        """Who can change the volume while it is open. ``Failure`` if we do not know him."""
        who = self._exports.holder(home) or holder
        if who is None:
            raise _OPEN
        return who

    def _must_be_closed(self, home: Home, definition: Definition) -> None:
        if _is_open(home, definition):
            raise _OPEN

    def _must_be_shallow(self, definition: Definition) -> None:
        if len(list(definition.chain(definition.top))) >= 2 * self._config.most_layers:
            raise Failure("The volume has as many snapshots as it can; delete one first.")


def _look(home: Home) -> Found | None:
    one = home.load()
    if one is None:
        return Found(home.volume_id, whole=False) if home.root.exists() else None
    lost = [name for name in one.layers if not home.file(name).exists()]
    if lost:
        fault = f"its layer {lost[0]} is not there"
        return Found(home.volume_id, one.size_gib, tuple(one.owned), fault=fault)
    return Found(home.volume_id, one.size_gib, tuple(one.owned), in_use=_is_open(home, one))


def _is_open(home: Home, definition: Definition) -> bool:
    tops = (definition.top, definition.pending.layer) if definition.pending else (definition.top,)
    return any(layers.is_open(home.file(layer)) for layer in tops)


def _promoted(definition: Definition) -> Definition:
    """The pending top is the top, and what was it is the snapshot."""
    pending = definition.pending
    assert pending is not None
    snapshots = dict(definition.snapshots)
    if pending.snapshot_id:
        snapshots[pending.snapshot_id] = Kept(definition.top, definition.size_gib)
    return replace(definition, top=pending.layer, snapshots=snapshots, pending=None, untouched_ns=0)
