"""What a commit does to rows, tallies, marks and references: the one place where anything is derived from the log.

A live commit and a replayed one go through the same ``absorb``; so an index that was made again from the log has the same sums.
Three layers answer, the younger first: ``active`` (since the last flush), ``frozen`` (being flushed), the index. While a group of
commits is decided there is one more, ``staged``, which nobody else sees until the group is durable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, cast

from wolke.object_store.drivers.base import ACCOUNT_BYTES, Tally
from wolke.object_store.drivers.segments.index import Index, number_key
from wolke.object_store.drivers.segments.overlay import Ordered, Overlay, Usage
from wolke.object_store.drivers.segments.records import Commit, File, LogDelete, LogPut, Row, Run

V = TypeVar("V")
DUE, FAR, DOOMED = (
    b"d",
    b"f",
    b"z",
)  # kinds of marks: by time; by the segment of data that lies apart from its record; by file
FILES = 0  # among the segments: the bytes of all large files
_MISSING = object()
_THERE = Tally(entries=1)
_NOTHING: dict[bytes, Row | None] = {}
_RECORD_BYTES = 64  # of a record and a change in it, beside key and metadata


def mark(kind: bytes, number: int, uid: int = 0) -> bytes:
    return kind + number_key(number) + number_key(uid)


def cost(key: bytes, meta: bytes) -> int:
    return _RECORD_BYTES + len(key) + len(meta)


class Ledger:
    def __init__(self, index: Index) -> None:
        self.index = index
        self.active = Overlay()
        self.frozen: Overlay | None = None
        self.usages: dict[int, Usage] = index.usages()
        self.touched: set[int] = set()  # segments whose usage the index does not know yet
        self._layers: tuple[Overlay, ...] = (self.active,)

    # ---------------------------------------------------------------------------------------------------------- layers

    def freeze(self) -> tuple[Overlay, dict[int, Usage | None]]:
        """What the next flush writes, as it is now."""
        assert self.frozen is None
        self.frozen, self.active = self.active, Overlay()
        self._layers = (self.active, self.frozen)
        usages = {number: self.usages.get(number) for number in self.touched}
        self.touched.clear()
        return self.frozen, usages

    def thaw(self) -> None:
        """The flush is in the index."""
        self.index.renew()
        self.frozen = None
        self._layers = (self.active,)

    def unfreeze(self, usages: Iterable[int]) -> None:
        """The flush has failed; the next one takes all of it."""
        assert self.frozen is not None
        self.frozen.take(self.active)
        self.active, self.frozen = self.frozen, None
        self._layers = (self.active,)
        self.touched.update(usages)

    def settle(self, staged: Overlay) -> None:
        """A group is durable: everybody may see it."""
        self.active.take(staged)
        for number, more in staged.live.items():
            self._use(number, live=more)
        for number, tombs, covers in staged.tombs:
            self._use(number, tombs=tombs, covers=covers)

    def wrote(self, segment: int, used: int) -> None:
        self.usages[segment] = self.usages.get(segment, Usage())._replace(used=used)
        self.touched.add(segment)

    def forget_segment(self, segment: int) -> None:
        self.usages.pop(segment, None)
        self.touched.add(segment)

    def forget_file(self, number: int) -> None:
        self.active.files[number] = None
        self.active.marks[mark(DOOMED, number)] = None

    def file_bytes(self) -> int:
        return self.usages.get(FILES, Usage()).live

    def _use(self, segment: int, live: int = 0, tombs: int = 0, covers: int = 0) -> None:
        have = self.usages.get(segment, Usage())
        lowest = min(have.covers, covers) if have.covers and covers else have.covers or covers
        self.usages[segment] = Usage(have.used, have.live + live, have.tombs + tombs, lowest)
        self.touched.add(segment)

    # --------------------------------------------------------------------------------------------------------- looking

    def row(self, partition: bytes, key: bytes, staged: Overlay | None = None) -> Row | None:
        found: Row | object | None
        for layer in self._layers if staged is None else (staged, *self._layers):
            rows = layer.rows.get(partition)
            if rows is not None and (found := rows.get(key, _MISSING)) is not _MISSING:
                return cast("Row | None", found)
        return self.index.row(partition + key)

    def tally(self, prefix: bytes, staged: Overlay | None = None) -> Tally:
        for layer in self._layers if staged is None else (staged, *self._layers):
            if (found := layer.tallies.get(prefix)) is not None:
                return found
        return self.index.tally(prefix)

    def references(self, number: int, staged: Overlay | None = None) -> int | None:
        for layer in self._layers if staged is None else (staged, *self._layers):
            if number in layer.files:
                return layer.files[number]
        return self.index.references(number)

    def rows(
        self, partition: bytes, start: bytes, stop: bytes, limit: int, reverse: bool
    ) -> tuple[list[tuple[bytes, Row]], bytes | None]:
        """At most ``limit`` rows, and the bound where to go on if there may be more before ``start`` or ``stop``."""
        news: dict[bytes, Row | None] = {}
        last = bound = start if reverse else stop
        for layer in reversed(self._layers):
            if (rows := layer.rows.get(partition)) is not None:
                keys, more = rows.between(start, stop, limit, reverse)
                if more:
                    bound = max(bound, keys[-1]) if reverse else min(bound, keys[-1] + b"\x00")
                news.update((key, rows[key]) for key in keys)
        low, high = (bound, stop) if reverse else (start, bound)
        page = self.index.page(partition, low, high, limit, reverse)
        if len(page) == limit:
            bound = _next(page, reverse)
            low, high = (bound, stop) if reverse else (start, bound)
        following = None if bound == last else bound
        if not news:
            return page, following
        both: dict[bytes, Row | None] = dict(page)
        both.update((key, row) for key, row in news.items() if low <= key < high)
        found = [(key, row) for key in sorted(both, reverse=reverse) if (row := both[key]) is not None]
        return (found, following) if len(found) <= limit else (found[:limit], _next(found[:limit], reverse))

    def marks(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """To be used up at once."""
        news: dict[bytes, bytes | None] = {}
        for layer in reversed(self._layers):
            keys, _ = layer.marks.between(start, stop, len(layer.marks), False)
            news.update((key, layer.marks[key]) for key in keys)
        base = self.index.marks(start, stop)
        for key, value in _merge(sorted(news), news, base, False):
            if value is not None:
                yield key, value

    def partitions(self, after: bytes, limit: int) -> list[bytes]:
        news: dict[bytes, Tally] = {}
        for layer in reversed(self._layers):
            news.update(
                (name, tally) for name, tally in layer.tallies.items() if len(name) > ACCOUNT_BYTES and name > after
            )
        found: list[bytes] = []
        base = ((name, _THERE) for name in self.index.partitions(after))
        for name, tally in _merge(sorted(news), news, base, False):
            if tally is not None and tally.entries:
                found.append(name)
                if len(found) == limit:
                    break
        return found

    def files(self, after: int, limit: int) -> list[int]:
        """Numbers of large files that something refers to."""
        news = {n: c for layer in reversed(self._layers) for n, c in layer.files.items() if n > after}
        found = {n for n, c in news.items() if c}
        for count, (number, references) in enumerate(self.index.files(after)):
            if count == limit:
                break
            if references and number not in news:
                found.add(number)
        return sorted(found)[:limit]

    # -------------------------------------------------------------------------------------------------------- deriving

    def absorb(
        self,
        commit: Commit,
        sequence: int,
        segment: int,
        data_at: int,
        into: Overlay,
        known: Mapping[bytes, Row | None] = _NOTHING,
    ) -> None:
        """What ``commit`` does, if its record is ``sequence`` and its data begins at ``data_at`` of ``segment``.

        ``known``: rows as they are before it, where somebody has looked.
        """
        partition = commit.partition
        entries = objects = octets = 0
        if (rows := into.rows.get(partition)) is None:
            rows = into.rows[partition] = Ordered()
        for place, change in enumerate(commit.changes):
            uid, key = sequence << 16 | place, change.key
            old: Row | None = rows.get(key, _MISSING)  # type: ignore[arg-type]
            if old is _MISSING:
                old = known[key] if key in known else self.row(partition, key)
            if isinstance(change, LogPut):
                new = rows[key] = _new_row(change, uid, segment, data_at, old)
                self._refer(partition, key, new, 1, into)
                entries, objects, octets = entries + 1, objects + new.objects, octets + new.octets
            elif not _bury(change, uid, segment, old, into):
                continue
            else:
                rows[key] = None
            if old is not None:
                self._refer(partition, key, old, -1, into)
                entries, objects, octets = entries - 1, objects - old.objects, octets - old.octets
        into.changes += len(commit.changes)
        if entries or objects or octets:
            for prefix in (partition, partition[:ACCOUNT_BYTES]):
                have = self.tally(prefix, into)
                into.tallies[prefix] = Tally(have.entries + entries, have.objects + objects, have.octets + octets)

    def _refer(self, partition: bytes, key: bytes, row: Row, sign: int, into: Overlay) -> None:
        live, segment = into.live, row.segment
        live[segment] = live.get(segment, 0) + sign * cost(key, row.meta)
        named = partition + key if sign > 0 else None
        if row.due_s is not None:
            into.marks[mark(DUE, row.due_s, row.uid)] = named
        for piece in row.pieces:
            if isinstance(piece, Run):
                live[piece.segment] = live.get(piece.segment, 0) + sign * piece.size
                if piece.segment != segment:
                    into.marks[mark(FAR, piece.segment, row.uid)] = named
            else:
                count = (self.references(piece.number, into) or 0) + sign
                into.files[piece.number] = count
                if count == (sign > 0):
                    live[FILES] = live.get(FILES, 0) + sign * piece.size
                into.marks[mark(DOOMED, piece.number)] = None if count else b""


def _next(found: list[tuple[bytes, Row]], reverse: bool) -> bytes:
    """Where a scan goes on."""
    return found[-1][0] if reverse else found[-1][0] + b"\x00"


def _new_row(change: LogPut, uid: int, segment: int, data_at: int, old: Row | None) -> Row:
    pieces = change.pieces
    for piece in pieces:
        if isinstance(piece, Run) and not piece.segment:
            pieces = tuple([_placed(piece, segment, data_at) for piece in pieces])
            break
    since = min(change.since or segment, segment if old is None else old.since)
    return Row(uid, segment, since, change.objects, change.octets, change.due_s, change.meta, pieces)


def _placed(piece: Run | File, segment: int, data_at: int) -> Run | File:
    if isinstance(piece, Run) and not piece.segment:
        return Run(segment, data_at + piece.offset, piece.size, piece.crc)
    return piece


def _bury(change: LogDelete, uid: int, segment: int, old: Row | None, into: Overlay) -> bool:
    """Notes the tombstone; whether it ends ``old``."""
    into.tombs.append((segment, cost(change.key, b""), change.since or segment))
    return old is not None and old.uid <= (change.upto or uid)


def _merge(
    keys: Iterable[bytes], news: Mapping[bytes, V | None], base: Iterator[tuple[bytes, V]], reverse: bool
) -> Iterator[tuple[bytes, V | None]]:
    """Pairs of both in order; where both have a key, what is new counts."""
    waiting = iter(keys)
    key = next(waiting, None)
    for name, value in base:
        while key is not None and ((key > name) if reverse else (key < name)):
            yield key, news[key]
            key = next(waiting, None)
        if key == name:
            yield key, news[key]
            key = next(waiting, None)
        else:
            yield name, value
    while key is not None:
        yield key, news[key]
        key = next(waiting, None)
