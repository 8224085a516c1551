from dataclasses import dataclass

import pytest

from wolke.core.states import ANY, Machine, Refusal, Row

MACHINE = Machine(
    "thing",
    (
        Row("create", ("BUILD",), ("placing", "making"), "ACTIVE"),
        Row("look", ("ACTIVE",), ("looking",), None, failed=None),
        Row("delete", ANY, ("deleting",), "DELETED", preempts=True),
    ),
)


@dataclass
class Thing:
    status: str
    verb: str | None = None
    task: str | None = None
    generation: int = 7


def test_a_verb_begins_with_its_first_task() -> None:
    assert MACHINE.begin("create", Thing("BUILD")) == {"verb": "create", "task": "placing", "generation": 8}


def test_a_step_leads_to_the_next_and_the_last_to_the_end() -> None:
    assert MACHINE.learn(Thing("BUILD", "create", "placing"), {"host": "h"}) == {
        "host": "h",
        "task": "making",
        "generation": 8,
    }
    assert MACHINE.learn(Thing("BUILD", "create", "making"), {}) == {
        "status": "ACTIVE",
        "verb": None,
        "task": None,
        "generation": 8,
    }


def test_a_verb_that_changes_no_status_leaves_it() -> None:
    assert "status" not in MACHINE.learn(Thing("ACTIVE", "look", "looking"), {})
    assert "status" not in MACHINE.fail(Thing("ACTIVE", "look", "looking"))
    assert MACHINE.fail(Thing("BUILD", "create", "making"))["status"] == "ERROR"


def test_only_what_preempts_may_begin_while_something_is_under_way() -> None:
    with pytest.raises(Refusal) as refused:
        MACHINE.begin("look", Thing("ACTIVE", "look", "looking"))
    assert refused.value.busy == "looking"
    assert MACHINE.begin("delete", Thing("BUILD", "create", "making"))["task"] == "deleting"


def test_a_status_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        MACHINE.begin("look", Thing("BUILD"))
    assert refused.value.busy is None
