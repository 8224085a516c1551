"""The door between two hosts' agents: who is let in, and that what comes is what was sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from wolke.compute.agent.lines import Cut, Lines, TlsTransport, extents
from wolke.core.drivers import Failure

SERVER = "11111111-2222-4333-8444-555555555555"


class Controllers:
    """The key of the one move that there is."""

    async def get_json(self, path: str) -> Any:
        assert path.startswith("/agent/compute/v1/hosts/here/moves/")
        if not path.endswith(SERVER):
            raise LookupError(path)
        return {"key": "right"}


class Driver:
    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files

    async def parts(self, server_id: str) -> dict[str, Path]:
        if not self._files:
            raise Failure("nothing was set aside")
        return self._files


@asynccontextmanager
async def door(files: dict[str, Path]) -> AsyncIterator[dict[str, Any]]:
    transport = TlsTransport("127.0.0.1")
    assert transport.door == {}
    async with transport.open(Lines("here", Controllers(), Driver(files), transport).serve):
        yield {"key": "right", "peer": "here", "door": dict(transport.door)}


def lines() -> Lines:
    return Lines("there", Controllers(), Driver({}), TlsTransport("127.0.0.1"))


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """8 MiB, most of it holes."""
    path = tmp_path / "disk.source"
    with path.open("wb") as file:
        file.write(os.urandom(70_000))
        file.seek(5 << 20)
        file.write(b"in the middle")
        file.truncate(8 << 20)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


async def test_files_come_as_they_are_with_their_holes(disk: Path, target: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    async with door({"disk": disk, "empty": empty, "base": disk}) as move:
        await lines().fetch(SERVER, move, target, ["base"])
    assert sorted(path.name for path in target.iterdir()) == ["disk", "empty"]
    assert (target / "disk").read_bytes() == disk.read_bytes()
    assert (target / "disk").stat().st_blocks * 512 < 4 << 20


async def test_what_has_come_before_is_not_fetched_again(disk: Path, target: Path) -> None:
    (target / "disk").write_text("here already")
    async with door({"disk": disk}) as move:
        await lines().fetch(SERVER, move, target, [])
    assert (target / "disk").read_text() == "here already"


@pytest.mark.parametrize("wrong", [{"key": "wrong"}, {"key": ""}, {"server": SERVER.replace("1", "2")}])
async def test_nobody_comes_in_without_the_key_of_a_move(disk: Path, target: Path, wrong: dict[str, str]) -> None:
    async with door({"disk": disk}) as move:
        with pytest.raises(Cut):
            await lines().fetch(wrong.pop("server", SERVER), move | wrong, target, [])
    assert list(target.iterdir()) == []


async def test_a_key_is_shown_to_no_door_but_the_one_that_the_controllers_know(disk: Path, target: Path) -> None:
    async with door({"disk": disk}) as move:
        move["door"]["fingerprint"] = "0" * 64
        with pytest.raises(Cut, match="is not the host"):
            await lines().fetch(SERVER, move, target, [])


async def test_a_host_that_cannot_says_why(target: Path) -> None:
    async with door({}) as move:
        with pytest.raises(Failure, match="nothing was set aside"):
            await lines().fetch(SERVER, move, target, [])
    with pytest.raises(Failure, match="cannot be reached"):
        await lines().fetch(SERVER, move | {"door": {}}, target, [])


async def test_a_file_that_is_cut_short_is_not_there(target: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"ok":true}\n{"name":"disk","size":100}\n' + bytes(15) + b"\x05hello")
        writer.close()

    transport = TlsTransport("127.0.0.1")
    async with transport.open(serve):
        with pytest.raises(Cut):
            await lines().fetch(SERVER, {"key": "k", "peer": "p", "door": dict(transport.door)}, target, [])
    assert [path.suffix for path in target.iterdir()] == [".part"]


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".."])
async def test_a_file_cannot_be_called_anything(target: Path, name: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"ok":true}\n{"name":"%s","size":0}\n' % name.encode())
        writer.close()

    transport = TlsTransport("127.0.0.1")
    async with transport.open(serve):
        with pytest.raises(Cut):
            await lines().fetch(SERVER, {"key": "k", "peer": "p", "door": dict(transport.door)}, target, [])


def test_extents_are_what_is_no_hole(disk: Path) -> None:
    descriptor = os.open(disk, os.O_RDONLY)
    try:
        found = list(extents(descriptor, 8 << 20))
    finally:
        os.close(descriptor)
    assert sum(length for _, length in found) < 1 << 20
    assert any(offset <= 5 << 20 < offset + length for offset, length in found)
