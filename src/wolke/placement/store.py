"""The tables of Placement, and the statements by which room is taken, given back and found."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from wolke.core.db import Query, Table
from wolke.placement.model import (
    Allocation,
    Consumer,
    CustomName,
    Inventory,
    Provider,
    ProviderAggregate,
    ProviderTrait,
)

PROVIDERS = Table(
    "placement_providers",
    Provider,
    key=("uuid",),
    unique=(("name",),),
    indexes=(("root",), ("parent",), ("created_at",)),
)
INVENTORIES = Table(
    "placement_inventories", Inventory, key=("provider", "resource_class"), indexes=(("resource_class", "provider"),)
)
CONSUMERS = Table("placement_consumers", Consumer, key=("uuid",), indexes=(("project_id", "user_id"),))
ALLOCATIONS = Table(
    "placement_allocations", Allocation, key=("consumer", "provider", "resource_class"), indexes=(("provider",),)
)
TRAITS = Table("placement_provider_traits", ProviderTrait, key=("provider", "trait"), indexes=(("trait",),))
AGGREGATES = Table(
    "placement_provider_aggregates", ProviderAggregate, key=("provider", "aggregate"), indexes=(("aggregate",),)
)
CUSTOM_TRAITS = Table("placement_traits", CustomName, key=("name",))
CUSTOM_CLASSES = Table("placement_resource_classes", CustomName, key=("name",))

_inventory = INVENTORIES.sql.c
_delta = sa.bindparam("delta", type_=sa.BigInteger())
_amount = sa.bindparam("amount", type_=sa.BigInteger())
_here = (_inventory.provider == sa.bindparam("provider"), _inventory.resource_class == sa.bindparam("resource_class"))

# Takes ``delta`` more for a consumer that will then have ``amount``; touches no row if there is no room for it.
TAKE = Query(
    sa.update(INVENTORIES.sql)
    .where(
        *_here,
        _inventory.used + _delta <= (_inventory.total - _inventory.reserved) * _inventory.allocation_ratio,
        _amount >= _inventory.min_unit,
        _amount <= _inventory.max_unit,
        _amount % _inventory.step_size == 0,
    )
    .values(used=_inventory.used + _delta)
)
GIVE_BACK = Query(sa.update(INVENTORIES.sql).where(*_here).values(used=_inventory.used - _delta))
BUMP = Query(
    sa.update(PROVIDERS.sql)
    .where(PROVIDERS.sql.c.uuid == sa.bindparam("provider"))
    .values(generation=PROVIDERS.sql.c.generation + 1)
)

_allocation, _consumer = ALLOCATIONS.sql.c, CONSUMERS.sql.c
_whose = (
    _consumer.project_id == sa.bindparam("project_id"),
    sa.or_(sa.bindparam("anybody", type_=sa.SmallInteger()) == 1, _consumer.user_id == sa.bindparam("user_id")),
)
# By consumer type: how much of each class, and how many consumers.
USAGES = Query(
    sa.select(_consumer.type, _allocation.resource_class, sa.cast(sa.func.sum(_allocation.amount), sa.BigInteger))
    .select_from(ALLOCATIONS.sql.join(CONSUMERS.sql, _allocation.consumer == _consumer.uuid))
    .where(*_whose)
    .group_by(_consumer.type, _allocation.resource_class)
)
CONSUMER_COUNTS = Query(sa.select(_consumer.type, sa.func.count()).where(*_whose).group_by(_consumer.type))


def room_query(classes: int, required: int, forbidden: int, member_of: tuple[int, ...], limited: bool) -> Query:
    """Providers with room for ``classes`` amounts at once, with all of ``required`` traits, none of ``forbidden``, and in one
    of each group of aggregates. A row: provider, then (total, reserved, ratio, used) of each class."""
    tables = [INVENTORIES.sql.alias(f"i{n}") for n in range(classes)]
    columns: list[Any] = [tables[0].c.provider]
    source: Any = tables[0]
    conditions: list[Any] = []
    for n, table in enumerate(tables):
        c, amount = table.c, sa.bindparam(f"amount{n}", type_=sa.BigInteger())
        columns += [c.total, c.reserved, c.allocation_ratio, c.used]
        if n:
            source = source.join(table, c.provider == tables[0].c.provider)
        conditions += [
            c.resource_class == sa.bindparam(f"class{n}"),
            c.used + amount <= (c.total - c.reserved) * c.allocation_ratio,
            amount >= c.min_unit,
            amount <= c.max_unit,
            amount % c.step_size == 0,
        ]
    provider, trait, aggregate = tables[0].c.provider, TRAITS.sql.c, AGGREGATES.sql.c
    for n in range(required):
        conditions.append(provider.in_(sa.select(trait.provider).where(trait.trait == sa.bindparam(f"required{n}"))))
    if forbidden:
        names = [sa.bindparam(f"forbidden{n}", type_=trait.trait.type) for n in range(forbidden)]
        conditions.append(provider.not_in(sa.select(trait.provider).where(trait.trait.in_(names))))
    for n, size in enumerate(member_of):
        ids = [sa.bindparam(f"member{n}_{m}", type_=aggregate.aggregate.type) for m in range(size)]
        conditions.append(provider.in_(sa.select(aggregate.provider).where(aggregate.aggregate.in_(ids))))
    statement = sa.select(*columns).select_from(source).where(*conditions)
    return Query(statement.limit(sa.bindparam("limit", type_=sa.BigInteger())) if limited else statement)
