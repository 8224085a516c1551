"""A process of its own: told what it is, started again, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from wolke import child
from wolke.child import Child
from wolke.core.http.server import bind

# A child that greets each connection with its process id and what it was told, and writes a word when it ends as it should.
GREETER = """
import asyncio, os, pathlib
from wolke.child import listen_to_parent
async def main():
    told = await listen_to_parent()
    async def greet(reader, writer):
        writer.write(f"{os.getpid()} {told.said['word']}".encode())
        writer.close()
    server = await asyncio.start_server(greet, sock=told.socket)
    await told.must_end()
    server.close()
    pathlib.Path(told.said["farewell"]).write_text("in good order")
asyncio.run(main())
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "greeter.py").write_text(GREETER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return "greeter"


async def ask(port: int) -> list[str]:
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = (await reader.read()).decode().split()
    writer.close()
    return answer


def make(module: str, tmp_path: Path) -> tuple[Child, int]:
    listening = bind("127.0.0.1", 0)
    said = {"word": "hello", "farewell": str(tmp_path / "farewell")}
    return Child("greeter", module, said, listening), listening.getsockname()[1]


async def test_it_serves_who_came_early_too_and_ends_in_good_order(module: str, tmp_path: Path) -> None:
    one, port = make(module, tmp_path)
    early = asyncio.create_task(ask(port))  # nobody is turned away before it is there
    await asyncio.sleep(0.1)
    assert not early.done()
    await one.start()
    assert await early == [str(one.pid), "hello"]
    pid = one.pid
    await one.end()
    assert (tmp_path / "farewell").read_text() == "in good order"
    assert one.pid is None and not alive(pid)


async def test_one_that_dies_is_started_again_and_its_clients_wait(module: str, tmp_path: Path) -> None:
    one, port = make(module, tmp_path)
    await one.start()
    first = await ask(port)
    os.kill(int(first[0]), signal.SIGKILL)
    while one.pid == int(first[0]):
        await asyncio.sleep(0.01)
    second = await ask(port)
    assert second[1] == "hello" and second[0] != first[0]
    await one.end()


async def test_one_that_will_not_end_is_ended(tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_FAREWELL_S", 0.3)
    (tmp_path / "greeter.py").write_text("import time\ntime.sleep(60)\n")
    one, _ = make(module, tmp_path)
    await one.start()
    pid = one.pid
    await one.end()
    assert not alive(pid)


PARENT = """
import asyncio, sys
from wolke.child import Child
from wolke.core.http.server import bind
async def main():
    sock = bind("127.0.0.1", 0)
    one = Child("greeter", "greeter", {"word": "x", "farewell": sys.argv[1]}, sock)
    await one.start()
    print(one.pid, sock.getsockname()[1], flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_it_dies_with_a_parent_that_is_killed(module: str, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "farewell")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    line: Any = await asyncio.to_thread(process.stdout.readline)
    pid, port = map(int, line.split())
    assert (await ask(port))[0] == str(pid)
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    bind("127.0.0.1", port).close()


def alive(pid: int | None) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
