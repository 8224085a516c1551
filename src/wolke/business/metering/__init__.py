"""Metering: what was used, by the hour, recorded once and never changed, and its sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from wolke.business.metering import store
from wolke.business.metering.calendar import HOUR, Calendar, last_day
from wolke.business.metering.hours import hourly
from wolke.business.metering.model import ProjectDay, Recorded, ResourceDay, Usage, UsageMonth, Use, nano
from wolke.core.clock import Instant, instant, moment
from wolke.core.db import Order, Reader, Transaction, Where

if TYPE_CHECKING:
    from wolke.business.desk import Needs

__all__ = ["Calendar", "Metering", "Usage", "hourly"]


class Metering:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self.calendar = Calendar(needs.config.time_zone)

    async def record(self, tx: Transaction, usages: Iterable[Usage]) -> int:
        """How many of them were new; what is there already is passed over, whatever it says."""
        now, calendar = self._needs.clock.now(), self.calendar
        rows: dict[tuple[str, Instant, str, str], tuple[Usage, Recorded]] = {}
        for usage in usages:
            row = Recorded(
                usage.resource_id, usage.window, usage.plan_id, usage.meter, usage.project_id, calendar.day_of(usage.window),
                nano(Decimal(usage.quantity)), now,
            )  # fmt: skip
            rows.setdefault((row.resource_id, row.window, row.plan_id, row.meter), (usage, row))
        new = await store.RECORD.insert(tx, [store.USAGE.row(row) for _, row in rows.values()])
        await self._add(tx, [rows[resource, window, plan, meter] for resource, window, plan, meter in new])
        return len(new)

    async def _add(self, tx: Transaction, new: Iterable[tuple[Usage, Recorded]]) -> None:
        """To the sums. In one order, so that two who add to the same rows do not wait for each other in a circle."""
        resources: Counter[tuple[str, str, str, str]] = Counter()
        projects: Counter[tuple[str, str, str, str]] = Counter()
        months: Counter[tuple[str, str, str]] = Counter()
        names: dict[str, str] = {}
        for usage, row in new:
            resources[row.project_id, row.plan_id, row.day, row.resource_id] += row.nano
            projects[row.project_id, row.day, row.plan_id, usage.company_id] += row.nano
            months[row.project_id, row.day[:7], usage.company_id] += 1
            names[row.resource_id] = usage.resource_name
        by_resource = [ResourceDay(*key, names[key[3]], total) for key, total in sorted(resources.items())]
        by_project = [ProjectDay(*key, total) for key, total in sorted(projects.items())]
        by_month = [UsageMonth(*key, count) for key, count in sorted(months.items())]
        await store.ADD_RESOURCE_DAYS.insert(tx, [store.RESOURCE_DAYS.row(row) for row in by_resource])
        await store.ADD_PROJECT_DAYS.insert(tx, [store.PROJECT_DAYS.row(row) for row in by_project])
        await store.ADD_MONTHS.insert(tx, [store.MONTHS.row(row) for row in by_month])

    async def days(self, reader: Reader, project_id: str, first: str, last: str) -> list[ProjectDay]:
        """A project's usage of each plan on each day from ``first`` to ``last``."""
        where = (Where("day", "ge", first), Where("day", "le", last))
        order = (Order("day"), Order("plan_id"))
        return await reader.find(store.PROJECT_DAYS, where=where, order=order, project_id=project_id)

    async def company_days(self, reader: Reader, company_id: str, first: str, last: str) -> list[ProjectDay]:
        where = (Where("day", "ge", first), Where("day", "le", last))
        order = (Order("project_id"), Order("day"), Order("plan_id"))
        return await reader.find(store.PROJECT_DAYS, where=where, order=order, company_id=company_id)

    async def plan_days(self, reader: Reader, plan_id: str, month: str) -> list[ProjectDay]:
        """Every project's usage of one plan on each day of a month."""
        rows = await reader.rows(store.PLAN_BY_PROJECT, plan=plan_id, first=f"{month}-01", last=last_day(month))
        return [
            ProjectDay(project_id, day, plan, company_id, total) for company_id, project_id, plan, day, total in rows
        ]

    async def part_of_hours(self, reader: Reader, project_id: str, plan_id: str, begins: Instant, ends: Instant) -> int:
        """The sum (in billionths) of the hours that begin from ``begins`` and before ``ends``: for a part of a day."""
        rows = await reader.rows(store.SUM_OF_HOURS, project=project_id, plan=plan_id, begins=begins, ends=ends)
        return int(rows[0][0])

    async def running(
        self, reader: Reader, project_id: str, plan_ids: Iterable[str], since: Instant
    ) -> tuple[Instant, dict[str, int]]:
        """The end of the last hour that is counted, and how much of each plan (in billionths) was used in it. An hour that began before ``since`` says nothing of
        what runs now: then there is nothing, from ``since`` on."""
        last = {p: (await reader.rows(store.LAST_HOUR, project=project_id, plan=p))[0][0] for p in sorted(plan_ids)}
        window = max((at for at in last.values() if at is not None and at >= since), default=None)
        if window is None:
            return since, {}
        ends = instant(moment(window) + HOUR)
        used = {
            p: await self.part_of_hours(reader, project_id, p, window, ends) for p, at in last.items() if at == window
        }
        return ends, used

    async def uses(self, reader: Reader, project_id: str, plan_id: str, begins: Instant, ends: Instant) -> list[Use]:
        """What each resource used of a plan in the hours that begin from ``begins`` and before ``ends``."""
        first, last = self.calendar.whole_days(begins, ends)
        by_resource: Counter[str] = Counter()
        names: dict[str, str] = {}
        if first < last:
            found = await reader.rows(store.DAYS_BY_RESOURCE, project=project_id, plan=plan_id, first=first, last=last)
            for resource_id, name, total in found:
                by_resource[resource_id], names[resource_id] = int(total), name
            edges = ((begins, self.calendar.day_begins(first)), (self.calendar.day_begins(last), ends))
        else:
            edges = ((begins, ends),)  # type: ignore[assignment]
        for edge_begins, edge_ends in edges:
            if edge_begins < edge_ends:
                found = await reader.rows(
                    store.HOURS_BY_RESOURCE, project=project_id, plan=plan_id, begins=edge_begins, ends=edge_ends
                )
                by_resource.update({resource_id: int(total) for resource_id, total in found})
        if by_resource.keys() - names.keys():
            days = {"first": self.calendar.day_of(begins), "last": self.calendar.day_of(ends)}
            found = await reader.rows(store.NAMES, project=project_id, plan=plan_id, **days)
            names.update({str(resource_id): str(name) for resource_id, name in found})
        return [Use(resource_id, names[resource_id], total) for resource_id, total in sorted(by_resource.items())]
