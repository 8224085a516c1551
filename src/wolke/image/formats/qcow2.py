"""qcow2 (QEMU docs/interop/qcow2): refused with a backing file, an external data file, or features that nobody knows."""

from __future__ import annotations

from wolke.image.formats.head import Finding, Sample, sized

_MAGIC = b"QFI\xfb"
_V2_HEADER_BYTES, _V3_HEADER_BYTES = 72, 104
_DATA_FILE, _CORRUPT = 1 << 2, 1 << 1
_KNOWN_FEATURES = 0b11111  # dirty, corrupt, external data file, compression type, extended L2 entries
_DATA_FILE_NAME = 0x44415441
_CLUSTER_BITS = range(9, 22)
_EXTENSIONS_MAX = 64


def find_qcow2(sample: Sample) -> Finding | None:
    if not sample.head.startswith(_MAGIC):
        return None
    problem = _problem(sample)
    return Finding("qcow2", None, problem) if problem else sized("qcow2", sample.number(24, 8))


def _problem(sample: Sample) -> str | None:
    version = sample.number(4, 4)
    if version not in (2, 3):
        return f"version {version} is not known"
    if len(sample.head) < (_V2_HEADER_BYTES if version == 2 else _V3_HEADER_BYTES):
        return "its header is cut off"
    if sample.number(8, 8) != 0 or sample.number(16, 4) != 0:
        return "it has a backing file"
    if sample.number(20, 4) not in _CLUSTER_BITS:
        return "its cluster size is invalid"
    if version == 2:
        return _extensions(sample, _V2_HEADER_BYTES)
    features = sample.number(72, 8)
    if features & _DATA_FILE:
        return "it keeps its data in another file"
    if features & ~_KNOWN_FEATURES:
        return "it has incompatible features that are not known"
    if features & _CORRUPT:
        return "it is marked as corrupt"
    header = sample.number(100, 4)
    if header < _V3_HEADER_BYTES or header % 8:
        return "its header length is invalid"
    return _extensions(sample, header)


def _extensions(sample: Sample, at: int) -> str | None:
    for _ in range(_EXTENSIONS_MAX):
        if at + 8 > len(sample.head):
            return "its header extensions are cut off"
        kind, length = sample.number(at, 4), sample.number(at + 4, 4)
        if kind == 0:
            return None
        if kind == _DATA_FILE_NAME:
            return "it names an external data file"
        at += 8 + (length + 7) // 8 * 8
    return "it has too many header extensions"
