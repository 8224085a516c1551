"""Looking at disk images that users brought, without believing them.

A qcow2 header can name other files of the host (a backing file, an external data file) and QEMU's tools would open them.
So the header is read here first, and QEMU is always told the format: one that is guessed from content is one that the
guest, who writes the content, can choose.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from pathlib import Path

from wolke.core.drivers import Failure
from wolke.core.tools import ToolError, run

MAGIC = b"QFI\xfb"
HEADER = struct.Struct(">4sIQIIQI")  # magic version backing_offset backing_size cluster_bits size crypt_method
INCOMPATIBLE_AT, EXTERNAL_DATA = 72, 1 << 2
SECTOR = 512
CHECK_LIMITS = ("--as=1073741824", "--cpu=10", "--core=0")


@dataclass(frozen=True, slots=True)
class Image:
    format: str
    size: int  # bytes, as a guest sees it


def inspect(path: Path, image_format: str, *, backed: bool = False) -> Image:
    """What ``path`` is, from its first bytes alone. Raises ``Failure`` that a user can read if it may not be used. ``backed``: it may
    name a backing file, because the caller names another one."""
    try:
        with path.open("rb") as file:
            head = file.read(INCOMPATIBLE_AT + 8)
        length = path.stat().st_size
    except OSError as error:
        raise Failure(f"the image cannot be read on this host: {error.strerror}") from error
    if image_format == "raw":
        if not length:
            raise Failure("the image is empty")
        return Image("raw", -(-length // SECTOR) * SECTOR)
    if image_format == "qcow2":
        return Image("qcow2", _qcow2_size(head, backed))
    raise Failure(f"this host cannot run images of format {image_format!r}; use raw or qcow2")


def _qcow2_size(head: bytes, backed: bool) -> int:
    if len(head) < INCOMPATIBLE_AT or not head.startswith(MAGIC):
        raise Failure("the image is not a valid qcow2")
    _, version, backing, _, cluster_bits, size, crypt_method = HEADER.unpack_from(head)
    if version not in (2, 3) or not 9 <= cluster_bits <= 21 or size == 0 or size % SECTOR:
        raise Failure("the image is not a valid qcow2")
    if backing and not backed:
        raise Failure("the image refers to another file (a backing file); upload it flattened: qemu-img convert")
    if crypt_method:
        raise Failure("the image is encrypted, which this host cannot run")
    if version == 3:
        (incompatible,) = struct.unpack_from(">Q", head.ljust(INCOMPATIBLE_AT + 8, b"\0"), INCOMPATIBLE_AT)
        if incompatible & EXTERNAL_DATA:
            raise Failure("the image refers to another file (an external data file); upload it flattened")
    return int(size)


class ImageCheck:
    """Has QEMU's own reader look at each image once, with little memory and time, before a disk depends on it."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._passed: set[tuple[int, int, int, int]] = set()

    async def __call__(self, path: Path, image_format: str) -> Image:
        """Raises ``Failure`` if the image is hostile or broken."""
        image = inspect(path, image_format)
        found = path.stat()
        key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if image.format == "raw" or key in self._passed:
            return image
        try:
            async with asyncio.timeout(self._timeout_s):
                await run("prlimit", *CHECK_LIMITS, "--", "qemu-img", "info", "-U", "-f", image_format, str(path))
        except (ToolError, TimeoutError) as error:
            raise Failure(f"the image is not a valid {image_format}") from error
        self._passed.add(key)
        return image
