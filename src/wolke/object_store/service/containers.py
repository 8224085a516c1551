"""Containers: made, changed, listed and, once empty, deleted.

A container is in two places, its account's row and itself, and no commit spans both. Made: itself first, then the row, which
decides who was first. Deleted: itself first, which nobody can do while an object is in it, then the row. A row without a
container is what a death between the two leaves: nobody sees it, and the next who looks takes it away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from wolke.core.errors import Conflict
from wolke.object_store import store
from wolke.object_store.drivers.base import Change, Delete, Driver, Entry, Put, Tally
from wolke.object_store.errors import ContainerNotEmpty, ContainerNotFound, PolicyFixed
from wolke.object_store.model import ENABLED, Container, ContainerRow, Listed, Object, Prefix, Wish
from wolke.object_store.service.accounts import merged
from wolke.object_store.service.ground import Ground, commit
from wolke.object_store.service.limits import check_container_name, check_metadata
from wolke.object_store.service.listing import walk
from wolke.object_store.service.locks import locks

META = "x-container-meta-"


class Containers:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def get(self, account: str, name: str) -> Container:
        """Raises ``ContainerNotFound``."""
        known, key = self._ground.known_containers, (account, name)
        return known.here(key) or await known.get(key, lambda: self._read(account, name))

    async def _read(self, account: str, name: str) -> Container:
        partition = store.account_partition(account)
        there = await self._ground.accounts.get(partition, store.row_key(name))
        if there is not None:
            row = store.row_of(there.meta)
            head = await self._ground.engine(row.policy).get(partition[:8] + row.id, store.HEAD)
            if head is not None:
                return store.container_of(head.meta)
            await self._forget(account, name, row.id)
        raise ContainerNotFound

    async def exists(self, account: str, name: str) -> bool:
        try:
            await self.get(account, name)
        except ContainerNotFound:
            return False
        return True

    async def create(
        self,
        account: str,
        name: str,
        headers: Mapping[str, str | None],
        system: Mapping[str, str | None] | None = None,
        *,
        policy: str = "",
    ) -> tuple[Container, bool]:
        """The container and whether it is new; one that is there takes the headers as ``update`` does."""
        check_container_name(name)
        try:
            there = await self.get(account, name)
        except ContainerNotFound:
            return await self._make(account, name, headers, system or {}, policy or self._ground.default_policy)
        if policy and policy != there.policy:
            raise PolicyFixed
        return await self.update(there, headers, system), False

    async def _make(
        self,
        account: str,
        name: str,
        headers: Mapping[str, str | None],
        system: Mapping[str, str | None],
        policy: str,
    ) -> tuple[Container, bool]:
        ground = self._ground
        engine, stamp = ground.engine(policy), ground.stamp()
        made = Container(os.urandom(8), account, name, policy, stamp, stamp, merged({}, headers), merged({}, system))
        _check(made)
        row = Put(store.row_key(name), store.encode(ContainerRow(made.id, policy, stamp)), objects=1)
        first: list[ContainerRow] = []

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            first[:] = [store.row_of(entries[0].meta)] if entries[0] is not None else []
            return () if first else (row,)

        partition = store.container_partition(made)
        await commit(engine, partition, (), lambda entries, tally: (Put(store.HEAD, store.encode(made)),))
        await commit(ground.accounts, store.account_partition(account), (row.key,), decide)
        ground.known_containers.forget((account, name))
        if first:
            await commit(engine, partition, (), lambda entries, tally: (Delete(store.HEAD),))
            return await self.create(account, name, headers, system)
        return made, True

    async def update(
        self,
        container: Container,
        headers: Mapping[str, str | None],
        system: Mapping[str, str | None] | None = None,
        *,
        check: Callable[[Container], None] | None = None,
    ) -> Container:
        """None takes a header away. ``check`` sees the container as it is, and may raise."""
        stamp = self._ground.stamp()
        new: list[Container] = []

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            if entries[0] is None:
                raise ContainerNotFound
            old = store.container_of(entries[0].meta)
            if check is not None:
                check(old)
            changed = Container(
                old.id,
                old.account,
                old.name,
                old.policy,
                old.created,
                stamp,
                merged(old.headers, headers),
                merged(old.system, system or {}),
            )
            _check(changed)
            new[:] = [changed]
            return (Put(store.HEAD, store.encode(changed)),)

        await commit(self.engine(container), store.container_partition(container), (store.HEAD,), decide)
        self._ground.known_containers.forget((container.account, container.name))
        return new[0]

    async def delete(self, container: Container) -> None:
        """Uploads that go on end with it; objects and versions must be gone."""
        engine, partition = self.engine(container), store.container_partition(container)
        for kind in (store.PARTS, store.UPLOADS):
            await self._clear(container, kind)

        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            if entries[0] is None:
                raise ContainerNotFound
            if tally.entries > 1:
                raise ContainerNotEmpty
            return (Delete(store.HEAD),)

        await commit(engine, partition, (store.HEAD,), decide)
        self._ground.known_containers.forget((container.account, container.name))
        await self._forget(container.account, container.name, container.id)

    async def _clear(self, container: Container, kind: bytes) -> None:
        """Of a container without objects; else it is not going to be deleted, and nothing is touched."""
        engine, partition = self.engine(container), store.container_partition(container)
        while page := await engine.scan(partition, kind, store.after(kind), 1000):
            if await engine.scan(partition, store.OBJECTS, store.PARTS, 1) or await engine.scan(
                partition, store.VERSIONS, store.after(store.VERSIONS), 1
            ):
                return
            keys = [entry.key for entry in page]
            await commit(engine, partition, (), lambda entries, tally, keys=keys: [Delete(key) for key in keys])  # type: ignore[misc]

    async def _forget(self, account: str, name: str, container_id: bytes) -> None:
        def decide(entries: Sequence[Entry | None], tally: Tally) -> Sequence[Change]:
            there = entries[0]
            ours = there is not None and store.row_of(there.meta).id == container_id
            return (Delete(store.row_key(name)),) if ours else ()

        await commit(self._ground.accounts, store.account_partition(account), (store.row_key(name),), decide)

    async def tally(self, container: Container) -> Tally:
        """Its objects and all its bytes, those of old versions and uploads too."""
        return await self.engine(container).tally(store.container_partition(container))

    async def objects(self, container: Container, wish: Wish) -> list[Listed | Prefix]:
        found = await walk(self.engine(container), store.container_partition(container), store.OBJECTS, wish)
        read: Callable[[bytes], Object] = store.object_of
        return [
            item if item.__class__ is Prefix else Listed(item.key[1:].decode(), read(item.meta))  # type: ignore[union-attr]
            for item in found
        ]

    def engine(self, container: Container) -> Driver:
        return self._ground.engine(container.policy)


def _check(container: Container) -> None:
    if locks(container) and container.versioning != ENABLED:
        raise Conflict("Objects are locked here, which needs every version of them.")
    own = {name[len(META) :]: value for name, value in container.headers.items() if name.startswith(META)}
    check_metadata("Container", own)
