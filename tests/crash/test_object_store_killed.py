"""``kill -9`` of a process that uses the embedded object engine, at random moments of mixed load, again and again.

Each life begins by telling what it found. Nothing that was acknowledged may be lost or changed, and what was not must be there
whole or not at all.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crash.object_load import SMALL, Model, state_of
from wolke.object_store.drivers.segments import Segments

KILLS = 220 if os.environ.get("CI_FULL") else 14
LATEST_S = 0.5  # of a kill, after the life began its work
ROOT = Path(__file__).parents[2]


def life(directory: Path, seed: int, model: Model, random_: random.Random) -> int:
    """One process from its start to its death; how many changes it acknowledged."""
    program = [sys.executable, "-m", "tests.crash.object_load", str(directory), str(seed)]
    acknowledged, deadline = 0, None
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if not line.endswith(b"\n"):
                    break
                what, *about = json.loads(line)
                if what == "S":
                    model.check(about[0])
                    deadline = time.monotonic() + random_.random() * LATEST_S
                elif what == "B":
                    model.begins(*about)
                else:
                    model.done(*about)
                    acknowledged += 1
                if deadline is not None and time.monotonic() > deadline:
                    child.send_signal(signal.SIGKILL)
                    deadline = float("inf")
        finally:
            child.kill()
    assert deadline == float("inf"), "it ended by itself"
    return acknowledged


@pytest.mark.parametrize("story", range(2))
def test_nothing_acknowledged_is_lost_and_nothing_else_is_half_there(tmp_path: Path, story: int) -> None:
    random_, model = random.Random(story), Model()
    acknowledged = sum(life(tmp_path / "store", story * 1000 + n, model, random_) for n in range(KILLS // 2))
    assert acknowledged > KILLS

    async def afterwards() -> None:
        store = Segments(tmp_path / "store", SMALL)
        await store.open()
        model.check(await state_of(store))
        assert await store.check() == []
        assert store.quarantine.found == []
        await store.close()

    asyncio.run(afterwards())
