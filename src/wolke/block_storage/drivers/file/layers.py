"""Layers as files: made, laid on one another, copied and merged by QEMU's own tools.

A file has its final name only when it is whole and on the disk. What a tool was at when we died goes on to a file that has no
name any more, or dies with us; what it wrote is never looked at.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wolke.block_storage.drivers.base import Encryption
from wolke.block_storage.drivers.file.home import Definition, Home, Record, layer_name
from wolke.core import tools
from wolke.core.detached import is_locked
from wolke.core.disk_images import inspect
from wolke.core.drivers import Failure
from wolke.core.files import rename_durably, whole
from wolke.core.tools import ToolError

Node = dict[str, Any]

_FICLONE = 0x40049409
_QEMU_LOCKS = (100, 200)  # first byte and number of those that QEMU locks in a file that it has open
# QEMU times how fast it derives keys, and gives up where the kernel's clock of its thread has not moved meanwhile: it is asked again.
_NO_TIMING, _TIMINGS = "accurate CPU usage", 8
_KEY_TIME_MS = "10"  # the passphrase is a random key already: nobody guesses it however fast he tries
_FULL = Failure("The storage backend has no room left.")
_WORDS = (
    (r"No space left on device|Disk quota exceeded", str(_FULL)),
    (r"not in \w+ format|is corrupt|Unknown QCow2|Invalid .*table|Could not .* header", "The image is broken."),
    (r"File too large", "The storage backend cannot hold a volume so large."),
)
_COPY_OPTIONS = {"vmdk": ("-o", "subformat=streamOptimized")}


@contextmanager
def in_words() -> Iterator[None]:
    """What trouble means for a user, where trying again would not help."""
    try:
        yield
    except ToolError as error:
        for pattern, meaning in _WORDS:
            if re.search(pattern, str(error)):
                raise Failure(meaning) from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Failure(str(_FULL)) from error
        raise


async def qemu_img(*argv: str, inherited: Sequence[int] = ()) -> bytes:
    """It dies with us: two of them must never be at the same file."""
    with in_words():
        return await tools.run("setpriv", "--pdeathsig", "KILL", "--", "qemu-img", *argv, inherited=inherited)


# -- how a disk is opened


def file_node(path: Path, layer_format: str) -> Node:
    return {"driver": layer_format, "file": {"driver": "file", "filename": str(path)}}


def node(home: Home, definition: Definition, layer: str) -> Node:
    """``layer`` with all that it lies on, none of it taken from a header. ``Failure`` if a guest has made a header name files."""
    made: Node | None = None
    for name in reversed(list(definition.chain(layer))):
        record, path = definition.layers[name], home.file(name)
        _believe(path, record)
        one = file_node(path, record.format)
        if record.format == "qcow2":
            one["backing"] = made
        made = one
    assert made is not None
    return made


def _believe(path: Path, record: Record) -> None:
    if record.format == "qcow2" and not record.image:
        inspect(path, "qcow2", backed=record.parent is not None)


def as_name(one: Node) -> str:
    return "json:" + json.dumps(one)


def is_open(path: Path) -> bool:
    """Whether a QEMU or one of its tools has the file open. The kernel knows: they hold locks, which can be asked about."""
    return is_locked(path, *_QEMU_LOCKS)


# -- making


def _part(home: Home, name: str) -> Path:
    part = home.file(name + ".part")
    part.unlink(missing_ok=True)
    return part


async def _settle(part: Path, path: Path) -> None:
    """On the disk, then under its name."""
    await whole(_settle_now, part, path)


def _settle_now(part: Path, path: Path) -> None:
    descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o600)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    rename_durably(part, path)


async def blank(home: Home, layer_format: str, size_bytes: int) -> str:
    """The name of an empty layer that lies on nothing."""
    name = layer_name(layer_format)
    part = _part(home, name)
    await qemu_img("create", "-q", "-f", layer_format, str(part), str(size_bytes))
    await _settle(part, home.file(name))
    return name


async def overlay(home: Home, below: str, below_format: str, size_bytes: int, name: str | None = None) -> str:
    """The name of an empty layer on ``below``."""
    name = name or layer_name("qcow2")
    part = _part(home, name)
    lower = ("-u", "-F", below_format, "-b", below)  # -u: it need not be opened, we know what it is
    await qemu_img("create", "-q", "-f", "qcow2", *lower, str(part), str(size_bytes))
    await _settle(part, home.file(name))
    return name


async def encrypted(home: Home, layer_format: str, size_bytes: int, encryption: Encryption) -> tuple[str, int]:
    """An empty LUKS volume of ``size_bytes`` in a layer of its own, and how many bytes its header takes."""
    name = layer_name(layer_format)
    header, part = _part(home, name + ".luks"), _part(home, name)
    options = (
        f"key-secret=key,cipher-alg={encryption.cipher},cipher-mode={encryption.mode},"
        f"hash-alg={encryption.hash},iter-time={_KEY_TIME_MS}"
    )
    with secret(encryption) as (arguments, inherited):
        argv = ("create", "-q", *arguments, "-f", "luks", "-o", options, str(header), str(size_bytes))
        for left in reversed(range(_TIMINGS)):
            try:
                await qemu_img(*argv, inherited=inherited)
                break
            except ToolError as error:
                if _NO_TIMING not in str(error) or not left:
                    raise
    head_bytes = header.stat().st_size - size_bytes
    if layer_format == "raw":
        header.rename(part)
    else:
        await qemu_img("convert", "-q", "-f", "raw", "-O", layer_format, str(header), str(part))
        header.unlink()
    await _settle(part, home.file(name))
    return name, head_bytes


@contextmanager
def secret(encryption: Encryption) -> Iterator[tuple[tuple[str, str], tuple[int]]]:
    """Arguments that name the passphrase ``key``, and the open file that holds it: in memory, without a name, for our child only."""
    descriptor = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, encryption.passphrase.encode())
        yield ("--object", f"secret,id=key,file=/proc/self/fd/{descriptor}"), (descriptor,)
    finally:
        os.close(descriptor)


async def write_encrypted(home: Home, layer: str, layer_format: str, source: Node, encryption: Encryption) -> None:
    """Fill the LUKS volume in ``layer`` with ``source``."""
    inner = file_node(home.file(layer), layer_format)
    target = {"driver": "luks", "key-secret": "key", "file": inner}
    with secret(encryption) as (arguments, inherited):
        await qemu_img(
            "convert", "-q", *arguments, "-n", "-S", "0", "--target-image-opts", as_name(source), _options(target),
            inherited=inherited,
        )  # fmt: skip
    await asyncio.to_thread(_sync, home.file(layer))


def _options(one: Node, prefix: str = "") -> str:
    """A node as ``key=value,…``, which is all that ``--target-image-opts`` understands."""
    words = []
    for key, value in one.items():
        if isinstance(value, dict):
            words.append(_options(value, f"{prefix}{key}."))
        else:
            words.append(f"{prefix}{key}={str(value).replace(',', ',,')}")
    return ",".join(words)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def copied(home: Home, source: Node, layer_format: str, size_bytes: int) -> str:
    """The name of a layer that lies on nothing and holds what ``source`` does, and zeroes after it."""
    name = layer_name(layer_format)
    part = _part(home, name)
    shared = layer_format == source["driver"] == "raw" and await whole(_reflink, source["file"]["filename"], part)
    if not shared:
        await qemu_img("convert", "-q", "-O", layer_format, as_name(source), str(part))
    await qemu_img("resize", "-q", "-f", layer_format, str(part), str(size_bytes))
    await _settle(part, home.file(name))
    return name


def _reflink(source: str, target: Path) -> bool:
    """Whether the file system let both files share their blocks."""
    with Path(source).open("rb") as readable, target.open("xb") as writable:
        try:
            fcntl.ioctl(writable.fileno(), _FICLONE, readable.fileno())
        except OSError:
            return False
    return True


def link(source: Path, home: Home, name: str) -> None:
    """A name of our own for what nobody writes to. Raises ``OSError`` where the file system cannot."""
    if not home.file(name).exists():
        os.link(source, home.file(name))


def keep_copy(source: Path, folder: Path) -> Path:
    """Where ``source`` lies on another file system: a copy on this one, made once."""
    found = source.stat()
    target = folder / f"{found.st_dev:x}-{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
    if not target.exists():
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            with in_words():
                shutil.copyfile(source, part)
                _settle_now(part, target)
        finally:
            part.unlink(missing_ok=True)
    return target


# -- changing


async def resize(home: Home, definition: Definition, size_bytes: int) -> None:
    """Of the top, which nobody has open. It never becomes smaller."""
    path, record = home.file(definition.top), definition.layers[definition.top]
    opened = node(home, definition, definition.top)
    if inspect(path, record.format, backed=True).size < size_bytes:
        if record.format == "raw":
            await whole(os.truncate, path, size_bytes)
        else:
            await qemu_img("resize", "-q", as_name(opened), str(size_bytes))
    await asyncio.to_thread(_sync, path)


async def merge(home: Home, definition: Definition, layer: str) -> None:
    """Write what ``layer`` holds into the one that it lies on. At any moment in between, it reads as before."""
    await qemu_img("commit", "-q", "-d", as_name(node(home, definition, layer)))
    below = definition.layers[layer].parent
    assert below is not None
    await asyncio.to_thread(_sync, home.file(below))


async def copy_out(source: Node, target: Path, disk_format: str) -> None:
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        options = _COPY_OPTIONS.get(disk_format, ())
        await qemu_img("convert", "-q", "-O", disk_format, *options, as_name(source), str(part))
        await _settle(part, target)
    finally:
        part.unlink(missing_ok=True)
