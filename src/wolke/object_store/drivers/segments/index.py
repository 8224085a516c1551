"""The index: LMDB, written in batches by one thread, read by the event loop from a snapshot that is renewed after each batch.

    rows     partition + key → Row            deep     the same for keys beyond what LMDB takes, see below
    tallies  partition, or account → Tally    marks    kind + number + uid → partition + key
    files    number → references              facts    how far in the log it has come; segments and their usage

The batch and the position in the log are one transaction; a start replays the log from there. Everything in it is derived: if it
is damaged, of another format or older than the oldest gap in the log, it is thrown away and made again.

LMDB's keys end at 511 bytes, ours at 1,416. A longer key is split after 480: a pointer row stands where it belongs in the order,
and the rest is a row of ``deep`` under a hash of what came before, which may be split again. A key is found in one look-up
(its place can be computed); a scan follows the pointers. No number of keys that begin alike makes any of it slow.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import lmdb
import msgspec
from awscrt.checksums import crc32c

from wolke.object_store.drivers.base import PARTITION_BYTES, Tally
from wolke.object_store.drivers.segments.overlay import Overlay, Usage
from wolke.object_store.drivers.segments.records import RESIDUE, Row, decode_row, pack, unpack

FORMAT = 1
SPLIT_BYTES = 480
_HASH_BYTES = 16
_POINTER = b"\x00"
TABLES = ("rows", "deep", "tallies", "marks", "files", "facts")
_STATE = b"state"
_SEGMENT = b"segment"


class Full(Exception):
    """The map must grow before the batch fits."""


class State(msgspec.Struct, array_like=True, frozen=True):
    """How far in the log the index has come, and which numbers of files may be in use by whom no row tells of."""

    store: str
    segment: int = 1
    offset: int = 0
    sequence: int = 0
    previous: int = 0
    files_from: int = 1
    files_limit: int = 1
    format: int = FORMAT


_encode = msgspec.msgpack.Encoder().encode
_state = msgspec.msgpack.Decoder(State).decode
_usage = msgspec.msgpack.Decoder(Usage).decode
_tally = msgspec.msgpack.Decoder(Tally).decode
_count = msgspec.msgpack.Decoder(int).decode


def number_key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def place(full: bytes) -> tuple[bytes, list[bytes]]:
    """Where a long key lies in ``deep``, and its pointers: the first in ``rows``, the others in ``deep``."""
    pointers = []
    while len(full) > SPLIT_BYTES:
        head = full[:SPLIT_BYTES]
        pointers.append(head + _POINTER)
        full = hashlib.blake2b(head, digest_size=_HASH_BYTES).digest() + full[SPLIT_BYTES:]
    return full, pointers


class View:
    """The index as it was at a moment."""

    def __init__(self, env: Any, databases: list[Any]) -> None:
        self._rows, self._deep, self._tallies, self._marks, self._files, self._facts = self._databases = databases
        self._txn = env.begin()

    def end(self) -> None:
        self._txn.abort()

    def raw(self, name: str) -> Iterator[tuple[bytes, bytes]]:
        """A whole table as it is stored."""
        with self._txn.cursor(self._databases[TABLES.index(name)]) as cursor:
            yield from cursor

    def row(self, full: bytes) -> Row | None:
        if len(full) <= SPLIT_BYTES:
            value = self._txn.get(full, db=self._rows)
        else:
            value = self._txn.get(place(full)[0], db=self._deep)
        return None if value is None else unpack(value)

    def rows(self, partition: bytes, start: bytes, stop: bytes, reverse: bool = False) -> Iterator[tuple[bytes, Row]]:
        """Keys without their partition. To be used up before the next ``renew``."""
        return self._walk(self._rows, partition, start, stop, reverse)

    def page(self, partition: bytes, start: bytes, stop: bytes, limit: int, reverse: bool) -> list[tuple[bytes, Row]]:
        """The first of ``rows``, in half the time."""
        found: list[tuple[bytes, Row]] = []
        low, high, cut = partition + start, partition + stop, len(partition)
        if len(low) > SPLIT_BYTES or len(high) > SPLIT_BYTES:
            return list(itertools.islice(self.rows(partition, start, stop, reverse), limit))
        with self._txn.cursor(self._rows) as cursor:
            if not (_last(cursor, high) if reverse else cursor.set_range(low)):
                return found
            for name, value in cursor.iterprev() if reverse else cursor.iternext():
                if len(name) > SPLIT_BYTES:
                    return list(itertools.islice(self.rows(partition, start, stop, reverse), limit))
                if (name < low if reverse else name >= high) or len(found) == limit:
                    break
                if crc32c(value) != RESIDUE:
                    unpack(value)  # says what is wrong
                found.append((name[cut:], decode_row(value)))
        return found

    def _walk(self, db: Any, base: bytes, start: bytes, stop: bytes, reverse: bool) -> Iterator[tuple[bytes, Row]]:
        low, high, cut = base + start, base + stop, len(base)
        with self._txn.cursor(db) as cursor:
            if not (
                _last(cursor, high)
                if reverse
                else cursor.set_range(low[:SPLIT_BYTES] + _POINTER if len(low) > SPLIT_BYTES else low)
            ):
                return
            for name, value in cursor.iterprev() if reverse else cursor.iternext():
                if len(name) > SPLIT_BYTES:
                    head = name[:SPLIT_BYTES]
                    if (head >= high) if not reverse else (head < low and not low.startswith(head)):
                        return
                    yield from self._below(head, cut, low, high, reverse)
                elif name >= high if not reverse else name < low:
                    return
                else:
                    yield name[cut:], unpack(value)

    def _below(self, head: bytes, cut: int, low: bytes, high: bytes, reverse: bool) -> Iterator[tuple[bytes, Row]]:
        start = low[SPLIT_BYTES:] if low.startswith(head) else b""
        stop = high[SPLIT_BYTES:] if high.startswith(head) else b"\xff" * (SPLIT_BYTES * 3)
        base = hashlib.blake2b(head, digest_size=_HASH_BYTES).digest()
        for rest, row in self._walk(self._deep, base, start, stop, reverse):
            yield head[cut:] + rest, row

    def tally(self, prefix: bytes) -> Tally:
        value = self._txn.get(prefix, db=self._tallies)
        return Tally() if value is None else _tally(value)

    def partitions(self, after: bytes) -> Iterator[bytes]:
        with self._txn.cursor(self._tallies) as cursor:
            if cursor.set_range(after):
                for name in cursor.iternext(values=False):
                    if len(name) == PARTITION_BYTES and name > after:
                        yield name

    def tallies(self) -> Iterator[tuple[bytes, Tally]]:
        with self._txn.cursor(self._tallies) as cursor:
            for name, value in cursor:
                yield name, _tally(value)

    def marks(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        with self._txn.cursor(self._marks) as cursor:
            if cursor.set_range(start):
                for name, value in cursor.iternext():
                    if name >= stop:
                        return
                    yield name, value

    def references(self, number: int) -> int | None:
        value = self._txn.get(number_key(number), db=self._files)
        return None if value is None else _count(value)

    def files(self, after: int = -1) -> Iterator[tuple[int, int]]:
        with self._txn.cursor(self._files) as cursor:
            if cursor.set_range(number_key(after + 1)):
                for name, value in cursor.iternext():
                    yield int.from_bytes(name, "big"), _count(value)

    def state(self) -> State | None:
        value = self._txn.get(_STATE, db=self._facts)
        return None if value is None else _state(value)

    def usages(self) -> dict[int, Usage]:
        with self._txn.cursor(self._facts) as cursor:
            cursor.set_range(_SEGMENT)
            return {
                int.from_bytes(name.removeprefix(_SEGMENT), "big"): _usage(value)
                for name, value in cursor.iternext()
                if name.startswith(_SEGMENT)
            }


class Index(View):
    def __init__(self, directory: Path, map_bytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._map_bytes = map_bytes
        self._env = lmdb.open(str(directory), map_size=map_bytes, max_dbs=len(TABLES))
        self._views = 0
        super().__init__(self._env, [self._env.open_db(name.encode()) for name in TABLES])

    def close(self) -> None:
        self.end()
        self._env.close()

    def renew(self) -> None:
        """From here on reads see the batches that were written."""
        self._txn.abort()
        self._txn = self._env.begin()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[View]:
        """For one other thread."""
        view = View(self._env, self._databases)
        self._views += 1
        try:
            yield view
        finally:
            self._views -= 1
            view.end()

    def grow(self) -> bool:
        """False while there is a snapshot: LMDB may move its map only when nobody looks."""
        if self._views:
            return False
        self._txn.abort()
        self._map_bytes *= 2
        self._env.set_mapsize(self._map_bytes)
        self._txn = self._env.begin()
        return True

    def write(self, overlay: Overlay, state: State, usages: dict[int, Usage | None]) -> None:
        """One batch, in the thread of the one who flushes. Raises ``Full``; then nothing has changed."""
        try:
            with self._env.begin(write=True) as txn:
                self._write_rows(txn, overlay)
                _write(
                    txn,
                    self._tallies,
                    ((name, _encode(t) if t.entries else None) for name, t in overlay.tallies.items()),
                )
                _write(txn, self._marks, overlay.marks.items())
                _write(
                    txn,
                    self._files,
                    ((number_key(n), None if c is None else _encode(c)) for n, c in overlay.files.items()),
                )
                named = ((_SEGMENT + number_key(n), None if u is None else _encode(u)) for n, u in usages.items())
                _write(txn, self._facts, named)
                txn.put(_STATE, _encode(state), db=self._facts)
        except lmdb.MapFullError:
            raise Full from None

    def _write_rows(self, txn: Any, overlay: Overlay) -> None:
        """In order: neighbours share pages, and pages fill better."""
        for partition in sorted(overlay.rows):
            rows = overlay.rows[partition]
            short: list[bytes] = []
            long: list[bytes] = []
            for key in sorted(rows):
                (short if PARTITION_BYTES + len(key) <= SPLIT_BYTES else long).append(key)
            _write(txn, self._rows, ((partition + k, None if (r := rows[k]) is None else pack(r)) for k in short))
            for key in long:
                self._write_deep(txn, partition + key, rows[key])

    def _write_deep(self, txn: Any, full: bytes, row: Row | None) -> None:
        name, pointers = place(full)
        if row is not None:
            txn.put(name, pack(row), db=self._deep)
            for level, pointer in enumerate(pointers):
                txn.put(pointer, b"", db=self._deep if level else self._rows)
            return
        txn.delete(name, db=self._deep)
        for level in range(len(pointers) - 1, -1, -1):
            base = hashlib.blake2b(pointers[level][:SPLIT_BYTES], digest_size=_HASH_BYTES).digest()
            with txn.cursor(self._deep) as cursor:
                if cursor.set_range(base) and cursor.key().startswith(base):
                    return
            txn.delete(pointers[level], db=self._deep if level else self._rows)


def _last(cursor: Any, high: bytes) -> bool:
    """To the last name below ``high``, or to the pointer under which it may be."""
    seek = high[:SPLIT_BYTES] + _POINTER * 2 if len(high) > SPLIT_BYTES else high
    return bool(cursor.prev() if cursor.set_range(seek) else cursor.last())


def _write(txn: Any, db: Any, items: Iterable[tuple[bytes, bytes | None]]) -> None:
    there, gone = [], []
    for name, value in items:
        if value is None:
            gone.append(name)
        else:
            there.append((name, value))
    there.sort()
    with txn.cursor(db) as cursor:
        cursor.putmulti(there)
    for name in gone:
        txn.delete(name, db=db)
