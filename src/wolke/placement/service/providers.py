"""Resource providers and their trees, aggregates and traits.

The shape of the trees changes rarely and under one lock, so that two changes that are each fine cannot make a loop together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wolke.core import ids
from wolke.core.db import DuplicateRow, Order, Transaction, Where
from wolke.placement import errors
from wolke.placement.model import Provider, ProviderAggregate, ProviderTrait
from wolke.placement.store import AGGREGATES, ALLOCATIONS, BUMP, INVENTORIES, PROVIDERS, TRAITS

if TYPE_CHECKING:
    from wolke.placement.service import Placement

_TREES = "placement:trees"


class Providers:
    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._db = placement.db

    async def provider(self, uuid: str) -> Provider:
        found = await self._db.get(PROVIDERS, uuid=uuid)
        if found is None:
            raise errors.ProviderNotFound(uuid)
        return found

    async def providers(self, where: Sequence[Where] = ()) -> list[Provider]:
        return await self._db.find(PROVIDERS, where=where, order=[Order("created_at"), Order("uuid")])

    async def create(self, name: str, uuid: str | None = None, parent: str | None = None) -> Provider:
        uuid = uuid or ids.uuid()
        try:
            async with self._db.transaction() as tx:
                await tx.lock(_TREES)
                return await self._insert(tx, uuid, name, parent)
        except DuplicateRow as duplicate:
            raise _exists(duplicate, uuid, name) from None

    async def _insert(self, tx: Transaction, uuid: str, name: str, parent: str | None) -> Provider:
        root = uuid
        if parent is not None:
            if parent == uuid:
                raise errors.BadParent("parent provider UUID cannot be same as UUID. Unable to create provider.")
            above = await tx.get(PROVIDERS, uuid=parent)
            if above is None:
                raise errors.BadParent("parent provider UUID does not exist.")
            root = above.root
        now = self._placement.clock.now()
        provider = Provider(uuid, name, parent, root, 0, now, now)
        await tx.insert(PROVIDERS, provider)
        return provider

    async def update(
        self, uuid: str, name: str, parent: str | None = None, *, set_parent: bool = False, may_move: bool = False
    ) -> Provider:
        """``set_parent``: the parent becomes ``parent``; only with ``may_move`` if it had another one before."""
        try:
            async with self._db.transaction() as tx:
                await tx.lock(_TREES)
                provider = await tx.get(PROVIDERS, uuid=uuid)
                if provider is None:
                    raise errors.ProviderNotFound(uuid)
                if set_parent and parent != provider.parent:
                    await self._move(tx, provider, parent, may_move)
                changes = {
                    "name": name,
                    "generation": provider.generation + 1,
                    "updated_at": self._placement.clock.now(),
                }
                await tx.update(PROVIDERS, changes, uuid=uuid)
        except DuplicateRow as duplicate:
            raise _exists(duplicate, uuid, name) from None
        return await self.provider(uuid)

    async def _move(self, tx: Transaction, provider: Provider, parent: str | None, may_move: bool) -> None:
        if provider.parent is not None and not may_move:
            raise errors.BadParent("re-parenting a provider is not currently allowed.")
        tree = {one.uuid: one for one in await tx.find(PROVIDERS, root=provider.root)}
        below = _subtree(provider.uuid, tree.values())
        root = provider.uuid
        if parent is not None:
            above = await tx.get(PROVIDERS, uuid=parent)
            if above is None:
                raise errors.BadParent("parent provider UUID does not exist.")
            if parent in below:
                raise errors.BadParent("creating loop in the provider tree is not allowed.")
            root = above.root
        await tx.update(PROVIDERS, {"parent": parent}, uuid=provider.uuid)
        await tx.update(PROVIDERS, {"root": root}, where=[Where("uuid", "in", sorted(below))])

    async def remove(self, tx: Transaction, uuid: str, *, missing_ok: bool = False) -> None:
        await tx.lock(_TREES)
        if not await tx.run(BUMP, provider=uuid):  # and with it the row is ours: nobody claims meanwhile
            if missing_ok:
                return
            raise errors.ProviderNotFound(uuid)
        if await tx.count(PROVIDERS, parent=uuid):
            raise errors.ProviderHasChildren
        if await tx.count(ALLOCATIONS, provider=uuid):
            raise errors.ProviderInUse
        await tx.delete(INVENTORIES, provider=uuid)
        await tx.delete(TRAITS, provider=uuid)
        await tx.delete(AGGREGATES, provider=uuid)
        await tx.delete(PROVIDERS, uuid=uuid)

    async def delete(self, uuid: str) -> None:
        async with self._db.transaction() as tx:
            await self.remove(tx, uuid)

    async def ensure(
        self, tx: Transaction, uuid: str, name: str, inventories: Mapping[str, Mapping[str, Any]], traits: Iterable[str]
    ) -> Provider:
        provider = await tx.get(PROVIDERS, uuid=uuid)
        if provider is None:
            await tx.lock(_TREES)
            provider = await tx.get(PROVIDERS, uuid=uuid) or await self._insert(tx, uuid, name, None)
        if provider.name != name:
            await tx.update(PROVIDERS, {"name": name}, uuid=uuid)
        changed = await self._placement.inventories.keep(tx, uuid, inventories)
        wanted = set(traits)
        await self._placement.names.check_traits(wanted, tx)
        missing = wanted - {one.trait for one in await tx.find(TRAITS, provider=uuid)}
        if missing and not changed:
            await tx.run(BUMP, provider=uuid)
        for trait in sorted(missing):
            await tx.insert(TRAITS, ProviderTrait(uuid, trait))
        return await tx.get(PROVIDERS, uuid=uuid) or provider

    async def advance(self, tx: Transaction, uuid: str, generation: int | None) -> Provider:
        """The provider's row is ours until the end of the transaction, its generation one higher; 409 if ``generation`` is
        not what it was."""
        if not await tx.run(BUMP, provider=uuid):
            raise errors.ProviderNotFound(uuid)
        provider = await tx.get(PROVIDERS, uuid=uuid)
        assert provider is not None
        if generation is not None and provider.generation != generation + 1:
            raise errors.GenerationConflict
        return provider

    # -- aggregates and traits

    async def aggregates(self, uuid: str) -> list[str]:
        return sorted(one.aggregate for one in await self._db.find(AGGREGATES, provider=uuid))

    async def set_aggregates(self, uuid: str, aggregates: Iterable[str], generation: int | None) -> Provider:
        async with self._db.transaction() as tx:
            provider = await self.advance(tx, uuid, generation)
            await tx.delete(AGGREGATES, provider=uuid)
            for aggregate in sorted(set(aggregates)):
                await tx.insert(AGGREGATES, ProviderAggregate(uuid, aggregate))
        return provider

    async def traits(self, uuid: str) -> list[str]:
        return sorted(one.trait for one in await self._db.find(TRAITS, provider=uuid))

    async def set_traits(self, uuid: str, traits: Iterable[str], generation: int | None) -> Provider:
        async with self._db.transaction() as tx:
            provider = await self.advance(tx, uuid, generation)
            await self._placement.names.check_traits(traits, tx)
            await tx.delete(TRAITS, provider=uuid)
            for trait in sorted(set(traits)):
                await tx.insert(TRAITS, ProviderTrait(uuid, trait))
        return provider


def _subtree(top: str, tree: Iterable[Provider]) -> set[str]:
    children: dict[str | None, list[str]] = {}
    for one in tree:
        children.setdefault(one.parent, []).append(one.uuid)
    found: set[str] = set()
    waiting = [top]
    while waiting:
        uuid = waiting.pop()
        found.add(uuid)
        waiting += children.get(uuid, [])
    return found


def _exists(duplicate: DuplicateRow, uuid: str, name: str) -> errors.ProviderExists:
    by_name = "name" in duplicate.constraint.rpartition(".")[2] or duplicate.constraint.endswith("name_key")
    return errors.ProviderExists(f"name: {name}" if by_name else f"uuid: {uuid}")
