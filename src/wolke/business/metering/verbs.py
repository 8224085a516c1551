"""Metering's verbs: what a project used, hour by hour summed up to days."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business.errors import Invalid
from wolke.business.metering.model import ProjectDay, decimal
from wolke.business.rating import plain
from wolke.business.verb import MEMBERS, Verb
from wolke.business.who import Who

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Day = Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
_MOST_DAYS = 400


class Days(msgspec.Struct, frozen=True):
    """Both are among them; empty: this month."""

    first: Day = ""
    last: Day = ""


class DayUse(msgspec.Struct, frozen=True):
    """``quantity``: a decimal as text, in the plan's unit."""

    day: str
    plan_id: str
    quantity: str


class Uses(msgspec.Struct, frozen=True):
    items: list[DayUse]


async def list_usage(desk: Desk, who: Who, asked: Days, project_id: str) -> Uses:
    today = desk.metering.calendar.day_of(desk.needs.clock.now())
    first, last = asked.first or f"{today[:7]}-01", asked.last or today
    try:
        days = (date.fromisoformat(last) - date.fromisoformat(first)).days
    except ValueError:
        raise Invalid("Please check what is marked below.", fields={"first": "This is not a date."}) from None
    if days > _MOST_DAYS:
        raise Invalid("Please check what is marked below.", fields={"first": "At most 400 days, please."})
    return Uses([_shown(day) for day in await desk.metering.days(desk.needs.db, project_id, first, last)])


def _shown(day: ProjectDay) -> DayUse:
    return DayUse(day.day, day.plan_id, plain(decimal(day.nano)))


VERBS: tuple[Verb, ...] = (
    Verb(
        "usage.list", "GET", "/projects/{project_id}/usage", list_usage, MEMBERS, "What a project used on each day",
        takes=Days, gives=Uses,
    ),
)  # fmt: skip
