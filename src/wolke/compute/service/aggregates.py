"""Aggregates: named sets of hosts with metadata; one with an availability zone puts its hosts there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wolke.compute import errors
from wolke.compute.model import Aggregate
from wolke.compute.service.needs import Needs
from wolke.compute.store import AGGREGATES, HOSTS, SERVERS
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Order, Transaction, Where
from wolke.core.errors import BadRequest, Conflict, NotFound

_ZONE = "availability_zone"


class Aggregates:
    def __init__(self, needs: Needs) -> None:
        self._db = needs.db
        self._clock = needs.clock
        self._default_zone = needs.config.default_availability_zone

    async def index(self, ctx: Context) -> list[Aggregate]:
        return await self._db.find(AGGREGATES, order=(Order("id"),))

    async def show(self, ctx: Context, aggregate_id: str) -> Aggregate:
        found = await self._db.get(AGGREGATES, id=_number(aggregate_id))
        if found is None:
            raise errors.AggregateNotFound(aggregate_id)
        return found

    async def create(self, ctx: Context, name: str, zone: str | None) -> Aggregate:
        metadata = {_ZONE: zone} if zone else {}
        try:
            async with self._db.transaction() as tx:
                await tx.lock("compute:aggregates")
                last = await tx.find(AGGREGATES, order=(Order("id", True),), limit=1)
                number = last[0].id + 1 if last else 1
                made = Aggregate(number, ids.uuid(), name, zone, [], metadata, self._clock.now(), None)
                await tx.insert(AGGREGATES, made)
        except DuplicateRow:
            raise errors.AggregateExists(name) from None
        return made

    async def update(self, ctx: Context, aggregate_id: str, changes: Mapping[str, Any]) -> Aggregate:
        """``name`` and ``availability_zone``."""
        changes = dict(changes)
        try:
            async with self._db.transaction() as tx:
                aggregate = await self._held(tx, aggregate_id)
                if _ZONE in changes:
                    zone = {_ZONE: changes[_ZONE]} if changes[_ZONE] else {}
                    changes["metadata"] = {k: v for k, v in aggregate.metadata.items() if k != _ZONE} | zone
                    await self._check_zone(tx, aggregate, changes[_ZONE], aggregate.hosts)
                return await self._write(tx, aggregate, changes)
        except DuplicateRow:
            raise errors.AggregateExists(changes["name"]) from None

    async def delete(self, ctx: Context, aggregate_id: str) -> None:
        async with self._db.transaction() as tx:
            aggregate = await self._held(tx, aggregate_id)
            if aggregate.hosts:
                raise BadRequest(
                    f"Cannot remove aggregate {aggregate.id}: Aggregate contains hosts. Remove them first."
                )
            await tx.delete(AGGREGATES, id=aggregate.id)

    async def add_host(self, ctx: Context, aggregate_id: str, host: str) -> Aggregate:
        async with self._db.transaction() as tx:
            aggregate = await self._held(tx, aggregate_id)
            if await tx.get(HOSTS, name=host) is None:
                raise errors.HostNotFound(host)
            if host in aggregate.hosts:
                raise Conflict(f"Cannot add host {host} in aggregate {aggregate.id}: host already exists")
            await self._check_zone(tx, aggregate, aggregate.availability_zone, [host])
            return await self._write(tx, aggregate, {"hosts": [*aggregate.hosts, host]})

    async def remove_host(self, ctx: Context, aggregate_id: str, host: str) -> Aggregate:
        async with self._db.transaction() as tx:
            aggregate = await self._held(tx, aggregate_id)
            if host not in aggregate.hosts:
                raise NotFound(f"Cannot remove host {host} in aggregate {aggregate.id}: host is not in it")
            if aggregate.availability_zone:
                await self._check_zone(tx, aggregate, None, [host])
            return await self._write(tx, aggregate, {"hosts": [one for one in aggregate.hosts if one != host]})

    async def set_metadata(self, ctx: Context, aggregate_id: str, items: Mapping[str, str | None]) -> Aggregate:
        """An item of None is taken away; ``availability_zone`` moves the hosts."""
        async with self._db.transaction() as tx:
            aggregate = await self._held(tx, aggregate_id)
            metadata = {k: v for k, v in {**aggregate.metadata, **items}.items() if v is not None}
            changes: dict[str, Any] = {"metadata": metadata}
            if _ZONE in items:
                await self._check_zone(tx, aggregate, items[_ZONE], aggregate.hosts)
                changes[_ZONE] = items[_ZONE]
            return await self._write(tx, aggregate, changes)

    async def _check_zone(self, tx: Transaction, aggregate: Aggregate, zone: str | None, hosts: list[str]) -> None:
        """A host is in one zone only, and one with servers does not change it."""
        for other in await tx.find(AGGREGATES, where=[Where("id", "ne", aggregate.id)]):
            shared = sorted(set(hosts) & set(other.hosts))
            if zone and shared and other.availability_zone not in (None, zone):
                raise Conflict(
                    f"Cannot perform action on aggregate {aggregate.id}: host {shared[0]} is in availability zone "
                    f"{other.availability_zone}."
                )
        if zone == aggregate.availability_zone and set(hosts) <= set(aggregate.hosts):
            return
        moved = hosts if zone or aggregate.availability_zone else []
        if moved and await tx.count(SERVERS, where=[Where("host", "in", moved), Where("deleted_at", "isnull", True)]):
            raise Conflict(
                f"Cannot perform action on aggregate {aggregate.id}: one or more hosts contain instances in this zone."
            )

    async def _held(self, tx: Transaction, aggregate_id: str) -> Aggregate:
        await tx.lock("compute:aggregates")
        found = await tx.get(AGGREGATES, id=_number(aggregate_id))
        if found is None:
            raise errors.AggregateNotFound(aggregate_id)
        return found

    async def _write(self, tx: Transaction, aggregate: Aggregate, changes: Mapping[str, Any]) -> Aggregate:
        changes = {**changes, "updated_at": self._clock.now()}
        await tx.update(AGGREGATES, changes, id=aggregate.id)
        return msgspec.structs.replace(aggregate, **changes)


def _number(aggregate_id: str) -> int:
    if not aggregate_id.isascii() or not aggregate_id.isdecimal() or len(aggregate_id) > 9:
        raise errors.AggregateNotFound(aggregate_id[:64])
    return int(aggregate_id)
