"""The store's verbs on the driver in memory: what both doors rely on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wolke.core.clock import HeldClock
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.errors import (
    ContainerNotEmpty,
    ContainerNotFound,
    ObjectNotFound,
    QuotaReached,
    VersionNotFound,
)
from wolke.object_store.model import (
    ENABLED,
    MARKER,
    SUSPENDED,
    Container,
    Description,
    Listed,
    Prefix,
    Received,
    Wish,
)
from wolke.object_store.service import ObjectStore

ACCOUNT = "AUTH_11111111111111111111111111111111"


@pytest.fixture
def store() -> ObjectStore:
    engines = {"default": Memory(Path("/nowhere")), "archive": Memory(Path("/nowhere"))}
    return ObjectStore(engines, ObjectStoreConfig(), HeldClock())


@pytest.fixture
async def box(store: ObjectStore) -> Container:
    return (await store.containers.create(ACCOUNT, "box", {}))[0]


def plain(received: Received) -> Description:
    return Description(content_type="text/plain", etag=received.md5)


async def put(store: ObjectStore, box: Container, name: str, data: bytes = b"data") -> None:
    await store.objects.put(box, name, data, plain)


async def text(store: ObjectStore, box: Container, name: str, version: int | None = None) -> bytes:
    body = store.objects.body(await store.objects.find(box, name, version))
    found = await body.read(0, body.size)
    assert isinstance(found, bytes)
    return found


async def names(store: ObjectStore, box: Container, **wish: object) -> list[str]:
    found = await store.containers.objects(box, Wish(limit=100, **wish))  # type: ignore[arg-type]
    return [item.name for item in found]


async def test_an_object_comes_back_as_it_was_written(store: ObjectStore, box: Container) -> None:
    await put(store, box, "a", b"hello")
    assert await text(store, box, "a") == b"hello"
    found = await store.objects.find(box, "a")
    assert (found.object.size, found.object.etag) == (5, "5d41402abc4b2a76b9719d911017c592")
    await store.objects.delete(box, "a")
    with pytest.raises(ObjectNotFound):
        await store.objects.find(box, "a")


async def test_counts_are_exact_in_container_and_account(store: ObjectStore, box: Container) -> None:
    archive, _ = await store.containers.create(ACCOUNT, "archive", {}, policy="archive")
    for name, data in (("a", b"1"), ("b", b"22"), ("a", b"333")):
        await put(store, box, name, data)
    await put(store, archive, "c", b"4444")
    assert (await store.containers.tally(box))[1:] == (2, 5)
    stats = await store.accounts.stats(ACCOUNT)
    assert stats["default"] == (1, 2, 5)
    assert stats["archive"] == (1, 1, 4)
    assert await store.accounts.stat(ACCOUNT) == (2, 3, 9)


async def test_a_container_with_objects_stays(store: ObjectStore, box: Container) -> None:
    await put(store, box, "a")
    with pytest.raises(ContainerNotEmpty):
        await store.containers.delete(box)
    await store.objects.delete(box, "a")
    await store.containers.delete(box)
    with pytest.raises(ContainerNotFound):
        await store.containers.get(ACCOUNT, "box")
    with pytest.raises(ContainerNotFound):
        await put(store, box, "late")
    assert await store.accounts.containers(ACCOUNT, Wish(limit=10)) == []


async def test_lists_page_and_fold(store: ObjectStore, box: Container) -> None:
    for name in ("a", "dir/", "dir/one", "dir/sub/two", "dirt", "é/x", "z"):
        await put(store, box, name)
    assert await names(store, box) == ["a", "dir/", "dir/one", "dir/sub/two", "dirt", "z", "é/x"]
    assert await names(store, box, delimiter="/") == ["a", "dir/", "dirt", "z", "é/"]
    assert await names(store, box, delimiter="/", marker="dir/") == ["dirt", "z", "é/"]
    assert await names(store, box, delimiter="/", prefix="dir/") == ["dir/", "dir/one", "dir/sub/"]
    assert await names(store, box, path="dir") == ["dir/one"]
    assert await names(store, box, reverse=True, marker="dirt", end_marker="a") == ["dir/sub/two", "dir/one", "dir/"]
    assert await names(store, box, reverse=True, delimiter="/") == ["é/", "z", "dirt", "dir/", "a"]
    found = await store.containers.objects(box, Wish(limit=100, delimiter="/"))
    assert [type(item) for item in found] == [Listed, Prefix, Listed, Listed, Prefix]


async def test_versions_are_kept_and_come_back(store: ObjectStore, box: Container) -> None:
    await put(store, box, "a", b"before")
    box = await store.containers.update(box, {}, {"versioning": ENABLED})
    await put(store, box, "a", b"first")
    await put(store, box, "a", b"second")
    versions = await store.versions.list(box, limit=10)
    assert [one.latest for one in versions] == [True, False, False]
    assert versions[-1].object.version == 0
    assert await text(store, box, "a", 0) == b"before"
    assert (await store.containers.tally(box))[1:] == (1, len(b"beforefirstsecond"))
    removed = await store.objects.delete(box, "a")
    assert removed.marker is not None
    with pytest.raises(ObjectNotFound):
        await store.objects.find(box, "a")
    assert await names(store, box) == []
    assert (await store.versions.list(box, limit=1))[0].object.kind == MARKER
    await store.objects.delete(box, "a", removed.marker.version)
    assert await text(store, box, "a") == b"second"
    await store.objects.delete(box, "a", versions[0].object.version)
    assert await text(store, box, "a") == b"first"
    await store.objects.delete(box, "a", versions[1].object.version)
    assert await text(store, box, "a") == b"before"
    await store.objects.delete(box, "a", 0)
    assert await store.versions.list(box, limit=10) == []
    with pytest.raises(VersionNotFound):
        await store.objects.delete(box, "a", 0)


async def test_while_versions_are_suspended_there_is_one_without_a_number(store: ObjectStore, box: Container) -> None:
    box = await store.containers.update(box, {}, {"versioning": ENABLED})
    await put(store, box, "a", b"numbered")
    box = await store.containers.update(box, {}, {"versioning": SUSPENDED})
    await put(store, box, "a", b"one")
    await put(store, box, "a", b"two")
    assert [one.object.version == 0 for one in await store.versions.list(box, limit=10)] == [True, False]
    assert await text(store, box, "a") == b"two"
    await store.objects.delete(box, "a")
    assert [one.object.kind for one in await store.versions.list(box, limit=10)] == [MARKER, ""]


async def test_lists_of_versions_go_on_where_they_ended(store: ObjectStore, box: Container) -> None:
    await put(store, box, "b", b"plain")
    box = await store.containers.update(box, {}, {"versioning": ENABLED})
    for name in ("a", "b", "b", "c"):
        await put(store, box, name)
    whole = await store.versions.list(box, limit=10)
    assert [one.name for one in whole] == ["a", "b", "b", "b", "c"]
    found, marker, before = [], "", None
    while page := await store.versions.list(box, limit=1, marker=marker, before=before):
        found += page
        marker, before = page[-1].name, page[-1].object.stamp
    assert found == whole
    assert [one.name for one in await store.versions.list(box, limit=10, marker="b")] == ["c"]


async def test_metadata_changes_without_the_data(store: ObjectStore, box: Container) -> None:
    await put(store, box, "a", b"data")

    def change(value):  # type: ignore[no-untyped-def]
        import msgspec

        return msgspec.structs.replace(value, headers={"x-object-meta-colour": "red"}), None

    await store.objects.update(box, "a", change)
    found = await store.objects.find(box, "a")
    assert found.object.headers == {"x-object-meta-colour": "red"}
    assert await text(store, box, "a") == b"data"
    assert (await store.containers.tally(box))[1:] == (1, 4)


async def test_a_copy_across_policies_has_the_same_bytes(store: ObjectStore, box: Container) -> None:
    await put(store, box, "a", b"data")
    archive, _ = await store.containers.create(ACCOUNT, "archive", {}, policy="archive")
    source = await store.objects.find(box, "a")
    await store.objects.copy(source, archive, "b", Description(content_type="x/y", etag=source.object.etag))
    assert await text(store, archive, "b") == b"data"


async def test_a_quota_is_exact_and_leaves_nothing(store: ObjectStore) -> None:
    quotas = {"x-container-meta-quota-bytes": "10", "x-container-meta-quota-count": "2"}
    box, _ = await store.containers.create(ACCOUNT, "small", quotas)
    await put(store, box, "a", b"12345678")
    with pytest.raises(QuotaReached):
        await put(store, box, "b", b"123")
    await put(store, box, "b", b"12")
    with pytest.raises(QuotaReached):
        await put(store, box, "c", b"")
    assert await names(store, box) == ["a", "b"]


async def test_what_ends_early_leaves_nothing(store: ObjectStore, box: Container) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await store.objects.put(box, "a", broken(), plain)
    assert await names(store, box) == []


async def test_an_expired_object_is_gone_before_anybody_removes_it(store: ObjectStore, box: Container) -> None:
    due_s = int(store.clock.time()) + 60

    def brief(received: Received) -> Description:
        return Description(content_type="text/plain", etag=received.md5, due_s=due_s)

    await store.objects.put(box, "a", b"data", brief)
    assert await text(store, box, "a") == b"data"
    store.clock.move(61)  # type: ignore[attr-defined]
    with pytest.raises(ObjectNotFound):
        await store.objects.find(box, "a")
    engine = store.ground.accounts
    (due,) = await engine.due(due_s, 10)
    await store.objects.expire(due.partition, due.key, due_s)
    assert await names(store, box) == []
