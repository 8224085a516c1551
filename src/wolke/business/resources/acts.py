"""What is wished of something in the cloud, done: one action of an object after the other, in the order in which they were wished.

A step looks before it acts and says whether the wish is fulfilled; until then it is asked again. What the cloud refuses ends the action with
a reason that a person can read; what it cannot do just now is tried again; whatever takes too long ends as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wolke.business.customers.model import Project
from wolke.business.customers.store import PROJECTS
from wolke.business.errors import BusinessError, CloudUnreachable, NotNow
from wolke.business.openstack.shapes import Credentials
from wolke.business.resources import model
from wolke.business.resources.base import WISHED, Means, credentials, told
from wolke.business.resources.mirror import Mirror
from wolke.business.resources.store import ACTIONS, ADDRESSES, DISKS, SERVERS, SNAPSHOTS
from wolke.business.who import Who
from wolke.core import ids
from wolke.core.clock import moment
from wolke.core.db import Order, Table, Transaction, Where
from wolke.core.loop import Leases, Loop

_UNDONE = Where("due_at", "isnull", False)
_LONGEST_S = 1800.0
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 5.0
_MOST_AT_ONCE = 500
TOO_LONG = "This took too long. The cloud may still be at work on it; if it does not end, open a ticket."
WENT = "It was deleted before that."
TABLES: Mapping[str, Table[Any]] = {
    model.SERVER: SERVERS,
    model.DISK: DISKS,
    model.ADDRESS: ADDRESSES,
    model.SNAPSHOT: SNAPSHOTS,
}


class Work:
    """An action being done: what a step is given."""

    def __init__(self, means: Means, mirror: Mirror, action: model.Action, project: Project) -> None:
        self.means, self.mirror, self.action, self.project = means, mirror, action, project
        self.credentials: Credentials = credentials(project, means.seal)

    async def ask(self, question: Callable[[Any], Any]) -> Any:
        return await self.means.cloud.project(self.credentials, question)

    async def row(self) -> Any:
        """The object's row as it is now."""
        found = await self.means.needs.db.get(TABLES[self.action.kind], id=self.action.object_id)
        assert found is not None
        return found

    async def note(self, **changes: Any) -> None:
        """Into the object's row."""
        async with self.means.needs.db.transaction() as tx:
            await tx.update(
                TABLES[self.action.kind], changes | {"touched_at": self.means.now()}, id=self.action.object_id
            )
            told(tx)

    def remembered(self, what: str) -> Any:
        """None if it was not."""
        return self.action.details.get(what)

    async def remember(self, what: str, value: Any = True) -> None:
        """With the action, for its next step."""
        details = self.action.details | {what: value}
        async with self.means.needs.db.transaction() as tx:
            await tx.update(ACTIONS, {"details": details}, id=self.action.id)


#: True: the wish is fulfilled; False: look again soon.
Step = Callable[[Work], Awaitable[bool]]


async def wish(
    tx: Transaction, means: Means, who: Who, row: Any, kind: str, verb: str, details: Mapping[str, Any] | None = None, *, doing: str = ""
) -> model.Action:  # fmt: skip
    """Part of the write that it follows from. ``doing``: what the object's row says until it is fulfilled."""
    now = means.now()
    if verb == "delete":
        ended = {"state": "failed", "reason": WENT, "due_at": None, "done_at": now}
        await tx.update(ACTIONS, ended, object_id=row.id, where=[_UNDONE])
    action = model.Action(
        id=ids.uuid(), company_id=row.company_id, project_id=row.project_id, kind=kind, object_id=row.id, verb=verb, details=dict(details or {}),
        person_id=who.person_id, state="wished", reason=None, at=now, due_at=now, done_at=None,
    )  # fmt: skip
    await tx.insert(ACTIONS, action)
    if doing and kind == model.SERVER:
        await tx.update(SERVERS, {"doing": doing, "touched_at": now}, id=row.id)
    await means.needs.audit.write(tx, who, f"{kind}s.{verb}", row.id, details, company_id=row.company_id)
    tx.wake(WISHED)
    told(tx)
    return action


class Acts:
    def __init__(self, means: Means, mirror: Mirror, steps: Mapping[tuple[str, str], Step]) -> None:
        self._means, self._mirror, self._steps = means, mirror, steps
        self._db = means.needs.db

    def loop(self, leases: Leases | None) -> Loop:
        loop = Loop("business-actions", self.due, self.act, period_s=2.0, concurrency=8, leases=leases)
        self._db.on_wake(WISHED, loop.wake)
        return loop

    async def due(self) -> list[str]:
        """Objects, of each of which the oldest wish comes first."""
        due = await self._db.find(
            ACTIONS, where=(Where("due_at", "le", self._means.now()),), order=(Order("due_at"),), limit=_MOST_AT_ONCE
        )
        return list(dict.fromkeys(action.object_id for action in due))

    async def act(self, object_id: str) -> None:
        undone = await self._db.find(ACTIONS, object_id=object_id, where=(_UNDONE,), order=(Order("at"), Order("id")))
        if not undone:
            return
        action, now = undone[0], self._means.now()
        if action.due_at is not None and action.due_at > now:
            await self._behind(undone, action.due_at)  # they wait for the first
            return
        project = await self._db.get(PROJECTS, id=action.project_id)
        if project is None or not project.cloud_password or not project.cloud_user_id:
            await self._end(action, "The project is closed.")
            return
        try:
            done = await self._steps[action.kind, action.verb](Work(self._means, self._mirror, action, project))
        except CloudUnreachable:
            await self._later(action)
            return
        except NotNow as error:
            await self._later(action, error)
            return
        except BusinessError as error:
            await self._end(action, error.message)
            return
        await (self._end(action, None) if done else self._later(action))

    async def _behind(self, undone: list[model.Action], due_at: str) -> None:
        async with self._db.transaction() as tx:
            for action in undone[1:]:
                await tx.update(ACTIONS, {"due_at": due_at}, id=action.id, where=[Where("due_at", "lt", due_at)])

    async def _later(self, action: model.Action, refusal: BusinessError | None = None) -> None:
        """The longer it takes, the more seldom it is looked at."""
        lasted = self._means.needs.clock.time() - moment(action.at).timestamp()
        patience = _LONGEST_S if refusal is None else _LONGEST_S / 6
        if lasted > patience:
            await self._end(action, refusal.message if refusal is not None else TOO_LONG)
            return
        pause = min(_LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, lasted / 5))
        async with self._db.transaction() as tx:
            await tx.update(ACTIONS, {"due_at": self._means.needs.clock.after(pause)}, id=action.id, where=[_UNDONE])
        asyncio.get_running_loop().call_later(pause, self._db.wake, WISHED)

    async def _end(self, action: model.Action, reason: str | None) -> None:
        now = self._means.now()
        async with self._db.transaction() as tx:
            ended = {"state": "failed" if reason else "done", "reason": reason, "due_at": None, "done_at": now}
            if not await tx.update(ACTIONS, ended, id=action.id, where=[_UNDONE]):
                return
            table = TABLES[action.kind]
            changes: dict[str, Any] = {"touched_at": now}
            more_to_do = await tx.count(ACTIONS, object_id=action.object_id, where=(_UNDONE,))
            if action.kind == model.SERVER and not more_to_do:
                changes["doing"] = ""
            if reason is not None:
                changes["reason"] = reason
                row = await tx.get(table, id=action.object_id)
                if row is not None and row.state == model.ORDERED:
                    changes["state"] = model.FAILED
            await tx.update(table, changes, id=action.object_id)
            told(tx)
            if more_to_do:
                tx.wake(WISHED)
