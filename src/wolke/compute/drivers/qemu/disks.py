"""A guest's disks as files: made once, copied when it is off.

The root disk is a qcow2 overlay on the image, which many guests share and none writes. The image is linked into the
guest's directory as ``base``: a cache may forget it without taking guests' disks away.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import uuid
from collections.abc import Callable
from pathlib import Path

from wolke.compute.drivers.base import Ephemeral, GuestSpec, RescueSpec
from wolke.compute.drivers.qemu.definition import Disks
from wolke.compute.drivers.qemu.home import EPHEMERALS, Home
from wolke.core.disk_images import SECTOR, Image, inspect
from wolke.core.drivers import Failure
from wolke.core.files import rename_durably, whole
from wolke.core.tools import run

GIB = 1 << 30
PAGE = 4096
_MKE2FS = shutil.which("mke2fs", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def root_size(spec: GuestSpec, image: Image | None) -> int:
    """Bytes of the root disk. Raises ``Failure`` if the image does not fit."""
    if image is None:
        return spec.root_gib * GIB
    if spec.root_gib and image.size > spec.root_gib * GIB:
        raise Failure(f"the flavor's disk ({spec.root_gib} GiB) is smaller than the image ({image.size / GIB:.3g} GiB)")
    return spec.root_gib * GIB or image.size


async def make(home: Home, spec: GuestSpec, image: Image | None, uid: int | None) -> Disks:
    """Make what is not there yet; a file has its final name only when it is whole."""
    root = root_size(spec, image)
    if image and spec.image:
        _link(spec.image, home.file("base"))
    if root and not home.file("disk").exists():
        await _make_root(home, root, image)
    elif root:
        root = await _grow_root(home, spec, root)
    for index, (name, wanted) in enumerate(zip(EPHEMERALS, spec.ephemerals, strict=False)):
        await _make_ephemeral(home.file(name), wanted, f"ephemeral{index}")
    _make_raw(home.file("swap"), spec.swap_mib << 20, swap_header)
    for name, source in (("kernel", spec.kernel), ("ramdisk", spec.ramdisk)):
        if source:
            await whole(_link_readable, source, home.file(name), uid)
    if spec.config_drive:
        await whole(_copy, spec.config_drive, home.file("config"))
    config = -(-home.file("config").stat().st_size // SECTOR) * SECTOR if spec.config_drive else 0
    beside = {name: one.size_gib * GIB for name, one in zip(EPHEMERALS, spec.ephemerals, strict=False)}
    return Disks(root, swap=spec.swap_mib << 20, config=config, **beside)


async def make_like(home: Home, spec: GuestSpec, image: Image | None, sizes: Disks, uid: int | None) -> None:
    """Empty disks of these sizes, for another host's to be copied into."""
    if image and spec.image:
        _link(spec.image, home.file("base"))
    if sizes.root and not home.file("disk").exists():
        await _make_root(home, sizes.root, image)
    for name in (*EPHEMERALS, "swap"):
        _make_raw(home.file(name), getattr(sizes, name))
    for name in ("kernel", "ramdisk"):
        if home.file(name).exists() and uid is not None:
            os.chown(home.file(name), uid, uid)


async def _make_root(home: Home, size: int, image: Image | None) -> None:
    await _make_overlay(home.file("disk"), size, image, "base")


async def _make_overlay(path: Path, size: int, image: Image | None, base: str) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    backing = ("-u", "-F", image.format, "-b", base) if image else ()  # -u: the image was looked at already
    await run("qemu-img", "create", "-q", "-f", "qcow2", *backing, str(part), str(size))
    part.chmod(0o600)
    part.rename(path)


async def make_rescue(home: Home, spec: RescueSpec, image: Image, uid: int | None) -> int:
    """The files of a rescue disk, anew; how large it is."""
    drop_rescue(home)
    _link(spec.image, home.file("rescue-base"))
    for name, source in (("rescue-kernel", spec.kernel), ("rescue-ramdisk", spec.ramdisk)):
        if source:
            await whole(_link_readable, source, home.file(name), uid)
    if spec.device != "cdrom":
        await _make_overlay(home.file("rescue"), image.size, image, "rescue-base")
    return image.size


def drop_rescue(home: Home) -> None:
    for name in ("rescue", "rescue.part", "rescue-base", "rescue-kernel", "rescue-ramdisk"):
        home.file(name).unlink(missing_ok=True)


async def _grow_root(home: Home, spec: GuestSpec, size: int) -> int:
    """A disk that came from elsewhere is at least so large afterwards; how large it is."""
    there = inspect(home.file("disk"), "qcow2", backed=True).size
    if there >= size:
        return there
    await run("qemu-img", "resize", "-q", "json:" + json.dumps(_root_node(home, spec)), str(size))
    return size


async def _make_ephemeral(path: Path, wanted: Ephemeral, label: str) -> None:
    """One that is there is made larger, if need be; what is on it is the guest's affair."""
    size = wanted.size_gib * GIB
    if path.exists() or not wanted.format:
        _make_raw(path, size)
        return
    fresh = path.with_name(path.name + ".fresh")
    fresh.unlink(missing_ok=True)
    _make_raw(fresh, size)
    later = "nodiscard,lazy_itable_init=1,lazy_journal_init=1"  # a sparse file is all zeroes
    if _MKE2FS is None:
        raise Failure("this host has no mke2fs (of e2fsprogs), which formats ephemeral disks")
    await run(_MKE2FS, "-q", "-F", "-t", wanted.format, "-L", label, "-E", later, str(fresh))
    fresh.rename(path)


def _make_raw(path: Path, size: int, header: Callable[[int], bytes] | None = None) -> None:
    """A sparse file of ``size`` bytes that begins with ``header(size)``; one that is there is made that large."""
    if not size:
        return
    if path.exists():
        if path.stat().st_size < size:
            os.truncate(path, size)
        return
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)
        if header:
            os.pwrite(descriptor, header(size), 0)
    finally:
        os.close(descriptor)
    part.rename(path)


def swap_header(size: int) -> bytes:
    """The first page of Linux swap space, as mkswap(8) writes it."""
    page = bytearray(PAGE)
    struct.pack_into("<III", page, 1024, 1, size // PAGE - 1, 0)  # version, last page, bad pages
    page[1036:1052] = uuid.uuid4().bytes
    page[PAGE - 10 :] = b"SWAPSPACE2"
    return bytes(page)


def _link(source: Path, target: Path) -> None:
    """A name for ``source`` that stays when the cache drops its own; a symbolic link where file systems differ."""
    if target.is_symlink() or target.exists():
        return
    try:
        os.link(source.resolve(), target)
    except OSError:
        target.symlink_to(source.resolve())


def _link_readable(source: Path, target: Path, uid: int | None) -> None:
    """As ``_link``; a copy if the guest's user may not read ``source``: QEMU opens a kernel itself."""
    if uid is None or source.stat().st_mode & 0o004:
        _link(source, target)
    elif not target.exists():
        part = _copy_part(source, target)
        os.chown(part, uid, uid)
        part.rename(target)


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        _copy_part(source, target).rename(target)


def _copy_part(source: Path, target: Path) -> Path:
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    shutil.copyfile(source, part)
    part.chmod(0o600)
    return part


def base_node(home: Home, spec: GuestSpec) -> dict[str, object]:
    return {"driver": spec.image_format, "file": {"driver": "file", "filename": str(home.file("base"))}}


async def make_target(target: Path, disk_format: str, size: int) -> Path:
    """An empty file beside ``target`` for a snapshot to be written to; ``finish_target`` gives it its name."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    await run("qemu-img", "create", "-q", "-f", disk_format, str(part), str(size))
    part.chmod(0o600)
    return part


def finish_target(part: Path, target: Path) -> None:
    rename_durably(part, target)


async def copy_offline(home: Home, spec: GuestSpec, part: Path, disk_format: str) -> None:
    """Flatten the root disk of a guest that is off into ``part``, an image of the right size.

    The backing file is named here, not taken from the overlay's header: QEMU writes that file, and one that was broken
    out of could have named any file of the host for us to copy.
    """
    node = "json:" + json.dumps(_root_node(home, spec))
    await run("qemu-img", "convert", "-n", "-O", disk_format, node, str(part))


def _root_node(home: Home, spec: GuestSpec) -> dict[str, object]:
    """The root disk as QEMU's tools are told of it. Raises ``Failure`` if its header names files."""
    inspect(home.file("disk"), "qcow2", backed=True)
    file = {"driver": "file", "filename": str(home.file("disk"))}
    return {"driver": "qcow2", "file": file, "backing": base_node(home, spec) if spec.image else None}
