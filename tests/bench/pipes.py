"""Many keep-alive connections that each send one request after the other: some 20 µs a request, so that a store that takes 200 is
what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_KEPT_BYTES = 16 << 20  # of an answer; of a larger one, nothing


@dataclass(frozen=True)
class Ran:
    requests: int
    seconds: float
    body: bytes  # of the last answer

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class _Pipe(asyncio.Protocol):
    """Asks ``following`` for each next request; None ends it."""

    def __init__(self, following: Callable[[], bytes | None]) -> None:
        self._following = following
        self._head = b""
        self._left = -1
        self._kept: list[bytes] = []
        self._bodiless = False
        self._keeps = True
        self.body = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = self._following()
        if request is None:
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self._bodiless = request.startswith(b"HEAD")
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = self._head[:end].lower(), self._head[end + 4 :]
            self._head = b""
            if not head.startswith(b"http/1.1 2"):
                self.done.set_exception(RuntimeError(head.decode("latin-1") + data[:500].decode("latin-1")))
                self._transport.close()
                return
            at = head.find(b"content-length:")
            self._left = 0 if at < 0 or self._bodiless else int(head[at + 15 :].split(b"\r\n", 1)[0])
            self._keeps = self._left <= _KEPT_BYTES
        self._left -= len(data)
        if self._keeps:
            self._kept.append(data)
        if self._left <= 0:
            self.body, self._left = b"".join(self._kept), -1
            self._kept = []
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("the connection ended"))


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method in ("PUT", "POST"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def run(port: int, make: Callable[[int], bytes], *, count: int, connections: int = 16) -> Ran:
    """``make(i)`` for i below ``count``, over ``connections``."""
    import uvloop

    async def everything() -> Ran:
        numbers = iter(range(count))

        def following() -> bytes | None:
            number = next(numbers, None)
            return None if number is None else make(number)

        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        pipes = [
            (await loop.create_connection(lambda: _Pipe(following), "127.0.0.1", port))[1] for _ in range(connections)
        ]
        await asyncio.gather(*(pipe.done for pipe in pipes))
        return Ran(count, time.perf_counter() - started, pipes[0].body)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(everything())
