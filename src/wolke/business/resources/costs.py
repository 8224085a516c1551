"""What a project costs this month: so far, and in the end if nothing changes.

What has been counted is taken from the usage's sums, what has not from the mirror's intervals; both go through the same price models as
the invoice does, which alone is right to the cent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from wolke.business.catalogue.model import Price
from wolke.business.catalogue.store import PRICES
from wolke.business.customers.model import Company, Project
from wolke.business.metering.calendar import last_day, next_day
from wolke.business.metering.model import decimal
from wolke.business.money import Amount, zero
from wolke.business.rating import Part, Tariff, rate
from wolke.business.resources import model
from wolke.business.resources.base import Means
from wolke.business.resources.store import ACTIONS, ADDRESSES, DISKS, INTERVALS, SERVERS
from wolke.core.clock import Instant, moment
from wolke.core.db import Order, Reader, Where

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that is to be had besides what there is, from now on. ``amount`` below zero: something that would not be had any more."""

    plan_id: str
    amount: Decimal


class Costs(msgspec.Struct, frozen=True):
    """Before tax; ``forecast_minor`` at the month's end, with all that has been ordered."""

    month: str
    currency: str
    so_far_minor: int
    forecast_minor: int


@dataclass(slots=True)
class _Use:
    """Of one plan: by the instant at which its price is looked up, and what is still to come."""

    past: dict[Instant, Decimal]
    coming: Decimal


class Reckoner:
    def __init__(self, means: Means) -> None:
        self._means = means

    async def costs(self, reader: Reader, project: Project, company: Company, planned: Iterable[Planned] = ()) -> Costs:
        now, calendar = self._means.now(), self._means.metering.calendar
        month = calendar.month_of(now)
        uses = await self._uses(reader, project.id, month, now)
        left = Decimal((moment(calendar.ends(month)) - moment(now)) / _HOUR)
        for one in planned:
            uses[one.plan_id].coming += one.amount * left
        so_far = forecast = 0
        for plan_id, use in uses.items():
            past, all_of_it = await self._of_plan(reader, plan_id, use, month, company)
            so_far, forecast = so_far + past, forecast + all_of_it
        return Costs(month, company.currency, so_far, forecast)

    async def _uses(self, reader: Reader, project_id: str, month: str, now: Instant) -> dict[str, _Use]:
        calendar = self._means.metering.calendar
        uses: dict[str, _Use] = defaultdict(lambda: _Use(defaultdict(Decimal), Decimal(0)))
        for day in await self._means.metering.days(reader, project_id, f"{month}-01", last_day(month)):
            ended = min(now, calendar.day_begins(next_day(day.day)))  # at the day's price
            uses[day.plan_id].past[ended] += decimal(day.nano)
        begins, ends = calendar.begins(month), calendar.ends(month)
        for stay in await reader.find(INTERVALS, project_id=project_id, open=True):
            use, amount = uses[stay.plan_id], Decimal(stay.amount)
            uncounted = max(stay.begins_at, stay.counted_until, begins)
            until = min(stay.ends_at or now, now)
            if uncounted < until:
                use.past[now] += amount * _hours(uncounted, until)
            if stay.ends_at is None and now < ends:
                use.coming += amount * _hours(now, ends)
        for one in await self._on_its_way(reader, project_id):
            uses[one.plan_id].coming += one.amount * _hours(now, ends)
        return uses

    async def _on_its_way(self, reader: Reader, project_id: str) -> list[Planned]:
        """What has been ordered and costs nothing yet."""
        waiting: dict[str, Any] = {"project_id": project_id, "gone_at": None, "began_at": None}
        where = (Where("state", "ne", model.FAILED), Where("plan_id", "ne", ""))
        found = [Planned(row.plan_id, Decimal(1)) for row in await reader.find(SERVERS, where=where, **waiting)]
        found += [
            Planned(row.plan_id, Decimal(row.size_gib)) for row in await reader.find(DISKS, where=where, **waiting)
        ]
        found += [Planned(row.plan_id, Decimal(1)) for row in await reader.find(ADDRESSES, where=where, **waiting)]
        wished = (Where("due_at", "isnull", False), Where("verb", "in", ("resize", "grow")))
        for action in await reader.find(ACTIONS, project_id=project_id, where=wished):
            found += await self._changed(reader, action)
        return found

    async def _changed(self, reader: Reader, action: model.Action) -> list[Planned]:
        """What a change of size that is under way makes of the costs, beside what there is."""
        if action.verb == "resize":
            server = await reader.get(SERVERS, id=action.object_id)
            if server is None or server.plan_id == action.details["plan_id"]:
                return []
            more = Planned(action.details["plan_id"], Decimal(1))
            return [more, Planned(server.plan_id, Decimal(-1))] if server.plan_id else [more]
        disk = await reader.get(DISKS, id=action.object_id)
        grown = int(action.details["size_gib"]) - disk.size_gib if disk is not None else 0
        return [Planned(disk.plan_id, Decimal(grown))] if disk is not None and disk.plan_id and grown > 0 else []

    async def _of_plan(self, reader: Reader, plan_id: str, use: _Use, month: str, company: Company) -> tuple[int, int]:
        prices = await reader.find(PRICES, plan_id=plan_id, currency=company.currency, order=(Order("begins_at"),))
        hours = self._means.metering.calendar.hours(month)
        now, percent = self._means.now(), Decimal(company.discount_percent)
        past = [(at, quantity) for at, quantity in sorted(use.past.items())]
        so_far = _sum(prices, past, hours, percent, company.currency)
        forecast = _sum(prices, [*past, (now, use.coming)], hours, percent, company.currency)
        return so_far, forecast


def _hours(begins: Instant, ends: Instant) -> Decimal:
    return Decimal((moment(ends) - moment(begins)) // timedelta(microseconds=1)) / Decimal(3_600_000_000)


def _sum(
    prices: Sequence[Price], uses: Sequence[tuple[Instant, Decimal]], hours: int, percent: Decimal, currency: str
) -> int:
    """In minor units."""
    by_price: dict[str, Decimal] = defaultdict(Decimal)
    known = {price.id: price for price in prices}
    for at, quantity in uses:
        if price := in_force(prices, at):
            by_price[price.id] += quantity
    parts = [Part(key, tariff(known[key]), max(Decimal(0), quantity)) for key, quantity in by_price.items()]
    total: Amount = sum((charge.amount for charge in rate(parts, hours, percent)), zero(currency))
    return total.rounded().minor


def in_force(prices: Sequence[Price], at: Instant) -> Price | None:
    """``prices`` in the order of time; None before the first one began."""
    begun = [price for price in prices if price.begins_at <= at]
    return begun[-1] if begun else None


def tariff(price: Price) -> Tariff:
    return Tariff(price.model, price.terms, Decimal(price.included), price.currency)


async def price_of(reader: Reader, plan_id: str, currency: str, at: Instant) -> Price | None:
    where = (Where("begins_at", "le", at),)
    found = await reader.find(
        PRICES, plan_id=plan_id, currency=currency, where=where, order=(Order("begins_at", True),), limit=1
    )
    return found[0] if found else None
