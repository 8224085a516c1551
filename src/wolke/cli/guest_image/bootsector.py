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
    fa31c08e d88ec08e d0bc007c 88169e7d fbfce492 0c02e692 e8960066 31dbbfd0 8266b820 e8000066 ba50414d 5366b914
    000000cd 15720c83 c714fe06 e8816685 db75dec7 06947d00 10c70692 7d0000bd 00983e66 8b460066 a3967d3e 668b4604
    6685c00f 84800066 83f87876 0666b878 000000a3 907d6650 e8360066 5966010e 967d3e66 294e0466 9c66c1e1 073e668b
    7e0866be 00000100 e8260067 66f3a58e d98ec13e 66897e08 669d75af 83c50ceb a155be8e 7d8a169e 7db442cd 135d721c
    c3fa0f01 16887d0f 20c00c01 0f22c0bb 18008edb 8ec324fe 0f22c0c3 b8210ebb 0700cd10 f4ebfdfa 6631c0bf 0010b900
    0c66f3ab c7060010 0320c706 00200330 bf003066 b8830000 00b90002 66890583 c7086605 00002000 e2f20f01 16887d66
    b8200000 000f22e0 66b80010 00000f22 d866b980 0000c00f 3280cc01 0f300f20 c0660d01 0000800f 22c0ea4f 7d1000b8
    18000000 8ed88ec0 8ed0be00 800000b8 00000001 ffe06690 00000000 00000000 00000000 00000000 ffff0000 009aaf00
    ffff0000 0092cf00 1f00687d 00001000 10000080 00000100 00000000 000080
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
