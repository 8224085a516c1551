"""A tiny cloud guest made from the distribution's own packages: the image that `wolke demo` and the tests boot.

It does what a cloud image must (DHCP with classless routes and MTU, IPv6 by router advertisement, metadata by HTTP and
config drive, user-data scripts, keys for ssh, ACPI power-off) and little else, so that it boots in seconds even where
the processor is emulated. From one tree come a qcow2 disk that boots by itself, and for direct boot the kernel with
either of two first file systems: `ramdisk` is the whole guest in memory, `initramfs` goes on to the disk's root.

Nothing here needs root, and nothing is downloaded but packages that apt verifies. `build` is atomic: it works in a
folder of its own and renames; builds side by side end with the same bytes, whoever is last.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from wolke.cli.guest_image import contents, debian, disk
from wolke.cli.guest_image.debian import PackageUnavailable
from wolke.cli.guest_image.kernel import slimmed
from wolke.cli.guest_image.tree import cpio

__all__ = ["GuestImage", "PackageUnavailable", "build", "recipe"]

KERNEL_ARGUMENTS = disk.COMMAND_LINE.partition(" ")[2]
"""What to append when the kernel is booted directly, with either `ramdisk` or `initramfs`."""

_FILES = {
    "disk_qcow2": "guest.qcow2",
    "kernel": "guest.vmlinux",
    "ramdisk": "guest.ramdisk",
    "initramfs": "guest.initramfs",
}
_RECORD = "guest.json"


@dataclass(frozen=True)
class GuestImage:
    """A built guest. `size` (bytes) and `sha256` are the disk's; `sums` has the SHA-256 of every file by its name."""

    disk_qcow2: Path
    kernel: Path
    ramdisk: Path
    initramfs: Path
    size: int
    sha256: str
    sums: dict[str, str]
    recipe: str
    packages: dict[str, str]


def build(out_dir: Path, *, cache_dir: Path, progress: Callable[[str, float], None] | None = None) -> GuestImage:
    """Build the guest into `out_dir` unless it is there already; packages are kept in `cache_dir`.

    `progress` hears what is being done and which part of the whole (0 to 1) is behind it. A newer package in the
    archive is no reason to build again; a change of this recipe is.
    """
    tell = progress or (lambda _what, _part: None)
    digest = recipe()
    known = _read_record(out_dir, digest)
    if known is not None:
        tell("guest image is there", 1.0)
        return known
    out_dir.mkdir(parents=True, exist_ok=True)
    tell("fetching packages", 0.0)
    packages = debian.fetch(cache_dir)
    tell("unpacking", 0.3)
    parts = contents.take_apart(packages)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=out_dir))
    try:
        (scratch / _FILES["kernel"]).write_bytes(slimmed(parts.kernel.elf))
        (scratch / _FILES["ramdisk"]).write_bytes(cpio(contents.ram_guest(parts)))
        (scratch / _FILES["initramfs"]).write_bytes(cpio(contents.disk_start(parts)))
        tell("writing the disk", 0.6)
        disk.write(parts, scratch / _FILES["disk_qcow2"], scratch)
        image = _describe(out_dir, scratch, digest, {package.file.name: package.sha256 for package in packages})
        _publish(image, scratch, out_dir)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    tell("guest image is built", 1.0)
    return image


def recipe() -> str:
    """A digest of all that decides what is built, except the versions of the packages."""
    total = hashlib.sha256()
    for path, data in sorted(_sources(resources.files(__package__), "")):
        total.update(f"{path} {len(data)}\n".encode() + data)
    return total.hexdigest()


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in folder.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            found += _sources(item, f"{prefix}{item.name}/")
        elif item.is_file():
            found.append((prefix + item.name, item.read_bytes()))
    return found


def _describe(out_dir: Path, scratch: Path, digest: str, packages: dict[str, str]) -> GuestImage:
    sums = {name: _sum(scratch / name) for name in _FILES.values()}
    places = {field: out_dir / name for field, name in _FILES.items()}
    disk_file = _FILES["disk_qcow2"]
    size = (scratch / disk_file).stat().st_size
    return GuestImage(**places, size=size, sha256=sums[disk_file], sums=sums, recipe=digest, packages=packages)


def _publish(image: GuestImage, scratch: Path, out_dir: Path) -> None:
    """The record goes last: without it the files are not believed."""
    (scratch / _RECORD).write_text(json.dumps(asdict(image), default=str, indent=1) + "\n")
    for name in (*_FILES.values(), _RECORD):
        (scratch / name).replace(out_dir / name)


def _read_record(out_dir: Path, digest: str) -> GuestImage | None:
    try:
        record = json.loads((out_dir / _RECORD).read_text())
        image = GuestImage(**{**record, **{field: out_dir / name for field, name in _FILES.items()}})
        whole = image.recipe == digest and image.disk_qcow2.stat().st_size == image.size
    except (OSError, ValueError, TypeError):
        return None
    return image if whole and all((out_dir / name).exists() for name in _FILES.values()) else None


def _sum(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
