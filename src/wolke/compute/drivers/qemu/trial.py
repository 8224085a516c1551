"""A whole guest in 146 bytes, to try a host with: it boots in a tenth of a second, where a Linux takes seconds.

It counts its boots in the first byte of the second sector, says "booted <count>" on the serial port, then "." at each
tick of the clock; when its power button is pressed it says "bye" and powers off.
"""

from __future__ import annotations

from pathlib import Path

BOOT_SECTOR = bytes.fromhex(
    "31c08ed88ec08ed0bc007cfbb0ffe6a1"  # flat segments, a stack, no interrupts of the second controller
    "b80102bb0080b9020030f6cd13"  # read the second sector,
    "fe060080b80103bb0080b9020030f6cd13"  # count in its first byte, write it back
    "ba0206b80001ef"  # let the power button set its bit in the ACPI status register
    "be857ce82e00a000800430e83100b00ae82c00"  # say "booted <count>"
    "f4ba0006eda900017507b02ee81d00ebef"  # each tick: was the button pressed? else say "."
    "be8d7ce80a00ba0406b80020eff4ebfd"  # say "bye", power off
    "ac84c07405e80300ebf6c3"  # say a string
    "88c4bafd03eca82074fb88e0baf803eec3"  # say a character
    "626f6f74656420006279650a00"  # the two strings
)
WAIT_AT = BOOT_SECTOR.index(b"\xf4\xba\x00\x06")  # hlt
PRESSED_AT = BOOT_SECTOR.index(b"\x75\x07")  # jnz
SMALLEST = 1 << 20  # the firmware does not boot from a smaller disk


def image(path: Path, *, chatty: bool = False, leaves: bool = False) -> Path:
    """Write a bootable raw image. ``chatty``: it never stops talking. ``leaves``: it powers off at the first tick."""
    code = bytearray(BOOT_SECTOR)
    if chatty:
        code[WAIT_AT] = 0x90  # nop
    if leaves:
        code[PRESSED_AT] = 0xEB  # jmp
    sectors = bytearray(SMALLEST)
    sectors[: len(code)], sectors[510:512] = code, b"\x55\xaa"
    path.write_bytes(sectors)
    return path
