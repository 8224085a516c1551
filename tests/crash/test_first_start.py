"""A cloud that dies while it starts for the first time; the second start finds or makes each first thing, none twice."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import wolke.app
from tests.crash.points import Killed, Points
from wolke.app import Cloud, Settings
from wolke.core.db import METADATA, Database, open_database
from wolke.state import StateDirectory, write_private


async def start(folder: Path, points: Points | None = None) -> Counter[str]:
    """Rows by table, if it does not die."""
    state = StateDirectory(folder)
    state.make()
    cheap = {("identity", "hash_memory_kib"): 1024, ("identity", "hash_rounds"): 1, ("host", "enabled"): False}
    cloud = Cloud(Settings.read(state, environment={}, public_url="http://cloud.test", said=cheap), state)
    try:
        await cloud.open()
        return Counter({name: _count(folder, name) for name in METADATA.tables if name.partition("_")[0] in _OURS})
    except Killed:
        return Counter()
    finally:
        await cloud.close()


_OURS = {"identity", "placement", "image", "network", "compute"}


def _count(folder: Path, table: str) -> int:
    import sqlite3

    connection = sqlite3.connect(folder / "wolke.db")
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Arms the next start with ``points``: after each commit, and before and after each file that the roof writes."""

    def arm(points: Points | None) -> None:
        async def opened(url: str) -> Database:
            db = await open_database(url)
            if points is not None:
                points.around_transactions(db)
            return db

        def written(*what: Any) -> None:
            if points is not None:
                points(f"before the file {what[0].name}")
            write_private(*what)

        monkeypatch.setattr(wolke.app, "open_database", opened)
        monkeypatch.setattr(wolke.app, "write_private", written)

    return arm


async def test_dying_anywhere_in_the_first_start_makes_nothing_twice(tmp_path: Path, dying: Any) -> None:
    whole = Points()
    dying(whole)
    wanted = await start(tmp_path / "whole")
    assert wanted["network_networks"] == wanted["network_subnets"] == 1
    # Between a commit and the next transaction nothing changes on disk: one point for each of them is enough.
    numbers = [n for n, name in enumerate(whole.names, 1) if name == "after a commit" or name.startswith("before the")]
    if not os.environ.get("CI_FULL"):
        numbers = [*numbers[:-5:6], *numbers[-5:]]  # the last are what the roof makes itself
    assert len(numbers) >= 6
    for number in numbers:
        points = Points(number)
        dying(points)
        await start(tmp_path / str(number), points)
        assert points.dead
        dying(None)
        assert await start(tmp_path / str(number)) == wanted, f"{number} {whole.names[number - 1]}"
