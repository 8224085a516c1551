"""``wolke check`` of a cloud that is stopped; ``tests/api/checking`` says what is found, ``tests/crash/test_real.py`` asks one that runs."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from wolke.cli.check import exit_code, render
from wolke.cli.commands import app
from wolke.state import StateDirectory

STRANGER = "5eedf00d-0000-4000-8000-000000000000"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateDirectory:
    for name, value in (
        ("HOST__HYPERVISOR", "simulated"), ("HOST__DATAPLANE", "simulated"), ("HOST__VOLUME_BACKENDS", "disks=simulated"),
        ("HOST__NAME", "here"), ("IDENTITY__HASH_MEMORY_KIB", "1024"), ("IDENTITY__HASH_ROUNDS", "1"),
    ):  # fmt: skip
        monkeypatch.setenv(f"WOLKE_{name}", value)
    directory = StateDirectory(tmp_path / "state")
    directory.make()
    directory.secrets()
    return directory


def run(state: StateDirectory, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check", "--state", str(state.path), *words])
    return done.exit_code, done.output


def test_a_stopped_cloud_is_found_clean_found_wrong_and_mended(state: StateDirectory) -> None:
    assert run(state)[0] == 0
    (state / "images" / STRANGER).write_bytes(b"whose?")
    with sqlite3.connect(state / "wolke.db") as database:
        database.execute("insert into placement_consumers values (?, 'p', 'u', null, 1, '', '')", [STRANGER])
    status, said = run(state)
    assert status == 1
    assert (
        f"data-without-image: The image store holds data {STRANGER}, which belongs to no image.\n    Repair: " in said
    )
    assert f"Consumer {STRANGER} has no allocations." in said
    assert (state / "images" / STRANGER).exists()
    status, said = run(state, "--repair", "--json")
    assert status == 0
    assert sorted((one["check"], one["mended"]) for one in json.loads(said)["found"]) == [
        ("consumer-without-allocation", ""), ("data-without-image", ""),
    ]  # fmt: skip
    assert not (state / "images" / STRANGER).exists()
    [kept] = (state / "images/quarantine").iterdir()
    assert kept.read_bytes() == b"whose?"
    assert run(state)[1].endswith("checks: all agrees.\n")


def test_where_there_is_no_cloud_nobody_can_look(tmp_path: Path) -> None:
    assert run(StateDirectory(tmp_path / "nothing"))[0] == 2


def test_one_that_is_starting_is_asked_for_patience(state: StateDirectory) -> None:
    state.acquire("http://127.0.0.1:1")
    try:
        status, said = run(state)
    finally:
        state.release()
    assert status == 2 and "is starting or stopping" in said


def test_a_host_that_does_not_answer_is_no_finding_and_no_all_clear() -> None:
    report = {"found": [], "checks": 3, "silent": ["far: it does not answer"]}
    assert exit_code(report) == 2
    assert (
        render(report) == "Could not be asked: far: it does not answer\n3 checks: all agrees, as far as could be seen."
    )


def test_what_only_a_person_can_mend_is_said() -> None:
    one = {"check": "key-gone", "says": "The key is not there.", "repair": "look for it", "mended": "nobody knows"}
    report = {"found": [one], "checks": 3, "silent": []}
    assert exit_code(report) == 1
    assert "    Not mended: nobody knows. What helps: look for it." in render(report)
