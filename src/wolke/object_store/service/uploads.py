"""Multipart uploads: parts come in any order, lie in the container's own partition, and become one object in one commit.

No data moves when an upload is completed: the object's entry points at the pieces that the parts pointed at. A completed
upload is gone; the object remembers which it was, so that a client that did not hear the answer may ask again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterable, Callable, Sequence
from typing import NamedTuple

import msgspec

from wolke.object_store import store
from wolke.object_store.drivers.base import Change, Delete, Driver, Entry, Piece, Put, Tally
from wolke.object_store.errors import Changed, ContainerNotFound, ObjectNotFound, QuotaReached, UploadNotFound
from wolke.object_store.model import Container, Description, Object, Prefix, Received, Wish
from wolke.object_store.service.ground import Ground, commit, spoken
from wolke.object_store.service.limits import OBJECT_BYTES, check_object_name
from wolke.object_store.service.listing import walk
from wolke.object_store.service.objects import Along, Check, Found, Objects

MOST_PARTS = 10_000
COMPLETED = "upload"  # in an object's ``system``: the id of the upload it was, and a digest of the parts it was made of
_TRIES = 4


class Upload(msgspec.Struct, frozen=True, array_like=True):
    """What the object will be: ``headers`` and ``system`` as an object's."""

    id: str
    name: str
    created: int
    content_type: str
    headers: dict[str, str] = {}
    system: dict[str, str] = {}


class Part(msgspec.Struct, frozen=True, array_like=True):
    """``etag``: MD5. ``sums``: further checksums by name, as text."""

    number: int
    stamp: int
    size: int
    etag: str
    sums: dict[str, str] = {}


class Chosen(NamedTuple):
    """A part as a client names it when it completes an upload; the object's data is these, in this order."""

    number: int
    etag: str


class Completion(NamedTuple):
    """``again``: it had been there before."""

    object: Object
    again: bool


#: Given the upload and the parts chosen (None: no such part), says what the object is. May raise.
Assemble = Callable[[Upload, Sequence[Part | None]], Description]


_upload_of = msgspec.msgpack.Decoder(Upload).decode
_part_of = msgspec.msgpack.Decoder(Part).decode


class Uploads:
    def __init__(self, ground: Ground, objects: Objects) -> None:
        self._ground = ground
        self._objects = objects

    async def create(
        self, container: Container, name: str, content_type: str, headers: dict[str, str], system: dict[str, str]
    ) -> Upload:
        check_object_name(name)
        stamp = self._ground.stamp()
        # The time comes first, so that a list by id is one by age.
        upload = Upload(
            stamp.to_bytes(8, "big").hex() + os.urandom(16).hex(), name, stamp, content_type, headers, system
        )
        put = Put(_upload_key(name, upload.id), store.encode(upload))

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            if entries[0] is None:
                raise ContainerNotFound
            return (put,)

        await commit(self._engine(container), store.container_partition(container), (store.HEAD,), decide)
        return upload

    async def get(self, container: Container, name: str, upload_id: str) -> Upload:
        """Raises ``UploadNotFound``."""
        entry = None
        if _is_id(upload_id):
            with spoken():
                key = _upload_key(name, upload_id)
                entry = await self._engine(container).get(store.container_partition(container), key)
        if entry is None:
            raise UploadNotFound
        return _upload_of(entry.meta)

    async def put_part(
        self,
        container: Container,
        upload: Upload,
        number: int,
        data: AsyncIterable[bytes] | bytes,
        describe: Callable[[Received], dict[str, str]],
        *,
        size: int | None = None,
    ) -> Part:
        """``describe`` is told what came, gives the further checksums, and raises if it is not what was promised."""
        received, piece = await self._objects.receive(container, data, size, OBJECT_BYTES)
        return await self._keep(container, upload, number, received, (piece,), describe(received))

    async def copy_part(
        self,
        container: Container,
        upload: Upload,
        number: int,
        source: Found,
        start: int,
        length: int,
        sums: dict[str, str],
    ) -> Part:
        """Part of an object. All of one is shared where it lies in the same place; anything else is copied."""
        body = self._objects.body(source)
        whole = (start, length) == (0, body.size) and source.container.policy == container.policy
        if whole and "-" not in source.object.etag and not source.object.kind:
            if length > await self._objects.room(container):
                raise QuotaReached("Upload exceeds quota.")
            with spoken():
                pieces = await self._engine(container).again(source.entry.pieces)
            received = Received(source.object.etag, length)
        else:
            received, piece = await self._objects.receive(container, body.chunks(start, length), length, OBJECT_BYTES)
            pieces = (piece,)
        return await self._keep(container, upload, number, received, pieces, sums)

    async def _keep(
        self,
        container: Container,
        upload: Upload,
        number: int,
        received: Received,
        pieces: tuple[Piece, ...],
        sums: dict[str, str],
    ) -> Part:
        part = Part(number, self._ground.stamp(), received.size, received.md5, sums)
        key = _upload_key(upload.name, upload.id)
        put = Put(_part_key(upload.id, number), store.encode(part), pieces, 0, received.size)

        quota = container.headers.get("x-container-meta-quota-bytes", "")

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            there, old = entries
            if there is None:
                raise UploadNotFound
            more = put.octets - (old.octets if old is not None else 0)
            if quota.isdecimal() and tally.octets + more > int(quota):
                raise QuotaReached("Upload exceeds quota.")
            return (put,)

        await commit(self._engine(container), store.container_partition(container), (key, put.key), decide)
        return part

    async def parts(
        self, container: Container, upload: Upload, *, after: int = 0, limit: int = MOST_PARTS
    ) -> list[Part]:
        """By number, those behind ``after``."""
        start = _part_key(upload.id, after + 1)
        with spoken():
            found = await self._engine(container).scan(
                store.container_partition(container), start, _part_key(upload.id, MOST_PARTS + 1), limit
            )
        return [_part_of(entry.meta) for entry in found]

    async def page(self, container: Container, wish: Wish, *, upload_id_marker: str = "") -> list[Upload | Prefix]:
        """By name, then by age. With ``upload_id_marker`` uploads of the name ``wish.marker`` itself that are younger come, too."""
        engine, partition = self._engine(container), store.container_partition(container)
        found: list[Upload | Prefix] = []
        if wish.marker and upload_id_marker and _is_id(upload_id_marker) and wish.marker.startswith(wish.prefix):
            found += await self._of(container, wish.marker, upload_id_marker, wish.limit)
        if len(found) >= wish.limit:
            return found
        rest = msgspec.structs.replace(wish, limit=wish.limit - len(found), marker=_behind(wish.marker))
        for item in await walk(engine, partition, store.UPLOADS, rest):
            if not isinstance(item, Prefix):
                found.append(_upload_of(item.meta))
            elif "\0" in item.name:  # the delimiter is in the ids, not in the name
                found += await self._of(container, item.name.partition("\0")[0], "", wish.limit)
            else:
                found.append(item)
        return found[: wish.limit]

    async def _of(self, container: Container, name: str, behind: str, limit: int) -> list[Upload]:
        start, stop = _upload_key(name, behind) + b"\0", store.UPLOADS + name.encode() + b"\x01"
        with spoken():
            page = await self._engine(container).scan(store.container_partition(container), start, stop, limit)
        return [_upload_of(entry.meta) for entry in page]

    async def abort(self, container: Container, name: str, upload_id: str) -> None:
        """Raises ``UploadNotFound``. First the upload, so that no part can come any more, then the parts."""
        upload = await self.get(container, name, upload_id)
        engine, partition = self._engine(container), store.container_partition(container)
        key = _upload_key(name, upload.id)

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            if entries[0] is None:
                raise UploadNotFound
            return (Delete(key),)

        await commit(engine, partition, (key,), decide)
        await self.sweep(container, upload.id)

    async def sweep(self, container: Container, upload_id: str) -> None:
        """Away with the parts of an upload that is no more."""
        engine, partition = self._engine(container), store.container_partition(container)
        start, stop = _part_key(upload_id, 0), _part_key(upload_id, MOST_PARTS + 1)
        while page := await engine.scan(partition, start, stop, 1000):
            gone = [Delete(entry.key) for entry in page]
            await commit(engine, partition, (), lambda entries, tally, gone=gone: gone)  # type: ignore[misc]

    async def complete(
        self,
        container: Container,
        name: str,
        upload_id: str,
        chosen: Sequence[Chosen],
        assemble: Assemble,
        *,
        check: Check | None = None,
    ) -> Completion:
        """One object of the parts chosen; the others are gone with the upload.

        ``again``: it had been completed with the same parts before, and that object is still there. Raises ``UploadNotFound``.
        """
        recipe = _recipe(upload_id, chosen)
        for _ in range(_TRIES):
            try:
                upload = await self.get(container, name, upload_id)
            except UploadNotFound:
                return Completion(await self._completed(container, name, recipe), True)
            made = await self._assemble(container, upload, chosen, recipe, assemble, check)
            if made is not None:
                await self.sweep(container, upload.id)
                return Completion(made, False)
        raise Changed

    async def _completed(self, container: Container, name: str, recipe: str) -> Object:
        try:
            found = await self._objects.find(container, name)
        except ObjectNotFound:
            raise UploadNotFound from None
        if found.object.system.get(COMPLETED) != recipe:
            raise UploadNotFound
        return found.object

    async def _assemble(
        self,
        container: Container,
        upload: Upload,
        chosen: Sequence[Chosen],
        recipe: str,
        assemble: Assemble,
        check: Check | None,
    ) -> Object | None:
        """None if a part was written again meanwhile."""
        engine, partition = self._engine(container), store.container_partition(container)
        entries = await self._entries(engine, partition, upload, chosen)
        parts = [None if entry is None else _part_of(entry.meta) for entry in entries]
        new = assemble(upload, parts)
        new = msgspec.structs.replace(new, system={**new.system, COMPLETED: recipe})
        with spoken():
            pieces = await engine.again([piece for entry in entries if entry is not None for piece in entry.pieces])
        received = Received(new.etag, sum(part.size for part in parts if part is not None))
        keys = (_upload_key(upload.name, upload.id), *(entry.key for entry in entries if entry is not None))
        metas = [entry.meta for entry in entries if entry is not None]

        def decide(now: Sequence[Entry | None]) -> Sequence[Change]:
            head, *rest = now
            if head is None or [None if entry is None else entry.meta for entry in rest] != metas:
                raise _Stale
            return [Delete(key) for key in keys]

        try:
            return await self._objects.write(
                container,
                upload.name,
                tuple(pieces),
                received,
                new,
                check=check,
                along=Along(keys, decide, received.size),
            )
        except _Stale:
            return None

    async def _entries(
        self, engine: Driver, partition: bytes, upload: Upload, chosen: Sequence[Chosen]
    ) -> list[Entry | None]:
        found: dict[bytes, Entry] = {}
        start, stop = _part_key(upload.id, 0), _part_key(upload.id, MOST_PARTS + 1)
        with spoken():
            while page := await engine.scan(partition, start, stop, 1000):
                found.update((entry.key, entry) for entry in page)
                start = page[-1].key + b"\0"
        return [found.get(_part_key(upload.id, one.number)) for one in chosen]

    def _engine(self, container: Container) -> Driver:
        return self._ground.engine(container.policy)


class _Stale(Exception):
    """The upload changed between the look and the commit."""


def _upload_key(name: str, upload_id: str) -> bytes:
    return store.UPLOADS + name.encode() + b"\0" + upload_id.encode()


def _part_key(upload_id: str, number: int) -> bytes:
    return store.PARTS + bytes.fromhex(upload_id) + number.to_bytes(4, "big")


def _behind(marker: str) -> str:
    """Behind all uploads of the name ``marker``, whose keys go on with a NUL and an id."""
    return marker + "\0\x7f" if marker else ""


def _is_id(text: str) -> bool:
    return len(text) == 48 and all(c in "0123456789abcdef" for c in text)


def _recipe(upload_id: str, chosen: Sequence[Chosen]) -> str:
    listed = "\n".join(f"{one.number} {one.etag}" for one in chosen)
    return f"{upload_id} {hashlib.sha256(listed.encode()).hexdigest()}"
