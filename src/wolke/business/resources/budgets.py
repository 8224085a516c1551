"""Budgets: people are told once a month when most of one is used; new orders stop by themselves before it is overspent (``orders``)."""

from __future__ import annotations

from wolke.business.customers.model import READY, Company, Project
from wolke.business.customers.store import COMPANIES, PROJECTS
from wolke.business.invoicing.costs import WARNED_PERCENT
from wolke.business.mail import Letter
from wolke.business.money import Amount
from wolke.business.resources.base import Means
from wolke.business.resources.costs import Costs, Reckoner
from wolke.business.who import ACCOUNTANT, APPROVER, ITSELF, OWNER
from wolke.core.db import Where
from wolke.core.loop import Leases, Loop

_EACH_S = 600.0


class Budgets:
    def __init__(self, means: Means, reckoner: Reckoner) -> None:
        self._means, self._reckoner = means, reckoner
        self._db = means.needs.db
        self._looked: dict[str, float] = {}

    def loop(self, leases: Leases | None) -> Loop:
        return Loop("business-budgets", self.due, self.look, period_s=60.0, concurrency=2, leases=leases)

    async def due(self) -> list[str]:
        now = self._means.needs.clock.time()
        month = self._means.metering.calendar.month_of(self._means.now())
        found = await self._db.find(PROJECTS, state=READY, where=(Where("budget_minor", "isnull", False),))
        return [
            project.id for project in found
            if project.warned_month != month and now - self._looked.get(project.id, -_EACH_S) >= _EACH_S
        ]  # fmt: skip

    async def look(self, project_id: str) -> None:
        self._looked[project_id] = self._means.needs.clock.time()
        async with self._db.transaction() as tx:
            project = await tx.get(PROJECTS, id=project_id)
            company = await tx.get(COMPANIES, id=project.company_id) if project is not None else None
            if project is None or company is None or not project.budget_minor:
                return
            costs = await self._reckoner.costs(tx, project, company)
            if project.warned_month == costs.month or costs.so_far_minor * 100 < project.budget_minor * WARNED_PERCENT:
                return
            await tx.update(PROJECTS, {"warned_month": costs.month}, id=project.id)
            details = {"month": costs.month, "so_far_minor": costs.so_far_minor}
            await self._means.needs.audit.write(
                tx, ITSELF, "projects.warned", project.id, details, company_id=company.id
            )
            for person in await self._means.customers.people.with_roles(
                company.id, OWNER, APPROVER, ACCOUNTANT, reader=tx
            ):
                text = f"Hello {person.name},\n\n{_told(project, company, costs)}"
                await self._means.needs.mailbox.put(
                    tx, Letter(person.email, f"The budget of {project.name} is used up soon", text)
                )


def _told(project: Project, company: Company, costs: Costs) -> str:
    used, whole = (
        Amount.of_minor(costs.so_far_minor, company.currency),
        Amount.of_minor(project.budget_minor or 0, company.currency),
    )
    forecast = Amount.of_minor(costs.forecast_minor, company.currency)
    return (
        f"the project {project.name} has used {used.value} {company.currency} of this month's budget of {whole.value} {company.currency}.\n"
        f"If nothing changes it will be {forecast.value} {company.currency} at the end of the month.\n\n"
        "Orders that do not fit into the budget need approval from now on; what is there keeps running.\n"
    )
