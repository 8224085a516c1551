"""Who has how much of what.

A consumer's allocations are always replaced as a whole. Each change is one guarded statement on the inventory that it takes from
(``store.TAKE``). Locks are taken in one order everywhere, so that nobody waits in a circle: consumers by name, then rows of
providers by name (``BUMP``), then their inventories.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wolke.core.db import DuplicateRow, Order, Transaction, Where
from wolke.placement import errors
from wolke.placement.model import Allocation, Amounts, Consumer
from wolke.placement.store import (
    ALLOCATIONS,
    BUMP,
    CONSUMER_COUNTS,
    CONSUMERS,
    GIVE_BACK,
    INVENTORIES,
    PROVIDERS,
    TAKE,
    USAGES,
)

if TYPE_CHECKING:
    from wolke.placement.service import Placement

ANY_GENERATION = -1


@dataclass(frozen=True, slots=True)
class Claim:
    """What one consumer shall have. ``generation``: of the consumer, None if it must be new, ``ANY_GENERATION`` to not ask."""

    consumer: str
    allocations: Mapping[str, Amounts]
    project_id: str
    user_id: str
    consumer_type: str | None = None
    generation: int | None = ANY_GENERATION


class Allocations:
    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._db = placement.db

    async def of_consumer(self, consumer_id: str) -> tuple[Consumer | None, list[Allocation]]:
        order = [Order("provider"), Order("resource_class")]
        found = await self._db.find(ALLOCATIONS, consumer=consumer_id, order=order)
        return await self._db.get(CONSUMERS, uuid=consumer_id), found

    async def of_provider(self, uuid: str) -> tuple[dict[str, Consumer], list[Allocation]]:
        found = await self._db.find(ALLOCATIONS, provider=uuid, order=[Order("consumer"), Order("resource_class")])
        consumer_ids = sorted({one.consumer for one in found})
        consumers: dict[str, Consumer] = {}
        for start in range(0, len(consumer_ids), 500):
            batch = consumer_ids[start : start + 500]
            rows = await self._db.find(CONSUMERS, where=[Where("uuid", "in", batch)])
            consumers |= {one.uuid: one for one in rows}
        return consumers, found

    async def usages(self, project_id: str, user_id: str | None) -> dict[str | None, tuple[int, dict[str, int]]]:
        """Consumer type → how many consumers, and how much of each class they have."""
        values = {"project_id": project_id, "anybody": int(user_id is None), "user_id": user_id or ""}
        found: dict[str | None, tuple[int, dict[str, int]]] = {}
        for kind, count in await self._db.rows(CONSUMER_COUNTS, **values):
            found[kind] = (count, {})
        for kind, resource_class, amount in await self._db.rows(USAGES, **values):
            found.setdefault(kind, (0, {}))[1][resource_class] = amount
        return found

    async def set(
        self, claims: list[Claim], inventories: Mapping[str, tuple[int, Mapping[str, Any]]] | None = None
    ) -> None:
        """All of it or nothing. ``inventories`` (provider → its generation, its inventories): written first where they add and
        last where they take away, so that allocations may move with their inventory."""
        try:
            async with self._db.transaction() as tx:
                await self._lock(tx, [claim.consumer for claim in claims])
                await self._lock_providers(tx, claims, inventories or {})
                if inventories:
                    await self._placement.names.check_classes(
                        {name for _, one in inventories.values() for name in one}, tx
                    )
                    await self._widen(tx, inventories)
                for claim in sorted(claims, key=lambda one: bool(_flat(one.allocations))):
                    await self._set(tx, claim)
                for uuid, (_, wanted) in sorted((inventories or {}).items()):
                    await self._placement.inventories.write(tx, uuid, wanted, None)
        except DuplicateRow:  # another request made the same consumer a moment ago
            raise errors.ConsumerChanged(claims[0].consumer) from None

    async def _lock(self, tx: Transaction, consumers: Iterable[str]) -> None:
        for consumer in sorted(consumers):
            await tx.lock(f"placement:consumer:{consumer}")

    async def _lock_providers(
        self, tx: Transaction, claims: list[Claim], inventories: Mapping[str, tuple[int, Mapping[str, Any]]]
    ) -> None:
        """All that this transaction may touch; and the generations that were given must be what they are."""
        if len(claims) == 1 and not inventories:
            return
        where = [Where("consumer", "in", [claim.consumer for claim in claims])]
        old = {one.provider for one in await tx.find(ALLOCATIONS, where=where)} if claims else set()
        for provider in sorted({*old, *inventories, *(uuid for claim in claims for uuid in claim.allocations)}):
            await tx.run(BUMP, provider=provider)
        for uuid, (generation, _) in inventories.items():
            found = await tx.get(PROVIDERS, uuid=uuid)
            if found is None:
                raise errors.NoSuchProvider(uuid)
            if found.generation != generation + 1:
                raise errors.GenerationConflict

    async def _widen(self, tx: Transaction, inventories: Mapping[str, tuple[int, Mapping[str, Any]]]) -> None:
        for uuid, (_, wanted) in sorted(inventories.items()):
            there = {one.resource_class: one for one in await tx.find(INVENTORIES, provider=uuid)}
            more = {
                name: values
                for name, values in wanted.items()
                if name not in there or values["total"] > there[name].total
            }
            stay = {name: _values(one) for name, one in there.items() if name not in more}
            await self._placement.inventories.write(tx, uuid, {**stay, **more}, None)

    async def _set(self, tx: Transaction, claim: Claim) -> None:
        consumer = await tx.get(CONSUMERS, uuid=claim.consumer)
        if claim.generation != ANY_GENERATION and claim.generation != (consumer.generation if consumer else None):
            raise errors.ConsumerChanged(claim.consumer)
        await self.replace(tx, claim.consumer, claim.allocations, claim.project_id, claim.user_id, claim.consumer_type)

    async def replace(
        self,
        tx: Transaction,
        consumer_id: str,
        wanted: Mapping[str, Amounts],
        project_id: str,
        user_id: str,
        consumer_type: str | None,
    ) -> None:
        await self._lock(tx, [consumer_id])
        new = _flat(wanted)
        old = {
            (one.provider, one.resource_class): one.amount for one in await tx.find(ALLOCATIONS, consumer=consumer_id)
        }
        if not new:
            return await self._clear(tx, consumer_id, old)
        await self._note_consumer(tx, consumer_id, project_id, user_id, consumer_type, old == new)
        if old == new:
            return None
        await self._check(tx, wanted)
        for provider in sorted({key[0] for key in (*old, *new)}):
            await tx.run(BUMP, provider=provider)
            for resource_class in sorted({key[1] for key in (*old, *new) if key[0] == provider}):
                key = (provider, resource_class)
                await self._move(tx, consumer_id, key, old.get(key, 0), new.get(key, 0))
        return None

    async def release(self, tx: Transaction, consumer_id: str) -> bool:
        """Whether there was anything."""
        await self._lock(tx, [consumer_id])
        old = {
            (one.provider, one.resource_class): one.amount for one in await tx.find(ALLOCATIONS, consumer=consumer_id)
        }
        await self._clear(tx, consumer_id, old)
        return bool(old)

    async def delete(self, consumer_id: str) -> None:
        async with self._db.transaction() as tx:
            if not await self.release(tx, consumer_id):
                raise errors.AllocationsNotFound(consumer_id)

    async def _clear(self, tx: Transaction, consumer_id: str, old: Mapping[tuple[str, str], int]) -> None:
        for provider in sorted({provider for provider, _ in old}):
            await tx.run(BUMP, provider=provider)
        for (provider, resource_class), _ in sorted(old.items()):
            await self._move(tx, consumer_id, (provider, resource_class), old[provider, resource_class], 0)
        await tx.delete(CONSUMERS, uuid=consumer_id)

    async def _move(self, tx: Transaction, consumer_id: str, key: tuple[str, str], before: int, after: int) -> None:
        """From ``before`` to ``after``; the allocation's row is changed first, so that of two who do the same at once one
        finds that there is nothing left to do."""
        provider, resource_class = key
        if before == after:
            return
        row: dict[str, Any] = {"consumer": consumer_id, "provider": provider, "resource_class": resource_class}
        now = self._placement.clock.now()
        if before and after:
            moved = await tx.update(ALLOCATIONS, {"amount": after, "updated_at": now}, **row, amount=before)
        elif before:
            moved = await tx.delete(ALLOCATIONS, **row, amount=before)
        else:
            await tx.insert(ALLOCATIONS, Allocation(consumer_id, provider, resource_class, after, now))
            moved = 1
        if not moved:
            raise errors.ConsumerChanged(consumer_id)
        if after < before:
            await tx.run(GIVE_BACK, provider=provider, resource_class=resource_class, delta=before - after)
        elif not await tx.run(
            TAKE, provider=provider, resource_class=resource_class, delta=after - before, amount=after
        ):
            raise await self._why_not(tx, provider, resource_class, after, after - before)

    async def _why_not(self, tx: Transaction, provider: str, resource_class: str, amount: int, more: int) -> Exception:
        inventory = await tx.get(INVENTORIES, provider=provider, resource_class=resource_class)
        if inventory is None:
            why = "cannot be met: the provider has no inventory of this class"
        elif not inventory.admits(amount):
            why = (
                f"is not between min_unit {inventory.min_unit} and max_unit {inventory.max_unit}, "
                f"or no multiple of step_size {inventory.step_size}"
            )
        else:
            why = f"would exceed the capacity: {more} more is wanted, {inventory.capacity - inventory.used:g} is left"
        return errors.CapacityExceeded(provider, resource_class, amount, why)

    async def _check(self, tx: Transaction, wanted: Mapping[str, Amounts]) -> None:
        """400 for providers and classes that do not exist."""
        await self._placement.names.check_classes({name for amounts in wanted.values() for name in amounts}, tx)
        there = {one.uuid for one in await tx.find(PROVIDERS, where=[Where("uuid", "in", sorted(wanted))])}
        if missing := sorted(set(wanted) - there):
            raise errors.NoSuchProvider(missing[0])

    async def _note_consumer(
        self, tx: Transaction, consumer_id: str, project_id: str, user_id: str, consumer_type: str | None, same: bool
    ) -> None:
        now = self._placement.clock.now()
        consumer = await tx.get(CONSUMERS, uuid=consumer_id)
        if consumer is None:
            await tx.insert(CONSUMERS, Consumer(consumer_id, project_id, user_id, consumer_type, 1, now, now))
            return
        if same and (consumer.project_id, consumer.user_id, consumer.type) == (project_id, user_id, consumer_type):
            return
        changes: dict[str, Any] = {
            "project_id": project_id, "user_id": user_id, "type": consumer_type or consumer.type,
            "generation": consumer.generation + 1, "updated_at": now,
        }  # fmt: skip
        if not await tx.update(CONSUMERS, changes, uuid=consumer_id, generation=consumer.generation):
            raise errors.ConsumerChanged(consumer_id)


def _flat(wanted: Mapping[str, Amounts]) -> dict[tuple[str, str], int]:
    return {(provider, name): amount for provider, amounts in wanted.items() for name, amount in amounts.items()}


def _values(one: Any) -> dict[str, Any]:
    names = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")
    return {name: getattr(one, name) for name in names}
