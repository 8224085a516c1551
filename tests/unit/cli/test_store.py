"""``wolke store`` looks at a store that nobody else uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wolke.cli.commands import app
from wolke.object_store.drivers.base import Finding, Room
from wolke.object_store.drivers.memory import Memory
from wolke.state import StateDirectory


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateDirectory:
    monkeypatch.setenv("WOLKE_OBJECT_STORE__POLICIES", "default=memory, cold=memory")
    directory = StateDirectory(tmp_path)
    directory.make()
    return directory


def run(*words: str, state: StateDirectory) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["store", *words, "--state", str(state.path)])
    return done.exit_code, done.output


def test_a_sound_store_is_well(state: StateDirectory) -> None:
    assert run("check", state=state) == (0, "default: all is well\ncold: all is well\n")
    assert run("check", "--json", state=state) == (0, json.dumps({"default": [], "cold": []}, indent=1) + "\n")


def test_what_is_found_is_said_and_counts_unless_it_is_repaired(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(self: Memory, *, repair: bool = False) -> list[Finding]:
        return [Finding("a checksum fails", "segment 3 at 4096", repaired=repair)]

    monkeypatch.setattr(Memory, "check", check)
    status, text = run("check", state=state)
    assert status == 1 and "default: a checksum fails: segment 3 at 4096\n" in text and "1 of them not repaired" in text
    status, text = run("check", "--repair", "--json", state=state)
    assert status == 0 and json.loads(text)["cold"][0]["repaired"] is True


def test_room_is_told_for_each_policy(state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    async def room(self: Memory) -> Room:
        return Room(3 << 20, 1 << 20, None)

    monkeypatch.setattr(Memory, "room", room)
    status, text = run("room", state=state)
    assert status == 0 and "cold: 3.0 MiB used, 1.0 MiB of them live, unknown free" in text
    assert json.loads(run("room", "--json", state=state)[1])["default"] == {
        "used": 3145728,
        "live": 1048576,
        "free": None,
    }


def test_a_store_that_runs_is_left_alone(state: StateDirectory) -> None:
    state.acquire("http://cloud.test")
    try:
        status, text = run("check", state=state)
    finally:
        state.release()
    assert status == 1 and "wolke down" in text and "running" in text


@pytest.mark.parametrize("policies", ["", "default", "default=nothing", "a=memory,a=memory", "=memory"])
def test_policies_that_make_no_sense_are_refused(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, policies: str
) -> None:
    monkeypatch.setenv("WOLKE_OBJECT_STORE__POLICIES", policies)
    status, text = run("check", state=state)
    assert status == 1 and "[object_store] policies" in text


def test_where_there_is_no_cloud_nothing_is_made(tmp_path: Path) -> None:
    status, text = run("check", state=StateDirectory(tmp_path / "none"))
    assert status == 1 and "there is no cloud" in text and not (tmp_path / "none").exists()
