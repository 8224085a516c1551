"""What image data is, told from its bytes while they pass: pure, of bounded memory, and safe on hostile input.

The first 256 KiB, the last 512 bytes and (for VHDX) one window of 128 KiB are kept; nothing else. Every rule looks at these and
answers with a ``Finding``. A finding with a ``problem`` is data that a hypervisor must not open, because it would reach for
other files (a backing file, an external data file, extents elsewhere) or because nobody knows what it would do.
"""

from __future__ import annotations

from wolke.image.formats.disks import find_iso, find_luks, find_qed, find_vdi
from wolke.image.formats.head import HEAD_BYTES, TAIL_BYTES, Finding, Sample
from wolke.image.formats.qcow2 import find_qcow2
from wolke.image.formats.vhd import find_vhd, find_vhdx, metadata_window
from wolke.image.formats.vmdk import find_vmdk

__all__ = ["Finding", "Inspector", "judge"]

_RULES = (find_qcow2, find_vmdk, find_vdi, find_vhdx, find_vhd, find_qed, find_luks, find_iso)
_INSPECTED = frozenset({"qcow2", "raw", "vmdk", "vdi", "vhd", "vhdx", "iso"})


class Inspector:
    """``feed`` it everything in order, then ask ``findings`` once."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = b""
        self._size = 0
        self._window: tuple[int, int] | None = None
        self._metadata = bytearray()

    def feed(self, data: bytes) -> None:
        start, self._size = self._size, self._size + len(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
            if len(self._head) >= HEAD_BYTES:
                self._window = metadata_window(bytes(self._head))
        if self._window is not None:
            self._capture(data, start, *self._window)
        self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]

    def _capture(self, data: bytes, start: int, offset: int, length: int) -> None:
        wanted = offset + len(self._metadata)
        if len(self._metadata) < length and start <= wanted < start + len(data):
            self._metadata += data[wanted - start : wanted - start + length - len(self._metadata)]

    def findings(self) -> list[Finding]:
        """Every format that the data could be taken for; none: it is raw."""
        sample = Sample(bytes(self._head), self._tail, self._size, bytes(self._metadata))
        return [finding for rule in _RULES if (finding := rule(sample)) is not None]

    @property
    def size(self) -> int:
        return self._size


def judge(inspector: Inspector, disk_format: str, *, must_match: bool = True) -> tuple[int | None, str | None]:
    """``(virtual size, None)``, or ``(None, why the data is refused)``."""
    findings = inspector.findings()
    if disk_format not in _INSPECTED:
        return None, None
    if disk_format == "raw":
        findings = [finding for finding in findings if not finding.tail_only]
    mine = next((finding for finding in findings if finding.format == disk_format), None)
    found = next((finding for finding in findings if finding is not mine), None)
    if must_match:
        if disk_format == "raw" and found is not None:
            return None, _mismatch(disk_format, found.format)
        if disk_format != "raw" and mine is None:
            return None, _mismatch(disk_format, found.format if found else "raw")
        if mine is not None and found is not None and not found.tail_only:
            return None, f"it is {mine.format} and {found.format} at once"
    for finding in findings:
        if finding.problem:
            return None, f"{finding.format}: {finding.problem}"
    return (mine.virtual_size, None) if mine else (inspector.size, None)


def _mismatch(declared: str, found: str) -> str:
    return f"Image content does not match disk_format: it is {found}, not {declared}"
