"""The engine's measures. The defaults are for real disks; tests make everything small."""

from __future__ import annotations

from dataclasses import dataclass, field

from wolke.object_store.drivers.segments.disk import Disk

MIB = 1 << 20


@dataclass(frozen=True)
class Options:
    segment_bytes: int = 64 * MIB
    first_segment_bytes: int = (
        4 * MIB
    )  # each next one is twice as large, up to segment_bytes: a small cloud has a small store
    small_bytes: int = 256 * 1024  # larger data gets a file of its own
    flush_changes: int = 20_000  # what a start may have to replay
    flush_bytes: int = 32 * MIB
    flush_after_s: float = 5.0
    grace_s: float = 60.0  # a reader may use what it found for so long after it was replaced
    unclaimed_s: float = 24 * 3600.0  # data that was finished and never committed
    audit_bytes_s: float = 10 * MIB
    audit_pause_s: float = 3600.0
    compact_bytes_s: float = 32 * MIB
    compact_at: float = 0.5  # the part of a segment that is garbage
    reserve_bytes: int = 192 * MIB  # of free disk that is kept for deletes and for giving room back
    map_bytes: int = 16 << 30  # of address space for the index; it grows
    disk: Disk = field(default_factory=Disk)
