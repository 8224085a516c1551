"""The contract in memory: for tests, and for those who write a driver. Nothing outlives the process."""

from __future__ import annotations

import bisect
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wolke.object_store.drivers.base import (
    ACCOUNT_BYTES,
    Capabilities,
    Decide,
    Due,
    Entry,
    Finding,
    Piece,
    Put,
    Room,
    Seen,
    Stream,
    Tally,
)

_CHUNK_BYTES = 1 << 20
_NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class Held:
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)


class _Writer:
    def __init__(self, seen: Seen | None) -> None:
        self._chunks: list[bytes] = []
        self._seen = seen

    async def write(self, data: bytes) -> None:
        self._chunks.append(bytes(data))
        if self._seen is not None:
            self._seen(data)

    async def finish(self) -> Held:
        return Held(b"".join(self._chunks))

    async def abandon(self) -> None:
        self._chunks.clear()


class _Partition:
    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.order: list[bytes] = []
        self.tally = _NOTHING

    def put(self, entry: Entry) -> None:
        self.delete(entry.key)
        self.entries[entry.key] = entry
        bisect.insort(self.order, entry.key)
        self._count(entry, 1)

    def delete(self, key: bytes) -> None:
        if (old := self.entries.pop(key, None)) is not None:
            del self.order[bisect.bisect_left(self.order, key)]
            self._count(old, -1)

    def _count(self, entry: Entry, sign: int) -> None:
        have = self.tally
        self.tally = Tally(have.entries + sign, have.objects + sign * entry.objects, have.octets + sign * entry.octets)


class Memory:
    capabilities = Capabilities(small_bytes=_CHUNK_BYTES, local_files=False, exclusive=True)

    def __init__(self, directory: Path) -> None:
        self._partitions: dict[bytes, _Partition] = {}

    async def open(self) -> None:
        """Always ready."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def run(self) -> None:
        """Nothing to look after."""

    async def get(self, partition: bytes, key: bytes) -> Entry | None:
        there = self._partitions.get(partition)
        return None if there is None else there.entries.get(key)

    async def scan(
        self, partition: bytes, start: bytes, stop: bytes, limit: int, *, reverse: bool = False
    ) -> list[Entry]:
        there = self._partitions.get(partition)
        if there is None or limit <= 0:
            return []
        low, high = (bisect.bisect_left(there.order, bound) for bound in (start, stop))
        keys = (
            there.order[max(low, high - limit) : high][::-1] if reverse else there.order[low : min(high, low + limit)]
        )
        return [there.entries[key] for key in keys]

    async def tally(self, prefix: bytes) -> Tally:
        if len(prefix) != ACCOUNT_BYTES:
            there = self._partitions.get(prefix)
            return _NOTHING if there is None else there.tally
        found = [one.tally for name, one in self._partitions.items() if name.startswith(prefix)]
        return Tally(*(sum(column) for column in zip(*found, strict=True))) if found else _NOTHING

    async def commit(self, partition: bytes, reads: Sequence[bytes], decide: Decide) -> None:
        there = self._partitions.get(partition) or _Partition()
        changes = decide([there.entries.get(key) for key in reads], there.tally)
        for change in changes:
            if isinstance(change, Put):
                there.put(Entry(*change))
            else:
                there.delete(change.key)
        if there.entries:
            self._partitions[partition] = there
        else:
            self._partitions.pop(partition, None)

    def writer(self, size: int | None = None, seen: Seen | None = None) -> _Writer:
        return _Writer(seen)

    async def read(self, pieces: Sequence[Piece], start: int, length: int) -> bytes | Stream:
        data = b"".join(piece.data for piece in pieces if isinstance(piece, Held))[start : start + length]
        return data if len(data) <= _CHUNK_BYTES else Stream(_in_chunks(data))

    async def again(self, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
        return tuple(pieces)

    async def partitions(self, after: bytes, limit: int) -> list[bytes]:
        return sorted(name for name in self._partitions if name > after)[:limit]

    async def due(self, before_s: int, limit: int) -> list[Due]:
        found = [
            Due(entry.due_s, name, entry.key)
            for name, there in self._partitions.items()
            for entry in there.entries.values()
            if entry.due_s is not None and entry.due_s <= before_s
        ]
        return sorted(found)[:limit]

    async def check(self, *, repair: bool = False) -> list[Finding]:
        return []

    async def room(self) -> Room:
        used = sum(p.size for one in self._partitions.values() for entry in one.entries.values() for p in entry.pieces)
        return Room(used, used, None)


async def _in_chunks(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), _CHUNK_BYTES):
        yield data[at : at + _CHUNK_BYTES]
