"""How much a project may have: seen by whoever works with it, set by the provider's people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business.resources import model
from wolke.business.resources.limits import limits_of, taken
from wolke.business.resources.store import LIMITS
from wolke.business.verb import MEMBERS, STAFF, Verb
from wolke.business.who import Who

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Figure = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class NewLimits(msgspec.Struct, frozen=True):
    """Less than there is already takes nothing away: nothing more is ordered then."""

    servers: Figure
    vcpus: Figure
    ram_mib: Figure
    disk_gib: Figure
    addresses: Figure


class LimitsShown(msgspec.Struct, frozen=True):
    """``most``: what it may have, ``taken``: what it has and has ordered. ``own``: set for this project, and not what everybody may."""

    most: NewLimits
    taken: NewLimits
    own: bool


async def show(desk: Desk, who: Who, asked: None, project_id: str) -> LimitsShown:
    project = await desk.customers.projects.seen(who, project_id)
    db = desk.needs.db
    most = await limits_of(db, desk.needs.config, project.id)
    own = await db.get(LIMITS, project_id=project.id) is not None
    return LimitsShown(_figures(most), _figures(await taken(db, project.id)), own)


def _figures(limits: model.Limits) -> NewLimits:
    return NewLimits(**{name: getattr(limits, name) for name in NewLimits.__struct_fields__})


async def set_(desk: Desk, who: Who, asked: NewLimits, project_id: str) -> LimitsShown:
    figures = msgspec.structs.asdict(asked)
    async with desk.needs.db.transaction() as tx:
        project = await desk.customers.projects.open(who, project_id, tx)
        await tx.delete(LIMITS, project_id=project.id)
        await tx.insert(LIMITS, model.Limits(project.id, **figures, told=False))
        await desk.needs.audit.write(tx, who, "limits.set", project.id, figures, company_id=project.company_id)
        tx.wake("business.projects")
    return await show(desk, who, None, project_id)


_PROVIDER = "/provider/projects/{project_id}/limits"
VERBS = (
    Verb("limits.show", "GET", "/projects/{project_id}/limits", show, MEMBERS, "How much a project may have, and has", gives=LimitsShown),
    Verb("provider.limits.show", "GET", _PROVIDER, show, STAFF, "How much a customer's project may have, and has", gives=LimitsShown),
    Verb("limits.set", "PUT", _PROVIDER, set_, STAFF, "How much a project may have", takes=NewLimits, gives=LimitsShown),
)  # fmt: skip
