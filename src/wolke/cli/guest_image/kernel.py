"""A distribution's kernel made quick to boot: the plain image out of its wrapping, and the few modules a guest needs.

Debian ships a self-extracting bzImage. Its extractor runs in the guest, and under TCG that costs more than a second of
every boot; unwrapped here it costs that once. The same goes for the modules' signatures, which are cut off.
"""

import ctypes
import gzip
import lzma
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_SIGNATURE = b"~Module signature appended~\n"
_BLOCK = 8 << 20  # the legacy LZ4 format, which kernels use, cuts its input into blocks of 8 MiB
_LOAD = 1


@dataclass(frozen=True)
class Kernel:
    """`elf` boots directly (PVH entry); `header` is the boot protocol's set-up header, from byte 0x1f1 on."""

    elf: bytes
    header: bytes


def unwrap(image: bytes) -> Kernel:
    """The kernel inside a bzImage. Source: Linux, Documentation/arch/x86/boot.rst (payload_offset, payload_length)."""
    if image[0x202:0x206] != b"HdrS":
        raise ValueError("this is no Linux kernel image: the boot protocol's signature is missing")
    protected = (image[0x1F1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[protected + offset : protected + offset + length]
    for magic, unpack in _UNPACK.items():
        if payload.startswith(magic):
            end = 0x202 + image[0x201]
            return Kernel(unpack(payload), image[0x1F1:end])
    raise ValueError(f"this kernel is packed in a way we cannot unpack (it begins with {payload[:4].hex()})")


def _unpack_lz4(payload: bytes) -> bytes:
    library = ctypes.CDLL("liblz4.so.1")  # apt itself is linked with it, so it is there wherever apt is
    total = struct.unpack("<I", payload[-4:])[0]  # the kernel's build appends the size
    buffer = ctypes.create_string_buffer(_BLOCK)
    out = bytearray()
    position = 4
    while len(out) < total:
        size = struct.unpack_from("<I", payload, position)[0]
        position += 4
        got = library.LZ4_decompress_safe(payload[position : position + size], buffer, size, _BLOCK)
        if got <= 0:
            raise ValueError("the kernel's LZ4 stream is damaged")
        out += ctypes.string_at(buffer, got)
        position += size
    return bytes(out)


_UNPACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x02\x21\x4c\x18": _unpack_lz4,
    b"\xfd7zXZ": lambda payload: lzma.decompress(payload[:-4]),
    b"\x1f\x8b": lambda payload: gzip.decompress(payload[:-4]),
}


def segments(elf: bytes) -> list[tuple[int, bytes]]:
    """Physical address and content of what an ELF kernel wants in memory."""
    table, size, count = struct.unpack_from("<Q14xHH", elf, 32)
    found = []
    for number in range(count):
        kind, _, offset, _, address, length, _, _ = struct.unpack_from("<IIQQQQQQ", elf, table + number * size)
        if kind == _LOAD:
            found.append((address, elf[offset : offset + length]))
    return found


def slimmed(elf: bytes) -> bytes:
    """The same kernel in a shorter file, for direct boot: without section headers and relocations, which a loader does
    not read, and without the zeros at the end of its last segment, which are the rest of its size in memory.
    """
    table, size, count = struct.unpack_from("<Q14xHH", elf, 32)
    places = [table + number * size for number in range(count)]
    loads = [place for place in places if struct.unpack_from("<I", elf, place)[0] == _LOAD]
    last = max(loads, key=lambda place: struct.unpack_from("<Q", elf, place + 8)[0])
    offset, length = struct.unpack_from("<Q16xQ", elf, last + 8)
    used = len(elf[offset : offset + length].rstrip(b"\0"))
    result = bytearray(elf[: offset + used])
    struct.pack_into("<Q", result, last + 32, used)
    struct.pack_into("<Q", result, 40, 0)  # e_shoff
    struct.pack_into("<HH", result, 60, 0, 0)  # e_shnum, e_shstrndx
    return bytes(result)


@dataclass(frozen=True)
class Module:
    name: str
    depends: tuple[str, ...]
    aliases: tuple[str, ...]
    data: bytes


def module(name: str, data: bytes) -> Module:
    """A module as the guest loads it: without its signature, which nobody asks for there and which takes time."""
    if data.endswith(_SIGNATURE):
        trailer = len(data) - len(_SIGNATURE)
        length = struct.unpack_from(">I", data, trailer - 4)[0]
        data = data[: trailer - 12 - length]
    depends = re.search(rb"\0depends=([^\0]*)\0", data)
    names = tuple(part for part in depends.group(1).decode().split(",") if part) if depends else ()
    aliases = tuple(alias.decode() for alias in re.findall(rb"\0alias=([^\0]+)", data))
    return Module(name, names, aliases, data)


def spelling(path: str) -> str:
    """A module's name from its file's: the kernel writes underscores where files have hyphens."""
    return path.rpartition("/")[2].removesuffix(".ko").replace("-", "_")


def closure(wanted: Iterable[str], available: dict[str, Module], builtin: set[str]) -> list[Module]:
    """The wanted modules and all they depend on, what is needed first; those built into the kernel are left out."""
    order: dict[str, Module] = {}

    def visit(name: str) -> None:
        if name in builtin or name in order:
            return
        if name not in available:
            raise ValueError(f"the kernel package has no module {name}")
        for dependency in available[name].depends:
            visit(spelling(dependency))
        order[name] = available[name]

    for name in wanted:
        visit(name)
    return list(order.values())
