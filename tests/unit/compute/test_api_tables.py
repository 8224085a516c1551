"""Tables that must be complete: actions, routes, rules and the history of versions."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

import wolke.compute
from wolke.compute.api import ROUTES
from wolke.compute.api.server_actions import ACTIONS
from wolke.compute.policy import RULES
from wolke.compute.schema import servers as schema
from wolke.compute.states import HOST_TASKS, POWER_STATES, SERVER, VM_STATES, status_of, task_state_of
from wolke.compute.versions import CHANGES, VERSIONS
from wolke.core.errors import BadRequest
from wolke.core.schema import compile_schema

NAMES = {rule.name for rule in RULES}


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_has_a_schema_that_takes_its_name_and_a_rule(name: str) -> None:
    row = ACTIONS[name]
    assert row.rule in NAMES
    assert row.body is not None
    assert row.body["required"] == [name]
    with pytest.raises(BadRequest):
        compile_schema(dict(row.body))({name + "x": None})


def test_every_route_names_a_rule_that_there_is() -> None:
    assert {route.rule for route in ROUTES if route.rule} <= NAMES


def test_every_rule_is_asked_somewhere() -> None:
    text = "".join(path.read_text() for path in (Path(wolke.compute.__file__).parent / "api").glob("*.py"))
    asked = {route.rule for route in [*ROUTES, *ACTIONS.values()]}
    last = {name.rpartition(":")[2] for name in NAMES if name.startswith("os_compute_api:") and name not in asked}
    unasked = {name for name in last if name not in text}
    assert not unasked


def test_changes_are_in_order_and_within_what_is_served() -> None:
    served = VERSIONS
    numbers = [change.version for change in CHANGES]
    assert numbers == sorted(set(numbers))
    assert served.minimum < numbers[0]
    assert numbers[-1] <= served.maximum


def test_versions_are_named_in_one_place() -> None:
    for path in Path(wolke.compute.__file__).parent.glob("**/*.py"):
        if not {"versions", "drivers"} & set(path.parts):
            assert not re.search(r"\(2, \d+\)|at_least\(", path.read_text()), path


def test_nouns_of_routes_are_those_of_the_history() -> None:
    bodies = {n for c in CHANGES for table in (c.adds_body, c.up, c.narrows) for n in table}
    views = {n for c in CHANGES for table in (c.adds_view, c.down) for n in table}
    assert bodies <= {route.noun for route in [*ROUTES, *ACTIONS.values()]}
    lowered_by_hand = {"server", "server_updated", "server_rebuilt", "instanceAction", "server_migration"}
    assert views <= {route.view for route in ROUTES} | lowered_by_hand


@pytest.mark.parametrize(
    ("version", "server", "valid"),
    [
        ((2, 100), {"networks": "auto"}, True),
        ((2, 100), {}, False),
        ((2, 36), {}, True),
        ((2, 36), {"networks": "auto"}, False),
        ((2, 36), {"networks": [{"uuid": "anything"}]}, True),
        ((2, 100), {"networks": "auto", "personality": []}, False),
        ((2, 56), {"networks": "auto", "personality": []}, True),
        ((2, 51), {"networks": "auto", "tags": ["a"]}, False),
        ((2, 52), {"networks": "auto", "tags": ["a"]}, True),
        ((2, 89), {"networks": "auto", "hostname": "host"}, False),
        ((2, 93), {"networks": "auto", "hostname": "a.example"}, False),
        ((2, 94), {"networks": "auto", "hostname": "a.example"}, True),
        ((2, 18), {"description": "x"}, False),
        ((2, 73), {"networks": "auto", "host": "h"}, False),
    ],
)
def test_bodies_are_checked_as_of_their_version(version: Any, server: dict[str, Any], valid: bool) -> None:
    served = VERSIONS
    newest = copy.deepcopy(schema.CREATE)
    check = compile_schema(served.schema("server_create", version, newest))
    assert newest == schema.CREATE
    body = {"server": {"name": "x", "flavorRef": "1", "imageRef": "", **server}}
    if valid:
        check(body)
        assert served.lift("server_create", version, body)["server"]["networks"] is not None
    else:
        with pytest.raises(BadRequest):
            check(body)


def test_every_state_has_its_word_on_the_wire() -> None:
    from wolke.compute.drivers.base import Power
    from wolke.compute.model import Status

    assert set(VM_STATES) == set(Status)
    assert set(POWER_STATES) == set(Power)
    assert SERVER.tasks >= HOST_TASKS
    shown = {task_state_of(task) for task in SERVER.tasks}
    assert not {"releasing", "clearing", "abandoning", "interface_attaching"} & shown
    assert status_of("ACTIVE", "rebooting") == "REBOOT"
    assert status_of("BUILD", "spawning") == "BUILD"
