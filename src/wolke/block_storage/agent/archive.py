"""Backups as objects: a disk in blocks, each an object of its own unless it is empty or an earlier backup has it already.

    volume_<id>/backup_<id>/00000042    the 43rd block of 4 MiB
    volume_<id>/backup_<id>/manifest    for each block its SHA-256, and which backup has it

A manifest is complete: one restores from it without reading those before it. It is written last, so a backup whose manifest is
there is whole. Everything is named by what it is, and looked at before it is written: after a kill the next attempt sends only
what is missing. What comes back is believed only if its hash is that of the manifest, and the manifest only if its
hash is what the controllers were told.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from wolke.block_storage.agent.ground import BackupStore
from wolke.core.drivers import Failure

BLOCK_BYTES = 4 << 20
_AT_ONCE = 4
_BROKEN = Failure("The backup is broken: some of its data is not what was stored.")


class Manifest(msgspec.Struct, frozen=True):
    """``hashes``: of each block, empty where the disk is. ``owners``: which of ``backups`` has it, by number. ``containers``: where
    each of these is; none said: all are beside the manifest."""

    volume_id: str
    size_bytes: int
    block_bytes: int
    backups: list[str]
    hashes: list[bytes]
    owners: list[int]
    version: int = 1
    containers: list[str] = []


def prefix_of(volume_id: str, backup_id: str) -> str:
    return f"volume_{volume_id}/backup_{backup_id}/"


class Archive:
    def __init__(self, store: BackupStore, container: str) -> None:
        self._store = store
        self._container = container

    async def save(self, source: Path, volume_id: str, backup_id: str, parent: Manifest | None) -> dict[str, Any]:
        """Store ``source``, a raw disk. Returns what must be remembered of it."""
        await self._store.prepare(self._container)
        prefix = prefix_of(volume_id, backup_id)
        there = dict(await self._store.names(self._container, prefix))
        size_bytes = source.stat().st_size
        count = -(-size_bytes // BLOCK_BYTES)
        hashes, owners = [b""] * count, [0] * count
        backups = [
            (backup_id, self._container),
            *(zip(parent.backups, parent.containers, strict=True) if parent else ()),
        ]
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, data: bytes) -> None:
            async with slots:
                digest, md5 = await asyncio.to_thread(_digests, data)
                hashes[number] = digest
                if parent and number < len(parent.hashes) and parent.hashes[number] == digest:
                    owners[number] = 1 + parent.owners[number]
                elif there.get(f"{prefix}{number:08d}") != md5:
                    await self._store.put(self._container, f"{prefix}{number:08d}", data)

        await _each(_blocks(source, size_bytes), one, 2 * _AT_ONCE)
        used, owners = _used(backups, hashes, owners)
        ids, containers = [one for one, _ in used], [where for _, where in used]
        manifest = Manifest(volume_id, size_bytes, BLOCK_BYTES, ids, hashes, owners, containers=containers)
        content = msgspec.msgpack.encode(manifest)
        await self._store.put(self._container, f"{prefix}manifest", content)
        own = sum(1 for digest, owner in zip(manifest.hashes, manifest.owners, strict=True) if digest and not owner)
        return {"manifest": f"{prefix}manifest", "sha256": hashlib.sha256(content).hexdigest(), "objects": own + 1}

    async def manifest(self, contents: Mapping[str, Any]) -> Manifest:
        """Of what ``save`` said. ``Failure`` if it is gone or is another one."""
        name, digest = contents.get("manifest"), contents.get("sha256")
        if not isinstance(name, str) or not isinstance(digest, str):
            raise Failure("The record of the backup does not say where its data is.")
        content = await self._store.get(self._container, name)
        if content is None:
            raise Failure("The backup's data is not there any more.")
        if hashlib.sha256(content).hexdigest() != digest:
            raise _BROKEN
        try:
            manifest = msgspec.msgpack.decode(content, type=Manifest)
        except msgspec.DecodeError:
            raise _BROKEN from None
        if manifest.containers:
            return manifest
        return msgspec.structs.replace(manifest, containers=[self._container] * len(manifest.backups))

    async def check(self, contents: Mapping[str, Any]) -> int:
        """How many objects the backup itself has. ``Failure`` unless all that it needs are there."""
        manifest = await self.manifest(contents)
        there: set[tuple[str, str]] = set()
        for backup_id, container in zip(manifest.backups, manifest.containers, strict=True):
            found = await self._store.names(container, prefix_of(manifest.volume_id, backup_id))
            there |= {(container, name) for name in found}
        needed = [(container, name) for _, container, name in _objects(manifest)]
        if missing := len(set(needed) - there):
            raise Failure(f"{missing} of the {len(needed)} objects of the backup are not there.")
        return sum(1 for _, _, name in _objects(manifest) if name.startswith(str(contents["manifest"])[:-8])) + 1

    async def load(self, contents: Mapping[str, Any], target: Path) -> None:
        """Fill ``target``, which may hold a part already, with the disk."""
        manifest = await self.manifest(contents)
        with target.open("ab"):
            os.truncate(target, manifest.size_bytes)
        names = {number: (container, name) for number, container, name in _objects(manifest)}

        async def one(number: int, digest: bytes) -> None:
            offset = number * manifest.block_bytes
            length = min(manifest.block_bytes, manifest.size_bytes - offset)
            if await asyncio.to_thread(_holds, target, offset, length, digest):
                return
            data = b""
            if digest:
                data = await self._store.get(*names[number]) or b""
                if len(data) != length or await asyncio.to_thread(_digest, data) != digest:
                    raise _BROKEN
            await asyncio.to_thread(_write, target, offset, data, length)

        await _each(enumerate(manifest.hashes), one, _AT_ONCE)
        await asyncio.to_thread(_sync, target)

    async def remove(self, volume_id: str, backup_id: str) -> None:
        """The manifest first: what is left is no backup any more."""
        prefix = prefix_of(volume_id, backup_id)
        await self._store.delete(self._container, f"{prefix}manifest")
        for name in await self._store.names(self._container, prefix):
            await self._store.delete(self._container, name)


def _objects(manifest: Manifest) -> Iterator[tuple[int, str, str]]:
    """The number of each block that is not empty, and its object: container and name."""
    for number, (digest, owner) in enumerate(zip(manifest.hashes, manifest.owners, strict=True)):
        if digest:
            prefix = prefix_of(manifest.volume_id, manifest.backups[owner])
            yield number, manifest.containers[owner], f"{prefix}{number:08d}"


def _used(
    backups: list[tuple[str, str]], hashes: list[bytes], owners: list[int]
) -> tuple[list[tuple[str, str]], list[int]]:
    """Without backups that no block is in; the first always stays."""
    kept = [0, *sorted({owner for digest, owner in zip(hashes, owners, strict=True) if digest} - {0})]
    places = {old: new for new, old in enumerate(kept)}
    return [backups[old] for old in kept], [places.get(owner, 0) for owner in owners]


async def _each(items: Any, work: Any, at_once: int) -> None:
    """``work(*item)`` for each, so many at once; the first error ends all."""
    waiting: set[asyncio.Task[None]] = set()
    try:
        async for item in _aiter(items):
            if len(waiting) >= at_once:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            waiting.add(asyncio.create_task(work(*item)))
        for task in list(waiting):
            await task
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _aiter(items: Iterator[Any]) -> AsyncIterator[Any]:
    """What a blocking iterator gives, taken in a thread."""
    end = object()
    while (item := await asyncio.to_thread(next, items, end)) is not end:
        yield item


def _blocks(source: Path, size_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Blocks that are not empty; holes are not read."""
    with source.open("rb") as file:
        at = 0
        while at < size_bytes:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // BLOCK_BYTES * BLOCK_BYTES
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole is left
                    return
                raise
            data = os.pread(file.fileno(), BLOCK_BYTES, at)
            if data.count(0) != len(data):
                yield at // BLOCK_BYTES, data
            at += BLOCK_BYTES


def _digests(data: bytes) -> tuple[bytes, str]:
    return hashlib.sha256(data).digest(), hashlib.md5(data, usedforsecurity=False).hexdigest()


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _holds(target: Path, offset: int, length: int, digest: bytes) -> bool:
    """Whether the block is in the file already."""
    with target.open("rb") as file:
        data = os.pread(file.fileno(), length, offset)
    return data.count(0) == length if not digest else _digest(data) == digest


def _write(target: Path, offset: int, data: bytes, length: int) -> None:
    with target.open("r+b") as file:
        os.pwrite(file.fileno(), data or bytes(length), offset)


def _sync(target: Path) -> None:
    with target.open("rb") as file:
        os.fsync(file.fileno())
