"""Files that are whole or not there, and locks that outlive nobody."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from wolke.core.files import exclusive, whole, write_durably, write_whole


@pytest.mark.parametrize("write", [write_whole, write_durably])
def test_what_is_written_replaces_what_was_there_for_its_owner_alone(tmp_path: Path, write: object) -> None:
    path = tmp_path / "one"
    for content in (b"first", b""):
        write(path, content)  # type: ignore[operator]
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["one"]


async def test_one_at_a_time_and_nothing_is_left(tmp_path: Path) -> None:
    inside = 0

    async def enter() -> None:
        nonlocal inside
        async with exclusive(tmp_path / "thing", 5):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.002)
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(5)))
    async with exclusive(tmp_path / "thing", 0):
        with pytest.raises(TimeoutError, match="thing"):
            async with exclusive(tmp_path / "thing", 0):
                pass
    assert list(tmp_path.iterdir()) == []


async def test_work_that_is_cancelled_is_done_to_its_end() -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(5)
        done.set()

    task = asyncio.create_task(whole(work))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()
