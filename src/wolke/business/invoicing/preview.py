"""What last month would have cost at another price: for each customer and in all. It writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from wolke.business.catalogue.model import Price
from wolke.business.customers.model import Company
from wolke.business.customers.store import COMPANIES
from wolke.business.invoicing.due import due
from wolke.business.metering.calendar import month_before
from wolke.business.metering.model import ProjectDay
from wolke.core.db import Reader, Where

if TYPE_CHECKING:
    from wolke.business.catalogue import Catalogue
    from wolke.business.desk import Needs
    from wolke.business.invoicing.reckoning import Reckoning
    from wolke.business.metering import Metering

_AT_ONCE = 500
_MOST_SHOWN = 200


class PreviewRow(msgspec.Struct, frozen=True):
    company_id: str
    company_name: str
    was_minor: int
    would_minor: int


class Preview(msgspec.Struct, frozen=True):
    """Before tax, after discounts. ``customers``: how many used the plan; ``rows``: those for whom most changes, first."""

    plan_id: str
    month: str
    currency: str
    was_minor: int
    would_minor: int
    customers: int
    rows: list[PreviewRow]


class Previews:
    def __init__(self, needs: Needs, catalogue: Catalogue, metering: Metering, reckoning: Reckoning) -> None:
        self._needs, self._catalogue, self._metering, self._reckoning = needs, catalogue, metering, reckoning

    async def of(self, reader: Reader, price: Price) -> Preview:
        """``price``: one that need not be there. ``begins_at`` says nothing: it is as if it had been in force the whole month."""
        month = month_before(self._metering.calendar.month_of(self._needs.clock.now()))
        was = (await self._catalogue.prices(reader, [price.plan_id], price.currency))[price.plan_id]
        would = [msgspec.structs.replace(price, begins_at=self._metering.calendar.begins(month))]
        by_project: dict[tuple[str, str], list[ProjectDay]] = {}
        for day in await self._metering.plan_days(reader, price.plan_id, month):
            by_project.setdefault((day.company_id, day.project_id), []).append(day)
        companies = await self._companies(reader, sorted({company_id for company_id, _ in by_project}))
        sums: dict[str, tuple[int, int]] = {}
        for (company_id, _), days in by_project.items():
            company = companies[company_id]
            if company.currency == price.currency:
                before = sums.get(company_id, (0, 0))
                costs = [await self._cost(reader, days, month, prices, company) for prices in (was, would)]
                sums[company_id] = (before[0] + costs[0], before[1] + costs[1])
        rows = [PreviewRow(company_id, companies[company_id].name, *both) for company_id, both in sums.items()]
        rows.sort(key=lambda row: (-abs(row.would_minor - row.was_minor), row.company_name))
        return Preview(
            price.plan_id, month, price.currency, sum(row.was_minor for row in rows), sum(row.would_minor for row in rows), len(rows),
            rows[:_MOST_SHOWN],
        )  # fmt: skip

    async def _cost(
        self, reader: Reader, days: Sequence[ProjectDay], month: str, prices: Sequence[Price], company: Company
    ) -> int:
        used = await self._reckoning.used(reader, days, month, prices)
        hours, discount = self._metering.calendar.hours(month), Decimal(company.discount_percent or "0")
        return sum(one.charge.amount.minor for one in due(days[0].plan_id, used, hours, discount))

    async def _companies(self, reader: Reader, company_ids: Sequence[str]) -> dict[str, Company]:
        found: dict[str, Company] = {}
        for start in range(0, len(company_ids), _AT_ONCE):
            some = (Where("id", "in", company_ids[start : start + _AT_ONCE]),)
            found |= {company.id: company for company in await reader.find(COMPANIES, where=some)}
        return found
