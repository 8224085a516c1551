"""The formats that are told by a magic number and little else."""

from __future__ import annotations

from wolke.image.formats.head import Finding, Sample, sized

_VDI = 0xBEDA107F
_VDI_KINDS = {1: "dynamic", 2: "fixed"}
_VDI_HEADER_BYTES = 0x200
_ISO_AT = (0x8001, 0x8801, 0x9001)


def find_vdi(sample: Sample) -> Finding | None:
    if sample.number(0x40, 4, "little") != _VDI:
        return None
    if len(sample.head) < _VDI_HEADER_BYTES:
        return Finding("vdi", None, "its header is cut off")
    if sample.number(0x4C, 4, "little") not in _VDI_KINDS or any(sample.head[0x1A8:0x1C8]):
        return Finding("vdi", None, "it is a difference to another image")
    return sized("vdi", sample.number(0x170, 8, "little"))


def find_qed(sample: Sample) -> Finding | None:
    return Finding("qed", None, "this format is not supported") if sample.head.startswith(b"QED\0") else None


def find_luks(sample: Sample) -> Finding | None:
    return Finding("luks") if sample.head.startswith(b"LUKS\xba\xbe") else None


def find_iso(sample: Sample) -> Finding | None:
    """An ISO that can also be put on a stick has a partition table as well; that does not make it less of an ISO."""
    if any(sample.head[at : at + 5] == b"CD001" for at in _ISO_AT):
        return sized("iso", sample.size)
    return None
