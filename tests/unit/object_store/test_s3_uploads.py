"""Multipart uploads as verbs: what races, what dies half-way, what is shared, and what is left: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from wolke.core.clock import HeldClock
from wolke.object_store import store as storage
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.drivers.base import Delete
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.errors import ObjectNotFound, PreconditionFailed, QuotaReached, UploadNotFound
from wolke.object_store.model import ENABLED, Container, Description, Object, Received, Wish
from wolke.object_store.reconcile.lifecycle import Lifecycle
from wolke.object_store.service import ObjectStore
from wolke.object_store.service.uploads import Chosen, Part, Upload

ACCOUNT = "AUTH_" + "1" * 32


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore({"default": Memory(Path("/nowhere"))}, ObjectStoreConfig(), HeldClock())


async def made(store: ObjectStore, **system: str) -> Container:
    await store.accounts.ensure(ACCOUNT)
    return (await store.containers.create(ACCOUNT, "c", {}, system))[0]


def no_sums(received: Received) -> dict[str, str]:
    return {}


def joined(upload: Upload, parts: Sequence[Part | None]) -> Description:
    if None in parts:
        raise PreconditionFailed
    return Description(content_type=upload.content_type, etag=f"tag-{len(parts)}", headers=upload.headers)


async def begun(
    store: ObjectStore, container: Container, *bodies: bytes, name: str = "k"
) -> tuple[Upload, list[Chosen]]:
    upload = await store.uploads.create(container, name, "a/b", {"x-object-meta-m": "1"}, {})
    parts = [await store.uploads.put_part(container, upload, n, body, no_sums) for n, body in enumerate(bodies, 1)]
    return upload, [Chosen(part.number, part.etag) for part in parts]


async def read(store: ObjectStore, container: Container, name: str = "k") -> bytes:
    body = store.objects.body(await store.objects.find(container, name))
    return b"".join([chunk async for chunk in body.chunks(0, body.size)])


async def test_an_object_of_its_parts_and_nothing_beside_it(store: ObjectStore) -> None:
    container = await made(store)
    upload, chosen = await begun(store, container, b"one ", b"two ", b"three")
    done = await store.uploads.complete(container, "k", upload.id, [chosen[0], chosen[2]], joined)
    assert await read(store, container) == b"one three"
    assert (done.object.size, done.object.headers, done.again) == (9, {"x-object-meta-m": "1"}, False)
    tally = await store.containers.tally(container)
    assert (tally.entries, tally.objects, tally.octets) == (2, 1, 9)


async def test_a_part_may_come_again(store: ObjectStore) -> None:
    container = await made(store)
    upload, _ = await begun(store, container, b"old")
    part = await store.uploads.put_part(container, upload, 1, b"new!", no_sums)
    await store.uploads.complete(container, "k", upload.id, [Chosen(1, part.etag)], joined)
    assert await read(store, container) == b"new!"


async def test_completing_twice_is_completing_once(store: ObjectStore) -> None:
    container = await made(store)
    upload, chosen = await begun(store, container, b"1", b"2")
    both = [store.uploads.complete(container, "k", upload.id, chosen, joined) for _ in range(2)]
    first, second = await asyncio.gather(*both)
    assert first.object.stamp == second.object.stamp and sorted((first.again, second.again)) == [False, True]
    with pytest.raises(UploadNotFound):
        await store.uploads.complete(container, "k", upload.id, chosen[:1], joined)
    await store.objects.delete(container, "k")
    with pytest.raises(UploadNotFound):
        await store.uploads.complete(container, "k", upload.id, chosen, joined)


async def test_an_aborted_upload_takes_no_part(store: ObjectStore) -> None:
    container = await made(store)
    upload, chosen = await begun(store, container, b"1")
    await store.uploads.abort(container, "k", upload.id)
    for refused in (
        store.uploads.put_part(container, upload, 2, b"2", no_sums),
        store.uploads.complete(container, "k", upload.id, chosen, joined),
        store.uploads.abort(container, "k", upload.id),
        store.uploads.get(container, "k", "../" * 16),
        store.uploads.get(container, "other", upload.id),
    ):
        with pytest.raises(UploadNotFound):
            await refused
    assert (await store.containers.tally(container)).entries == 1


async def test_a_refused_completion_changes_nothing(store: ObjectStore) -> None:
    container = await made(store)
    upload, chosen = await begun(store, container, b"1")

    def check(old: Object | None) -> None:
        raise PreconditionFailed

    with pytest.raises(PreconditionFailed):
        await store.uploads.complete(container, "k", upload.id, chosen, joined, check=check)
    with pytest.raises(ObjectNotFound):
        await store.objects.find(container, "k")
    assert len(await store.uploads.parts(container, upload)) == 1


async def test_a_part_beyond_the_quota_leaves_nothing(store: ObjectStore) -> None:
    container = await made(store)
    container = await store.containers.update(container, {"x-container-meta-quota-bytes": "4"})
    upload, _ = await begun(store, container, b"1234")
    with pytest.raises(QuotaReached):
        await store.uploads.put_part(container, upload, 2, b"5", no_sums)
    assert (await store.containers.tally(container)).octets == 4
    [part] = await store.uploads.parts(container, upload)
    await store.uploads.complete(container, "k", upload.id, [Chosen(1, part.etag)], joined)  # it takes no more room
    assert (await store.containers.tally(container)).octets == 4


async def test_completion_in_a_container_that_keeps_versions(store: ObjectStore) -> None:
    container = await made(store, versioning=ENABLED)
    for body in (b"1", b"22"):
        upload, chosen = await begun(store, container, body)
        await store.uploads.complete(container, "k", upload.id, chosen, joined)
    listed = await store.versions.list(container, limit=10)
    assert [one.object.size for one in listed] == [2, 1]
    assert await read(store, container) == b"22"


async def test_a_copied_part_is_of_its_source_as_it_was(store: ObjectStore) -> None:
    container = await made(store)
    await store.objects.put(container, "from", b"0123456789", lambda r: Description(content_type="", etag=r.md5))
    source = await store.objects.find(container, "from")
    upload, _ = await begun(store, container)
    whole = await store.uploads.copy_part(container, upload, 1, source, 0, 10, {})
    some = await store.uploads.copy_part(container, upload, 2, source, 2, 3, {})
    await store.objects.delete(container, "from")
    chosen = [Chosen(1, whole.etag), Chosen(2, some.etag)]
    await store.uploads.complete(container, "k", upload.id, chosen, joined)
    assert await read(store, container) == b"0123456789234"


async def test_lists_of_uploads(store: ObjectStore) -> None:
    container = await made(store)
    ids = [(await begun(store, container, name=name))[0].id for name in ("a", "a", "b", "ab")]
    found = [one for one in await store.uploads.page(container, Wish(limit=10)) if isinstance(one, Upload)]
    assert [one.name for one in found] == ["a", "a", "ab", "b"]
    assert [one.id for one in found] == [ids[0], ids[1], ids[3], ids[2]]
    rest = await store.uploads.page(container, Wish(limit=10, marker="a"), upload_id_marker=ids[0])
    assert [one.name for one in rest] == ["a", "ab", "b"]
    by_hex = await store.uploads.page(container, Wish(limit=10, delimiter="0"))
    assert [one.name for one in by_hex] == ["a", "a", "ab", "b"]


async def test_a_container_with_uploads_alone_is_empty(store: ObjectStore) -> None:
    container = await made(store)
    await begun(store, container, b"1", b"2")
    await store.containers.delete(container)
    assert not await store.containers.exists(ACCOUNT, "c")


async def test_a_name_leads_to_who_opened_it_first(store: ObjectStore) -> None:
    await made(store)
    names = store.names
    assert await names.claim("c", ACCOUNT) and await names.claim("c", ACCOUNT)
    other = "AUTH_" + "2" * 32
    assert not await names.claim("c", other)
    await store.containers.delete(await store.containers.get(ACCOUNT, "c"))
    assert await names.claim("c", other)  # the first one's bucket is gone
    await names.release("c", ACCOUNT)
    assert await names.account("c") == other


async def test_forgotten_uploads_and_orphaned_parts_are_cleared_up(store: ObjectStore) -> None:
    clock = store.clock
    assert isinstance(clock, HeldClock)
    container = await made(store)
    await begun(store, container, b"1", name="forgotten")
    alive, _ = await begun(store, container, b"1", name="alive")
    orphaned, _ = await begun(store, container, b"1", b"2", name="orphaned")
    engine, partition = store.ground.accounts, storage.container_partition(container)
    key = storage.UPLOADS + b"orphaned\0" + orphaned.id.encode()
    await engine.commit(partition, (), lambda entries, tally: (Delete(key),))
    clock.move(6 * 86_400)
    await store.uploads.put_part(container, alive, 2, b"2", no_sums)
    loop = Lifecycle(store).loop
    await loop.drain()
    assert (
        await store.containers.tally(container)
    ).entries == 1 + 2 + 3  # the orphans are gone, the others are not a week old
    clock.move(2 * 86_400)
    await loop.drain()
    [left] = await store.uploads.page(container, Wish(limit=9))
    assert isinstance(left, Upload) and left.name == "alive"
    assert (await store.containers.tally(container)).entries == 1 + 3
