"""Projects as their people see them. What a project is in the cloud nobody is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business.customers.model import CLOSED, FAILED, PREPARING, Project
from wolke.business.customers.projects import WAKE
from wolke.business.customers.shapes import Name
from wolke.business.customers.store import PROJECTS
from wolke.business.errors import NotNow
from wolke.business.verb import APPROVERS, MEMBERS, OWNERS, STAFF, Found, Page, Verb, find
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Minor = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
_SORTS = {"name": "words", "created_at": "created_at", "state": "state"}


class ProjectShown(msgspec.Struct, frozen=True, kw_only=True):
    """``state``: preparing, ready, failed (``reason``) or closed. ``budget_minor``: of each month before tax, in the currency's smallest unit;
    null: none."""

    id: str
    name: str
    state: str
    reason: str | None
    budget_minor: int | None
    currency: str
    created_at: Instant
    closed_at: Instant | None


class ProjectPage(Page, frozen=True, kw_only=True):
    """``closed``: those, and not the others."""

    closed: bool = False


class NewProject(msgspec.Struct, frozen=True, kw_only=True):
    name: Name
    budget_minor: Minor | None = None


class ProjectChange(msgspec.Struct, frozen=True):
    name: Name


class Budget(msgspec.Struct, frozen=True):
    """``budget_minor`` null: no budget."""

    budget_minor: Minor | None


def shown(project: Project, currency: str) -> ProjectShown:
    return ProjectShown(
        id=project.id, name=project.name, state=project.state, reason=project.reason, budget_minor=project.budget_minor, currency=currency,
        created_at=project.created_at, closed_at=project.closed_at,
    )  # fmt: skip


async def projects(desk: Desk, who: Who, asked: ProjectPage) -> Found:
    """Those that one works with."""
    db, company = desk.needs.db, await desk.customers.companies.of(who)
    where = [Where("closed_at", "isnull", not asked.closed)]
    if who.projects is not None:
        where.append(Where("id", "in", sorted(who.projects)))
    return await find(
        db, PROJECTS, asked, sorts=_SORTS, default="name", words="words", where=where, company_id=company.id,
        shown=lambda project: shown(project, company.currency),
    )  # fmt: skip


async def show(desk: Desk, who: Who, asked: None, project_id: str) -> ProjectShown:
    project = await desk.customers.projects.seen(who, project_id)
    return shown(project, (await desk.customers.companies.get(project.company_id)).currency)


async def create(desk: Desk, who: Who, asked: NewProject) -> ProjectShown:
    async with desk.needs.db.transaction() as tx:
        company = await desk.customers.companies.of(who, tx)
        await desk.customers.companies.may_buy(company.id, tx)
        project = await desk.customers.projects.add(tx, company.id, asked.name, asked.budget_minor)
        details = {"name": project.name, "budget_minor": project.budget_minor}
        await desk.needs.audit.write(tx, who, "projects.create", project.id, details)
    return shown(project, company.currency)


async def rename(desk: Desk, who: Who, asked: ProjectChange, project_id: str) -> ProjectShown:
    async with desk.needs.db.transaction() as tx:
        project = await desk.customers.projects.open(who, project_id, tx)
        name = await desk.customers.projects.free_name(tx, project.company_id, asked.name, but=project.id)
        await tx.update(PROJECTS, {"name": name, "words": name.lower()}, id=project.id)
        await desk.needs.audit.write(tx, who, "projects.rename", project.id, {"name": [project.name, name]})
    return await show(desk, who, None, project_id)


async def budget(desk: Desk, who: Who, asked: Budget, project_id: str) -> ProjectShown:
    """A warning of this month may come again."""
    async with desk.needs.db.transaction() as tx:
        project = await desk.customers.projects.open(who, project_id, tx)
        await tx.update(PROJECTS, {"budget_minor": asked.budget_minor, "warned_month": None}, id=project.id)
        details = {"budget_minor": [project.budget_minor, asked.budget_minor]}
        await desk.needs.audit.write(tx, who, "projects.budget", project.id, details)
        tx.wake(WAKE)
    return await show(desk, who, None, project_id)


async def retry(desk: Desk, who: Who, asked: None, project_id: str) -> ProjectShown:
    """Set up once more; what was made before is found, and nothing is made twice."""
    async with desk.needs.db.transaction() as tx:
        project = await desk.customers.projects.open(who, project_id, tx)
        if not await tx.update(PROJECTS, {"state": PREPARING, "reason": None}, id=project.id, state=FAILED):
            raise NotNow("Only a project that could not be set up is tried again.")
        details = {"name": project.name, "reason": project.reason}
        await desk.needs.audit.write(tx, who, "projects.retry", project.id, details, company_id=project.company_id)
        tx.wake(WAKE)
    return await show(desk, who, None, project_id)


async def close(desk: Desk, who: Who, asked: None, project_id: str) -> ProjectShown:
    """An empty one: what runs on would cost on."""
    async with desk.needs.db.transaction() as tx:
        project = await desk.customers.projects.open(who, project_id, tx)
        if left := await desk.resources.left_in(tx, project.id):
            raise NotNow("There is still something in this project: {left}. Please delete it first.", left=left)
        await tx.update(PROJECTS, {"state": CLOSED, "closed_at": desk.needs.clock.now()}, id=project.id)
        await desk.needs.audit.write(tx, who, "projects.close", project.id, {"name": project.name})
        tx.wake(WAKE)
    return await show(desk, who, None, project_id)


VERBS = (
    Verb("projects.list", "GET", "/projects", projects, MEMBERS, "The projects that I work with", takes=ProjectPage, gives=Found),
    Verb("projects.show", "GET", "/projects/{project_id}", show, MEMBERS, "A project", gives=ProjectShown),
    Verb("projects.create", "POST", "/projects", create, OWNERS, "A new project", takes=NewProject, gives=ProjectShown, status=201),
    Verb("projects.rename", "PATCH", "/projects/{project_id}", rename, OWNERS, "Give a project another name", takes=ProjectChange, gives=ProjectShown),
    Verb("projects.budget", "PUT", "/projects/{project_id}/budget", budget, APPROVERS, "Set how much a project may cost in a month", takes=Budget, gives=ProjectShown),
    Verb("projects.retry", "POST", "/projects/{project_id}/retry", retry, OWNERS, "Set a project up once more that could not be", gives=ProjectShown, status=202),
    Verb("provider.projects.retry", "POST", "/provider/projects/{project_id}/retry", retry, STAFF, "Set a customer's project up once more", gives=ProjectShown, status=202),
    Verb("projects.close", "DELETE", "/projects/{project_id}", close, OWNERS, "Close an empty project", gives=ProjectShown),
)  # fmt: skip
