"""The embedded object engine: what it does when bytes, files or the disk are not as they should be."""

from __future__ import annotations

import asyncio
import errno
import random
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wolke.object_store.drivers.base import Broken, Damaged, Delete, Lost, NoSpace, Put, Stream, Tally
from wolke.object_store.drivers.segments import Options, Segments
from wolke.object_store.drivers.segments.disk import Disk
from wolke.object_store.drivers.segments.index import Index

P = b"account1contain1"
KIB = 1 << 10
SMALL = Options(
    segment_bytes=64 * KIB, first_segment_bytes=64 * KIB, small_bytes=8 * KIB, reserve_bytes=0, map_bytes=1 << 20, grace_s=0.0
)  # fmt: skip


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


async def opened(folder: Path, options: Options = SMALL) -> Segments:
    store = Segments(folder, options)
    await store.open()
    return store


async def put(store: Segments, key: bytes, data: bytes, meta: bytes = b"m", more: Sequence[Any] = ()) -> None:
    writer = store.writer(len(data))
    await writer.write(data)
    pieces = (await writer.finish(),)
    await store.commit(P, [], lambda entries, tally: [Put(key, meta, pieces, 1, len(data)), *more])


async def delete(store: Segments, *keys: bytes) -> None:
    await store.commit(P, [], lambda entries, tally: [Delete(key) for key in keys])


async def data(store: Segments, key: bytes) -> bytes:
    entry = await store.get(P, key)
    assert entry is not None
    found = await store.read(entry.pieces, 0, entry.octets)
    return b"".join([chunk async for chunk in found.chunks]) if isinstance(found, Stream) else found


async def everything(store: Segments) -> dict[bytes, tuple[bytes, bytes]]:
    return {e.key: (e.meta, await data(store, e.key)) for e in await store.scan(P, b"", b"\xff", 100_000)}


def forsake(store: Segments) -> None:
    """As if the process had died: nothing is flushed."""
    store.commits.broken = Broken("the process has died")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory, for hundreds of stores are opened here."""
    made = Path(tempfile.mkdtemp(prefix="wolke-segments-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Segments]:
    made = await opened(tmp_path / "store")
    yield made
    await made.close()


# --------------------------------------------------------------------------------------------------------- the log's end


async def test_a_log_cut_at_any_byte_of_its_last_records_opens_with_those_before(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store")
    ends = []
    for number in range(4):
        await put(store, b"k%d" % number, noise(40, number), b"meta")
        ends.append(store.log.position.offset)
    forsake(store)
    await store.close()
    segment = store.log.path(1)
    image = segment.read_bytes()
    for cut in range(ends[1] - 1, ends[3] + 1, 1):
        segment.write_bytes(image[:cut] + bytes(len(image) - cut))
        shutil.rmtree(tmp_path / "store/index")
        again = await opened(tmp_path / "store")
        there = await everything(again)
        whole = [number for number in range(4) if ends[number] <= cut or not any(image[cut : ends[number]])]
        assert there == {b"k%d" % n: (b"meta", noise(40, n)) for n in whole}, cut
        assert again.quarantine.found == []
        assert await again.tally(P) == Tally(len(whole), len(whole), 40 * len(whole))
        forsake(again)
        await again.close()


async def test_a_stale_tail_does_not_come_to_life(tmp_path: Path) -> None:
    """Records of a group that was cut off lie where the next ones end. Their chain is broken, so they are not read."""
    store = await opened(tmp_path / "store")
    await put(store, b"first", noise(40))
    begin = store.log.position.offset
    await asyncio.gather(*(put(store, b"lost%d" % n, noise(40, n)) for n in range(3)))
    assert store.commits.groups == 3  # the opening, the first, and these together
    forsake(store)
    await store.close()
    with store.log.path(1).open("r+b") as file:
        file.seek(begin)
        file.write(bytes(4))  # the group's first record was torn; the others are whole
    again = await opened(tmp_path / "store")
    assert set(await everything(again)) == {b"first"}
    await put(again, b"new00", noise(40))  # as long as the record that was torn: what follows it fits exactly
    assert set(await everything(again)) == {b"first", b"new00"}
    forsake(again)
    await again.close()
    third = await opened(tmp_path / "store")
    assert set(await everything(third)) == {b"first", b"new00"}
    await third.close()


async def test_damage_before_the_end_does_not_take_what_follows(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store")
    offsets = []
    for number in range(6):
        offsets.append(store.log.position.offset)
        await put(store, b"k%d" % number, noise(40, number))
    forsake(store)
    await store.close()
    with store.log.path(1).open("r+b") as file:
        file.seek(offsets[2] + 20)
        file.write(b"\xff\xff")  # a header that was synced long ago
    again = await opened(tmp_path / "store")
    assert set(await everything(again)) == {b"k0", b"k1", b"k3", b"k4", b"k5"}
    assert [f.where for f in await again.check() if "unreadable" in f.what] == [f"segment 1 at {offsets[2]}"]
    await again.close()


# ------------------------------------------------------------------------------------------------------------ the index


async def test_without_its_index_a_store_answers_the_same(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store", replace(SMALL, flush_changes=40))
    random_ = random.Random(5)
    for number in range(300):
        key = b"k%02d" % random_.randrange(40)
        if random_.random() < 0.3:
            await delete(store, key)
        else:
            await put(store, key, noise(random_.choice((0, 100, 3000, 9000)), number), b"%d" % number)
    before, tallies = await everything(store), (await store.tally(P), await store.tally(P[:8]))
    assert await store.check() == []
    await store.close()
    shutil.rmtree(tmp_path / "store/index")
    again = await opened(tmp_path / "store")
    assert again.recovered.rebuilt
    assert await everything(again) == before
    assert (await again.tally(P), await again.tally(P[:8])) == tallies
    assert await again.check() == []
    await again.close()


async def test_a_row_of_the_index_that_was_changed_is_found_and_repaired(store: Segments) -> None:
    for number in range(20):
        await put(store, b"k%d" % number, noise(100, number))
    await store.flusher.flush()
    with store.index._env.begin(write=True) as txn:
        name = P + b"k7"
        value = txn.get(name, db=store.index._rows)
        txn.put(name, value[:-9] + bytes([value[-9] ^ 1]) + value[-8:], db=store.index._rows)
        txn.delete(P + b"k8", db=store.index._rows)
    store.index.renew()
    assert {f.where for f in await store.check()} == {f"index {(P + key).hex()}" for key in (b"k7", b"k8")}
    assert all(finding.repaired for finding in await store.check(repair=True))
    assert await store.check() == []
    assert len(await everything(store)) == 20


async def test_the_index_grows_beyond_its_map(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store", replace(SMALL, map_bytes=128 * KIB, flush_changes=200))
    for first in range(0, 3000, 500):
        changes = [Put(b"k%05d" % n, noise(90, n), (), 1, 0) for n in range(first, first + 500)]
        await store.commit(P, [], lambda entries, tally, changes=changes: changes)
    await store.flusher.flush()
    assert len(await store.scan(P, b"", b"\xff", 10_000)) == 3000
    await store.close()


async def test_keys_that_begin_alike_beyond_what_the_index_takes(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store")
    names = [*(b"p" * 900 + b"%04d" % n + b"s" * 400 for n in range(50)), b"q"]
    await store.commit(P, [], lambda entries, tally: [Put(name, b"m") for name in names])
    await store.flusher.flush()
    assert [e.key for e in await store.scan(P, b"", b"\xff", 100)] == names
    assert [e.key for e in await store.scan(P, names[10], names[20], 100, reverse=True)] == names[10:20][::-1]
    await delete(store, *names)
    await store.flusher.flush()
    assert await store.scan(P, b"", b"\xff", 100) == []
    with store.index.snapshot() as view:
        assert [*view.raw("rows"), *view.raw("deep")] == []
    await store.close()


# --------------------------------------------------------------------------------------------------------------- damage


async def test_a_flipped_bit_anywhere_is_never_served(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store", replace(SMALL, small_bytes=2 * KIB))
    values = {b"small": noise(600), b"large": noise(5000, 2), b"other": noise(700, 3)}
    for key, value in values.items():
        await put(store, key, value, b"meta of " + key)
    await store.close()
    random_ = random.Random(11)
    victims = [store.log.path(1), *(tmp_path / "store/files").glob("*/*")]
    for path in victims:
        image = path.read_bytes()
        used = store.log.position.offset if path.suffix else len(image)
        for at in [*range(0, used, 97), *random_.sample(range(used), 30)]:
            path.write_bytes(image[:at] + bytes([image[at] ^ 1 << random_.randrange(8)]) + image[at + 1 :])
            (tmp_path / "store/quarantine").unlink(missing_ok=True)
            again = await opened(tmp_path / "store", SMALL)
            for key, value in values.items():
                try:
                    assert await data(again, key) == value, (path.name, at)
                    assert (await again.get(P, key)).meta == b"meta of " + key  # type: ignore[union-attr]
                except Damaged:
                    assert len(again.quarantine.found) == 1
            await again.close()
        path.write_bytes(image)


async def test_a_file_that_was_sent_before_is_looked_at_again_once_it_has_changed(store: Segments) -> None:
    await put(store, b"large", noise(300_000))
    (piece,) = (await store.get(P, b"large")).pieces  # type: ignore[union-attr]
    path = store.files.path(piece.number)
    with path.open("r+b") as file:
        for _ in range(2):
            stream = await store.read((piece,), 0, piece.size)
            assert isinstance(stream, Stream) and stream.parts[0].check is not None
            stream.parts[0].check(file.fileno(), 0, piece.size)
        time.sleep(0.02)  # file systems tell times apart by some milliseconds
        file.write(b"!")
        file.flush()
        with pytest.raises(Damaged):
            stream.parts[0].check(file.fileno(), 0, piece.size)


async def test_the_audit_finds_what_nobody_reads_and_remembers_it(tmp_path: Path) -> None:
    options = replace(SMALL, audit_bytes_s=1e9)
    store = await opened(tmp_path / "store", options)
    await put(store, b"small", noise(600))
    await put(store, b"large", noise(20_000))
    await store.auditor.audit()
    assert store.quarantine.found == []
    (small,), (large,) = [(await store.get(P, key)).pieces for key in (b"small", b"large")]  # type: ignore[union-attr]
    for path, at in ((store.log.path(1), small.offset + 5), (store.files.path(large.number), 19_999)):
        with path.open("r+b") as file:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 4]))
    await store.auditor.audit()
    assert len(store.quarantine.found) == 2
    await store.close()
    again = await opened(tmp_path / "store", options)
    for key in (b"small", b"large"):
        with pytest.raises(Damaged):
            await data(again, key)
        with pytest.raises(Damaged):
            await again.again((await again.get(P, key)).pieces)  # type: ignore[union-attr]
    assert {f.what for f in await again.check()} == {"damaged data"}
    await again.close()


async def test_records_that_decayed_are_written_again_from_the_index(store: Segments) -> None:
    keys = [b"k%d" % number for number in range(5)]
    offsets = []
    for key in keys:
        offsets.append(store.log.position.offset)
        await put(store, key, noise(500))
    await put(store, b"fill", noise(8000))
    while store.log.position.segment == 1:
        await put(store, b"fill", noise(8000))
    with store.log.path(1).open("r+b") as file:
        file.seek(offsets[2] + 40)
        file.write(b"\xff" * 4)
    await store.auditor.audit()
    assert store.compactor.victim() == 1
    await store.compactor.compact(1)
    await store.compactor.drop()
    assert 1 not in store.log.present
    assert set(await everything(store)) == {*keys, b"fill"}
    assert await store.check() == []


# ----------------------------------------------------------------------------------------------------------- compaction


async def compacted(store: Segments) -> None:
    while (segment := store.compactor.victim()) is not None:
        await store.compactor.compact(segment)
    await store.compactor.drop()


async def test_compaction_gives_room_back_and_loses_nothing_under_writes(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store", replace(SMALL, flush_changes=100, compact_bytes_s=1e9))
    expected: dict[bytes, tuple[bytes, bytes]] = {}
    random_ = random.Random(9)

    async def work(worker: int) -> None:
        for number in range(150):
            key = b"w%d-%d" % (worker, random_.randrange(8))
            if random_.random() < 0.25:
                await delete(store, key)
                expected.pop(key, None)
            else:
                value = noise(random_.choice((50, 3000, 7000)), number)
                await put(store, key, value, b"%d" % number)
                expected[key] = (b"%d" % number, value)

    async def compact() -> None:
        for _ in range(40):
            await compacted(store)
            await asyncio.sleep(0.01)

    await asyncio.gather(*(work(number) for number in range(6)), compact())
    await compacted(store)
    assert await everything(store) == expected
    assert min(store.log.present) > 5
    room = await store.room()
    assert len(store.log.present) * 64 * KIB < 3 * room.live + 4 * 64 * KIB
    assert await store.check() == []
    await store.close()
    shutil.rmtree(tmp_path / "store/index")
    again = await opened(tmp_path / "store")
    assert await everything(again) == expected
    await again.close()


async def test_what_was_deleted_stays_so_when_the_index_is_made_again_after_compaction(tmp_path: Path) -> None:
    """A tombstone outlives its segment as long as an older put of its key may be there."""
    store = await opened(tmp_path / "store")

    async def fill(*, until: int) -> None:
        while store.log.position.segment < until:
            await put(store, b"fill%d" % store.log.position.offset, noise(8000))

    await put(store, b"a", b"one")
    await fill(until=2)
    await delete(store, b"a")
    await put(store, b"b", b"one")
    await delete(store, b"b")
    await put(store, b"a", b"two")
    await fill(until=3)
    await delete(store, b"a")
    await fill(until=4)
    for segment in (2, 3):
        await store.compactor.compact(segment)
    await store.compactor.drop()
    assert {1} < store.log.present and not {2, 3} & store.log.present
    before = await everything(store)
    await store.close()
    shutil.rmtree(tmp_path / "store/index")
    again = await opened(tmp_path / "store")
    assert await everything(again) == before
    assert b"a" not in before
    await again.close()


async def test_data_that_is_shared_or_only_retouched_moves_with_its_segment(store: Segments) -> None:
    await put(store, b"a", noise(3000), b"1")
    shared = await store.again((await store.get(P, b"a")).pieces)  # type: ignore[union-attr]
    while store.log.position.segment == 1:
        await put(store, b"fill", noise(8000))
    entry = await store.get(P, b"a")
    assert entry is not None
    await store.commit(
        P, [], lambda entries, tally: [Put(b"a", b"2", entry.pieces, 1, 3000), Put(b"b", b"", shared, 1, 3000)]
    )
    assert (await store.get(P, b"a")).pieces == entry.pieces  # type: ignore[union-attr] # not written again
    await store.compactor.compact(1)
    with pytest.raises(Lost):
        await store.commit(P, [], lambda entries, tally: [Put(b"c", b"", shared, 1, 3000)])
    await store.compactor.drop()
    assert 1 not in store.log.present
    assert await data(store, b"a") == await data(store, b"b") == noise(3000)
    with pytest.raises(Lost):
        await store.read(shared, 0, 3000)
    assert await store.check() == []


async def test_files_that_nothing_refers_to_are_unlinked_after_their_readers_had_time(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store", replace(SMALL, grace_s=0.05))
    await put(store, b"k", noise(20_000))
    stream = await store.read((await store.get(P, b"k")).pieces, 0, 20_000)  # type: ignore[union-attr]
    await delete(store, b"k")
    await store.sweeper.sweep()
    assert isinstance(stream, Stream)
    assert b"".join([chunk async for chunk in stream.chunks]) == noise(20_000)
    await asyncio.sleep(0.06)
    await store.sweeper.sweep()
    assert list((tmp_path / "store/files").glob("*/*")) == []
    await store.close()


async def test_a_start_removes_files_that_were_never_committed(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store")
    await put(store, b"kept", noise(20_000))
    writer = store.writer()
    await writer.write(noise(20_000))
    await writer.finish()
    other = store.writer()
    await other.write(noise(2_000_000))
    forsake(store)
    await store.close()
    again = await opened(tmp_path / "store")
    assert len(list((tmp_path / "store/files").glob("*/*"))) == 1
    assert await again.check() == []
    await again.close()


async def test_many_slow_uploads_do_not_each_hold_a_run_in_memory(tmp_path: Path) -> None:
    store = await opened(tmp_path / "store", replace(SMALL, small_bytes=64 * KIB))
    writers = [store.writer() for _ in range(40)]
    for _ in range(13):
        for writer in writers:
            await writer.write(bytes(64 * KIB))
        under_way = [w._file._job for w in writers if w._file is not None and w._file._job is not None]
        if under_way:
            await asyncio.wait(under_way)  # the clients are slower than the disk
    assert store.files.waiting_bytes < (8 << 20) + 40 * 192 * KIB
    for writer in writers:
        await writer.abandon()
    assert store.files.waiting_bytes == 0
    await store.close()


# ------------------------------------------------------------------------------------------------------- a failing disk


class Failing(Disk):
    free_bytes: int | None = None
    write_error: OSError | None = None
    sync_error: OSError | None = None

    def free(self, path: Path) -> int:
        return super().free(path) if self.free_bytes is None else self.free_bytes

    def write_some(self, fd: int, parts: Sequence[bytes], offset: int) -> int:
        if self.write_error is not None:
            raise self.write_error
        return super().write_some(fd, parts, offset)

    def sync(self, fd: int) -> None:
        if self.sync_error is not None:
            raise self.sync_error
        super().sync(fd)


async def test_a_full_disk_refuses_data_and_goes_on_reading_and_deleting(tmp_path: Path) -> None:
    disk = Failing()
    store = await opened(tmp_path / "store", replace(SMALL, disk=disk, reserve_bytes=1 << 20))
    await put(store, b"a", noise(500))
    await put(store, b"b", noise(20_000))
    disk.free_bytes = 1 << 19
    await asyncio.sleep(0.3)
    for size in (10, 20_000):
        with pytest.raises(NoSpace):
            await put(store, b"c", noise(size))
    assert set(await everything(store)) == {b"a", b"b"}
    await delete(store, b"b")
    disk.free_bytes = 1 << 30
    await asyncio.sleep(0.3)
    await put(store, b"c", noise(10))
    assert set(await everything(store)) == {b"a", b"c"}
    await store.close()


async def test_a_write_that_finds_no_space_leaves_nothing_and_the_store_goes_on(tmp_path: Path) -> None:
    disk = Failing()
    store = await opened(tmp_path / "store", replace(SMALL, disk=disk))
    await asyncio.sleep(0.05)
    disk.write_error = OSError(errno.ENOSPC, "No space left on device")
    for size in (10, 3_000_000):
        with pytest.raises(NoSpace):
            await put(store, b"a", noise(size))
    disk.write_error = None
    await put(store, b"b", noise(10))
    forsake(store)
    await store.close()
    again = await opened(tmp_path / "store")
    assert set(await everything(again)) == {b"b"}
    await again.close()


async def test_a_failed_sync_breaks_the_store_until_it_is_opened_anew(tmp_path: Path) -> None:
    disk = Failing()
    store = await opened(tmp_path / "store", replace(SMALL, disk=disk))
    await put(store, b"a", noise(10))
    await asyncio.sleep(0.05)
    upkeep = asyncio.create_task(store.run())
    disk.sync_error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(Broken):
        await put(store, b"b", noise(10))
    disk.sync_error = None
    with pytest.raises(Broken):
        await put(store, b"c", noise(10))
    with pytest.raises(Broken):  # so that whoever keeps the store opens it anew
        await upkeep
    assert set(await everything(store)) == {b"a"}
    await store.close()
    again = await opened(tmp_path / "store")
    assert set(await everything(again)) == {b"a"}
    await put(again, b"d", noise(10))
    await again.close()


async def test_a_start_that_fails_while_the_index_is_written_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMDB's close waits for a transaction of another thread, and takes from that thread what it would end it with."""
    store = await opened(tmp_path / "store")
    for number in range(4):
        await put(store, b"%d" % number, noise(10))
    forsake(store)
    await store.close()
    begun, rows, write = threading.Event(), Index._write_rows, Disk.write

    def slow(index: Index, txn: Any, overlay: Any) -> None:
        begun.set()
        time.sleep(0.2)
        rows(index, txn, overlay)

    def fails(disk: Disk, fd: int, parts: Sequence[bytes], offset: int) -> None:
        if threading.current_thread().name.startswith("wolke-log"):
            assert begun.wait(5)
            raise OSError(errno.EIO, "Input/output error")
        write(disk, fd, parts, offset)

    monkeypatch.setattr(Index, "_write_rows", slow)
    monkeypatch.setattr(Disk, "write", fails)
    with pytest.raises(Broken):
        await opened(tmp_path / "store", replace(SMALL, flush_changes=2))
    monkeypatch.undo()
    again = await opened(tmp_path / "store")
    assert set(await everything(again)) == {b"0", b"1", b"2", b"3"}
    await again.close()


async def test_two_at_once_are_refused(store: Segments) -> None:
    with pytest.raises(RuntimeError, match="in use"):
        await opened(store.directory)


async def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    await (await opened(tmp_path / "store")).close()
    (tmp_path / "store/store.json").write_text('{"format": 99, "id": "x"}')
    with pytest.raises(RuntimeError, match="format 99"):
        await opened(tmp_path / "store")


async def test_a_cancelled_commit_is_whole_or_not_there_and_others_go_on(store: Segments) -> None:
    tasks = [asyncio.create_task(put(store, b"k%d" % n, noise(100))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    there = await everything(store)
    assert {b"k%d" % n for n in range(20) if n % 3} <= set(there)
    assert set(there.values()) == {(b"m", noise(100))}
    assert await store.check() == []


async def test_a_commit_larger_than_a_segment_gets_one_that_is_large_enough(store: Segments) -> None:
    metas = {b"k%d" % n: noise(200_000, n) for n in range(3)}
    await store.commit(P, [], lambda entries, tally: [Put(key, meta) for key, meta in metas.items()])
    assert {e.key: e.meta for e in await store.scan(P, b"", b"\xff", 10)} == metas


async def test_what_cannot_be_kept_is_refused_before_anything_happens(store: Segments) -> None:
    for change in (
        Put(b"k" * 1401, b""),
        Put(b"k", bytes((256 << 10) + 1)),
        Put(b"k", b"", (), 1 << 70),
        Put(b"k", b"", due_s=-1),
    ):
        with pytest.raises(ValueError):
            await store.commit(P, [], lambda entries, tally, change=change: [change])
    await put(store, b"k", b"fine")


async def test_an_index_older_than_what_the_compactor_took_away_is_not_believed(tmp_path: Path) -> None:
    """Its row for a deleted key would never be ended: the tombstone has gone with the put."""
    store = await opened(tmp_path / "store")
    await put(store, b"zombie", noise(10))
    await put(store, b"kept", noise(10))
    await store.close()
    shutil.copytree(tmp_path / "store/index", tmp_path / "copy")
    store = await opened(tmp_path / "store")
    while store.log.position.segment < 2:
        await put(store, b"fill", noise(8000))
    await delete(store, b"zombie")
    while store.log.position.segment < 4:
        await put(store, b"fill", noise(8000))
    for segment in (1, 2):
        await store.compactor.compact(segment)
    await store.compactor.drop()
    before = await everything(store)
    await store.close()
    shutil.rmtree(tmp_path / "store/index")
    shutil.copytree(tmp_path / "copy", tmp_path / "store/index")
    again = await opened(tmp_path / "store")
    assert await everything(again) == before
    assert b"zombie" not in before
    await again.close()
