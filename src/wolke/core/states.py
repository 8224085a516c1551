"""State machines as tables.

A resource has a ``status``, and while it is on its way somewhere a ``verb`` (the row it follows) and a ``task`` (the step
that is due). A row says from which statuses a verb is allowed, which tasks fulfil it in order, and where it ends. Beginning a
verb, learning from a step, and failing are functions that return *changes*; the caller writes them guarded by the
resource's ``generation``, so that whoever looked at an older state writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

ANY: tuple[str, ...] = ("*",)


class Stateful(Protocol):
    """What a record must have to be driven by a ``Machine``."""

    @property
    def status(self) -> str: ...
    @property
    def verb(self) -> str | None: ...
    @property
    def task(self) -> str | None: ...
    @property
    def generation(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Row:
    """``then`` and ``failed`` may be None: the status stays as it was. ``preempts``: may begin while another verb is under
    way, and replaces it. ``deadline_s`` is for the whole verb. ``undo``: the verb that takes back what was done when this one
    fails; what it ends in is then its own affair."""

    verb: str
    allowed: tuple[str, ...]
    tasks: tuple[str, ...]
    then: str | None
    failed: str | None = "ERROR"
    preempts: bool = False
    deadline_s: float = 600.0
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """The verb is not allowed now. ``busy`` names the task in the way, if that is the reason."""

    verb: str
    status: str
    busy: str | None


class Machine:
    def __init__(self, name: str, rows: Iterable[Row]) -> None:
        self.name = name
        self.rows = {row.verb: row for row in rows}

    @property
    def tasks(self) -> frozenset[str]:
        return frozenset(task for row in self.rows.values() for task in row.tasks)

    def begin(self, verb: str, resource: Stateful) -> dict[str, Any]:
        """The changes that record the wish, or ``Refusal``."""
        row = self.rows[verb]
        if resource.task is not None and not row.preempts:
            raise Refusal(verb, resource.status, resource.task)
        if row.allowed != ANY and resource.status not in row.allowed:
            raise Refusal(verb, resource.status, None)
        return {"verb": verb, "task": row.tasks[0], "generation": resource.generation + 1}

    def learn(self, resource: Stateful, learnt: Mapping[str, Any]) -> dict[str, Any]:
        """A step is done: what it learnt, and the next task or the end of the verb."""
        row = self.rows[resource.verb or ""]
        changes = {**learnt, "generation": resource.generation + 1}
        at = row.tasks.index(resource.task or "")
        if at + 1 < len(row.tasks):
            return changes | {"task": row.tasks[at + 1]}
        if row.then is not None:
            changes.setdefault("status", row.then)
        return changes | {"verb": None, "task": None}

    def undo(self, resource: Stateful) -> dict[str, Any]:
        """The changes with which the verb under way goes on to be taken back, from its undoing verb's first task."""
        verb = self.rows[resource.verb or ""].undo
        assert verb is not None
        return {"verb": verb, "task": self.rows[verb].tasks[0], "generation": resource.generation + 1}

    def fail(self, resource: Stateful) -> dict[str, Any]:
        row = self.rows[resource.verb or ""]
        changes: dict[str, Any] = {"verb": None, "task": None, "generation": resource.generation + 1}
        return changes if row.failed is None else changes | {"status": row.failed}
