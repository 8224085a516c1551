"""Versions: what a write or a delete does to a container that keeps them, and the list of them.

Each version lies under a key of its own, newest first, and the current object is a row that says where (``aside``). What was
written while no versions were kept, or while keeping them was suspended, has no number (S3: ``null``): its data lies in the
current row itself, and moves aside only when a numbered version follows it. There is at most one such version of a name.
"""

from __future__ import annotations

from collections.abc import Sequence

from wolke.object_store import store
from wolke.object_store.drivers.base import Change, Delete, Driver, Entry, Piece, Tally
from wolke.object_store.model import ENABLED, MARKER, SUSPENDED, Container, Listed, Object, described
from wolke.object_store.service.ground import Ground, share, spoken

_PAGE = 1000


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
            changes.append(store.kept(self.name, row, self.aside, self.current.due_s))
        changes.append(store.kept(self.name, new, pieces, due_s))
        changes.append(store.current(self.name, described(new, aside=True), (), None))
        return changes

    def marked(self, marker: Object) -> list[Change]:
        """``marker`` becomes the newest version: the name has no current object any more."""
        changes: list[Change] = []
        row = self.object
        if not marker.version:
            changes += self._without_null()
        elif row is not None and not row.aside and self.current is not None:
            changes.append(store.kept(self.name, row, self.aside, self.current.due_s))
        changes.append(store.kept(self.name, marker, (), None))
        changes.append(Delete(store.object_key(self.name)))
        return changes

    def without(self, stamp: int) -> list[Change]:
        """The version of that stamp is gone; what is then the newest becomes current."""
        row = self.object
        changes: list[Change] = []
        if row is not None and row.stamp == stamp and not row.aside:
            changes.append(Delete(store.object_key(self.name)))
        changes += [Delete(entry.key) for entry, value in self.versions if value.stamp == stamp]
        left = [value for _, value in self.versions if value.stamp != stamp]
        if row is not None and row.stamp != stamp:
            return changes
        if left and left[0].kind != MARKER:
            changes.append(store.current(self.name, described(left[0], aside=True), (), None))
        elif row is not None:
            changes.append(Delete(store.object_key(self.name)))
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
        engine, partition = self._ground.engine(container.policy), store.container_partition(container)
        numbered = _Run(engine, partition, store.VERSIONS, prefix, limit)
        plain = _Run(engine, partition, store.OBJECTS, prefix, limit)
        if marker and before is None:
            numbered.start_after(store.versions_of(marker) + b"\xff" * 8)
            plain.start_after(store.object_key(marker))
        elif marker and before is not None:
            numbered.start_after(store.version_key(marker, before))
            plain.start_after(store.object_key(marker), before)
        found: list[Listed] = []
        newest = marker if before is not None else None
        left, right = await numbered.next(), await plain.next()
        while len(found) < limit and (left is not None or right is not None):
            if right is None or (left is not None and _place(left) < _place(right)):
                assert left is not None
                one, left = left, await numbered.next()
            else:
                one, right = right, await plain.next()
            found.append(Listed(one.name, one.object, latest=one.name != newest))
            newest = one.name
        return found


def _place(item: Listed) -> tuple[bytes, int]:
    return item.name.encode(), -item.object.stamp


class _Run:
    """Versions of one kind, one after the other, read by pages. Of current rows only those whose data is not aside."""

    def __init__(self, engine: Driver, partition: bytes, kind: bytes, prefix: str, page: int) -> None:
        self._engine, self._partition, self._kind = engine, partition, kind
        self._low = kind + prefix.encode()
        self._high = store.after(self._low)
        self._page = max(1, min(page, _PAGE))
        self._items: list[Listed] = []
        self._done = False
        self._same: tuple[bytes, int] | None = None

    def start_after(self, key: bytes, older_than: int | None = None) -> None:
        """``older_than``: the row at ``key`` itself is still wanted, if its stamp is smaller."""
        self._low = max(self._low, key if older_than is not None else key + b"\0")
        self._same = (key, older_than) if older_than is not None else None

    async def next(self) -> Listed | None:
        while not self._items and not self._done:
            with spoken():
                page = await self._engine.scan(self._partition, self._low, self._high, self._page)
            self._done = len(page) < self._page
            if page:
                self._low = page[-1].key + b"\0"
            self._items = [item for entry in page if (item := self._read(entry)) is not None]
            self._items.reverse()
        return self._items.pop() if self._items else None

    def _read(self, entry: Entry) -> Listed | None:
        value = store.object_of(entry.meta)
        if self._kind == store.VERSIONS:
            return Listed(store.version_name(entry.key), value)
        if value.aside or (self._same is not None and entry.key == self._same[0] and value.stamp >= self._same[1]):
            return None
        return Listed(entry.key[1:].decode(), value)
