"""What Placement says of itself, compared: allocations, their consumers, and what is noted as used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wolke.core.checks import Check, Finding
from wolke.core.db import Database
from wolke.placement.model import Allocation, Consumer, Inventory
from wolke.placement.store import ALLOCATIONS, CONSUMERS, INVENTORIES


@dataclass(frozen=True, slots=True)
class Picture:
    allocations: Sequence[Allocation]
    consumers: frozenset[str]
    inventories: Sequence[Inventory]


class Checking:
    def __init__(self, db: Database) -> None:
        self.db = db
        self.checks = CHECKS

    async def picture(self) -> Picture:
        consumers = await self.consumers()
        return Picture(
            await self.db.find(ALLOCATIONS),
            frozenset(one.uuid for one in consumers),
            await self.db.find(INVENTORIES),
        )

    async def consumers(self) -> list[Consumer]:
        """For Compute, which knows who they should be."""
        return await self.db.find(CONSUMERS)

    async def count_again(self, finding: Finding) -> None:
        one: Inventory = finding.thing
        async with self.db.transaction() as tx:
            there = await tx.find(ALLOCATIONS, provider=one.provider, resource_class=one.resource_class)
            used = sum(allocation.amount for allocation in there)
            await tx.update(INVENTORIES, {"used": used}, provider=one.provider, resource_class=one.resource_class)

    async def drop_allocation(self, finding: Finding) -> None:
        async with self.db.transaction() as tx:
            if await tx.get(CONSUMERS, uuid=finding.about) is None:
                for one in await tx.find(ALLOCATIONS, consumer=finding.about):
                    inventory = await tx.get(INVENTORIES, provider=one.provider, resource_class=one.resource_class)
                    if inventory is not None:
                        less = {"used": max(0, inventory.used - one.amount)}
                        await tx.update(INVENTORIES, less, provider=one.provider, resource_class=one.resource_class)
                await tx.delete(ALLOCATIONS, consumer=finding.about)

    async def drop_consumer(self, finding: Finding) -> None:
        async with self.db.transaction() as tx:
            if not await tx.find(ALLOCATIONS, consumer=finding.about, limit=1):
                await tx.delete(CONSUMERS, uuid=finding.about)


def _miscounted(picture: Picture) -> Iterator[Finding]:
    sums: Counter[tuple[str, str]] = Counter()
    for one in picture.allocations:
        sums[one.provider, one.resource_class] += one.amount
    for inventory in picture.inventories:
        allocated = sums[inventory.provider, inventory.resource_class]
        if inventory.used != allocated:
            says = (
                f"Provider {inventory.provider} notes {inventory.used} of {inventory.resource_class} as used, and its "
                f"allocations add up to {allocated}."
            )
            about = f"{inventory.provider}/{inventory.resource_class}"
            yield Finding(about, says, (inventory.used, allocated), inventory)


def _consumerless(picture: Picture) -> Iterator[Finding]:
    for consumer in sorted({one.consumer for one in picture.allocations} - picture.consumers):
        yield Finding(consumer, f"Allocations belong to consumer {consumer}, which does not exist.")


def _idle(picture: Picture) -> Iterator[Finding]:
    for consumer in sorted(picture.consumers - {one.consumer for one in picture.allocations}):
        yield Finding(consumer, f"Consumer {consumer} has no allocations.")


CHECKS = (
    Check(
        "allocation-without-consumer",
        "each allocation in Placement with its consumer",
        "the allocation is deleted, and what it took is free",
        _consumerless, Checking.drop_allocation,
    ),
    Check(
        "consumer-without-allocation",
        "each consumer in Placement with its allocations",
        "the consumer is deleted",
        _idle, Checking.drop_consumer,
    ),
    Check(
        "inventory-miscounted",
        "what an inventory notes as used with the sum of its allocations",
        "the sum is noted",
        _miscounted, Checking.count_again,
    ),
)  # fmt: skip
