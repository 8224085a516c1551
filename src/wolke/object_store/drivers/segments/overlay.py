"""What memory knows better than the index: everything since its last flush, as the values that it will be given."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from wolke.object_store.drivers.base import Tally
from wolke.object_store.drivers.segments.records import Row

V = TypeVar("V")


class Ordered(dict[bytes, V], Generic[V]):
    """A dict that never loses a key, and its keys in order: sorted when somebody asks, for a put must not pay for a listing."""

    __slots__ = ("_order",)

    def __init__(self) -> None:
        super().__init__()
        self._order: list[bytes] = []

    def between(self, start: bytes, stop: bytes, limit: int, reverse: bool) -> tuple[list[bytes], bool]:
        """The first keys with ``start <= key < stop`` from the end that comes first, and whether there are more."""
        order = self._order
        if len(order) != len(self):
            order.extend(list(self)[len(order) :])
            order.sort()
            # The dict's own order is that of arrival; what is sorted now has all of them, so only the length matters.
        low, high = bisect.bisect_left(order, start), bisect.bisect_left(order, stop)
        if reverse:
            return order[max(low, high - limit) : high][::-1], high - low > limit
        return order[low : min(high, low + limit)], high - low > limit


class Usage(NamedTuple):
    """Of a segment: bytes written; of these, live rows and data; tombstones, and the oldest segment that one of them covers."""

    used: int = 0
    live: int = 0
    tombs: int = 0
    covers: int = 0


class Overlay:
    """``files``: references to each file, 0 if it is to be unlinked, None if it has been."""

    __slots__ = ("changes", "files", "live", "log_bytes", "marks", "rows", "tallies", "tombs")

    def __init__(self) -> None:
        self.rows: dict[bytes, Ordered[Row | None]] = {}
        self.tallies: dict[bytes, Tally] = {}
        self.marks: Ordered[bytes | None] = Ordered()
        self.files: dict[int, int | None] = {}
        self.live: dict[int, int] = {}  # what is added to each segment's live bytes
        self.tombs: list[tuple[int, int, int]] = []  # segment, bytes, the oldest that it covers
        self.changes = 0
        self.log_bytes = 0

    def take(self, newer: Overlay) -> None:
        """Everything of a younger one. Keys only ever come to an overlay, so its orders stay right."""
        for partition, rows in newer.rows.items():
            if (mine := self.rows.get(partition)) is None:
                self.rows[partition] = rows
            else:
                mine.update(rows)
        self.tallies.update(newer.tallies)
        self.marks.update(newer.marks)
        self.files.update(newer.files)
        self.changes += newer.changes
        self.log_bytes += newer.log_bytes

    def doomed(self) -> Iterable[int]:
        return [number for number, count in self.files.items() if count == 0]
