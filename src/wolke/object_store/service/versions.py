"""Versions: what a write or a delete does to a container that keeps them, and the list of them.

Each version lies under a key of its own, newest first, and the current object is a row that says where (``aside``). What was
written while no versions were kept, or while keeping them was suspended, has no number (S3: ``null``): its data lies in the
current row itself, and moves aside only when a numbered version follows it. There is at most one such version of a name.

When an object with versions expires, its row goes: the name has no current object any more. Versions stay until they are deleted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from wolke.object_store import store
from wolke.object_store.drivers.base import Change, Delete, Driver, Entry, Piece, Tally
from wolke.object_store.model import ENABLED, MARKER, SUSPENDED, Container, Listed, Object, Prefix, Wish, described
from wolke.object_store.service.ground import Ground, share, spoken

Page = list[Listed | Prefix]

_PAGE = 1000
_NEVER = 1 << 62  # a stamp later than all


class Past:
    """What a commit must know of a name, read before it; ``holds`` says in it whether that is still so.

    That is the current row, the two newest versions and the one that is meant; all of them where one without a number may
    have to give way, as only a look at each tells which that is.
    """

    def __init__(self, container: Container, name: str, current: Entry | None) -> None:
        self.container = container
        self.name = name
        self.current = current
        self.versions: list[tuple[Entry, Object]] = []
        self.aside: tuple[Piece, ...] = ()
        self._entries = 0

    @classmethod
    async def look(cls, engine: Driver, container: Container, name: str, version: int | None = None) -> Past:
        partition = store.container_partition(container)
        with spoken():
            entries = (await engine.tally(partition)).entries
            past = cls(container, name, await engine.get(partition, store.object_key(name)))
            past._entries = entries
            start = low = store.versions_of(name)
            whole = container.versioning == SUSPENDED or version == 0
            while page := await engine.scan(partition, start, store.after(low), _PAGE if whole else 2):
                past._add(page)
                start = page[-1].key + b"\0"
                if not whole:
                    break
            meant = await engine.get(partition, store.version_key(name, version)) if version else None
        if meant is not None and all(entry.key != meant.key for entry, _ in past.versions):
            past._add([meant])
        row = past.object
        if row is not None and not row.aside and container.versioning == ENABLED and past.current is not None:
            past.aside = await share(engine, past.current)
        return past

    @property
    def object(self) -> Object | None:
        return None if self.current is None else store.object_of(self.current.meta)

    @property
    def keys(self) -> list[bytes]:
        return [store.HEAD, store.object_key(self.name), *(entry.key for entry, _ in self.versions)]

    def _add(self, entries: Sequence[Entry]) -> None:
        self.versions += [(entry, store.object_of(entry.meta)) for entry in entries]

    def holds(self, entries: Sequence[Entry | None], tally: Tally) -> bool:
        """``entries`` are those of ``keys``, as they are in the commit. A new version shows in the current row, but for one
        marker that follows another: then only the tally tells."""
        if self.current is None and tally.entries != self._entries:
            return False
        metas = [None if entry is None else entry.meta for entry in entries[1:]]
        then = [None if self.current is None else self.current.meta, *(entry.meta for entry, _ in self.versions)]
        return metas == then

    def written(self, new: Object, pieces: tuple[Piece, ...], due_s: int | None) -> list[Change]:
        """``new`` becomes the current version. It has a number if versions are kept."""
        changes: list[Change] = []
        row = self.object
        if not new.version:
            return [*self._without_null(), store.current(self.name, new, pieces, due_s)]
        if row is not None and not row.aside and self.current is not None:
            changes.append(store.kept(self.name, row, self.aside))
        changes.append(store.kept(self.name, new, pieces))
        changes.append(store.current(self.name, described(new, aside=True), (), due_s))
        return changes

    def marked(self, marker: Object) -> list[Change]:
        """``marker`` becomes the newest version: the name has no current object any more."""
        changes: list[Change] = []
        row = self.object
        if not marker.version:
            changes += self._without_null()
        elif row is not None and not row.aside and self.current is not None:
            changes.append(store.kept(self.name, row, self.aside))
        changes.append(store.kept(self.name, marker, ()))
        changes.append(Delete(store.object_key(self.name)))
        return changes

    def without(self, stamp: int, *, promote: bool = True) -> list[Change]:
        """The version of that stamp is gone; if it was current, what is then the newest becomes that, or (``promote``) nothing."""
        row = self.object
        changes: list[Change] = []
        if row is not None and row.stamp == stamp and not row.aside:
            changes.append(Delete(store.object_key(self.name)))
        changes += [Delete(entry.key) for entry, value in self.versions if value.stamp == stamp]
        left = [value for _, value in self.versions if value.stamp != stamp]
        if row is not None and row.stamp != stamp:
            return changes
        if not promote:
            return changes if row is None else [*changes, Delete(store.object_key(self.name))]
        if left and left[0].kind != MARKER:
            changes.append(store.current(self.name, described(left[0], aside=True), (), None))
        elif row is not None:
            changes.append(Delete(store.object_key(self.name)))
        return changes

    def shown(self, value: Object) -> list[Change]:
        """This version, which has a number, is the current one again."""
        changes: list[Change] = []
        row = self.object
        if row is not None and not row.aside and self.current is not None and self.container.versioning == ENABLED:
            changes.append(store.kept(self.name, row, self.aside))
        changes.append(store.current(self.name, described(value, aside=True), (), None))
        return changes

    def find(self, version: int) -> tuple[Entry, Object] | None:
        """0: the one without a number."""
        row = self.object
        if row is not None and self.current is not None and not row.aside and version == 0:
            return self.current, row
        return next(((entry, value) for entry, value in self.versions if value.version == version), None)

    def _without_null(self) -> list[Change]:
        return [Delete(entry.key) for entry, value in self.versions if not value.version]


class Versions:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(
        self, container: Container, *, limit: int, prefix: str = "", marker: str = "", before: int | None = None
    ) -> list[Listed]:
        """By name, the newest of each first. From behind the name ``marker``, or from within its versions: those older than
        the stamp ``before``."""
        merge = self._merge(container, Wish(limit=limit, prefix=prefix, marker=marker), before)
        return [item async for item in merge.items(limit)]

    async def page(self, container: Container, wish: Wish, before: int | None = None) -> Page:
        """The same with the rest of a wish. ``before``: 0 stands for the version without a number of ``wish.marker``."""
        if before == 0:
            before = await self._null(container, wish.marker)
        merge = self._merge(container, wish, before)
        found: Page = []
        while len(found) < wish.limit:
            folder = ""
            async for item in merge.items(wish.limit - len(found)):
                end = item.name.find(wish.delimiter, len(wish.prefix)) if wish.delimiter else -1
                if end >= 0:
                    folder = item.name[: end + len(wish.delimiter)]
                    break
                found.append(item)
            if not folder:
                break
            if folder != wish.marker:
                found.append(Prefix(folder))
            merge = self._merge(container, wish, None)
            merge.skip(folder)
        return found

    async def _null(self, container: Container, name: str) -> int:
        """Its stamp; later than all of them where there is none."""
        engine = self._ground.engine(container.policy)
        found = (await Past.look(engine, container, name, 0)).find(0)
        return _NEVER if found is None else found[1].stamp

    def _merge(self, container: Container, wish: Wish, before: int | None) -> _Merge:
        return _Merge(self._ground.engine(container.policy), store.container_partition(container), wish, before)


class _Merge:
    """Versions and the rows of current objects, name by name. A row says which of its name's versions is current, and is a
    version itself if its data lies in it."""

    def __init__(self, engine: Driver, partition: bytes, wish: Wish, before: int | None) -> None:
        self._reverse = wish.reverse
        page = max(1, min(wish.limit, _PAGE))
        self._versions = _Run(engine, partition, store.VERSIONS, wish, page)
        self._rows = _Run(engine, partition, store.OBJECTS, wish, page)
        self._resumed = wish.marker if before is not None else None
        self._before = before or 0
        if not wish.marker:
            return
        name = wish.marker
        if before is None:
            self._versions.begin(store.versions_of(name) + (b"" if wish.reverse else b"\xff" * 9))
            self._rows.begin(store.object_key(name) + (b"" if wish.reverse else b"\0"))
        else:
            self._versions.begin(store.version_key(name, before) + (b"" if wish.reverse else b"\0"))
            self._rows.begin(store.object_key(name) + (b"\0" if wish.reverse else b""))

    def skip(self, folder: str) -> None:
        for run in (self._versions, self._rows):
            run.begin_beyond(folder)

    async def items(self, limit: int) -> AsyncIterator[Listed]:
        given = 0
        version, row = await self._versions.next(), await self._rows.next()
        while given < limit and (version is not None or row is not None):
            name = self._first(version, row)
            current, pending = None, None
            if row is not None and row.name == name:
                current = row.object
                pending = None if current.aside or self._is_past(name, current) else row
                row = await self._rows.next()
            newest = True
            while given < limit and (pending is not None or (version is not None and version.name == name)):
                if pending is not None and (version is None or version.name != name or self._leads(pending, version)):
                    one, pending = pending, None
                else:
                    assert version is not None
                    one, version = version, await self._versions.next()
                last = version is None or version.name != name
                latest = self._is_latest(one, current, last if self._reverse else newest)
                yield Listed(one.name, one.object, latest)
                newest = False
                given += 1

    def _first(self, version: Listed | None, row: Listed | None) -> str:
        names = [one.name for one in (version, row) if one is not None]
        return max(names, key=str.encode) if self._reverse else min(names, key=str.encode)

    def _leads(self, row: Listed, version: Listed) -> bool:
        return (row.object.stamp > version.object.stamp) is not self._reverse

    def _is_past(self, name: str, row: Object) -> bool:
        """Whether a list that goes on within this name has shown the row already."""
        if name != self._resumed:
            return False
        return row.stamp <= self._before if self._reverse else row.stamp >= self._before

    def _is_latest(self, one: Listed, current: Object | None, newest: bool) -> bool:
        if one.name == self._resumed and not self._reverse:
            return False
        if current is not None:
            return current.stamp == one.object.stamp
        return newest and one.object.kind == MARKER


class _Run:
    """Entries of one kind as versions, one after the other, read by pages."""

    def __init__(self, engine: Driver, partition: bytes, kind: bytes, wish: Wish, page: int) -> None:
        self._engine, self._partition, self._kind = engine, partition, kind
        self._low = kind + wish.prefix.encode()
        self._high = store.after(self._low)
        self._reverse = wish.reverse
        self._page = page
        self._items: list[Listed] = []
        self._done = False

    def begin(self, key: bytes) -> None:
        """From this key on; in reverse, from the last before it."""
        if self._reverse:
            self._high = min(self._high, key)
        else:
            self._low = max(self._low, key)

    def begin_beyond(self, folder: str) -> None:
        key = self._kind + folder.encode()
        self.begin(key if self._reverse else store.after(key))

    async def next(self) -> Listed | None:
        while not self._items and not self._done:
            with spoken():
                page = await self._engine.scan(
                    self._partition, self._low, self._high, self._page, reverse=self._reverse
                )
            self._done = len(page) < self._page
            if page and self._reverse:
                self._high = page[-1].key
            elif page:
                self._low = page[-1].key + b"\0"
            self._items = [self._read(entry) for entry in reversed(page)]
        return self._items.pop() if self._items else None

    def _read(self, entry: Entry) -> Listed:
        value = store.object_of(entry.meta)
        name = store.version_name(entry.key) if self._kind == store.VERSIONS else entry.key[1:].decode()
        return Listed(name, value)
