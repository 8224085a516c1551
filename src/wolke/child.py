"""A part of the cloud in a process of its own: started, told what it is, started again when it dies, and ended with the cloud.

Its listening socket is made here and inherited, so its port is known before it runs, and nobody is turned away while it is started
again. What it is told, as a line of JSON, comes through its standard input, where no other process reads it. The end of that input
is the request to stop; should this process be killed, the kernel ends the other.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from wolke.core.log import get_logger

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 30.0
_STEADY_S = 60.0  # after which a death counts as the first again
_FAREWELL_S = 15.0
_PR_SET_PDEATHSIG = 1
_LINE_BYTES = 1 << 20
_BACKLOG = 2048

log = get_logger(__name__)


class Child:
    """``module`` is what it runs; ``said`` what it is told, to which its socket's descriptor is added; ``url``: where others find it."""

    def __init__(
        self, name: str, module: str, said: Mapping[str, Any], listening: socket.socket, url: str = ""
    ) -> None:
        self.name = name
        self.url = url
        self._command = (sys.executable, "-m", module)
        self._said = dict(said) | {"socket": listening.fileno(), "parent": os.getpid()}
        self._socket = listening
        self._socket.listen(_BACKLOG)
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """It comes up beside this process; whoever connects meanwhile waits."""
        await self._spawn()
        self._task = asyncio.create_task(self._keep(), name=self.name)

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        process = self._process
        if process is not None and process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                async with asyncio.timeout(_FAREWELL_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._socket.close()

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            pass_fds=(self._socket.fileno(),),
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._said).encode() + b"\n")

    async def _keep(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            process, started = self._process, time.monotonic()
            assert process is not None
            status = await process.wait()
            if time.monotonic() - started > _STEADY_S:
                wait_s = _FIRST_WAIT_S
            log.error("a process of the cloud has ended and is started again", part=self.name, status=status)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            try:
                await self._spawn()
            except OSError as error:
                log.error("a process cannot be started", part=self.name, error=repr(error))


# -- in the child


class Told:
    """The child's end: what it was ``said``, and when it ``must_end``."""

    def __init__(self, said: dict[str, Any], reader: asyncio.StreamReader) -> None:
        self.said = said
        self.socket = socket.socket(fileno=int(said["socket"]))
        self._reader = reader

    async def must_end(self) -> None:
        while await self._reader.read(_LINE_BYTES):
            pass


async def listen_to_parent() -> Told:
    """The first thing a child does. Ctrl-C in a terminal reaches it too: only its parent decides."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    reader = asyncio.StreamReader(limit=_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = await reader.readline()
    said = json.loads(line) if line else {}
    if not said or os.getppid() != said["parent"]:
        raise SystemExit(1)
    loop.add_signal_handler(signal.SIGTERM, reader.feed_eof)
    return Told(said, reader)
