"""Backups as blocks, on the object store itself: what is stored, what is shared, what a kill leaves, what is not believed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import AsgiClient
from wolke.block_storage.agent.archive import BLOCK_BYTES, Archive, prefix_of
from wolke.block_storage.agent.swift import SwiftStore
from wolke.core.agent_client import Refusal, Reply
from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.drivers import Failure
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.doors import build_door
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.service import ObjectStore

PROJECT = "5e" * 16
VOLUME, FULL, NEXT, LAST = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "1234")


async def service(token: str, service_token: str | None = None) -> Context:
    return Context(user_id="agent", project_id=PROJECT, project_domain_id="default", roles=frozenset({"member"}))


class Client:
    """What ``core.agent_client`` offers, without a socket. ``dies_after``: so many objects are taken, then no more."""

    def __init__(self, app: Any, dies_after: int = 1 << 30) -> None:
        self._http = AsgiClient(app, token="agent")
        self.left = dies_after
        self.calls: list[tuple[str, str]] = []

    async def project_id(self) -> str:
        return PROJECT

    async def request(
        self, method: str, path: str, value: Any = None, *, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> Reply:
        path = path.removeprefix("http://objects")
        self.calls.append((method, path))
        if method == "PUT" and data is not None:
            self.left -= 1
            if self.left < 0:
                raise ConnectionError("killed")
        answer = await self._http.request(method, path, content=data, headers=dict(headers or {}))
        if answer.status >= 400:
            raise Refusal(answer.status, f"{method} {path}: {answer.status}")
        return Reply(answer.status, answer.body, answer.headers)

    def sent(self) -> list[str]:
        """The blocks and manifests that were sent."""
        return [path.rpartition("backup_")[2] for method, path in self.calls if method == "PUT" and "backup_" in path]


@pytest.fixture
async def door() -> Any:
    store = ObjectStore({"default": Memory(Path("/nowhere"))}, ObjectStoreConfig(), Clock())
    return build_door(store, service)


def archive(door: Any, **more: Any) -> tuple[Archive, Client]:
    client = Client(door, **more)
    return Archive(SwiftStore(client, "http://objects"), "backups"), client


def disk(path: Path, blocks: Mapping[int, bytes], count: int = 6, tail: int = 4096) -> Path:
    """A sparse disk: ``blocks`` begin with these words; its last block is not a whole one."""
    with path.open("wb") as file:
        for number, word in blocks.items():
            file.seek(number * BLOCK_BYTES)
            file.write(word)
        file.truncate(count * BLOCK_BYTES + tail)
    return path


async def test_a_backup_is_stored_without_what_is_empty_and_comes_back(door: Any, tmp_path: Path) -> None:
    source = disk(tmp_path / "disk", {0: b"boot", 3: os.urandom(BLOCK_BYTES), 6: b"end"})
    one, client = archive(door)
    contents = await one.save(source, VOLUME, FULL, None)
    assert contents.pop("objects") == 4
    assert sorted(client.sent()) == [f"{FULL}/{name}" for name in ("00000000", "00000003", "00000006", "manifest")]
    assert await one.check(contents) == 4
    await one.load(contents, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == source.read_bytes()
    assert (tmp_path / "again").stat().st_blocks * 512 < 3 * BLOCK_BYTES


async def test_an_incremental_backup_stores_what_changed_and_restores_alone(door: Any, tmp_path: Path) -> None:
    one, client = archive(door)
    blocks = {0: b"zero", 1: b"one", 2: b"two"}
    full = await one.save(disk(tmp_path / "disk", blocks), VOLUME, FULL, None)
    changed = {**blocks, 1: b"ONE", 4: b"four"}
    del changed[2]
    second = await one.save(disk(tmp_path / "disk", changed), VOLUME, NEXT, await one.manifest(full))
    assert {name for name in client.sent() if name.startswith(NEXT)} == {
        f"{NEXT}/00000001", f"{NEXT}/00000004", f"{NEXT}/manifest",
    }  # fmt: skip
    last = await one.save(disk(tmp_path / "disk", changed, count=8), VOLUME, LAST, await one.manifest(second))
    assert last["objects"] == 1, "the manifest alone"
    assert (await one.manifest(last)).backups == [LAST, NEXT, FULL]
    await one.load(last, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "disk").read_bytes()


@pytest.mark.parametrize("dies_after", [0, 1, 2, 3])
async def test_a_killed_backup_goes_on_with_what_is_missing(door: Any, tmp_path: Path, dies_after: int) -> None:
    source = disk(tmp_path / "disk", {0: b"a", 2: b"b", 4: b"c"})
    broken, _ = archive(door, dies_after=dies_after)
    with pytest.raises(ConnectionError):
        await broken.save(source, VOLUME, FULL, None)
    there = await SwiftStore(Client(door), "http://objects").names("backups", prefix_of(VOLUME, FULL))
    assert len(there) <= dies_after
    one, client = archive(door)
    contents = await one.save(source, VOLUME, FULL, None)
    assert contents["objects"] == 4
    assert len(client.sent()) == 4 - len(there)
    await one.load(contents, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == source.read_bytes()


async def test_a_killed_restore_fetches_what_it_has_not_got(door: Any, tmp_path: Path) -> None:
    source = disk(tmp_path / "disk", {0: b"a", 2: b"b"})
    one, client = archive(door)
    contents = await one.save(source, VOLUME, FULL, None)
    disk(tmp_path / "again", {0: b"a", 3: b"of something else"}, count=9)
    client.calls.clear()
    await one.load(contents, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == source.read_bytes()
    fetched = [path.rpartition("/")[2] for method, path in client.calls if method == "GET"]
    assert fetched == ["manifest", "00000002"]


async def test_what_is_not_what_was_stored_is_not_restored(door: Any, tmp_path: Path) -> None:
    source = disk(tmp_path / "disk", {0: b"a", 2: b"b"})
    one, _ = archive(door)
    store = SwiftStore(Client(door), "http://objects")
    contents = await one.save(source, VOLUME, FULL, None)
    block, manifest = f"{prefix_of(VOLUME, FULL)}00000002", f"{prefix_of(VOLUME, FULL)}manifest"
    whole = await store.get("backups", manifest)
    assert whole is not None
    await store.put("backups", block, b"forged".ljust(BLOCK_BYTES, b"\0"))
    with pytest.raises(Failure, match="broken"):
        await one.load(contents, tmp_path / "again")
    await store.delete("backups", block)
    with pytest.raises(Failure, match="1 of the 2 objects"):
        await one.check(contents)
    with pytest.raises(Failure, match="broken"):
        await one.load(contents, tmp_path / "again")
    await store.put("backups", manifest, whole + b"\0")
    with pytest.raises(Failure, match="broken"):
        await one.load(contents, tmp_path / "again")
    await store.delete("backups", manifest)
    for record in (contents, {}, {"manifest": 5, "sha256": None}):
        with pytest.raises(Failure):
            await one.load(record, tmp_path / "again")


async def test_a_deleted_backup_leaves_nothing_and_its_neighbours_everything(door: Any, tmp_path: Path) -> None:
    one, _ = archive(door)
    kept = await one.save(disk(tmp_path / "disk", {0: b"a"}), VOLUME, FULL, None)
    await one.save(disk(tmp_path / "disk", {0: b"b"}), VOLUME, NEXT, None)
    await one.remove(VOLUME, NEXT)
    await one.remove(VOLUME, NEXT)
    names = await SwiftStore(Client(door), "http://objects").names("backups", "")
    assert {name.split("/")[1] for name in names} == {f"backup_{FULL}"}
    assert await one.check(kept) == 2
    await one.remove(VOLUME, LAST)


async def test_lists_of_many_objects_are_read_to_their_end(door: Any) -> None:
    store = SwiftStore(Client(door), "http://objects")
    assert await store.names("nowhere", "x") == {}
    assert await store.get("nowhere", "x") is None
    await store.delete("nowhere", "x")
    await store.prepare("backups")
    for number in range(1003):
        await store.put("backups", f"many/{number:05d}", b"x")
    assert len(await store.names("backups", "many/")) == 1003
