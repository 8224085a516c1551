"""VMDK: only the self-contained kinds (monolithicSparse, streamOptimized). A descriptor can name any file on the host as an
extent or a parent, so everything that could is refused."""

from __future__ import annotations

import re

from wolke.image.formats.head import SECTOR_BYTES, Finding, Sample, sized

_SPARSE, _OLD_SPARSE = b"KDMV", b"COWD"
_TEXT = re.compile(rb"\s*#\s*disk\s*descriptorfile", re.IGNORECASE)
_VERSION_FIRST = re.compile(rb"(?:\s*(?:#[^\n]{0,200})?\n){0,40}\s*version\s*=\s*\d", re.IGNORECASE)
_CREATE_TYPE = re.compile(r'^\s*createtype\s*=\s*"?([a-z0-9]+)"?\s*$', re.IGNORECASE | re.MULTILINE)
_EXTENT = re.compile(r"^\s*(?:rw|rdonly|noaccess)\s+(\d{1,20})\s+(\w+)(.*)$", re.IGNORECASE | re.MULTILINE)
_PARENT_CID = re.compile(r"^\s*parentcid\s*=\s*(\w+)\s*$", re.IGNORECASE | re.MULTILINE)
_SELF_CONTAINED = frozenset({"monolithicsparse", "streamoptimized"})
_DESCRIPTOR_MAX_BYTES = 64 << 10


def find_vmdk(sample: Sample) -> Finding | None:
    head = sample.head
    if head.startswith(_SPARSE):
        problem = _problem(sample)
        return (
            Finding("vmdk", None, problem) if problem else sized("vmdk", sample.number(12, 8, "little") * SECTOR_BYTES)
        )
    if head.startswith(_OLD_SPARSE):
        return Finding("vmdk", None, "it is of the old ESX kind")
    if _TEXT.match(head[:4096]) or _VERSION_FIRST.match(head[:4096]):
        return Finding("vmdk", None, "it is a descriptor of other files")
    return None


def _problem(sample: Sample) -> str | None:
    if len(sample.head) < SECTOR_BYTES:
        return "its header is cut off"
    if sample.number(4, 4, "little") not in (1, 2, 3):
        return "its version is not known"
    if sample.number(12, 8, "little") == 0:
        return "it has no capacity of its own and points at other files"
    start, length = (sample.number(at, 8, "little") * SECTOR_BYTES for at in (28, 36))
    if not start or not length:
        return "it has no embedded descriptor"
    if length > _DESCRIPTOR_MAX_BYTES or start + length > len(sample.head):
        return "its descriptor is not where it must be"
    text = sample.head[start : start + length].split(b"\0", 1)[0].decode("latin-1")
    return _descriptor_problem(text)


def _descriptor_problem(text: str) -> str | None:
    kinds = _CREATE_TYPE.findall(text)
    if len(kinds) != 1 or kinds[0].lower() not in _SELF_CONTAINED:
        return f"its kind is not self-contained ({', '.join(kinds)[:60] or 'none given'})"
    if "parentfilenamehint" in text.lower() or any(cid.lower() != "ffffffff" for cid in _PARENT_CID.findall(text)):
        return "it has a parent"
    extents = _EXTENT.findall(text)
    if len(extents) != 1 or extents[0][1].lower() != "sparse":
        return "it has extents elsewhere"
    if "/" in extents[0][2] or "\\" in extents[0][2]:
        return "its extent is another file"
    return None
