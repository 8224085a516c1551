"""The socket side: uvicorn with a protocol of our own (``protocol``: what comes in; ``cycle``: what goes out)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from wolke.core.http.protocol import Protocol


class _QuietServer(uvicorn.Server):
    """Signals belong to the composition root, not to the server."""

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()


class Server:
    """``start`` returns when the sockets accept; ``stop`` when the last answer is out (or a few seconds have passed)."""

    def __init__(
        self,
        application: Callable[..., Awaitable[None]],
        listen: list[socket.socket],
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        config = uvicorn.Config(
            application,
            interface="asgi3",
            http=Protocol,
            proxy_headers=False,
            ws="websockets-sansio",
            ws_max_size=1 << 20,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
            backlog=2048,
        )
        config.load()
        if tls is not None:
            config.ssl = tls
        self._server = _QuietServer(config)
        self._sockets = listen
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(self._sockets))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the server ended before it began")
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, bound at once so that a taken port is an error before anything else is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.set_inheritable(False)
    return sock
