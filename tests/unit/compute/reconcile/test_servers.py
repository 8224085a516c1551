"""The loop's looks must stay cheap however many servers there are, and every task must have somebody who does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import create_tables
from wolke.compute.agent.steps import STEPS
from wolke.compute.reconcile import servers as loop
from wolke.compute.service.life import actions, hosts
from wolke.compute.states import AGENT_TASKS, CLEANUPS, CONTROLLER_TASKS, HOST_TASKS, OTHER_HOST_TASKS, SERVER
from wolke.core.db import open_database


@pytest.mark.parametrize("query", [loop._DUE, loop._HOSTLESS, loop._OVERDUE, hosts._DUE, hosts._SETTLED])
async def test_looks_use_an_index(query: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/test.db"
    await create_tables(url)
    db: Any = await open_database(url)
    statement = query.compiled(db.dialect)
    values = statement.bind({"host": "h", "now": "2026", **statement.fixed})
    plan = [row[3] for row in db._reader.execute("EXPLAIN QUERY PLAN " + statement.sql, values)]
    await db.close()
    assert any("USING" in line and "INDEX" in line for line in plan), plan
    assert not any(line.startswith("SCAN") for line in plan), plan


class Anything:
    def __getattr__(self, name: str) -> Any:
        return Anything()


def test_every_task_is_somebodys() -> None:
    assert STEPS.keys() == AGENT_TASKS
    assert SERVER.tasks == HOST_TASKS | OTHER_HOST_TASKS | CONTROLLER_TASKS
    assert not HOST_TASKS & OTHER_HOST_TASKS and CLEANUPS <= AGENT_TASKS
    assert loop.Steps(Anything()).by_task.keys() == CONTROLLER_TASKS  # type: ignore[arg-type]
    assert actions._NAMES.keys() == SERVER.rows.keys()


def test_every_verb_that_is_undone_has_one_that_undoes() -> None:
    assert {row.undo for row in SERVER.rows.values() if row.undo} <= SERVER.rows.keys()
