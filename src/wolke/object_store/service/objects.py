"""Objects: written, read, changed, copied and deleted; in containers that keep versions, too.

Data first, then one commit that points the name at it. Whatever ends a write early (the client, its checksum, a quota, the
disk, a refused precondition) leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from wolke.object_store import store
from wolke.object_store.drivers.base import Change, Delete, Driver, Entry, Piece, Put, Tally, Writer
from wolke.object_store.errors import Changed, ContainerNotFound, ObjectNotFound, QuotaReached, VersionNotFound
from wolke.object_store.model import (
    ENABLED,
    MARKER,
    SUSPENDED,
    Container,
    Description,
    Object,
    Received,
    Removed,
    described,
)
from wolke.object_store.service import quotas
from wolke.object_store.service.ground import Body, Ground, commit, share, spoken
from wolke.object_store.service.limits import OBJECT_BYTES, check_object_name
from wolke.object_store.service.locks import check_unlocked, with_terms
from wolke.object_store.service.versions import Past

_TRIES = 16

#: Sees the object that a write would replace, or that would be deleted (None: there is none), within the commit. May raise.
Check = Callable[[Object | None], None]
#: Told what came, describes the object. Raises if that is not what was promised.
Describe = Callable[[Received], Description]


class Along(NamedTuple):
    """What else one commit reads and changes: ``decide`` is given the entries of ``keys``, and may raise. ``octets`` are what it
    gives back, for the quota."""

    keys: Sequence[bytes] = ()
    decide: Callable[[Sequence[Entry | None]], Sequence[Change]] = lambda entries: ()
    octets: int = 0


ALONE = Along()


class Found(NamedTuple):
    """An object and where its data lies."""

    container: Container
    name: str
    object: Object
    entry: Entry


class Objects:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def find(
        self, container: Container, name: str, version: int | None = None, *, expired: bool = False
    ) -> Found:
        """The current object, or a version: 0 is the one without a number. A delete marker is found by its number only.
        ``expired``: also one whose time has come.

        Raises ``ObjectNotFound`` (also of an object that has expired), ``VersionNotFound``.
        """
        engine, partition = self._engine(container), store.container_partition(container)
        if version is not None:
            return await self._find_version(engine, container, name, version)
        with spoken():
            entry = await engine.get(partition, store.object_key(name))
            if entry is None or (self._expired(entry) and not expired):
                raise ObjectNotFound
            value = store.object_of(entry.meta)
            if not value.aside:
                return Found(container, name, value, entry)
            kept = await engine.get(partition, store.version_key(name, value.stamp))
        if kept is None:
            raise ObjectNotFound
        return Found(container, name, value, msgspec.structs.replace(kept, due_s=entry.due_s))

    async def _find_version(self, engine: Driver, container: Container, name: str, version: int) -> Found:
        found = (await Past.look(engine, container, name, version)).find(version)
        if found is None:
            raise VersionNotFound
        return Found(container, name, found[1], found[0])

    def _expired(self, entry: Entry) -> bool:
        return entry.due_s is not None and entry.due_s <= self._ground.now_s()

    def body(self, found: Found) -> Body:
        pieces = found.entry.pieces
        return Body(self._engine(found.container), pieces, sum(piece.size for piece in pieces))

    # -- writing

    async def put(
        self,
        container: Container,
        name: str,
        data: AsyncIterable[bytes] | bytes,
        describe: Describe,
        *,
        size: int | None = None,
        check: Check | None = None,
        limit_bytes: int = OBJECT_BYTES,
    ) -> Object:
        """``size``: how much was announced. Raises ``QuotaReached``, ``StoreFull`` and what ``describe`` and ``check`` do."""
        check_object_name(name)
        received, piece = await self.receive(container, data, size, limit_bytes)
        new = describe(received)
        return await self.write(container, name, (piece,), received, new, check=check)

    async def receive(
        self, container: Container, data: AsyncIterable[bytes] | bytes, size: int | None, limit_bytes: int
    ) -> tuple[Received, Piece]:
        """Data that no entry points at yet. Raises ``QuotaReached``, ``StoreFull``."""
        limit_bytes = min(limit_bytes, await self.room(container))
        if size is not None and size > limit_bytes:
            raise QuotaReached("Upload exceeds quota.")
        md5 = hashlib.md5(usedforsecurity=False)
        with spoken():
            writer = self._engine(container).writer(size, md5.update)
            try:
                taken = await _take_in(writer, data, limit_bytes)
                piece = await writer.finish()
            except BaseException:
                await asyncio.shield(writer.abandon())
                raise
        return Received(md5.hexdigest(), taken), piece

    def room(self, container: Container) -> Awaitable[int]:
        """How many bytes may still come: what the quotas leave. Raises ``QuotaReached`` where not one more object may."""
        return quotas.room(self._ground, container)

    async def write(
        self,
        container: Container,
        name: str,
        pieces: tuple[Piece, ...],
        received: Received,
        new: Description,
        *,
        check: Check | None = None,
        along: Along = ALONE,
    ) -> Object:
        """The data is there already: a name for it."""
        stamp = self._ground.stamp()
        value = Object(
            stamp,
            received.size if new.size < 0 else new.size,
            new.etag,
            new.content_type,
            dict(new.headers),
            with_terms(container, new.system, self._ground.now_s),
            new.kind,
            stamp if container.versioning == ENABLED else 0,
            stored=received.size if new.size >= 0 else -1,
        )
        if container.versioning:
            return await self._write_version(container, name, value, pieces, new.due_s, check, along)

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            head, old, *others = entries
            _still_there(container, head)
            if check is not None:
                check(None if old is None or self._expired(old) else store.object_of(old.meta))
            freed = along.octets + (old.octets if old is not None else 0)
            quotas.within(container, tally, value, is_new=old is None, freed=freed)
            return (store.current(name, value, pieces, new.due_s), *along.decide(others))

        reads = (store.HEAD, store.object_key(name), *along.keys)
        await commit(self._engine(container), store.container_partition(container), reads, decide)
        return value

    async def _write_version(
        self,
        container: Container,
        name: str,
        value: Object,
        pieces: tuple[Piece, ...],
        due_s: int | None,
        check: Check | None,
        along: Along,
    ) -> Object:
        def changes(past: Past, tally: Tally) -> Sequence[Change]:
            if check is not None:
                check(past.object)
            quotas.within(container, tally, value, is_new=past.current is None, freed=along.octets)
            return past.written(value, pieces, due_s)

        await self._with_past(container, name, None, changes, along)
        return value

    async def _with_past(
        self,
        container: Container,
        name: str,
        version: int | None,
        changes: Callable[[Past, Tally], Sequence[Change]],
        along: Along = ALONE,
    ) -> None:
        """Looks, and commits what follows from it if that is still so; else looks again."""
        engine, partition = self._engine(container), store.container_partition(container)
        for _ in range(_TRIES):
            past = await Past.look(engine, container, name, version)
            stale: list[bool] = []

            def decide(
                entries: Sequence[Entry | None], tally: Tally, past: Past = past, stale: list[bool] = stale
            ) -> Sequence[Change]:
                _still_there(container, entries[0])
                own = len(past.keys)
                if not past.holds(entries[:own], tally):
                    stale.append(True)
                    return ()
                stale.clear()
                return (*changes(past, tally), *along.decide(entries[own:]))

            await commit(engine, partition, [*past.keys, *along.keys], decide)
            if not stale:
                return
        raise Changed

    async def update(
        self,
        container: Container,
        name: str,
        change: Callable[[Object], tuple[Object, int | None]],
        version: int | None = None,
        *,
        expired: bool = False,
    ) -> Object:
        """``change`` gives the new object and when it expires; its data stays. Its stamp may move unless it has versions.

        Raises ``ObjectNotFound``, ``VersionNotFound``, ``Changed``.
        """
        engine, partition = self._engine(container), store.container_partition(container)
        for _ in range(_TRIES):
            found = await self.find(container, name, version, expired=expired)
            row, aside = found.entry, found.object.aside or found.entry.key != store.object_key(name)
            new, due_s = change(found.object)
            if aside:
                new = described(new, stamp=found.object.stamp, version=found.object.version)
            stale: list[bool] = []
            decide = _change(name, row, new, due_s, stale, is_current=version is None)
            await commit(engine, partition, (row.key, store.object_key(name)), decide)
            if not stale:
                return new
        raise Changed

    async def copy(
        self, source: Found, container: Container, name: str, new: Description, *, check: Check | None = None
    ) -> Object:
        """The data under another name, shared with the source where the place allows."""
        check_object_name(name)
        body = self.body(source)
        if body.size > await self.room(container):
            raise QuotaReached("Upload exceeds quota.")
        if source.container.policy == container.policy:
            pieces = await share(self._engine(container), source.entry)
            received = Received(source.object.etag, body.size)
        else:
            received, piece = await self.receive(container, body.chunks(0, body.size), body.size, OBJECT_BYTES)
            pieces = (piece,)
        return await self.write(container, name, pieces, received, new, check=check)

    async def restore(self, container: Container, name: str, version: int) -> Object:
        """That version becomes the current one again. Raises ``VersionNotFound``, of a delete marker too."""
        restored: list[Object] = []

        def changes(past: Past, tally: Tally) -> Sequence[Change]:
            found = past.find(version)
            if found is None or found[1].kind == MARKER:
                raise VersionNotFound
            restored[:] = [found[1]]
            return past.shown(found[1])

        await self._with_past(container, name, version, changes)
        return restored[0]

    # -- deleting

    async def delete(
        self,
        container: Container,
        name: str,
        version: int | None = None,
        *,
        check: Check | None = None,
        bypass: bool = False,
        promote: bool = True,
    ) -> Removed:
        """A version goes for good; without one, a container that keeps versions gets a marker. ``bypass``: see ``check_unlocked``.
        ``promote``: where the current version goes, the newest that is left becomes it.

        Raises ``ObjectNotFound`` where no versions are kept, ``VersionNotFound`` and ``Locked``.
        """
        if version is not None:
            return await self._delete_version(container, name, version, check, bypass, promote)
        if container.versioning:
            return await self._mark(container, name, check)
        gone: list[Object] = []

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            there = entries[0]
            is_there = there is not None and not self._expired(there)
            gone[:] = [store.object_of(there.meta)] if there is not None and is_there else []
            if check is not None:
                check(gone[0] if gone else None)
            if there is None:
                raise ObjectNotFound
            return (Delete(store.object_key(name)),)

        partition = store.container_partition(container)
        await commit(self._engine(container), partition, (store.object_key(name),), decide)
        if not gone:
            raise ObjectNotFound  # its time had come; now it is cleared away, too
        return Removed(None, gone[0])

    async def _mark(self, container: Container, name: str, check: Check | None) -> Removed:
        check_object_name(name)
        stamp = self._ground.stamp()
        marker = Object(stamp, 0, "", "", kind=MARKER, version=stamp if container.versioning == ENABLED else 0)
        gone: list[Object | None] = [None]
        was_there: list[bool] = [False]

        def changes(past: Past, tally: Tally) -> Sequence[Change]:
            row = past.object
            was_there[0] = row is not None
            if check is not None:
                check(row)
            gone[0] = row if row is not None and not row.version and container.versioning == SUSPENDED else None
            return past.marked(marker)

        await self._with_past(container, name, None, changes)
        return Removed(marker, gone[0], was_there[0])

    async def unlink(self, container: Container, name: str, *, due_before_s: int | None = None) -> None:
        """The name has no current object any more. Its numbered versions stay and no marker is made. ``due_before_s``: only if
        its time has come by then. Raises ``ObjectNotFound``."""

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            there = entries[0]
            if there is None:
                raise ObjectNotFound
            if due_before_s is not None and (there.due_s is None or there.due_s > due_before_s):
                raise ObjectNotFound
            return (Delete(store.object_key(name)),)

        partition = store.container_partition(container)
        await commit(self._engine(container), partition, (store.object_key(name),), decide)

    async def _delete_version(
        self, container: Container, name: str, version: int, check: Check | None, bypass: bool, promote: bool
    ) -> Removed:
        gone: list[Object] = []

        def changes(past: Past, tally: Tally) -> Sequence[Change]:
            found = past.find(version)
            if check is not None:
                check(None if found is None else found[1])
            if found is None:
                raise VersionNotFound
            check_unlocked(found[1], self._ground.now_s(), bypass=bypass)
            gone[:] = [found[1]]
            return past.without(found[1].stamp, promote=promote)

        await self._with_past(container, name, version, changes)
        return Removed(None, gone[0])

    async def expire(self, partition: bytes, key: bytes, before_s: int) -> None:
        """What the expirer does: away with an entry whose time has come, if that is still so."""
        for engine in self._ground.engines.values():
            entry = await engine.get(partition, key)
            head = await engine.get(partition, store.HEAD) if entry is not None else None
            if head is not None:
                await self.unlink(store.container_of(head.meta), key[1:].decode(), due_before_s=before_s)

    def _engine(self, container: Container) -> Driver:
        return self._ground.engine(container.policy)


async def _take_in(writer: Writer, data: AsyncIterable[bytes] | bytes, limit_bytes: int) -> int:
    """How many bytes came. Raises ``QuotaReached``."""
    if isinstance(data, bytes):
        await writer.write(data)
        return len(data)
    taken = 0
    async for chunk in data:
        taken += len(chunk)
        if taken > limit_bytes:
            raise QuotaReached("Upload exceeds quota.")
        await writer.write(chunk)
    return taken


def _still_there(container: Container, head: Entry | None) -> None:
    if head is None:
        raise ContainerNotFound


def _change(
    name: str, row: Entry, new: Object, due_s: int | None, stale: list[bool], *, is_current: bool
) -> Callable[[Sequence[Entry | None], Tally], Sequence[Change]]:
    """The metadata of one entry, and of the current row where that says where the entry's data lies."""

    def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
        there, listed = entries
        if there is None or there.meta != row.meta:
            stale.append(True)
            return ()
        stale.clear()
        if row.key == store.object_key(name):
            return (store.current(name, new, there.pieces, due_s),)
        changes: list[Put] = [store.kept(name, described(new, aside=False), there.pieces)]
        if listed is not None and (shown := store.object_of(listed.meta)).aside and shown.stamp == new.stamp:
            due_then = due_s if is_current else listed.due_s
            changes.append(store.current(name, described(new, aside=True), (), due_then))
        return changes

    return decide
