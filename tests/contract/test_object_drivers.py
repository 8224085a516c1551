"""One suite over every object driver: what ``drivers/base.py`` promises, each must keep."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wolke.object_store.drivers import DRIVERS
from wolke.object_store.drivers.base import Change, Delete, Entry, Lost, Piece, Put, Stream, Tally

ACCOUNT = b"account1"
ONE, TWO, OTHER = ACCOUNT + b"contain1", ACCOUNT + b"contain2", b"account2contain1"
LAST = b"\xff" * 1400
MIB = 1 << 20


@pytest.fixture(params=sorted(DRIVERS))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    module, _, name = DRIVERS[request.param].partition(":")
    driver = getattr(import_module(module), name)(tmp_path / "store")
    await driver.open()
    yield driver
    await driver.close()


async def put(store: Any, partition: bytes, *changes: Change) -> None:
    await store.commit(partition, [], lambda entries, tally: changes)


async def written(store: Any, data: bytes, step: int = 1 << 18) -> Piece:
    writer = store.writer(len(data))
    for at in range(0, len(data), step):
        await writer.write(data[at : at + step])
    return await writer.finish()  # type: ignore[no-any-return]


async def read(store: Any, pieces: Sequence[Piece], start: int = 0, length: int | None = None) -> bytes:
    found = await store.read(pieces, start, sum(p.size for p in pieces) if length is None else length)
    return b"".join([chunk async for chunk in found.chunks]) if isinstance(found, Stream) else found


async def keys(
    store: Any, partition: bytes, start: bytes = b"", stop: bytes = LAST, limit: int = 100, **more: bool
) -> list[bytes]:
    return [entry.key for entry in await store.scan(partition, start, stop, limit, **more)]


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


# ------------------------------------------------------------------------------------------------------------- entries


async def test_an_entry_comes_back_as_it_was_put(store: Any) -> None:
    piece = await written(store, b"hello")
    await put(store, ONE, Put(b"k", b"meta", (piece,), 1, 5, due_s=77))
    entry = await store.get(ONE, b"k")
    assert msgspec.structs.replace(entry, pieces=()) == Entry(b"k", b"meta", (), 1, 5, 77)
    assert await read(store, entry.pieces) == b"hello"
    assert await store.get(ONE, b"other") is None
    assert await store.get(TWO, b"k") is None


async def test_a_later_put_replaces_and_a_delete_removes(store: Any) -> None:
    await put(store, ONE, Put(b"k", b"1"), Put(b"l", b"1"))
    await put(store, ONE, Put(b"k", b"2"), Delete(b"l"), Delete(b"never"))
    assert (await store.get(ONE, b"k")).meta == b"2"
    assert await store.get(ONE, b"l") is None


async def test_changes_of_a_commit_take_effect_in_their_order(store: Any) -> None:
    await put(store, ONE, Put(b"k", b"1", objects=1), Delete(b"k"), Put(b"k", b"2", objects=1))
    assert (await store.get(ONE, b"k")).meta == b"2"
    await put(store, ONE, Delete(b"k"), Put(b"n", b"", objects=1), Delete(b"n"))
    assert await keys(store, ONE) == []
    assert await store.tally(ONE) == Tally()


async def test_scans_are_ordered_and_bounded_in_both_directions(store: Any) -> None:
    names = [b"", b"\x00", b"a", b"a\x00", b"a/b", b"ab", b"b", b"\xc3\xa9", b"\xff\xff"]
    await put(store, ONE, *(Put(name, b"m") for name in reversed(names)))
    await put(store, TWO, Put(b"aa", b""))
    assert await keys(store, ONE) == names
    assert await keys(store, ONE, reverse=True) == names[::-1]
    assert await keys(store, ONE, b"a", b"b") == [b"a", b"a\x00", b"a/b", b"ab"]
    assert await keys(store, ONE, b"a", b"b", reverse=True) == [b"ab", b"a/b", b"a\x00", b"a"]
    assert await keys(store, ONE, limit=2) == names[:2]
    assert await keys(store, ONE, limit=2, reverse=True) == names[:-3:-1]
    assert (
        await keys(store, ONE, b"b", b"b")
        == await keys(store, ONE, b"c", b"b")
        == await keys(store, ONE, limit=0)
        == []
    )


async def test_long_keys_keep_their_order_among_short_ones(store: Any) -> None:
    stem = b"x" * 470
    names = sorted(
        [stem, stem + b"a" * 100, stem + b"a" * 900, stem + b"a" * 930, stem + b"b", stem + b"x" * 10, b"y"]
        + [stem + b"x" * 600 + bytes([n]) for n in range(5)]
    )
    await put(store, ONE, *(Put(name, name[-5:]) for name in names))
    assert await keys(store, ONE) == names
    assert await keys(store, ONE, reverse=True) == names[::-1]
    for low in range(len(names)):
        assert await keys(store, ONE, names[low]) == names[low:]
        assert await keys(store, ONE, b"", names[low], reverse=True) == names[:low][::-1]
    await put(store, ONE, *(Delete(name) for name in names[1::2]))
    assert await keys(store, ONE) == names[::2]
    assert (await store.get(ONE, names[2])).meta == names[2][-5:]


async def test_scans_of_many_pages_see_every_key_once(store: Any) -> None:
    names = [b"%05d" % n for n in range(3500)]
    for first in range(0, 3500, 500):
        await put(store, ONE, *(Put(name, b"") for name in names[first : first + 500]))
    assert await keys(store, ONE, limit=10_000) == names
    assert await keys(store, ONE, limit=2700, reverse=True) == names[:-2701:-1]


# ------------------------------------------------------------------------------------------------- commits and tallies


async def test_decide_sees_what_it_asked_for_in_its_order(store: Any) -> None:
    await put(store, ONE, Put(b"a", b"A", objects=1, octets=3), Put(b"b", b"B", objects=1, octets=4))
    seen: list[Any] = []

    def decide(entries: Sequence[Entry | None], tally: Tally) -> list[Change]:
        seen[:] = [*(e and e.meta for e in entries), tally]
        return []

    await store.commit(ONE, [b"b", b"none", b"a"], decide)
    assert seen == [b"B", None, b"A", Tally(2, 2, 7)]


async def test_what_decide_raises_comes_out_and_changes_nothing(store: Any) -> None:
    await put(store, ONE, Put(b"k", b"1"))

    class Refused(Exception):
        pass

    def refuse(entries: Sequence[Entry | None], tally: Tally) -> list[Change]:
        raise Refused

    with pytest.raises(Refused):
        await store.commit(ONE, [b"k"], refuse)
    others = [put(store, ONE, Put(b"n%d" % n, b"")) for n in range(5)]
    results = await asyncio.gather(*others, store.commit(ONE, [b"k"], refuse), return_exceptions=True)
    assert [type(result) for result in results] == [type(None)] * 5 + [Refused]
    assert (await store.get(ONE, b"k")).meta == b"1"
    assert (await store.tally(ONE)).entries == 6


async def test_concurrent_increments_are_isolated(store: Any) -> None:
    def increment(entries: Sequence[Entry | None], tally: Tally) -> list[Change]:
        number = int(entries[0].meta) if entries[0] else 0
        return [Put(b"counter", b"%d" % (number + 1), objects=1, octets=number + 1)]

    async def worker() -> None:
        for _ in range(25):
            await store.commit(ONE, [b"counter"], increment)

    await asyncio.gather(*(worker() for _ in range(20)))
    assert (await store.get(ONE, b"counter")).meta == b"500"
    assert await store.tally(ONE) == await store.tally(ACCOUNT) == Tally(1, 1, 500)


async def test_tallies_are_exact_under_concurrent_commits_for_containers_and_accounts(store: Any) -> None:
    random_ = random.Random(3)
    model: dict[tuple[bytes, bytes], tuple[int, int]] = {}

    async def one(partition: bytes, key: bytes, change: Change, value: tuple[int, int] | None) -> None:
        await put(store, partition, change)
        if value is None:
            model.pop((partition, key), None)
        else:
            model[partition, key] = value

    async def worker(number: int) -> None:
        for _ in range(60):
            partition, key = random_.choice((ONE, TWO, OTHER)), b"w%d-%d" % (number, random_.randrange(6))
            if random_.random() < 0.4:
                await one(partition, key, Delete(key), None)
            else:
                octets = random_.randrange(1000)
                await one(partition, key, Put(key, b"", objects=1, octets=octets), (1, octets))

    await asyncio.gather(*(worker(number) for number in range(12)))

    def expected(prefix: bytes) -> Tally:
        values = [value for (partition, _), value in model.items() if partition.startswith(prefix)]
        return Tally(len(values), sum(v[0] for v in values), sum(v[1] for v in values))

    for prefix in (ONE, TWO, OTHER, ACCOUNT, b"account2", b"account3"):
        assert await store.tally(prefix) == expected(prefix)


async def test_quotas_can_be_enforced_by_the_tally_alone(store: Any) -> None:
    class Over(Exception):
        pass

    def within(entries: Sequence[Entry | None], tally: Tally) -> list[Change]:
        if tally.entries >= 10:
            raise Over
        return [Put(b"k%d" % tally.entries, b"", objects=1)]

    results = await asyncio.gather(*(store.commit(ONE, [], within) for _ in range(30)), return_exceptions=True)
    assert sum(isinstance(result, Over) for result in results) == 20
    assert await store.tally(ONE) == Tally(10, 10, 0)


# ---------------------------------------------------------------------------------------------------------------- data


async def test_data_of_every_size_comes_back_whole(store: Any) -> None:
    sizes = [
        0,
        1,
        4096,
        store.capabilities.small_bytes,
        store.capabilities.small_bytes + 1,
        MIB,
        MIB + 1,
        3 * MIB + 12345,
    ]
    for size in sizes:
        data = noise(size, size)
        await put(store, ONE, Put(b"%d" % size, b"", (await written(store, data),), 1, size))
    for size in sizes:
        entry = await store.get(ONE, b"%d" % size)
        assert await read(store, entry.pieces) == noise(size, size)


async def test_small_reads_come_in_one_piece(store: Any) -> None:
    piece = await written(store, noise(2 * MIB))
    await put(store, ONE, Put(b"k", b"", (piece,)))
    assert await store.read((piece,), MIB - 50, 100) == noise(2 * MIB)[MIB - 50 : MIB + 50]


async def test_ranges_over_several_pieces(store: Any) -> None:
    parts = [noise(size, size) for size in (10, 3 * MIB + 7, 1, 300_000, 2 * MIB)]
    pieces = tuple([await written(store, part) for part in parts])
    await put(store, ONE, Put(b"k", b"", pieces, 1, sum(map(len, parts))))
    entry, whole = await store.get(ONE, b"k"), b"".join(parts)
    random_ = random.Random(7)
    ranges = [(0, len(whole)), (5, 10), (9, 2), (len(whole) - 1, 1), (10, 3 * MIB + 7), (0, 0), (len(whole) - 3, 100)]
    ranges += [(start := random_.randrange(len(whole)), random_.randrange(len(whole) - start)) for _ in range(15)]
    for start, length in ranges:
        got = hashlib.md5(await read(store, entry.pieces, start, length)).digest()
        assert got == hashlib.md5(whole[start : start + length]).digest(), (start, length)


async def test_a_stream_can_be_sent_as_parts_of_files_where_there_are_files(store: Any) -> None:
    data = noise(3 * MIB + 100)
    pieces = (await written(store, b"first"), await written(store, data), await written(store, noise(200_000)))
    await put(store, ONE, Put(b"k", b"", pieces))
    pieces = (await store.get(ONE, b"k")).pieces
    whole = b"first" + data + noise(200_000)
    stream = await store.read(pieces, 2, len(whole) - 7)
    assert isinstance(stream, Stream)
    if not store.capabilities.local_files:
        assert stream.parts == ()
        return
    sent = b""
    for part in stream.parts:
        with open(part.path, "rb") as file:
            at, end = part.offset, part.offset + part.length
            while at < end:
                length = min(end - at, part.run_bytes - at % part.run_bytes)
                assert part.check is not None
                part.check(file.fileno(), at, length)
                file.seek(at)
                sent += file.read(length)
                at += length
    assert sent == whole[2 : len(whole) - 5]


async def test_nothing_is_read_of_what_was_not_asked_for(store: Any) -> None:
    assert await read(store, ()) == b""


async def test_metadata_changes_without_the_data(store: Any) -> None:
    for size in (5000, 2 * MIB):
        await put(store, ONE, Put(b"k", b"old", (await written(store, noise(size)),), 1, size))

        def touch(entries: Sequence[Entry | None], tally: Tally) -> list[Change]:
            assert entries[0] is not None
            return [Put(*msgspec.structs.astuple(msgspec.structs.replace(entries[0], meta=b"new")))]

        for _ in range(3):
            await store.commit(ONE, [b"k"], touch)
        entry = await store.get(ONE, b"k")
        assert entry.meta == b"new"
        assert await read(store, entry.pieces) == noise(size)
        assert await store.tally(ONE) == Tally(1, 1, size)


@pytest.mark.parametrize("size", [4000, 2 * MIB])
async def test_shared_data_lives_until_the_last_entry_goes(store: Any, size: int) -> None:
    await put(store, ONE, Put(b"a", b"", (await written(store, noise(size)),)))
    shared = await store.again((await store.get(ONE, b"a")).pieces)
    await put(store, TWO, Put(b"b", b"", shared))
    shared = await store.again((await store.get(TWO, b"b")).pieces)
    await put(store, OTHER, Put(b"c", b"", shared))
    for partition, key in ((ONE, b"a"), (OTHER, b"c")):
        await put(store, partition, Delete(key))
        assert await read(store, (await store.get(TWO, b"b")).pieces) == noise(size)


async def test_an_entry_can_be_moved_with_its_data_in_one_commit(store: Any) -> None:
    for size in (4000, 2 * MIB):
        await put(store, ONE, Put(b"a", b"m", (await written(store, noise(size)),), 1, size))
        shared = await store.again((await store.get(ONE, b"a")).pieces)
        await put(store, ONE, Delete(b"a"), Put(b"b", b"m", shared, 1, size))
        assert await keys(store, ONE) == [b"b"]
        assert await read(store, (await store.get(ONE, b"b")).pieces) == noise(size)


async def test_a_piece_that_has_gone_is_lost_or_still_whole(store: Any) -> None:
    """Between ``again`` and the commit the last entry may go. Then the commit says so, or the data is still there."""
    await put(store, ONE, Put(b"a", b"", (await written(store, noise(2 * MIB)),)))
    shared = await store.again((await store.get(ONE, b"a")).pieces)
    await put(store, ONE, Delete(b"a"))
    try:
        await put(store, ONE, Put(b"b", b"", shared))
    except Lost:
        assert await store.get(ONE, b"b") is None
    else:
        assert await read(store, (await store.get(ONE, b"b")).pieces) == noise(2 * MIB)


@pytest.mark.parametrize("size", [0, 10, 100_000, 3 * MIB + 5])
async def test_a_writer_shows_all_of_its_data_in_order(store: Any, size: int) -> None:
    seen = hashlib.md5()
    writer = store.writer(size, seen.update)
    for at in range(0, size, 70_001):
        await writer.write(noise(size)[at : at + 70_001])
    await writer.finish()
    assert seen.digest() == hashlib.md5(noise(size)).digest()


async def test_an_abandoned_writer_leaves_nothing(store: Any) -> None:
    for size in (10, 3 * MIB):
        writer = store.writer()
        await writer.write(noise(size))
        await writer.abandon()
        await writer.abandon()
    assert await store.check() == []


async def test_abandoning_after_finishing_does_nothing(store: Any) -> None:
    for size in (10, 3 * MIB):
        writer = store.writer()
        await writer.write(noise(size))
        piece = await writer.finish()
        await writer.abandon()
        await put(store, ONE, Put(b"k", b"", (piece,)))
        assert await read(store, (await store.get(ONE, b"k")).pieces) == noise(size)


async def test_many_writers_at_once_do_not_mix(store: Any) -> None:
    async def one(number: int) -> None:
        size = 50_000 * number
        writer = store.writer(size)
        data = noise(size, number)
        for at in range(0, size, 70_001):
            await writer.write(data[at : at + 70_001])
        await put(store, ONE, Put(b"%d" % number, b"", (await writer.finish(),)))

    await asyncio.gather(*(one(number) for number in range(20)))
    for number in range(20):
        assert await read(store, (await store.get(ONE, b"%d" % number)).pieces) == noise(50_000 * number, number)


# -------------------------------------------------------------------------------------------- due, partitions, upkeep


async def test_due_entries_come_oldest_first_and_only_as_they_are_now(store: Any) -> None:
    await put(store, ONE, Put(b"a", b"", due_s=30), Put(b"b", b"", due_s=10), Put(b"c", b"", due_s=20), Put(b"d", b""))
    await put(store, TWO, Put(b"e", b"", due_s=15), Put(b"f", b"", due_s=11))
    await put(store, ONE, Put(b"c", b"", due_s=40))
    await put(store, TWO, Put(b"f", b""))
    assert await store.due(35, 10) == [(10, ONE, b"b"), (15, TWO, b"e"), (30, ONE, b"a")]
    assert await store.due(35, 2) == [(10, ONE, b"b"), (15, TWO, b"e")]
    assert [due.due_s for due in await store.due(10, 5)] == [10]
    await put(store, ONE, Delete(b"b"))
    assert (await store.due(10**10, 10))[0].key == b"e"
    assert await store.due(9, 10) == []


async def test_partitions_with_entries_are_listed_in_order(store: Any) -> None:
    for partition in (OTHER, TWO, ONE):
        await put(store, partition, Put(b"k", b""))
    assert await store.partitions(b"", 10) == [ONE, TWO, OTHER]
    assert await store.partitions(ONE, 1) == [TWO]
    await put(store, TWO, Delete(b"k"))
    assert await store.partitions(b"", 10) == [ONE, OTHER]


async def test_a_store_in_use_agrees_with_itself(store: Any) -> None:
    await put(store, ONE, Put(b"a", b"", (await written(store, noise(2 * MIB)),), 1, 2 * MIB), Put(b"b", b"x", due_s=3))
    await put(store, ONE, Delete(b"a"))
    assert await store.check() == []
    room = await store.room()
    assert room.live <= room.used
    assert room.free is None or room.free > 0


async def test_running_upkeep_can_be_cancelled(store: Any) -> None:
    task = asyncio.create_task(store.run())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
        raise asyncio.CancelledError  # a driver with nothing to do has returned
