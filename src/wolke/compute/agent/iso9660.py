"""A config drive's file system: ISO 9660 with Joliet names, written in one piece and in pure Python.

Two directory trees name the same file extents: the plain one with the short upper-case names that the standard asks for, and
Joliet's (UCS-2, long names), which is the one that Linux and Windows show. Sectors are 2,048 bytes; numbers are written in
both byte orders. Layout: 16 empty sectors, three descriptors, then per tree its path tables and directories, then the files.
Source: ECMA-119, and Microsoft's Joliet specification.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

SECTOR = 2048
_FIRST = 16
_DESCRIPTORS = 3


@dataclass(slots=True)
class _Directory:
    name: str
    parent: _Directory | None
    number: int = 0
    extent: int = 0
    size: int = SECTOR
    directories: dict[str, _Directory] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def image(files: Mapping[str, bytes], label: str = "config-2") -> bytes:
    """The whole file system. Paths are relative, with slashes; names are ASCII and at most 64 characters."""
    root = _Directory("", None)
    for path, content in files.items():
        *folders, name = path.split("/")
        at = root
        for folder in folders:
            at = at.directories.setdefault(folder, _Directory(folder, at))
        at.files[name] = content
    order = _numbered(root)
    extents = _Extents(order)
    sectors = bytearray(_FIRST * SECTOR)
    sectors += _descriptor(1, label, extents.plain, extents.total)
    sectors += _descriptor(2, label, extents.joliet, extents.total)
    sectors += _padded(b"\xffCD001\x01")
    for tree in (extents.plain, extents.joliet):
        sectors += tree.path_table("<") + tree.path_table(">")
        for directory in order:
            sectors += tree.directory(directory, extents.files)
    for directory in order:
        for content in directory.files.values():
            sectors += _padded(content)
    return bytes(sectors)


def _numbered(root: _Directory) -> list[_Directory]:
    """Breadth first, as path tables want it."""
    order = [root]
    for directory in order:
        order += [directory.directories[name] for name in sorted(directory.directories)]
    for number, directory in enumerate(order, 1):
        directory.number = number
    return order


class _Extents:
    """Where everything will lie."""

    def __init__(self, order: list[_Directory]) -> None:
        at = _FIRST + _DESCRIPTORS
        self.plain = _Tree(order, at, joliet=False)
        self.joliet = _Tree(order, self.plain.end, joliet=True)
        at = self.joliet.end
        self.files: dict[tuple[int, str], int] = {}
        for directory in order:
            for name, content in directory.files.items():
                self.files[directory.number, name] = at
                at += max(1, -(-len(content) // SECTOR))
        self.total = at


class _Tree:
    def __init__(self, order: list[_Directory], start: int, *, joliet: bool) -> None:
        self.joliet = joliet
        self._order = order
        self.table_size = sum(8 + len(self._name(d)) + len(self._name(d)) % 2 for d in order)
        sectors = -(-self.table_size // SECTOR)
        self.table_at = {"<": start, ">": start + sectors}
        at = start + 2 * sectors
        self._extent: dict[int, tuple[int, int]] = {}
        for directory in order:
            size = self._size(directory)
            self._extent[directory.number] = (at, size)
            at += size // SECTOR
        self.end = at

    def _name(self, directory: _Directory) -> bytes:
        return b"\0" if directory.parent is None else self._encoded(directory.name, is_file=False)

    def _encoded(self, name: str, *, is_file: bool) -> bytes:
        if self.joliet:
            return name.encode("utf-16-be")
        stem, dot, ending = name.upper().partition(".")
        clean = ["".join(c if c.isalnum() else "_" for c in part) for part in (stem, ending)]
        return f"{clean[0]}.{clean[1]};1".encode() if is_file else (clean[0] + "_" * bool(dot) + clean[1]).encode()

    def root_record(self) -> bytes:
        extent, size = self._extent[1]
        return _record(b"\0", extent, size, is_directory=True)

    def path_table(self, order: str) -> bytes:
        rows = bytearray()
        for directory in self._order:
            name = self._name(directory)
            parent = directory.parent.number if directory.parent else 1
            rows += struct.pack(f"{order}BBIH", len(name), 0, self._extent[directory.number][0], parent)
            rows += name + b"\0" * (len(name) % 2)
        return _padded(bytes(rows))

    def _size(self, directory: _Directory) -> int:
        return len(self.directory(directory, None))

    def directory(self, directory: _Directory, files: Mapping[tuple[int, str], int] | None) -> bytes:
        """Records in the order of their names; none crosses a sector. Without ``files`` only its size is right."""
        parent = directory.parent or directory
        records = [self._directory_record(b"\0", directory, files), self._directory_record(b"\1", parent, files)]
        named = []
        for name, below in directory.directories.items():
            encoded = self._encoded(name, is_file=False)
            named.append((encoded, self._directory_record(encoded, below, files)))
        for name, content in directory.files.items():
            encoded = self._encoded(name, is_file=True)
            extent = files[directory.number, name] if files else 0
            named.append((encoded, _record(encoded, extent, len(content), is_directory=False)))
        out = bytearray()
        for record in records + [record for _, record in sorted(named)]:
            if len(out) % SECTOR + len(record) > SECTOR:
                out += b"\0" * (-len(out) % SECTOR)
            out += record
        return _padded(bytes(out))

    def _directory_record(self, name: bytes, directory: _Directory, files: object) -> bytes:
        extent, size = self._extent[directory.number] if files is not None else (0, 0)
        return _record(name, extent, size, is_directory=True)


def _both16(value: int) -> bytes:
    return struct.pack("<H", value) + struct.pack(">H", value)


def _both32(value: int) -> bytes:
    return struct.pack("<I", value) + struct.pack(">I", value)


def _record(name: bytes, extent: int, size: int, *, is_directory: bool) -> bytes:
    length = 33 + len(name) + (len(name) + 1) % 2
    when = bytes((100, 1, 1, 0, 0, 0, 0))  # 2000-01-01: the same drive is the same bytes
    record = bytes((length, 0)) + _both32(extent) + _both32(size) + when + bytes((2 if is_directory else 0, 0, 0))
    return (record + _both16(1) + bytes((len(name),)) + name).ljust(length, b"\0")


def _descriptor(kind: int, label: str, tree: _Tree, total: int) -> bytes:
    def text(value: str, length: int) -> bytes:
        return _ucs2(value, length) if tree.joliet else value.encode().ljust(length)

    never = b"0" * 16 + b"\0"
    block = bytes((kind,)) + b"CD001\x01\0" + text("LINUX", 32) + text(label, 32) + b"\0" * 8 + _both32(total)
    block += (b"%/E" if tree.joliet else b"").ljust(32, b"\0") + _both16(1) + _both16(1) + _both16(SECTOR)
    block += (
        _both32(tree.table_size) + struct.pack("<II", tree.table_at["<"], 0) + struct.pack(">II", tree.table_at[">"], 0)
    )
    block += tree.root_record() + text("", 128) * 4 + text("", 37) * 3
    block += b"2000010100000000\0" * 2 + never * 2 + b"\x01\0"
    return _padded(block)


def _ucs2(value: str, length: int) -> bytes:
    padded = value.encode("utf-16-be") + b"\0 " * (length // 2)
    return padded[: length // 2 * 2].ljust(length, b"\0")


def _padded(content: bytes) -> bytes:
    """To whole sectors, at least one."""
    return content.ljust(max(1, -(-len(content) // SECTOR)) * SECTOR, b"\0")
