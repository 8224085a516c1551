"""Processes that outlive whoever started them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from wolke.core import detached
from wolke.core.detached import Den

SLEEP = "import sys, time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def den(tmp_path: Path) -> Den:
    return Den(tmp_path, f"mark={tmp_path}\0".encode())


def start(den: Den) -> detached.Process:
    lock = detached.hold_lock(den)
    try:
        process = detached.spawn(den, [sys.executable, "-c", SLEEP, f"mark={den.folder}"], [lock])
    finally:
        os.close(lock)
    assert process
    return process


async def test_it_is_found_by_anyone_and_there_is_one(den: Den) -> None:
    assert not detached.alive(den)
    assert detached.find(den) is None
    process = start(den)
    try:
        assert detached.alive(den)
        assert detached.find(den) == process
        with pytest.raises(BlockingIOError):
            start(den)
        den.file("process.json").unlink()
        assert detached.find(den) == process, "by what is on its command line"
        den.file("process.json").write_text('{"pid": 1, "started": 0}')
        assert detached.find(den) == process, "another process has its number now"
    finally:
        await detached.kill(den)
    assert not detached.alive(den)
    assert detached.find(den) is None
    await detached.kill(den)


async def test_its_end_is_waited_for(den: Den) -> None:
    process = start(den)
    assert not await detached.wait(process, 0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert await detached.wait(process, 10)
    assert await detached.wait(process, 10)
    assert detached.last_words(den) in ("", "up\n")
