"""The verbs of Placement: one object per noun, and the few that Compute calls in this process, inside its own transactions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from wolke.core.clock import Clock
from wolke.core.db import Database, Query, Reader, Transaction, Where
from wolke.placement.model import Allocation, Amounts, Candidate, Provider
from wolke.placement.service.allocations import Allocations
from wolke.placement.service.inventories import Inventories
from wolke.placement.service.names import Names
from wolke.placement.service.providers import Providers
from wolke.placement.service.snapshot import Snapshots
from wolke.placement.store import ALLOCATIONS, room_query

__all__ = ["Placement"]


class Placement:
    """``tx`` as first argument: the verb is part of the caller's transaction, and its errors undo it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.clock = clock
        self.names = Names(self)
        self.providers = Providers(self)
        self.inventories = Inventories(self)
        self.allocations = Allocations(self)
        self.snapshots = Snapshots(db)

    async def claim(
        self,
        tx: Transaction,
        consumer_id: str,
        wanted: Mapping[str, Amounts],
        project_id: str,
        user_id: str,
        consumer_type: str | None = "INSTANCE",
    ) -> None:
        """Give ``consumer_id`` exactly ``wanted`` (provider → class → amount), whatever it had. ``CapacityExceeded`` if there
        is no room; claiming the same again changes nothing."""
        await self.allocations.replace(tx, consumer_id, wanted, project_id, user_id, consumer_type)

    async def release(self, tx: Transaction, consumer_id: str) -> None:
        """Whatever the consumer has is free again. Having nothing is fine."""
        await self.allocations.release(tx, consumer_id)

    async def candidates(
        self,
        resources: Amounts,
        *,
        required: Collection[str] = (),
        forbidden: Collection[str] = (),
        member_of: Sequence[Collection[str]] = (),
        limit: int | None = None,
        reader: Reader | None = None,
    ) -> list[Candidate]:
        """Single providers that have room for all of ``resources`` now, every ``required`` trait and none ``forbidden``, and
        are in one aggregate of each group in ``member_of``. In no particular order; whoever claims may still be second."""
        classes = sorted(resources)
        if not classes or any(not group for group in member_of):
            return []
        query = _room(
            len(classes), len(required), len(forbidden), tuple(len(group) for group in member_of), limit is not None
        )
        values: dict[str, Any] = {f"class{n}": name for n, name in enumerate(classes)}
        values |= {f"amount{n}": resources[name] for n, name in enumerate(classes)}
        values |= {f"required{n}": name for n, name in enumerate(required)}
        values |= {f"forbidden{n}": name for n, name in enumerate(forbidden)}
        values |= {f"member{n}_{m}": uuid for n, group in enumerate(member_of) for m, uuid in enumerate(group)}
        if limit is not None:
            values["limit"] = limit
        return [Candidate(row[0], classes, row[1:]) for row in await (reader or self.db).rows(query, **values)]

    async def ensure_provider(
        self,
        tx: Transaction,
        uuid: str,
        name: str,
        inventories: Mapping[str, Mapping[str, Any]],
        traits: Iterable[str] = (),
    ) -> Provider:
        """The provider is there, by this name, with exactly these inventories (class → ``total``, ``reserved``,
        ``allocation_ratio``, …) and, among others, these traits. What is in use stays until it is free."""
        return await self.providers.ensure(tx, uuid, name, inventories, traits)

    async def delete_provider(self, tx: Transaction, uuid: str) -> None:
        """Raises ``ProviderInUse``; not being there is fine."""
        await self.providers.remove(tx, uuid, missing_ok=True)

    async def allocations_of(
        self, consumer_ids: Collection[str], *, reader: Reader | None = None
    ) -> dict[str, list[Allocation]]:
        """By consumer; consumers without any are not in it."""
        found: dict[str, list[Allocation]] = {}
        if consumer_ids:
            where = [Where("consumer", "in", list(consumer_ids))]
            for allocation in await (reader or self.db).find(ALLOCATIONS, where=where):
                found.setdefault(allocation.consumer, []).append(allocation)
        return found

    async def consumers_of(self, provider_id: str, *, reader: Reader | None = None) -> dict[str, dict[str, int]]:
        """Consumer → class → amount, of one provider."""
        found: dict[str, dict[str, int]] = {}
        for one in await (reader or self.db).find(ALLOCATIONS, provider=provider_id):
            found.setdefault(one.consumer, {})[one.resource_class] = one.amount
        return found


@lru_cache(maxsize=256)
def _room(classes: int, required: int, forbidden: int, member_of: tuple[int, ...], limited: bool) -> Query:
    return room_query(classes, required, forbidden, member_of, limited)
