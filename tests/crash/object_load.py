"""Mixed load on the embedded object engine, and what must be true after a death in the middle of it.

Every entry's metadata says what its data must be, so the metadata is the whole state of a key. Each worker has keys of its own:
of each key at most one change is under way. ``Model`` hears of changes before they begin and after they were acknowledged.
Run as a program this is one life: it tells on standard output what it found, then what it does, until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from wolke.object_store.drivers.base import Change, Delete, Entry, Lost, Put, Stream, Tally
from wolke.object_store.drivers.segments import Options, Segments

PARTITIONS = (b"account1contain1", b"account1contain2", b"account2contain1")
SMALL = Options(
    segment_bytes=256 << 10, first_segment_bytes=64 << 10, small_bytes=16 << 10, flush_changes=60, flush_bytes=1 << 20,
    flush_after_s=0.05, grace_s=0.1, audit_pause_s=0.2, reserve_bytes=0, map_bytes=1 << 20,
)  # fmt: skip
KEYS = 5  # of each worker

State = dict[str, str | None]  # key → metadata, None: no such key


def data_of(identity: str) -> bytes:
    """``identity`` ends in the size."""
    size = int(identity.rpartition(":")[2])
    return random.Random(identity).randbytes(min(size, 997)) * (size // 997 + 1)


def whole(identity: str) -> bytes:
    return data_of(identity)[: int(identity.rpartition(":")[2])]


async def state_of(store: Segments) -> State:
    """Everything that is there, after its data and its tallies were found to be what they must be."""
    state: State = {}
    for partition in PARTITIONS:
        entries = await store.scan(partition, b"", b"\xff", 10_000)
        for entry in entries:
            about = json.loads(entry.meta)
            found = await store.read(entry.pieces, 0, sum(piece.size for piece in entry.pieces))
            data = b"".join([chunk async for chunk in found.chunks]) if isinstance(found, Stream) else found
            assert data == whole(about["data"]), f"{entry.key!r} holds something else"
            state[entry.key.decode()] = entry.meta.decode()
        octets = sum(entry.octets for entry in entries)
        assert await store.tally(partition) == Tally(len(entries), len(entries), octets), partition
        assert octets == sum(int(json.loads(e.meta)["data"].rpartition(":")[2]) for e in entries)
    for account in {partition[:8] for partition in PARTITIONS}:
        tallies = [await store.tally(p) for p in PARTITIONS if p.startswith(account)]
        assert await store.tally(account) == Tally(*map(sum, zip(*tallies, strict=True)))
    return state


class Model:
    """What may be there: what was acknowledged last, or what was under way when it ended; changes of one commit together."""

    def __init__(self) -> None:
        self.acknowledged: State = {}
        self.under_way: dict[str, State] = {}

    def begins(self, number: str, changes: State) -> None:
        self.under_way[number] = changes

    def done(self, number: str) -> None:
        self.acknowledged |= self.under_way.pop(number)

    def check(self, found: State) -> None:
        """Raises ``AssertionError`` unless ``found`` is possible. From then on it is what was acknowledged."""
        expected = dict(self.acknowledged)
        for changes in self.under_way.values():
            if all(found.get(key) == value for key, value in changes.items()):
                expected |= changes
        keys = set(found) | set(expected)
        wrong = {key: (expected.get(key), found.get(key)) for key in keys if expected.get(key) != found.get(key)}
        assert not wrong, f"(expected, found): {wrong}, under way: {self.under_way}"
        self.acknowledged, self.under_way = dict(found), {}


class Load:
    """Workers that change their keys at random. ``tell`` hears ``("B", number, changes)`` and ``("A", number)``."""

    def __init__(self, store: Segments, seed: int, tell: Callable[..., None], large_bytes: int = 300_000) -> None:
        self._store = store
        self._random = random.Random(seed)
        self._tell = tell
        self._seed = seed
        self._count = 0
        self._large_bytes = large_bytes

    async def work(self, worker: int, rounds: int) -> None:
        partition = PARTITIONS[worker % len(PARTITIONS)]
        for _ in range(rounds):
            key = f"w{worker}-{self._random.randrange(KEYS)}"
            other = f"w{worker}-{self._random.randrange(KEYS)}"
            step = self._random.choices((self.put, self.remove, self.touch, self.copy, self.pair), (5, 2, 2, 2, 1))[0]
            with contextlib.suppress(Lost):
                await step(partition, key, other)

    def _identity(self) -> str:
        self._count += 1
        large = self._random.random() < 0.15
        size = (
            self._random.randrange(17_000, self._large_bytes)
            if large
            else self._random.choice((0, 10, 600, 4096, 9000))
        )
        return f"{self._seed}:{self._count}:{size}"

    async def put(self, partition: bytes, key: str, other: str) -> None:
        change = await self._written(key)
        await self._commit(partition, [change])

    async def pair(self, partition: bytes, key: str, other: str) -> None:
        changes = [await self._written(key), await self._written(other)]
        await self._commit(partition, changes[: 1 if key == other else 2])

    async def remove(self, partition: bytes, key: str, other: str) -> None:
        await self._commit(partition, [Delete(key.encode())])

    async def touch(self, partition: bytes, key: str, other: str) -> None:
        """Other metadata, the same data."""
        if (entry := await self._store.get(partition, key.encode())) is not None:
            new = msgspec.structs.replace(entry, meta=self._meta(json.loads(entry.meta)["data"]))
            await self._commit(partition, [Put(*msgspec.structs.astuple(new))])

    async def copy(self, partition: bytes, key: str, other: str) -> None:
        if (entry := await self._store.get(partition, other.encode())) is not None and key != other:
            pieces = await self._store.again(entry.pieces)
            meta = self._meta(json.loads(entry.meta)["data"])
            await self._commit(partition, [Put(key.encode(), meta, pieces, 1, entry.octets)])

    def _meta(self, identity: str) -> bytes:
        self._count += 1
        return json.dumps({"change": f"{self._seed}:{self._count}", "data": identity}).encode()

    async def _written(self, key: str) -> Put:
        identity = self._identity()
        data = whole(identity)
        writer = self._store.writer(len(data))
        for at in range(0, len(data), 65_536):
            await writer.write(data[at : at + 65_536])
        return Put(key.encode(), self._meta(identity), (await writer.finish(),), 1, len(data))

    async def _commit(self, partition: bytes, changes: list[Change]) -> None:
        self._count += 1
        number = str(self._count)
        told = {c.key.decode(): c.meta.decode() if isinstance(c, Put) else None for c in changes}
        self._tell("B", number, told)

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            return changes

        await self._store.commit(partition, [change.key for change in changes], decide)
        self._tell("A", number)


async def one_life(directory: Path, seed: int) -> None:
    def tell(*what: Any) -> None:
        os.write(1, json.dumps(what).encode() + b"\n")

    store = Segments(directory, SMALL)
    await store.open()
    tell("S", await state_of(store))
    upkeep = asyncio.create_task(store.run())
    load = Load(store, seed, tell)
    await asyncio.gather(*(load.work(number, 1_000_000) for number in range(8)))
    upkeep.cancel()


if __name__ == "__main__":
    asyncio.run(one_life(Path(sys.argv[1]), int(sys.argv[2])))
