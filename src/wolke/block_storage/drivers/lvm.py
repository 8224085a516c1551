"""Volumes as thin logical volumes of one pool of LVM: the kernel shares their blocks, and counts who stands on what.

    vol-<id>        a volume             tags: ``wolke.whole`` once it is wholly made
    vol-<id>.new    what is about to take its place (revert, fill); ``.old``: what it took the place of
    snap-<id>       a snapshot           tags: ``wolke.whole``, ``wolke.of.<volume id>``

What LVM says (``lvs``) is all that is known; nothing else is kept. A volume without the tag is what a verb left that did not come
to its end. Snapshots are taken while a guest runs, with no help of its QEMU: the kernel holds writes back meanwhile.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from wolke.block_storage.drivers import base
from wolke.block_storage.drivers.base import GIB, Capacity, Connection, Connector, Found, Holder, Layer, Source, Volume
from wolke.core.config import option
from wolke.core.disk_images import ImageCheck
from wolke.core.drivers import Failure, Unsupported
from wolke.core.files import exclusive, rename_durably, whole
from wolke.core.tools import ToolError, run

__all__ = ["LvmConfig", "LvmDriver"]

_WHOLE = "wolke.whole"
_OF = "wolke.of."
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COLUMNS = "lv_name,lv_size,lv_tags,lv_device_open,data_percent"
_TOOLS = ("lvm", "qemu-img", "setpriv")
_OPEN = Failure("The volume is in use by a server.")
_LOCK_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class LvmConfig:
    volume_group: str = option("wolke", "The volume group.")
    pool: str = option("wolke-pool", "The thin pool in it; it must be there.")
    device_folder: Path = option(Path("/dev"), "Where the devices of volume groups are.")
    image_check_timeout_s: float = option(10.0, "For qemu-img to look at an image.")


@dataclass(frozen=True, slots=True)
class Logical:
    """A logical volume, as ``lvs`` tells of it."""

    name: str
    size_bytes: int
    tags: frozenset[str]
    open: bool
    used_percent: float

    @property
    def whole(self) -> bool:
        return _WHOLE in self.tags

    @property
    def volume_id(self) -> str | None:
        """Of the volume that this is a snapshot of."""
        return next((tag.removeprefix(_OF) for tag in self.tags if tag.startswith(_OF)), None)


def parse(report: bytes) -> dict[str, Logical]:
    """The answer of ``lvs --reportformat json``."""
    found = {}
    for row in json.loads(report)["report"][0]["lv"]:
        tags = frozenset(tag for tag in row["lv_tags"].split(",") if tag)
        opened = row["lv_device_open"] in ("open", "1")
        used = float(row["data_percent"] or 0)
        found[row["lv_name"]] = Logical(row["lv_name"], int(row["lv_size"]), tags, opened, used)
    return found


class LvmDriver:
    """``folder`` is for locks only."""

    def __init__(self, folder: Path, *, host: str = "", config: LvmConfig | None = None) -> None:
        self._config = config or LvmConfig()
        self._folder = folder / "locks"
        self._host = host
        self._check_image = ImageCheck(self._config.image_check_timeout_s)

    @property
    def capabilities(self) -> base.Capabilities:
        return base.Capabilities(storage_protocol="lvm", online_extend=True, online_snapshot=True)

    async def prepare(self) -> None:
        if missing := [name for name in _TOOLS if shutil.which(name) is None]:
            raise Failure(f"{' and '.join(missing)} cannot be found; install lvm2, qemu-utils and util-linux")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            there = await self._look()
        except ToolError as error:
            raise Failure(f"the volume group {self._config.volume_group!r} cannot be used: {error}") from error
        if self._config.pool not in there:
            raise Failure(f"there is no thin pool {self._config.pool!r} in {self._config.volume_group!r}")

    async def close(self) -> None:
        pass

    async def capacity(self) -> Capacity:
        pool = (await self._look())[self._config.pool]
        return Capacity(pool.size_bytes / GIB, pool.size_bytes * (100 - pool.used_percent) / 100 / GIB)

    async def look(self, volume_id: str) -> Found | None:
        return next((one for one in await self.volumes() if one.volume_id == volume_id), None)

    async def volumes(self) -> Sequence[Found]:
        there = await self._look()
        found = []
        for one in there.values():
            volume_id = one.name.removeprefix("vol-").partition(".")[0]
            if one.name.startswith("vol-") and _ID.fullmatch(volume_id):
                names = [o.name[5:] for o in there.values() if o.whole and o.volume_id == volume_id]
                if one.name == f"vol-{volume_id}":
                    found.append(Found(volume_id, one.size_bytes // GIB, tuple(sorted(names)), one.whole, one.open))
                elif f"vol-{volume_id}" not in there:
                    found.append(Found(volume_id, whole=False))
        return found

    # -- making and unmaking

    async def create(self, volume: Volume, source: Source) -> None:
        if volume.encryption:
            raise Unsupported("This backend cannot encrypt volumes.")
        async with self._hold(volume.volume_id) as there:
            name = f"vol-{volume.volume_id}"
            if name in there and there[name].whole:
                return
            await self._remove(name, there)
            if isinstance(source, base.Blank):
                await self._thin(name, volume.size_gib, _WHOLE)
                return
            try:
                await self._made(name, volume.size_gib, source, there)
            except BaseException:
                await self._remove(name, await self._look())
                raise

    async def _made(self, name: str, size_gib: int, source: Source, there: dict[str, Logical]) -> None:
        if isinstance(source, base.OfImage):
            await self._of_image(name, size_gib, source)
        else:
            origin = f"vol-{source.volume_id}" if isinstance(source, base.OfVolume) else ""
            origin = f"snap-{source.snapshot_id}" if isinstance(source, base.OfSnapshot) else origin
            if origin not in there:
                raise Failure("The source is not there any more.")
            if there[origin].size_bytes > size_gib * GIB:
                raise Failure("The source is larger than the volume.")
            await self._branch(name, origin)
            if there[origin].size_bytes < size_gib * GIB:
                await self._lvm("lvextend", "-L", f"{size_gib * GIB}b", self._path(name))
        await self._tag(name)

    async def _of_image(self, name: str, size_gib: int, source: base.OfImage) -> None:
        image = await self._check_image(source.path, source.format)
        if image.size > size_gib * GIB:
            raise Failure(f"The image needs a volume of at least {-(-image.size // GIB)} GiB; this one has {size_gib}.")
        await self._thin(name, size_gib)
        node = {"driver": source.format, "file": {"driver": "file", "filename": str(source.path)}}
        if source.format == "qcow2":
            node["backing"] = None  # type: ignore[assignment]
        await self._qemu_img(
            "convert",
            "-q",
            "-n",
            "--target-is-zero",
            "-O",
            "raw",
            "json:" + json.dumps(node),
            self._device(name),
        )

    async def delete(self, volume_id: str) -> None:
        async with self._hold(volume_id) as there:
            if (one := there.get(f"vol-{volume_id}")) and one.open:
                raise _OPEN
            of_it = [other.name for other in there.values() if other.volume_id == volume_id]
            for name in (*of_it, f"vol-{volume_id}.new", f"vol-{volume_id}.old", f"vol-{volume_id}"):
                await self._remove(name, there)

    async def extend(self, volume_id: str, size_gib: int, holder: Holder | None = None) -> None:
        async with self._volume(volume_id) as (one, _):
            if size_gib * GIB < one.size_bytes:
                raise Failure(f"The volume has {one.size_bytes // GIB} GiB and cannot be made smaller.")
            if one.open and holder is None:
                raise _OPEN
            if size_gib * GIB > one.size_bytes:
                await self._lvm("lvextend", "-L", f"{size_gib * GIB}b", self._path(one.name))
            if one.open and holder:
                await holder.resize(size_gib * GIB)

    async def fill(self, volume: Volume, source: base.OfImage) -> None:
        async with self._volume(volume.volume_id) as (one, there):
            if one.open:
                raise _OPEN
            new = f"{one.name}.new"
            await self._remove(new, there)
            await self._of_image(new, one.size_bytes // GIB, source)
            await self._tag(new)
            await self._settle(volume.volume_id, await self._look())

    # -- snapshots

    async def snapshot(self, volume_id: str, snapshot_id: str, holder: Holder | None = None) -> None:
        async with self._volume(volume_id) as (one, there):
            if f"snap-{snapshot_id}" not in there:
                await self._branch(f"snap-{snapshot_id}", one.name, _WHOLE, _OF + volume_id)

    async def delete_snapshot(self, volume_id: str, snapshot_id: str) -> None:
        async with self._hold(volume_id) as there:
            await self._remove(f"snap-{snapshot_id}", there)

    async def revert(self, volume_id: str, snapshot_id: str) -> None:
        async with self._volume(volume_id) as (one, there):
            if one.open:
                raise _OPEN
            if f"snap-{snapshot_id}" not in there:
                raise Failure("The snapshot is not there any more.")
            new = f"{one.name}.new"
            await self._remove(new, there)
            await self._branch(new, f"snap-{snapshot_id}")
            if there[f"snap-{snapshot_id}"].size_bytes < one.size_bytes:
                await self._lvm("lvextend", "-L", f"{one.size_bytes}b", self._path(new))
            await self._tag(new)
            await self._settle(volume_id, await self._look())

    async def copy_out(self, volume_id: str, snapshot_id: str | None, target: Path, disk_format: str) -> None:
        async with self._volume(volume_id) as (one, there):
            name = f"snap-{snapshot_id}" if snapshot_id else one.name
            if disk_format not in self.capabilities.copy_formats:
                raise Failure(f"This backend cannot write {disk_format!r}.")
            if name not in there:
                raise Failure("The snapshot is not there any more.")
            if there[name].open:
                raise _OPEN
            part = target.with_name(target.name + ".part")
            try:
                await self._qemu_img("convert", "-q", "-f", "raw", "-O", disk_format, self._device(name), str(part))
                await whole(rename_durably, part, target)
            finally:
                part.unlink(missing_ok=True)

    # -- being used

    async def connect(self, volume_id: str, connector: Connector) -> Connection:
        async with self._volume(volume_id) as (one, _):
            if connector.host != self._host or connector.shared or connector.served:
                raise Failure("This backend serves guests on its own host only, one at a time.")
            layer = Layer(self._device(one.name), "raw")
            return Connection("file", connector.read_only, layers=(layer,))

    async def disconnect(self, volume_id: str, attachment_id: str) -> None:
        pass

    # -- LVM

    def _path(self, name: str) -> str:
        return f"{self._config.volume_group}/{name}"

    def _device(self, name: str) -> str:
        return str(self._config.device_folder / self._path(name))

    async def _lvm(self, *argv: str) -> bytes:
        try:
            return await run("lvm", *argv)
        except ToolError as error:
            if re.search(r"insufficient|free space|No space", str(error), re.IGNORECASE):
                raise Failure("The storage backend has no room left.") from error
            raise

    async def _qemu_img(self, *argv: str) -> None:
        try:
            await run("setpriv", "--pdeathsig", "KILL", "--", "qemu-img", *argv)
        except ToolError as error:
            if "No space left" in str(error):
                raise Failure("The storage backend has no room left.") from error
            raise

    async def _look(self) -> dict[str, Logical]:
        return parse(
            await self._lvm(
                "lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", _COLUMNS, self._config.volume_group
            )
        )

    async def _thin(self, name: str, size_gib: int, *tags: str) -> None:
        words = [word for tag in tags for word in ("--addtag", tag)]
        pool = self._path(self._config.pool)
        await self._lvm("lvcreate", "-q", "-y", "-V", f"{size_gib * GIB}b", "-T", pool, "-n", name, *words)

    async def _branch(self, name: str, origin: str, *tags: str) -> None:
        """``name`` has what ``origin`` has now; ``-kn``: it is active, like any other."""
        words = [word for tag in tags for word in ("--addtag", tag)]
        await self._lvm("lvcreate", "-q", "-y", "-s", "-kn", "-n", name, *words, self._path(origin))

    async def _tag(self, name: str) -> None:
        await self._lvm("lvchange", "-q", "--addtag", _WHOLE, self._path(name))

    async def _remove(self, name: str, there: dict[str, Logical]) -> None:
        if name in there:
            await self._lvm("lvremove", "-q", "-f", self._path(name))

    async def _settle(self, volume_id: str, there: dict[str, Logical]) -> bool:
        """A whole ``.new`` takes the volume's place. Whether anything was to be done."""
        name = f"vol-{volume_id}"
        new, old = f"{name}.new", f"{name}.old"
        if new in there and there[new].whole:
            if name in there:
                await self._remove(old, there)
                await self._lvm("lvrename", "-q", self._config.volume_group, name, old)
            await self._lvm("lvrename", "-q", self._config.volume_group, new, name)
            await self._remove(old, await self._look())
            return True
        for left in (new, old):
            await self._remove(left, there)
        return new in there or old in there

    @asynccontextmanager
    async def _hold(self, volume_id: str) -> AsyncIterator[dict[str, Logical]]:
        """What there is, with nothing half done to the volume, which is ours meanwhile."""
        if not _ID.fullmatch(volume_id):
            raise Failure(f"{volume_id!r} is not a volume id: it must be a UUID in lower case")
        async with exclusive(self._folder / volume_id, _LOCK_TIMEOUT_S):
            there = await self._look()
            if await self._settle(volume_id, there):
                there = await self._look()
            yield there

    @asynccontextmanager
    async def _volume(self, volume_id: str) -> AsyncIterator[tuple[Logical, dict[str, Logical]]]:
        async with self._hold(volume_id) as there:
            one = there.get(f"vol-{volume_id}")
            if one is None or not one.whole:
                raise Failure("There is no such volume on this backend.")
            yield one, there
