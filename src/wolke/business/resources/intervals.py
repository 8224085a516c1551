"""Since when, and until when, something has been of a plan: from this its usage is counted. Each change is part of the write that it tells of."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.business.resources import model
from wolke.business.resources.store import INTERVALS
from wolke.core import ids
from wolke.core.clock import Instant
from wolke.core.db import Transaction


@dataclass(frozen=True, slots=True)
class Running:
    """What a resource is now, as far as it costs. ``plan_id`` "": it costs nothing."""

    meter: str
    resource_id: str
    resource_name: str
    project_id: str
    company_id: str
    plan_id: str
    amount: str


async def follow(
    tx: Transaction, now: Running, since: Instant | None, until: Instant | None, changed_at: Instant
) -> None:
    """``since``: when it began to be (None: it has not yet); ``until``: when it ended; ``changed_at``: when it came to be of this plan and
    amount, if it was of others before."""
    running = await tx.find(INTERVALS, resource_id=now.resource_id, ends_at=None, limit=1)
    if running:
        current = running[0]
        if (current.plan_id, current.amount) == (now.plan_id, now.amount) and until is None:
            return
        begins = max(current.begins_at, until or changed_at)
        await tx.update(INTERVALS, {"ends_at": begins}, id=current.id)
        if until is None and now.plan_id:
            await _begin(tx, now, begins, None)
    elif since is not None and now.plan_id and not await tx.count(INTERVALS, resource_id=now.resource_id):
        await _begin(tx, now, since, until)


async def _begin(tx: Transaction, now: Running, at: Instant, until: Instant | None) -> None:
    await tx.insert(
        INTERVALS,
        model.Interval(
            id=ids.uuid(), meter=now.meter, resource_id=now.resource_id, resource_name=now.resource_name, project_id=now.project_id,
            company_id=now.company_id, plan_id=now.plan_id, amount=now.amount, begins_at=at, ends_at=until, counted_until=hour_of(at), open=True,
        ),
    )  # fmt: skip


def hour_of(at: Instant) -> Instant:
    """Where its hour begins."""
    return at[:14] + "00:00.000000Z"
