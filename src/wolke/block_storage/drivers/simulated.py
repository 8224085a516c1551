"""A backend without disks: the model for authors of drivers, and what tests and rehearsals of large clouds run on.

It keeps the contract of ``base.py`` to the letter: every verb looks before it acts, may be called twice, and is fulfilled when it
returns. With a folder it remembers its volumes in files, one each, written before the verb returns. A volume's content is
the first sector of what it was made of; that is enough to see what came of what.

Trouble is simulated too: ``delays`` makes a verb slow, ``failures`` makes it fail, always, sometimes, or as told call by call.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from wolke.block_storage.drivers import base
from wolke.block_storage.drivers.base import Capacity, Connection, Connector, Found, Holder, Layer, Source, Volume
from wolke.core.drivers import Failure
from wolke.core.files import write_whole

_SECTOR = 512
_OPEN = Failure("The volume is in use by a server.")


class _Record(msgspec.Struct, frozen=True):
    """All there is of a simulated volume. ``open``: as if a guest ran with it."""

    volume_id: str
    size_gib: int
    content: bytes = b""
    snapshots: dict[str, tuple[bytes, int]] = {}
    encrypted: bool = False
    open: bool = False
    served: frozenset[str] = frozenset()  # the attachments that it is served over the network for


class SimulatedDriver:
    """``delays``: verb -> seconds. ``failures``: verb -> how often it fails (0 to 1), or what its next calls raise, in order, None
    for a call that succeeds."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        host: str = "",
        config: None = None,
        total_gib: float = 100_000.0,
        delays: Mapping[str, float] | None = None,
        failures: Mapping[str, float | Sequence[Exception | None]] | None = None,
    ) -> None:
        self._folder = folder
        self._host = host
        self._total_gib = total_gib
        self._delays = dict(delays or {})
        self._rates = {verb: plan for verb, plan in (failures or {}).items() if isinstance(plan, int | float)}
        self._plans = {verb: list(plan) for verb, plan in (failures or {}).items() if not isinstance(plan, int | float)}
        self._volumes: dict[str, _Record] = {}

    @property
    def capabilities(self) -> base.Capabilities:
        return base.Capabilities(
            storage_protocol="simulated",
            online_extend=True,
            online_snapshot=True,
            encryption=True,
            multiattach=True,
            remote=True,
        )

    async def prepare(self) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in self._folder.glob("*.json"):
            record = msgspec.json.decode(file.read_bytes(), type=_Record)
            self._volumes[record.volume_id] = record

    async def close(self) -> None:
        pass

    async def capacity(self) -> Capacity:
        await self._trouble("capacity")
        used = sum(record.size_gib for record in self._volumes.values())
        return Capacity(self._total_gib, self._total_gib - used)

    async def volumes(self) -> Sequence[Found]:
        await self._trouble("volumes")
        return [
            Found(one.volume_id, one.size_gib, tuple(sorted(one.snapshots)), in_use=one.open)
            for one in self._volumes.values()
        ]

    async def look(self, volume_id: str) -> Found | None:
        await self._trouble("look")
        one = self._volumes.get(volume_id)
        return Found(volume_id, one.size_gib, tuple(sorted(one.snapshots)), in_use=one.open) if one else None

    async def create(self, volume: Volume, source: Source) -> None:
        await self._trouble("create")
        if volume.volume_id not in self._volumes:
            content, size_gib = self._content(source)
            if volume.size_gib < size_gib:
                raise Failure(f"The source has {size_gib} GiB, which is more than the volume's {volume.size_gib}.")
            encrypted = volume.encryption is not None
            self._keep(_Record(volume.volume_id, volume.size_gib, content, encrypted=encrypted))

    def _content(self, source: Source) -> tuple[bytes, int]:
        """And how many GiB it takes."""
        if isinstance(source, base.OfImage):
            return source.path.read_bytes()[:_SECTOR], 0
        if isinstance(source, base.OfVolume):
            other = self._find(source.volume_id)
            return other.content, other.size_gib
        if isinstance(source, base.OfSnapshot):
            return self._snapshot(self._find(source.volume_id), source.snapshot_id)
        return b"", 0

    async def delete(self, volume_id: str) -> None:
        await self._trouble("delete")
        record = self._volumes.get(volume_id)
        if record and record.open:
            raise _OPEN
        if self._folder:
            (self._folder / f"{volume_id}.json").unlink(missing_ok=True)
        self._volumes.pop(volume_id, None)

    async def extend(self, volume_id: str, size_gib: int, holder: Holder | None = None) -> None:
        await self._trouble("extend")
        record = self._find(volume_id)
        if size_gib < record.size_gib:
            raise Failure(f"The volume has {record.size_gib} GiB and cannot be made smaller.")
        if size_gib > record.size_gib:
            if record.open and holder is None:
                raise _OPEN
            if record.open and holder:
                await holder.resize(size_gib * base.GIB)
            self._keep(replace(record, size_gib=size_gib))

    async def fill(self, volume: Volume, source: base.OfImage) -> None:
        await self._trouble("fill")
        self._keep(replace(self._closed(volume.volume_id), content=source.path.read_bytes()[:_SECTOR]))

    async def snapshot(self, volume_id: str, snapshot_id: str, holder: Holder | None = None) -> None:
        await self._trouble("snapshot")
        record = self._find(volume_id)
        if snapshot_id in record.snapshots:
            return
        if record.open and holder is None:
            raise _OPEN
        if record.open and holder:
            await holder.overlay(Layer(f"/simulated/{snapshot_id}", "raw"))
        self._keep(replace(record, snapshots={**record.snapshots, snapshot_id: (record.content, record.size_gib)}))

    async def delete_snapshot(self, volume_id: str, snapshot_id: str) -> None:
        await self._trouble("delete_snapshot")
        record = self._volumes.get(volume_id)
        if record and snapshot_id in record.snapshots:
            left = {name: kept for name, kept in record.snapshots.items() if name != snapshot_id}
            self._keep(replace(record, snapshots=left))

    async def revert(self, volume_id: str, snapshot_id: str) -> None:
        await self._trouble("revert")
        record = self._closed(volume_id)
        self._keep(replace(record, content=self._snapshot(record, snapshot_id)[0]))

    async def copy_out(self, volume_id: str, snapshot_id: str | None, target: Path, disk_format: str) -> None:
        await self._trouble("copy_out")
        if disk_format not in self.capabilities.copy_formats:
            raise Failure(f"This backend cannot write {disk_format!r}.")
        record = self._find(volume_id) if snapshot_id else self._closed(volume_id)
        content = self._snapshot(record, snapshot_id)[0] if snapshot_id else record.content
        write_whole(target, content.ljust(_SECTOR, b"\0"))

    async def connect(self, volume_id: str, connector: Connector) -> Connection:
        await self._trouble("connect")
        record = self._find(volume_id)
        if connector.host != self._host or connector.shared or connector.served or record.served:
            self._keep(replace(record, served=record.served | {connector.attachment_id}))
            return Connection("nbd", connector.read_only, record.encrypted, host="simulated", export=volume_id)
        layer = Layer(f"/simulated/{volume_id}", "raw")
        return Connection("file", connector.read_only, record.encrypted, (layer,))

    async def disconnect(self, volume_id: str, attachment_id: str) -> None:
        await self._trouble("disconnect")
        if volume_id in self._volumes:
            record = self._find(volume_id)
            self._keep(replace(record, served=record.served - {attachment_id}))

    async def quarantine(self, volume_id: str) -> None:
        await self._trouble("quarantine")
        self._closed(volume_id)
        if self._folder:
            kept = self._folder / "quarantine"
            kept.mkdir(mode=0o700, exist_ok=True)
            (self._folder / f"{volume_id}.json").rename(kept / f"{volume_id}.json")
        self._volumes.pop(volume_id)

    def open(self, volume_id: str, *, by_guest: bool = True) -> None:
        """For tests: as if a guest ran with it, or no longer did."""
        self._keep(replace(self._find(volume_id), open=by_guest))

    async def _trouble(self, verb: str) -> None:
        """What was asked for in ``delays`` and ``failures``, before the verb does anything."""
        if verb in self._delays:
            await asyncio.sleep(self._delays[verb])
        if self._plans.get(verb) and (error := self._plans[verb].pop(0)):
            raise error
        if random.random() < self._rates.get(verb, 0):  # noqa: S311
            raise Failure(f"simulated failure of {verb}")

    def _find(self, volume_id: str) -> _Record:
        try:
            return self._volumes[volume_id]
        except KeyError:
            raise Failure("There is no such volume on this backend.") from None

    def _closed(self, volume_id: str) -> _Record:
        record = self._find(volume_id)
        if record.open:
            raise _OPEN
        return record

    def _snapshot(self, record: _Record, snapshot_id: str) -> tuple[bytes, int]:
        try:
            return record.snapshots[snapshot_id]
        except KeyError:
            raise Failure("The snapshot is not there any more.") from None

    def _keep(self, record: _Record) -> None:
        if self._folder:
            write_whole(self._folder / f"{record.volume_id}.json", msgspec.json.encode(record))
        self._volumes[record.volume_id] = record
