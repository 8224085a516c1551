"""Projects: what is bought, used and billed together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business.customers.model import PREPARING, Project
from wolke.business.customers.shapes import plain
from wolke.business.customers.store import PROJECTS
from wolke.business.errors import Invalid, NotNow, NotThere
from wolke.business.who import Who
from wolke.core import ids
from wolke.core.db import Reader, Transaction

if TYPE_CHECKING:
    from wolke.business.desk import Needs

WAKE = "business.projects"
MOST = 50


class Projects:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def add(self, tx: Transaction, company_id: str, name: str, budget_minor: int | None = None) -> Project:
        """To be made in the cloud by the loop that this wakes."""
        name = await self.free_name(tx, company_id, name)
        if await tx.count(PROJECTS, company_id=company_id, closed_at=None) >= MOST:
            raise NotNow(
                "You have {most} projects, which is as many as we give at once. Please close one, or write to us.",
                most=MOST,
            )
        project = Project(
            id=ids.uuid(), company_id=company_id, name=name, state=PREPARING, reason=None, cloud_project_id=None, cloud_user_id=None,
            cloud_password=None, budget_minor=budget_minor, warned_month=None, words=name.lower(), created_at=self._needs.clock.now(), closed_at=None,
        )  # fmt: skip
        await tx.insert(PROJECTS, project)
        tx.wake(WAKE)
        return project

    async def free_name(self, tx: Transaction, company_id: str, name: str, *, but: str | None = None) -> str:
        """``name`` without needless blanks; ``Invalid`` if another of the company's projects has it."""
        name = plain(name)
        await tx.lock(f"business-projects-{company_id}")
        there = await tx.find(PROJECTS, company_id=company_id, closed_at=None, words=name.lower())
        if not name or any(project.id != but for project in there):
            reason = "There is a project of this name." if name else "This is needed."
            raise Invalid("Please check what is marked below.", fields={"name": reason})
        return name

    async def open(self, who: Who, project_id: str, reader: Reader | None = None) -> Project:
        """As ``seen``; ``NotNow`` if it is closed."""
        project = await self.seen(who, project_id, reader)
        if project.closed_at is not None:
            raise NotNow("This project is closed.")
        return project

    async def seen(self, who: Who, project_id: str, reader: Reader | None = None) -> Project:
        """``NotThere`` if it is another company's, or none of those that ``who`` works with. Staff sees all."""
        project = await (reader or self._needs.db).get(PROJECTS, id=project_id)
        if project is None or not (who.staff or _works_with(who, project)):
            raise NotThere("There is no such project.")
        return project


def _works_with(who: Who, project: Project) -> bool:
    return project.company_id == who.company_id and (who.projects is None or project.id in who.projects)
