"""VHD (Virtual PC, at most 2 TiB) and VHDX (Hyper-V), both refused where they are differences to a parent."""

from __future__ import annotations

from wolke.image.formats.head import HEAD_BYTES, TAIL_BYTES, Finding, Sample, sized

_VHD = b"conectix"
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4

_VHDX = b"vhdxfile"
_REGIONS_AT = (192 << 10, 256 << 10)
_METADATA_REGION = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
_FILE_PARAMETERS = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")
_DISK_SIZE = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
_WINDOW_BYTES = 128 << 10
_ENTRIES_MAX = 2047
_HAS_PARENT = 2


def find_vhd(sample: Sample) -> Finding | None:
    at_front = sample.head.startswith(_VHD)
    footer = sample.head[:TAIL_BYTES] if at_front else sample.tail
    if not footer.startswith(_VHD) or len(footer) < TAIL_BYTES:
        return Finding("vhd", None, "its footer is cut off") if at_front else None
    kind = int.from_bytes(footer[60:64], "big")
    if kind == _DIFFERENCING:
        return Finding("vhd", None, "it has a parent", tail_only=not at_front)
    if kind not in (_FIXED, _DYNAMIC) or (kind == _DYNAMIC) != at_front:
        return Finding("vhd", None, f"its disk type {kind} is not known", tail_only=not at_front)
    found = sized("vhd", int.from_bytes(footer[48:56], "big"))
    return Finding(found.format, found.virtual_size, found.problem, tail_only=not at_front)


def metadata_window(head: bytes) -> tuple[int, int] | None:
    """Where a VHDX keeps its metadata, as offset and length, if it is one."""
    if not head.startswith(_VHDX):
        return None
    table = head[_REGIONS_AT[0] : _REGIONS_AT[1]]
    if table[:4] != b"regi":
        return None
    for index in range(min(int.from_bytes(table[8:12], "little"), _ENTRIES_MAX)):
        entry = table[16 + 32 * index : 48 + 32 * index]
        if entry[:16] == _METADATA_REGION:
            offset = int.from_bytes(entry[16:24], "little")
            return (offset, _WINDOW_BYTES) if offset >= HEAD_BYTES else None
    return None


def find_vhdx(sample: Sample) -> Finding | None:
    if not sample.head.startswith(_VHDX):
        return None
    items = sample.metadata
    if items[:8] != b"metadata":
        return Finding("vhdx", None, "its metadata is not where it must be")
    parameters, disk_size = _item(items, _FILE_PARAMETERS, 8), _item(items, _DISK_SIZE, 8)
    if parameters is None or disk_size is None:
        return Finding("vhdx", None, "its metadata is not complete")
    if parameters >> 32 & _HAS_PARENT:
        return Finding("vhdx", None, "it has a parent")
    return sized("vhdx", disk_size)


def _item(items: bytes, name: bytes, length: int) -> int | None:
    for index in range(min(int.from_bytes(items[10:12], "little"), _ENTRIES_MAX)):
        entry = items[32 + 32 * index : 64 + 32 * index]
        if entry[:16] == name:
            at = int.from_bytes(entry[16:20], "little")
            value = items[at : at + length]
            return int.from_bytes(value, "little") if len(value) == length else None
    return None
