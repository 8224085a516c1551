"""A provider that has been at work for a year, for whoever wants to see it alive: customers, usage, invoices, payments and tickets.

Everything goes through the verbs that people use, at the time at which it happened, on a clock that is moved from one event to the next. So
what is seen afterwards is what a year of work would have left, the audit log included.
"""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from wolke.business.demo.cast import COLLEAGUES, CREDIT, CUSTOMERS, PRICE_CHANGE, QUESTIONS, SIZES, STAYS
from wolke.business.demo.people import People
from wolke.business.demo.trade import Trade
from wolke.business.desk import Desk
from wolke.business.invoicing.store import INVOICES
from wolke.business.mail import MAILS
from wolke.business.metering.calendar import next_month
from wolke.business.metering.store import USAGE
from wolke.business.payments.store import PAYMENTS
from wolke.business.support.store import TICKETS
from wolke.core.clock import HeldClock, moment
from wolke.core.db import Table

_YEAR_DAYS = 366
_AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Filled:
    """How many there are of what."""

    customers: int
    usage: int
    invoices: int
    payments: int
    tickets: int


class Year:
    """What is to happen, by time; what happens may put more into it."""

    def __init__(self, clock: HeldClock, begins: datetime, ends: datetime) -> None:
        self._clock, self.begins, self.ends = clock, begins, ends
        self._plan: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = []
        self._order = count()

    def at(self, day: float | datetime, act: Callable[[], Awaitable[None]]) -> None:
        when = day if isinstance(day, datetime) else self.begins + timedelta(days=day)
        if when < self.ends:
            heapq.heappush(self._plan, (when, next(self._order), act))

    async def pass_by(self) -> None:
        while self._plan:
            when, _, act = heapq.heappop(self._plan)
            self._clock.move(max(0.0, when.timestamp() - self._clock.time()))
            await act()
        self._clock.move(max(0.0, self.ends.timestamp() - self._clock.time()))


async def fill(desk: Desk, clock: HeldClock, until: datetime, administrator: str, password: str) -> Filled:
    """A year until ``until``, begun at ``begins(until)``, where ``clock`` must stand. ``administrator``: their address; ``password``: of everybody in it."""
    year = Year(clock, moment(clock.now()), until)
    people = People(desk, password)
    trade = Trade(desk, clock, people, year.at)
    await people.provider(administrator)
    for name, vcpus, ram_mib, disk_gib in SIZES:
        await desk.catalogue.offer("server", name, vcpus, ram_mib, disk_gib)
    for customer in CUSTOMERS:
        year.at(customer.joins, partial(people.join, customer))
    for colleague in COLLEAGUES:
        year.at(colleague.day, partial(people.invite, colleague))
    for stay in STAYS:
        year.at(stay.begins, partial(people.project, stay.customer, stay.project))
    for question in QUESTIONS:
        year.at(question.day, partial(trade.ask, question))
    year.at(PRICE_CHANGE[0], partial(trade.change_price, *PRICE_CHANGE[1:]))
    year.at(CREDIT[0], partial(trade.credit, *CREDIT[1:]))
    month = desk.metering.calendar.month_of(clock.now())
    while (ends := moment(desk.metering.calendar.ends(month))) < until:
        year.at(ends + _AN_HOUR, partial(trade.close, month))
        month = next_month(month)
    await year.pass_by()
    await trade.use(month)
    return await _told(desk)


def begins(until: datetime) -> datetime:
    """When the year begins that ends then."""
    return (until - timedelta(days=_YEAR_DAYS)).replace(hour=7, minute=0, second=0, microsecond=0)


async def _told(desk: Desk) -> Filled:
    db = desk.needs.db
    async with db.transaction() as tx:  # what was written to people who do not exist is not sent to anybody
        await tx.update(MAILS, {"sent_at": desk.needs.clock.now()}, sent_at=None)
    tables: tuple[Table[Any], ...] = (USAGE, INVOICES, PAYMENTS, TICKETS)
    counts = [await db.count(table) for table in tables]
    return Filled(len(CUSTOMERS), *counts)
