"""What is known of one thing that a project has, in a few lines for people: how it is, what was done with it last, what it has used and what
its project costs. Support sees it beside a question about the thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.business.errors import NotThere
from wolke.business.metering.calendar import last_day
from wolke.business.metering.model import decimal
from wolke.business.metering.store import RESOURCE_DAYS
from wolke.business.money import Amount
from wolke.business.rating import plain
from wolke.business.resources import model
from wolke.business.resources.base import Means
from wolke.business.resources.costs import Reckoner
from wolke.business.resources.store import ACTIONS, ADDRESSES, DISKS, SERVERS, SNAPSHOTS
from wolke.business.support.model import About, Fact
from wolke.business.who import Who
from wolke.core.clock import seconds
from wolke.core.db import Order, Table, Where

_TABLES: Mapping[str, Table[Any]] = {
    model.SERVER: SERVERS,
    model.DISK: DISKS,
    model.ADDRESS: ADDRESSES,
    model.SNAPSHOT: SNAPSHOTS,
}
#: What is told of a thing, where it has that and it says something.
FIELDS = (
    ("State", "state"), ("Reason", "reason"), ("Size", "size_name"), ("GiB", "size_gib"), ("Made from", "image_name"),
    ("Public address", "public_address"), ("Ordered", "ordered_at"), ("There since", "began_at"), ("Gone", "gone_at"),
)  # fmt: skip
_LAST_ACTIONS = 10


class Knowing:
    def __init__(self, means: Means, reckoner: Reckoner) -> None:
        self._means, self._reckoner = means, reckoner

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(_TABLES)

    async def about(self, who: Who, kind: str, thing_id: str) -> About:
        """``NotThere`` if it is in a project that ``who`` does not see."""
        db = self._means.needs.db
        thing = await db.get(_TABLES[kind], id=thing_id)
        if thing is None:
            raise NotThere("What this is about is not there.")
        await self._means.customers.projects.seen(who, thing.project_id)
        told = [(name, getattr(thing, field, None)) for name, field in FIELDS]
        facts = [Fact(name, _shown(value)) for name, value in told if value]
        return About(
            kind, thing.id, thing.name, facts + await self._bill(thing) + await self._history(thing), thing.project_id
        )

    async def _bill(self, thing: Any) -> list[Fact]:
        db, customers = self._means.needs.db, self._means.customers
        project = await customers.projects.seen(Who(company_id=thing.company_id), thing.project_id)
        costs = await self._reckoner.costs(db, project, await customers.companies.get(thing.company_id))
        where = (Where("day", "ge", f"{costs.month}-01"), Where("day", "le", last_day(costs.month)))
        equal = {"project_id": thing.project_id, "resource_id": thing.id}
        _, used = await db.sums(RESOURCE_DAYS, "nano", where=where, **equal)
        facts = [Fact("Used this month", f"{plain(decimal(used))} {await self._unit(thing)}".strip())] if used else []
        so_far = Amount.of_minor(costs.so_far_minor, costs.currency).value
        return [*facts, Fact("Its project's costs this month, before tax", f"{so_far} {costs.currency}")]

    async def _unit(self, thing: Any) -> str:
        return await self._means.catalogue.unit_of(thing.plan_id) if getattr(thing, "plan_id", "") else ""

    async def _history(self, thing: Any) -> list[Fact]:
        order = (Order("at", True), Order("id", True))
        last = await self._means.needs.db.find(ACTIONS, object_id=thing.id, order=order, limit=_LAST_ACTIONS)
        return [
            Fact(seconds(one.at), " ".join(part for part in (one.verb, one.state, one.reason) if part)) for one in last
        ]


def _shown(value: object) -> str:
    """Instants to the second."""
    text = str(value)
    return seconds(text) if text.endswith("Z") and text[10:11] == "T" else text
