"""The head of a guest's disk: our boot sector, the parameters it hands to Linux, the partition table.

`files/boot.S` is the source of the machine code below and says how it works; a unit test assembles it and compares.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

SECTOR = 512
PARAMETER_SECTORS = 16

CODE = bytes.fromhex(
    """
    fa31c08e d88ec08e d0bc007c 8816b27d fbfce492 0c02e692 e8980066 31dbbfd0 8266b820 e8000066 ba50414d 5366b914
    000000cd 15720c83 c714fe06 e8816685 db75dec7 06a87d00 10c706a6 7d0000bd 00983e66 8b460066 a3aa7d3e 668b4604
    6685c00f 84930066 0fb60eb3 7d6639c8 76036689 c8a3a47d 6650e836 00665966 010eaa7d 3e66294e 04669c66 c1e1073e
    668b7e08 66be0000 0100e837 006766f3 a58ed98e c13e6689 7e08669d 75ad83c5 0ceb9f55 bea27d8a 16b27db4 42cd135d
    7201c380 3eb37d40 7425c606 b37d4083 c406eb87 fa0f0116 9c7d0f20 c00c010f 22c0bb18 008edb8e c324fe0f 22c0c3b8
    210ebb07 00cd10f4 ebfdfa66 31c0bf00 10b9000c 66f3abc7 06001003 20c70600 200330bf 003066b8 83000000 b9000266
    890583c7 08660500 002000e2 f20f0116 9c7d66b8 20000000 0f22e066 b8001000 000f22d8 66b98000 00c00f32 80cc010f
    300f20c0 660d0100 00800f22 c0ea627d 1000b818 0000008e d88ec08e d0be0080 0000b800 000001ff e00f1f00 00000000
    00000000 00000000 00000000 ffff0000 009aaf00 ffff0000 0092cf00 1f007c7d 00001000 10000080 00000100 00000000
    00008080
    """
)

_COMMAND_LINE = 0x9000
_COMMAND_LINE_MAX = 0x7FF
_EXTENTS_OFFSET = 0x1800
_HEADER = 0x1F1


@dataclass(frozen=True)
class Extent:
    """Sectors of the disk that belong at an address in memory."""

    first: int
    count: int
    address: int


@dataclass(frozen=True)
class Partition:
    kind: int
    first: int
    count: int


def parameters(header: bytes, command_line: str, extents: Sequence[Extent], ramdisk: tuple[int, int]) -> bytes:
    """Sectors 1 to 16. `ramdisk` is its address and size. Source: Linux, Documentation/arch/x86/zero-page.rst."""
    page = bytearray(PARAMETER_SECTORS * SECTOR)
    # The VGA text screen that the BIOS leaves: 80 × 25 in mode 3, characters 16 lines high; for the VNC console.
    page[0x06:0x08] = bytes((3, 80))
    page[0x0E:0x10] = bytes((25, 1))
    page[0x10:0x12] = struct.pack("<H", 16)
    page[_HEADER : _HEADER + len(header)] = header
    page[0x210] = 0xFF  # a boot loader without a registered number
    page[0x211] |= 1  # the kernel is loaded high
    struct.pack_into("<II", page, 0x218, *ramdisk)
    struct.pack_into("<I", page, 0x228, _COMMAND_LINE)
    text = command_line.encode("ascii")
    if len(text) > _COMMAND_LINE_MAX:
        raise ValueError("the kernel's command line is too long")
    page[0x1000 : 0x1000 + len(text)] = text
    for number, extent in enumerate(extents):
        record = (extent.first, extent.count, extent.address)
        struct.pack_into("<III", page, _EXTENTS_OFFSET + 12 * number, *record)
    return bytes(page)


def boot_record(partitions: Sequence[Partition]) -> bytes:
    """Sector 0: the code, a disk signature and the table of at most four partitions."""
    table = b"".join(
        struct.pack(
            "<B3sB3sII", 0x80 if number == 0 else 0, b"\xfe\xff\xff", part.kind, b"\xfe\xff\xff", part.first, part.count
        )
        for number, part in enumerate(partitions)
    )
    return CODE.ljust(440, b"\0") + b"WLKE\0\0" + table.ljust(64, b"\0") + b"\x55\xaa"
