"""Once a day and container: what lifecycle rules say is due is deleted, and what became of uploads is cleared up.

An upload to which no part came for ``upload_days`` is aborted, rules or not; parts whose upload is gone, because somebody died
between the two, are given back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import groupby

from wolke.core.log import get_logger
from wolke.core.loop import Leases, Loop
from wolke.object_store import store
from wolke.object_store.errors import (
    Changed,
    Locked,
    ObjectNotFound,
    PreconditionFailed,
    UploadNotFound,
    VersionNotFound,
)
from wolke.object_store.model import TICKS_PER_S, Container, Listed, Object, Prefix, Wish
from wolke.object_store.service import ObjectStore, lifecycle
from wolke.object_store.service.lifecycle import Doomed
from wolke.object_store.service.uploads import Upload

_DAY_S = 86_400
_PAGE = 1000
_ID_BYTES = 24  # of an upload's id in a part's key
_MOST_VERSIONS = 10_000  # of one name, judged together
log = get_logger(__name__)


class Lifecycle:
    """``done``: the day on which each container was gone through, by partition. Lost with the process; looking twice is safe."""

    def __init__(self, objects: ObjectStore, *, leases: Leases | None = None) -> None:
        self._store = objects
        self._done: dict[str, int] = {}
        self.loop = Loop("object-lifecycle", self.look, self.act, period_s=600.0, concurrency=2, leases=leases)

    def _today(self) -> int:
        return int(self._store.clock.time()) // _DAY_S

    async def look(self) -> Iterable[str]:
        found = []
        for policy, engine in self._store.ground.engines.items():
            after = b""
            while page := await engine.partitions(after, _PAGE):
                after = page[-1]
                for partition in page:
                    key = f"{policy} {partition.hex()}"
                    if self._done.get(key) != self._today() and await self._has_work(policy, partition):
                        found.append(key)
        return found

    async def _container(self, policy: str, partition: bytes) -> Container | None:
        head = await self._store.ground.engine(policy).get(partition, store.HEAD)
        return None if head is None else store.container_of(head.meta)

    async def _has_work(self, policy: str, partition: bytes) -> bool:
        engine = self._store.ground.engine(policy)
        container = await self._container(policy, partition)
        if container is None:
            return False
        if lifecycle.NAME in container.system:
            return True
        kinds = (store.UPLOADS, store.PARTS)
        return any([await engine.scan(partition, kind, store.after(kind), 1) for kind in kinds])

    async def act(self, key: str) -> None:
        policy, _, partition = key.partition(" ")
        container, day = await self._container(policy, bytes.fromhex(partition)), self._today()
        if container is not None:
            await self._objects(container)
            await self._uploads(container)
        self._done[key] = day

    async def _objects(self, container: Container) -> None:
        rules, now_s = lifecycle.rules_of(container), int(self._store.clock.time())
        async for versions in self._names(container):
            for doomed in lifecycle.due(rules, versions, now_s, keeps_versions=bool(container.versioning)):
                await self._delete(container, doomed)

    async def _names(self, container: Container) -> AsyncIterator[list[Listed]]:
        """All versions of a name, one name after the other."""
        marker, before = "", None
        held: list[Listed] = []
        while True:
            page = await self._store.versions.list(container, limit=_PAGE, marker=marker, before=before)
            for name, group in groupby(page, key=lambda one: one.name):
                if held and held[0].name != name:
                    yield held
                    held = []
                held += list(group)[: _MOST_VERSIONS - len(held)]
            if len(page) < _PAGE:
                break
            marker, before = page[-1].name, page[-1].object.stamp
        if held:
            yield held

    async def _delete(self, container: Container, doomed: Doomed) -> None:
        """Unless it was written again meanwhile, or is locked: then another day will do."""

        def unchanged(old: Object | None) -> None:
            if old is None or old.stamp != doomed.stamp:
                raise PreconditionFailed

        try:
            await self._store.objects.delete(container, doomed.name, doomed.version, check=unchanged)
        except (ObjectNotFound, VersionNotFound, PreconditionFailed, Locked, Changed) as error:
            log.debug("lifecycle left an object", container=container.name, reason=type(error).__name__)

    async def _uploads(self, container: Container) -> None:
        rules, now_s = lifecycle.rules_of(container), int(self._store.clock.time())
        marker, last = "", ""
        known: set[str] = set()
        while page := await self._store.uploads.page(
            container, Wish(limit=_PAGE, marker=marker), upload_id_marker=last
        ):
            for upload in page:
                if isinstance(upload, Prefix):
                    continue
                end = lifecycle.end_of_upload(rules, upload.name, upload.created)
                marker, last = upload.name, upload.id
                known.add(upload.id)
                if (end is not None and end.at_s <= now_s) or await self._is_idle(container, upload, now_s):
                    await self._abort(container, upload.name, upload.id)
        await self._sweep(container, known, now_s)

    async def _is_idle(self, container: Container, upload: Upload, now_s: int) -> bool:
        oldest = (now_s - self._store.config.upload_days * _DAY_S) * TICKS_PER_S
        if upload.created > oldest:
            return False
        return all(part.stamp <= oldest for part in await self._store.uploads.parts(container, upload))

    async def _sweep(self, container: Container, known: set[str], now_s: int) -> None:
        """Parts of uploads that are no more. One that began since we looked is not among the known, but young."""
        engine, partition = self._store.ground.engine(container.policy), store.container_partition(container)
        start = store.PARTS
        while page := await engine.scan(partition, start, store.after(store.PARTS), 1):
            upload_id = page[0].key[1 : 1 + _ID_BYTES].hex()
            began_s = int(upload_id[:16], 16) // TICKS_PER_S
            if upload_id not in known and began_s < now_s - _DAY_S:
                await self._store.uploads.sweep(container, upload_id)
            start = page[0].key[: 1 + _ID_BYTES] + b"\xff" * 4

    async def _abort(self, container: Container, name: str, upload_id: str) -> None:
        try:
            await self._store.uploads.abort(container, name, upload_id)
        except UploadNotFound:
            log.debug("an upload ended by itself", container=container.name)
