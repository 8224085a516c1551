"""Talking to one QEMU process.

A monitor serves one client at a time, so nothing stays connected: a verb connects (1-3 ms), holds the ``qmp`` socket
while it works, and lets go. ``look`` has a monitor of its own, so that looking never waits for a verb.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the library takes longer to import than everything else here, and doctor needs none of it
    from qemu.qmp import EventListener, QMPClient

# The library reports every lost connection as an error of its own; here that is an answer, which callers deal with.
PROTOCOL_LOG = logging.getLogger(f"{__name__}.protocol")
PROTOCOL_LOG.setLevel(logging.CRITICAL)


class Gone(ConnectionError):
    """There is no QEMU at the other end, or there is no more."""


class Refused(Exception):
    """QEMU answered with an error; ``str`` is its description."""


class Session:
    """One connection to a monitor."""

    def __init__(self, client: QMPClient, link: socket.socket) -> None:
        self._client = client
        self._link = link

    async def execute(self, command: str, arguments: dict[str, Any] | None = None) -> Any:
        """What QEMU returns. Raises ``Refused`` or ``Gone``."""
        from qemu.qmp import ExecuteError, QMPError

        try:
            return await self._client.execute(command, arguments)
        except ExecuteError as error:
            raise Refused(str(error)) from error
        except (QMPError, OSError, EOFError) as error:
            raise Gone(f"QEMU went away during {command}") from error

    async def status(self) -> str:
        """QEMU's run state: "running", "paused", "shutdown", "inmigrate", …"""
        return str((await self.execute("query-status"))["status"])

    def send_descriptor(self, descriptor: int) -> None:
        """Pass an open file; the next command (``getfd``, ``add-fd``) takes it."""
        socket.send_fds(self._link, [b" "], [descriptor])

    async def until(self, events: tuple[str, ...], reached: Callable[[], Any], timeout_s: float) -> Any:
        """What ``await reached()`` gives once it is not None; asked now, and again after each of ``events``.

        Raises ``TimeoutError``, or ``Gone`` if QEMU dies meanwhile.
        """
        with self._client.listener(events) as listener:
            async with asyncio.timeout(timeout_s):
                while (result := await reached()) is None:
                    await _next(listener)
        return result


async def _next(listener: EventListener) -> None:
    """Returns at an event, or after a while: the library does not tell a listener that QEMU died."""
    try:
        async with asyncio.timeout(0.5):
            await listener.get()
    except TimeoutError:
        pass


@asynccontextmanager
async def session(path: Path, timeout_s: float) -> AsyncIterator[Session]:
    """Connect to the monitor at ``path``; waits up to ``timeout_s`` for its turn. Raises ``Gone`` or ``TimeoutError``."""
    client, link = await _connect(path, timeout_s)
    try:
        yield Session(client, link)
    finally:
        await _disconnect(client)


async def _connect(path: Path, timeout_s: float) -> tuple[QMPClient, socket.socket]:
    from qemu.qmp import QMPClient, QMPError

    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    client = QMPClient()
    client.logger = PROTOCOL_LOG
    try:
        link.connect(str(path))
        async with asyncio.timeout(timeout_s):
            await client.connect(link)
    except (QMPError, ConnectionError, FileNotFoundError, EOFError) as error:
        link.close()
        raise Gone("QEMU does not answer") from error
    except BaseException:
        link.close()
        raise
    return client, link


async def _disconnect(client: QMPClient) -> None:
    from qemu.qmp import QMPError

    try:
        async with asyncio.timeout(5):
            await client.disconnect()
    except (QMPError, OSError, EOFError, TimeoutError):
        pass
