"""Tables that must be complete: states, actions, routes, rules, filters and the history of versions."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import wolke.block_storage
from wolke.block_storage.api import ROUTES, attachments, backups, groups, snapshots, types, volume_actions
from wolke.block_storage.api.actions import Action
from wolke.block_storage.policy import RULES
from wolke.block_storage.service import filters
from wolke.block_storage.service.life import specification
from wolke.block_storage.states import (
    CONTROLLER_TASKS,
    HELD_TASKS,
    HOST_TASKS,
    MACHINES,
    VOLUME_WORDS,
    attached_status,
    behind,
    status_of,
)
from wolke.block_storage.store import BY_KIND
from wolke.block_storage.versions import CHANGES, VERSIONS
from wolke.core.errors import BadRequest
from wolke.core.schema import compile_schema

NAMES = {rule.name for rule in RULES}
HERE = Path(wolke.block_storage.__file__).parent
ACTIONS: dict[str, Action] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": action
    for module in (attachments, backups, groups, snapshots, types, volume_actions)
    for name, action in module.ACTIONS.items()
}


@pytest.mark.parametrize("kind", MACHINES)
def test_every_task_is_somebodys(kind: str) -> None:
    whose = [
        HOST_TASKS.get(kind, frozenset()),
        CONTROLLER_TASKS.get(kind, frozenset()),
        HELD_TASKS.get(kind, frozenset()),
    ]
    if kind in HOST_TASKS:
        assert MACHINES[kind].tasks == frozenset().union(*whose)
        assert sum(map(len, whose)) == len(MACHINES[kind].tasks)


@pytest.mark.parametrize("kind", MACHINES)
def test_every_verb_ends_some_time(kind: str) -> None:
    assert all(0 < row.deadline_s <= 24 * 3600 for row in MACHINES[kind].rows.values())
    assert {"status", "verb", "task", "generation", "deadline_at", "reason"} <= set(BY_KIND[kind].columns)


def test_what_volumes_are_shown_as_is_known_to_clients() -> None:
    statuses = {row.then for row in MACHINES["volume"].rows.values()} | {
        r.failed for r in MACHINES["volume"].rows.values()
    }
    shown = {status_of("volume", "available", task) for task in MACHINES["volume"].tasks}
    assert (shown | statuses) - {None, "deleted"} <= VOLUME_WORDS


def test_a_word_is_found_by_what_is_behind_it() -> None:
    assert behind("volume", "extending")[0] == ["extending"]
    tasks, hiding = behind("volume", "available")
    assert tasks == [] and "extending" in hiding
    assert set(behind("backup", "restoring")[0]) == {"awaiting-volume", "restoring"}


@pytest.mark.parametrize(
    ("attachments", "status"),
    [
        ([], "available"), (["reserved"], "reserved"), (["reserved", "attaching"], "attaching"),
        (["attached", "reserved"], "reserved"), (["detaching"], "detaching"), (["detaching", "attached"], "detaching"),
        (["attached", "attached"], "in-use"),
    ],
)  # fmt: skip
def test_a_volume_is_what_its_attachments_say(attachments: list[str], status: str) -> None:
    assert attached_status(attachments) == status


def test_every_task_of_a_host_is_in_the_protocols_dictionary() -> None:
    text = specification.__doc__ or ""
    missing = {task for tasks in HOST_TASKS.values() for task in tasks if not re.search(rf"\b{task}\b", text)}
    assert not missing


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_has_a_schema_that_takes_its_name_and_a_rule(name: str) -> None:
    action, word = ACTIONS[name], name.partition(".")[2]
    assert action.rule in NAMES
    assert action.body["required"] == [word]
    with pytest.raises(BadRequest):
        compile_schema(dict(action.body))({word + "x": None})


def test_every_route_names_a_rule_that_there_is() -> None:
    assert {route.rule for route in ROUTES if route.rule} <= NAMES


def test_every_rule_is_asked_somewhere() -> None:
    asked = {route.rule for route in ROUTES} | {action.rule for action in ACTIONS.values()}
    asked |= {action.rule for action in groups.SNAPSHOT_ACTIONS.values()}
    text = "".join(path.read_text() for path in (HERE / "api").glob("*.py")).replace("{_X}", "volume_extension")
    base = {
        "admin_api",
        "project_member_api",
        "project_reader_api",
        "project_member_or_admin",
        "project_reader_or_admin",
    }
    assert {name for name in NAMES - asked - base if f'"{name}"' not in text} == set()


def test_changes_are_in_order_and_within_what_is_served() -> None:
    numbers = [change.version for change in CHANGES]
    assert numbers == sorted(set(numbers))
    assert VERSIONS.minimum < numbers[0] and numbers[-1] <= VERSIONS.maximum


def test_nouns_of_the_history_are_those_of_routes_and_actions() -> None:
    bodies = {noun for change in CHANGES for table in (change.adds_body, change.up, change.narrows) for noun in table}
    views = {noun for change in CHANGES for table in (change.adds_view, change.down) for noun in table}
    assert bodies <= {route.noun for route in ROUTES} | {action.noun for action in ACTIONS.values()}
    assert views <= {route.view for route in ROUTES}


def test_versions_are_named_in_one_place() -> None:
    for path in HERE.glob("**/*.py"):
        if path.name != "versions.py":
            assert not re.search(r"\(3, \d+\)|at_least\(", path.read_text()), path


def test_what_is_offered_to_filter_by_can_be() -> None:
    for resource, offered in filters.OFFERED.items():
        if resource not in ("pool", "volume_type"):
            assert set(offered) <= set(filters._BUILD[resource]), resource


def test_records_that_hold_secrets_do_not_show_them() -> None:
    from wolke.block_storage.model import Attachment, Secret, Transfer

    for record in (Secret, Transfer, Attachment):
        fields = {field.name: "hush" for field in msgspec.structs.fields(record)}
        assert repr(record(**fields)).count("hush") <= 4 and "sealed" not in repr(record(**fields))
        assert "auth_hash" not in repr(record(**fields)) and "connection" not in repr(record(**fields))
