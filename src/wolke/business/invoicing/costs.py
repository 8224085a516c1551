"""What a project costs so far this month, what it will cost if all that ran in the last hour runs on, and how that stands to its budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from wolke.business.catalogue.model import Plan, Price
from wolke.business.customers.model import Company, Project
from wolke.business.customers.store import PROJECTS
from wolke.business.invoicing.due import Span, due
from wolke.business.invoicing.reckoning import by_plan
from wolke.business.metering.calendar import HOUR, last_day, next_day
from wolke.business.metering.model import ProjectDay, decimal
from wolke.business.money import Amount
from wolke.business.rating import Step, cost, plain
from wolke.core.clock import Instant, instant, moment
from wolke.core.db import Reader, Where

if TYPE_CHECKING:
    from wolke.business.catalogue import Catalogue
    from wolke.business.customers import Customers
    from wolke.business.desk import Needs
    from wolke.business.invoicing.drafts import Drafts
    from wolke.business.invoicing.reckoning import Reckoning
    from wolke.business.metering import Metering

#: From which share of a budget people are warned, in percent.
WARNED_PERCENT = 80
NO_BUDGET, WITHIN, WARNED, REACHED = "none", "within", "warned", "reached"
#: An hour that ended longer ago says nothing of what runs now.
_STALE = timedelta(hours=3)
_HUNDRED = Decimal(100)


class Budget(msgspec.Struct, frozen=True):
    """``state``: none, within, warned (from 80 % on) or reached. ``percent``: of it that is spent, whole. ``left_minor`` is never below 0."""

    state: str
    budget_minor: int | None
    percent: int
    left_minor: int


class PlanCost(msgspec.Struct, frozen=True):
    """``quantity`` in ``unit``. ``steps``: how ``net_minor`` comes about."""

    plan_id: str
    product_names: dict[str, str]
    plan_name: str
    quantity: str
    unit: str
    net_minor: int
    forecast_minor: int
    steps: list[Step]


class DayCost(msgspec.Struct, frozen=True):
    day: str
    net_minor: int


class Costs(msgspec.Struct, frozen=True):
    """Before tax, after the discount. ``forecast_minor``: at the month's end. ``counted_until``: up to where usage is in it."""

    project_id: str
    month: str
    currency: str
    net_minor: int
    forecast_minor: int
    counted_until: Instant
    budget: Budget
    plans: list[PlanCost]
    days: list[DayCost]


class ProjectCost(msgspec.Struct, frozen=True):
    project_id: str
    project_name: str
    net_minor: int
    budget: Budget


class CompanyCosts(msgspec.Struct, frozen=True):
    """All projects that were used in a month, the dearest first."""

    month: str
    currency: str
    net_minor: int
    projects: list[ProjectCost]


def budget_state(budget_minor: int | None, spent_minor: int) -> Budget:
    if budget_minor is None:
        return Budget(NO_BUDGET, None, 0, 0)
    percent = spent_minor * 100 // budget_minor if budget_minor else 100
    left = max(0, budget_minor - spent_minor)
    if not left:
        return Budget(REACHED, budget_minor, percent, 0)
    return Budget(WARNED if percent >= WARNED_PERCENT else WITHIN, budget_minor, percent, left)


def foreseen(used: Sequence[tuple[Span, Decimal]], an_hour: Decimal, since: Instant) -> list[tuple[Span, Decimal]]:
    """``used``, and in each span ``an_hour`` more for every hour from ``since`` on."""
    more = []
    for span, quantity in used:
        hours = (moment(span.ends) - moment(max(span.begins, min(since, span.ends)))) // HOUR
        more.append((span, quantity + an_hour * hours))
    return more


class Costing:
    def __init__(
        self, needs: Needs, customers: Customers, catalogue: Catalogue, metering: Metering, drafts: Drafts, reckoning: Reckoning
    ) -> None:  # fmt: skip
        self._needs, self._customers, self._catalogue = needs, customers, catalogue
        self._metering, self._drafts, self._reckoning = metering, drafts, reckoning

    async def project(self, reader: Reader, project: Project, month: str = "") -> Costs:
        """``month`` empty: this one. Of one that is over, the forecast is what it cost."""
        calendar, now = self._metering.calendar, self._needs.clock.now()
        month = month or calendar.month_of(now)
        company = await self._customers.companies.get(project.company_id, reader)
        terms = await self._drafts.terms(reader, company, month)
        days = await self._metering.days(reader, project.id, f"{month}-01", last_day(month))
        owns = by_plan(days)
        prices = await self._catalogue.prices(reader, owns, company.currency)
        since, running = instant(moment(now) - _STALE), dict[str, int]()
        if month == calendar.month_of(now):
            since, running = await self._metering.running(reader, project.id, owns, since)
        discount, hours = Decimal(terms.discount_percent), calendar.hours(month)
        plans, products = await self._names(reader)
        rows = []
        for plan_id, own in owns.items():
            used = await self._reckoning.used(reader, own, month, prices[plan_id])
            later = foreseen(used, decimal(running.get(plan_id, 0)), since)
            dues = due(plan_id, used, hours, discount)
            soon = sum(one.charge.amount.minor for one in due(plan_id, later, hours, discount))
            net = sum(one.charge.amount.minor for one in dues)
            quantity = plain(sum((one.charge.quantity for one in dues), Decimal(0)))
            plan, unit = plans[plan_id], prices[plan_id][0].tariff.unit if prices[plan_id] else ""
            steps = [step for one in dues for step in one.charge.steps]
            rows.append(PlanCost(plan_id, products[plan.product_id], plan.name, quantity, unit, net, soon, steps))
        net = sum(row.net_minor for row in rows)
        return Costs(
            project.id, month, company.currency, net, sum(row.forecast_minor for row in rows), min(since, calendar.ends(month)),
            budget_state(project.budget_minor, net), sorted(rows, key=lambda row: -row.net_minor),
            await self._days(reader, owns, prices, month, discount, company.currency),
        )  # fmt: skip

    async def company(
        self, reader: Reader, company: Company, month: str = "", *, projects: frozenset[str] | None = None
    ) -> CompanyCosts:
        """``projects``: only these."""
        month = month or self._metering.calendar.month_of(self._needs.clock.now())
        terms = await self._drafts.terms(reader, company, month)
        by_project: dict[str, list[ProjectDay]] = {}
        for day in await self._metering.company_days(reader, company.id, f"{month}-01", last_day(month)):
            if projects is None or day.project_id in projects:
                by_project.setdefault(day.project_id, []).append(day)
        plan_ids = {day.plan_id for days in by_project.values() for day in days}
        prices = await self._catalogue.prices(reader, plan_ids, company.currency)
        known = {
            p.id: p
            for p in await reader.find(PROJECTS, company_id=company.id, where=(Where("id", "in", sorted(by_project)),))
        }
        rows = []
        for project_id, days in by_project.items():
            dues = await self._reckoning.of_days(reader, days, month, prices, terms.discount_percent)
            net, project = sum(one.charge.amount.minor for one in dues), known[project_id]
            rows.append(ProjectCost(project_id, project.name, net, budget_state(project.budget_minor, net)))
        rows.sort(key=lambda row: (-row.net_minor, row.project_name))
        return CompanyCosts(month, company.currency, sum(row.net_minor for row in rows), rows)

    async def _names(self, reader: Reader) -> tuple[dict[str, Plan], dict[str, dict[str, str]]]:
        plans = {plan.id: plan for plan in await self._catalogue.plans(reader=reader)}
        return plans, {product.id: product.names for product in await self._catalogue.products(reader)}

    async def _days(
        self, reader: Reader, owns: Mapping[str, list[ProjectDay]], prices: Mapping[str, list[Price]], month: str, discount: Decimal, currency: str
    ) -> list[DayCost]:  # fmt: skip
        """Exact sums, of which each day is what the rounded sum grows by."""
        hours, by_day = self._metering.calendar.hours(month), dict[str, Decimal]()
        for plan_id, own in owns.items():
            before = Decimal(0)
            for day in own:
                for span, quantity in await self._spans_of(reader, day, prices[plan_id]):
                    exact = cost(span.price.tariff, before, quantity, hours).amount.value
                    by_day[day.day] = by_day.get(day.day, Decimal(0)) + exact * (_HUNDRED - discount) / _HUNDRED
                    before += quantity
        costs, total, shown = [], Decimal(0), 0
        for day_, exact in sorted(by_day.items()):
            total += exact
            rounded = Amount(total, currency).rounded().minor
            costs.append(DayCost(day_, rounded - shown))
            shown = rounded
        return costs

    async def _spans_of(self, reader: Reader, day: ProjectDay, prices: Sequence[Price]) -> list[tuple[Span, Decimal]]:
        calendar = self._metering.calendar
        begins, ends = calendar.day_begins(day.day), calendar.day_begins(next_day(day.day))
        return await self._reckoning.used_between(reader, [day], begins, ends, prices)
