"""What a project's month should cost, from the usage and the prices that the database has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from wolke.business.catalogue import Catalogue
from wolke.business.catalogue.model import Price
from wolke.business.invoicing import store
from wolke.business.invoicing.due import Billed, Due, Key, Span, due, spans
from wolke.business.invoicing.model import Line
from wolke.business.metering import Metering
from wolke.business.metering.calendar import last_day
from wolke.business.metering.model import ProjectDay, Use, decimal
from wolke.core.clock import Instant
from wolke.core.db import Reader


def by_plan(days: Iterable[ProjectDay]) -> dict[str, list[ProjectDay]]:
    found: dict[str, list[ProjectDay]] = {}
    for day in days:
        found.setdefault(day.plan_id, []).append(day)
    return dict(sorted(found.items()))


class Reckoning:
    def __init__(self, catalogue: Catalogue, metering: Metering) -> None:
        self._catalogue, self._metering = catalogue, metering
        self.calendar = metering.calendar

    async def month(
        self, reader: Reader, project_id: str, month: str, currency: str, discount_percent: str
    ) -> list[Due]:
        """All that should be billed of a project's month, by plan and in the order of time."""
        days = await self._metering.days(reader, project_id, f"{month}-01", last_day(month))
        prices = await self._catalogue.prices(reader, {day.plan_id for day in days}, currency)
        return await self.of_days(reader, days, month, prices, discount_percent)

    async def of_days(
        self, reader: Reader, days: Iterable[ProjectDay], month: str, prices: Mapping[str, Sequence[Price]], discount_percent: str
    ) -> list[Due]:  # fmt: skip
        """``days``: all that one project used in that month."""
        hours, discount = self.calendar.hours(month), Decimal(discount_percent or "0")
        dues: list[Due] = []
        for plan_id, own in by_plan(days).items():
            dues += due(plan_id, await self.used(reader, own, month, prices[plan_id]), hours, discount)
        return dues

    async def used(
        self, reader: Reader, days: Sequence[ProjectDay], month: str, prices: Sequence[Price]
    ) -> list[tuple[Span, Decimal]]:
        """How much of a plan one project used while each of its prices was in force; ``days``: its days of that plan."""
        return await self.used_between(reader, days, self.calendar.begins(month), self.calendar.ends(month), prices)

    async def used_between(
        self, reader: Reader, days: Sequence[ProjectDay], begins: Instant, ends: Instant, prices: Sequence[Price]
    ) -> list[tuple[Span, Decimal]]:
        in_force = spans(prices, begins, ends)
        return [(span, decimal(await self._used(reader, days, span))) for span in in_force]

    async def _used(self, reader: Reader, days: Sequence[ProjectDay], span: Span) -> int:
        """Whole days as they were summed up; hours only where a price began or ended within a day."""
        first, last = self.calendar.whole_days(span.begins, span.ends)
        total = sum(day.nano for day in days if first <= day.day < last)
        for begins, ends in self._edges(span, first, last):
            total += await self._metering.part_of_hours(reader, days[0].project_id, days[0].plan_id, begins, ends)
        return total

    def _edges(self, span: Span, first: str, last: str) -> list[tuple[Instant, Instant]]:
        if first == last:
            return [(span.begins, span.ends)]
        edges = ((span.begins, self.calendar.day_begins(first)), (self.calendar.day_begins(last), span.ends))
        return [(begins, ends) for begins, ends in edges if begins < ends]

    async def billed(self, reader: Reader, project_id: str, month: str) -> dict[Key, Billed]:
        sums: dict[Key, Billed] = {}
        for plan_id, price_id, quantity, net_minor in await reader.rows(store.BILLED, project=project_id, month=month):
            before = sums.get((plan_id, price_id), Billed(Decimal(0), 0))
            sums[plan_id, price_id] = Billed(before.quantity + Decimal(quantity), before.net_minor + net_minor)
        return sums

    async def uses(self, reader: Reader, line: Line) -> list[Use]:
        """Which resources the quantity of a line that is to be is made of: all there is, less what earlier lines have said."""
        found = await self._metering.uses(reader, line.project_id, line.plan_id, line.begins_at, line.ends_at)
        if not line.correction:
            return found
        key = {"project": line.project_id, "month": line.month, "plan": line.plan_id, "price": line.price_id}
        before: Mapping[str, int] = {r: int(total) for r, total in await reader.rows(store.BILLED_USES, **key)}
        left = [Use(use.resource_id, use.resource_name, use.nano - before.get(use.resource_id, 0)) for use in found]
        return [use for use in left if use.nano]
