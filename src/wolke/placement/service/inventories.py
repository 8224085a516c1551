"""How much of what a provider has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from wolke.core.db import Transaction
from wolke.placement import errors
from wolke.placement.model import Inventory, Provider
from wolke.placement.store import BUMP, INVENTORIES

if TYPE_CHECKING:
    from wolke.placement.service import Placement

_FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")


class Inventories:
    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._db = placement.db

    async def inventories(self, provider: str) -> list[Inventory]:
        found = await self._db.find(INVENTORIES, provider=provider)
        return sorted(found, key=lambda one: one.resource_class)

    async def inventory(self, provider: str, resource_class: str) -> Inventory:
        found = await self._db.get(INVENTORIES, provider=provider, resource_class=resource_class)
        if found is None:
            raise errors.InventoryNotFound(resource_class, provider)
        return found

    async def replace(
        self, uuid: str, wanted: Mapping[str, Mapping[str, Any]], generation: int | None, *, all_reserved: bool = True
    ) -> Provider:
        """Exactly these, by class. ``all_reserved``: ``reserved`` may be as much as ``total``."""
        async with self._db.transaction() as tx:
            return await self.write(tx, uuid, wanted, generation, all_reserved=all_reserved)

    async def write(
        self,
        tx: Transaction,
        uuid: str,
        wanted: Mapping[str, Mapping[str, Any]],
        generation: int | None,
        *,
        all_reserved: bool = True,
    ) -> Provider:
        provider = await self._placement.providers.advance(tx, uuid, generation)
        await self._placement.names.check_classes(wanted, tx)
        for resource_class, values in wanted.items():
            _check(resource_class, values, all_reserved)
        there = {one.resource_class: one for one in await tx.find(INVENTORIES, provider=uuid)}
        for resource_class, old in there.items():
            if resource_class not in wanted:
                await self._remove(tx, old)
        for resource_class, values in wanted.items():
            await self._put(tx, uuid, resource_class, values, there.get(resource_class))
        return provider

    async def keep(self, tx: Transaction, uuid: str, wanted: Mapping[str, Mapping[str, Any]]) -> bool:
        """Like ``write``, but leaves what is in use and may not be removed; whether anything changed."""
        await self._placement.names.check_classes(wanted, tx)
        there = {one.resource_class: one for one in await tx.find(INVENTORIES, provider=uuid)}
        gone = [name for name, old in there.items() if name not in wanted and not old.used]
        for name, values in wanted.items():
            _check(name, values, True)
        other = [name for name, values in wanted.items() if _differs(uuid, name, values, there.get(name))]
        if not gone and not other:
            return False
        await tx.run(BUMP, provider=uuid)
        for name in gone:
            await tx.delete(INVENTORIES, provider=uuid, resource_class=name, used=0)
        for name in other:
            await self._put(tx, uuid, name, wanted[name], there.get(name))
        return True

    async def add(
        self,
        uuid: str,
        resource_class: str,
        values: Mapping[str, Any],
        generation: int | None,
        *,
        all_reserved: bool = True,
    ) -> Provider:
        async with self._db.transaction() as tx:
            provider = await self._placement.providers.advance(tx, uuid, generation)
            await self._placement.names.check_classes([resource_class], tx)
            _check(resource_class, values, all_reserved)
            if await tx.get(INVENTORIES, provider=uuid, resource_class=resource_class) is not None:
                raise errors.InventoryExists(resource_class)
            await self._put(tx, uuid, resource_class, values, None)
        return provider

    async def update(
        self,
        uuid: str,
        resource_class: str,
        values: Mapping[str, Any],
        generation: int | None,
        *,
        all_reserved: bool = True,
    ) -> Provider:
        async with self._db.transaction() as tx:
            provider = await self._placement.providers.advance(tx, uuid, generation)
            await self._placement.names.check_classes([resource_class], tx)
            _check(resource_class, values, all_reserved)
            old = await tx.get(INVENTORIES, provider=uuid, resource_class=resource_class)
            if old is None:
                raise errors.InvalidInventory(resource_class, "the resource provider has no inventory of this class")
            await self._put(tx, uuid, resource_class, values, old)
        return provider

    async def remove(self, uuid: str, resource_class: str) -> None:
        async with self._db.transaction() as tx:
            await self._placement.providers.advance(tx, uuid, None)
            old = await tx.get(INVENTORIES, provider=uuid, resource_class=resource_class)
            if old is None:
                raise errors.InventoryNotFound(resource_class, uuid)
            await self._remove(tx, old)

    async def _remove(self, tx: Transaction, old: Inventory) -> None:
        """Looks at ``used`` in the same statement."""
        if not await tx.delete(INVENTORIES, provider=old.provider, resource_class=old.resource_class, used=0):
            raise errors.InventoryInUse(old.resource_class, old.provider)

    async def _put(
        self, tx: Transaction, uuid: str, resource_class: str, values: Mapping[str, Any], old: Inventory | None
    ) -> None:
        """Never touches ``used``."""
        if not _differs(uuid, resource_class, values, old):
            return
        new, now = _inventory(uuid, resource_class, values), self._placement.clock.now()
        if old is None:
            await tx.insert(INVENTORIES, msgspec.structs.replace(new, updated_at=now))
            return
        fields = {name: getattr(new, name) for name in _FIELDS}
        await tx.update(INVENTORIES, {**fields, "updated_at": now}, provider=uuid, resource_class=resource_class)


def _inventory(uuid: str, resource_class: str, values: Mapping[str, Any]) -> Inventory:
    return Inventory(uuid, resource_class, **{name: values[name] for name in _FIELDS if name in values})


def _differs(uuid: str, resource_class: str, values: Mapping[str, Any], old: Inventory | None) -> bool:
    new = _inventory(uuid, resource_class, values)
    return old is None or any(getattr(old, name) != getattr(new, name) for name in _FIELDS)


def _check(resource_class: str, values: Mapping[str, Any], all_reserved: bool) -> None:
    total, reserved = values["total"], values.get("reserved", 0)
    if reserved > total or (reserved == total and not all_reserved):
        raise errors.InvalidInventory(resource_class, f"reserved {reserved} leaves nothing of total {total}")
    if values.get("min_unit", 1) > values.get("max_unit", 2**31 - 1):
        raise errors.InvalidInventory(resource_class, "min_unit is larger than max_unit")
