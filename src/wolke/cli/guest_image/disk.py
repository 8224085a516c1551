"""The guest's disk image: boot sector, plain kernel, initramfs and an ext4 root, as a qcow2 that any BIOS machine boots."""

import subprocess
from pathlib import Path

from wolke.cli.guest_image.bootsector import (
    PARAMETER_SECTORS,
    SECTOR,
    Extent,
    Partition,
    boot_record,
    parameters,
)
from wolke.cli.guest_image.contents import Parts, disk_start, root
from wolke.cli.guest_image.kernel import segments
from wolke.cli.guest_image.tree import cpio, ext4

ROOT_MIB = 192
"""Room enough for a test guest, and nearly free: an empty block takes no place in a qcow2. It does not grow with the
flavor's disk, as that would take resize2fs and its libraries in the image for a guest nobody fills."""

COMMAND_LINE = (
    "root=/dev/vda2 console=tty0 console=ttyS0,115200 quiet"
    # Under TCG each of these saves a tenth of a second or more; for a test guest none is a loss. Interrupts stay ACPI's, slow
    # as its tables are to walk (`files/initramfs/init` has the remedy): else nothing could be plugged in, and one processor
    # is all that the guest would see.
    " cryptomgr.notests mitigations=off random.trust_cpu=on init_on_alloc=0"
    " initcall_blacklist=crypto_kdf108_init,init_kprobe_trace,load_system_certificate_list,init_encrypted"
)

_ALIGN = 2048
_RAMDISK = 0x800000
_PAGE = 4096


def write(parts: Parts, target: Path, scratch: Path) -> None:
    """The finished qcow2 at `target`; `scratch` is a folder for what is in between."""
    kernel = _trimmed(segments(parts.kernel.elf))
    ramdisk = cpio(disk_start(parts))
    if _RAMDISK + len(ramdisk) > min(address for address, _ in kernel):
        raise ValueError("the initramfs reaches into the kernel's place in memory")
    blobs = [*kernel, (_RAMDISK, ramdisk)]
    extents, end = _lay_out(blobs)
    root_image = scratch / "root.ext4"
    ext4(root(parts), root_image, ROOT_MIB, "wolke-root", scratch)
    root_first = -(-end // _ALIGN) * _ALIGN
    partitions = (
        Partition(0xDA, _ALIGN, root_first - _ALIGN),  # 0xda: data without a file system
        Partition(0x83, root_first, (ROOT_MIB << 20) // SECTOR),
    )
    raw = scratch / "disk.raw"
    with raw.open("wb") as out:
        out.write(boot_record(partitions))
        out.write(parameters(parts.kernel.header, COMMAND_LINE, extents, (_RAMDISK, len(ramdisk))))
        for (_, data), extent in zip(blobs, extents, strict=True):
            out.seek(extent.first * SECTOR)
            out.write(data)
        out.truncate((root_first << 9) + (ROOT_MIB << 20))
    _copy_sparsely(root_image, raw, root_first * SECTOR)
    _run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(target)])


def _trimmed(found: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The segments without the zeros at the end of the last: that is .bss, which Linux clears for itself."""
    *others, (address, data) = sorted(found)
    return [*others, (address, data.rstrip(b"\0"))]


def _lay_out(blobs: list[tuple[int, bytes]]) -> tuple[list[Extent], int]:
    """Where on the disk each blob goes, and the first sector after them."""
    position = _ALIGN
    extents = []
    for address, data in blobs:
        count = -(-len(data) // _PAGE) * (_PAGE // SECTOR)
        extents.append(Extent(position, count, address))
        position += -(-count // 128) * 128
    if PARAMETER_SECTORS >= _ALIGN:
        raise ValueError("the parameters reach into the first partition")
    return extents, position


def _copy_sparsely(source: Path, target: Path, offset: int) -> None:
    with source.open("rb") as data, target.open("r+b") as out:
        position = offset
        while block := data.read(1 << 16):
            if any(block):
                out.seek(position)
                out.write(block)
            position += len(block)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")
