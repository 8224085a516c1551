"""One request and its answer: how the body comes in and how the answer goes out.

In: the pieces are handed on as the socket gave them, and reading stops while half a megabyte waits; a client that is faster than
the disk costs that and no more. Out: files go by sendfile, run by run; behind TLS they are read and sent. A client that takes
nothing for a minute is gone, and whoever goes on producing for one that is gone gets ``ClientGone``.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
import time
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from wolke.core.http.files import Run, checked_runs
from wolke.core.http.messages import BODY, PARTS, WHOLE, ClientGone
from wolke.core.log import get_logger

if TYPE_CHECKING:
    from wolke.core.http.protocol import Protocol

SILENCE_S = 60.0  # without a byte of a body, in either direction
_WAITING_BYTES = 128 * 1024  # of a body, before reading stops; one more read of the socket may come on top
_TLS_BYTES = 128 * 1024
_CONNECTION = (b"Connection", b"connection")
log = get_logger(__name__)
_END: Any = {"type": "http.response.body", "body": b"", "more_body": False}


class Cycle(RequestResponseCycle):
    """``task`` runs it. ``FIELDS`` and ``BODY`` in its scope save a door the work that was done here already."""

    task: asyncio.Task[None]

    def __init__(self, protocol: Protocol, scope: Any, keep_alive: bool, expects_word: bool) -> None:
        self.protocol = protocol
        self.scope: Any = scope
        self.transport: Any = protocol.transport
        self.flow = protocol.flow
        self.access_log = False
        self.message_event: Any = _Signal()
        self.on_response = protocol.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expects_word
        self.more_body = True
        self.pieces: list[bytes] = []
        self.waiting_bytes = 0
        self.disconnected = self.response_started = self.response_complete = False
        self.chunked_encoding: bool | None = None
        self.expected_content_length = 0

    async def run(self, app: Any) -> None:
        try:
            if not self.more_body and self.waiting_bytes < _WAITING_BYTES:
                self.scope[BODY] = b"".join(self.pieces)
            await app(self.scope, self.receive, self.send)
        except BaseException:
            log.exception("bug", path=self.scope["path"])
            await self._unanswered()
        else:
            if not self.response_complete and not self.disconnected:
                log.error("a request was left without an answer", path=self.scope["path"])
                await self._unanswered()
        finally:
            self.protocol.tasks.discard(self.task)

    async def _unanswered(self) -> None:
        if self.response_started:
            self.transport.close()
        else:
            await self.send_500_response()

    # -- in

    def take(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.waiting_bytes += len(piece)
        if self.waiting_bytes >= _WAITING_BYTES:
            self.flow.pause_reading()
        self.message_event.set()

    def whole(self) -> None:
        """All of it has come."""
        self.more_body = False
        self.message_event.set()

    async def receive(self) -> Any:
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self._read_on()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body = self._next_piece()
        self._read_on()
        if self.pieces:
            self.message_event.set()
        return {"type": "http.request", "body": body, "more_body": self.more_body or bool(self.pieces)}

    def _read_on(self) -> None:
        if self.waiting_bytes < _WAITING_BYTES:
            self.flow.resume_reading()

    def _next_piece(self) -> bytes:
        """Small pieces as one, a large one as it is."""
        pieces = self.pieces
        if len(pieces) > 1 and self.waiting_bytes <= _WAITING_BYTES:
            body = b"".join(pieces)
            pieces.clear()
        else:
            body = pieces.pop(0) if pieces else b""
        self.waiting_bytes -= len(body)
        return body

    # -- out

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if self.flow.write_paused:
            await self._drained()
        if kind == WHOLE:
            if not self.disconnected:
                self._send_whole(message["status"], message["headers"], message["body"])
            return
        if self.disconnected and (kind == PARTS or message.get("more_body")):
            raise ClientGone
        if kind == PARTS:
            await self._send_parts(message)
            return
        if kind == "http.response.start":
            self._before_head()
        if kind == "http.response.body" and not message.get("more_body") and not self.keep_alive and self.more_body:
            self.protocol.linger()
        await super().send(message)

    def _before_head(self) -> None:
        self.default_headers = _dated(int(time.time()))
        if self.waiting_for_100_continue:
            self.keep_alive = False  # the body may or may not come now: what follows on this connection could be either

    def _send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Head and body in one write. ``send_response`` has made the headers, so they are not looked at twice."""
        self._before_head()
        self.waiting_for_100_continue = False
        content = [STATUS_LINE[status]]
        for name, value in self.default_headers:
            content += (name, b": ", value, b"\r\n")
        for name, value in headers:
            if name in _CONNECTION and b"close" in value.lower():
                self.keep_alive = False
                continue
            content += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            content.append(b"connection: close\r\n")
        content.append(b"\r\n")
        if self.scope["method"] != "HEAD":
            content.append(body)
        if not self.keep_alive and self.more_body:
            self.protocol.linger()
        self.response_started = self.response_complete = True
        self.message_event.set()
        if self.keep_alive:
            self.protocol.say(b"".join(content))
        else:
            self.transport.write(b"".join(content))
            self.transport.close()
        self.on_response()

    async def _send_parts(self, message: Any) -> None:
        start: Any = {"type": "http.response.start", "status": message["status"], "headers": message["headers"]}
        self._before_head()
        if self.scope["method"] == "HEAD":
            await super().send(start)
            await super().send(_END)
            return
        async with contextlib.aclosing(checked_runs(message["parts"])) as runs:
            first = await anext(runs, None)
            await super().send(start)
            if first is not None and self.scope["scheme"] == "https":
                await self._through_tls(first)
                async for run in runs:
                    await self._through_tls(run)
            elif first is not None:
                with await self._past_the_transport() as out:
                    await self._by_kernel(out, first)
                    async for run in runs:
                        await self._by_kernel(out, run)
        await super().send(_END)

    async def _through_tls(self, run: Run) -> None:
        """TLS must see the bytes."""
        file, offset, length = run
        end = offset + length
        while offset < end:
            data = os.pread(file, min(_TLS_BYTES, end - offset), offset)
            if not data:
                raise RuntimeError("a file became shorter while it was sent")
            offset += len(data)
            await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def _past_the_transport(self) -> _Socket:
        """The socket itself, once all that the transport has to say is said."""
        if self.transport.get_write_buffer_size():
            await asyncio.sleep(0)  # uvloop writes at the end of a turn
        if self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(0)
            await self._drained()
            self.transport.set_write_buffer_limits()
        return _Socket(self.transport.get_extra_info("socket").fileno())

    async def _by_kernel(self, out: _Socket, run: Run) -> None:
        file, offset, length = run
        end = offset + length
        while offset < end:
            if self.disconnected:
                raise ClientGone
            try:
                sent = os.sendfile(out.fd, file, offset, end - offset)
            except BlockingIOError:
                if not await out.writable():
                    self._give_up()
                continue
            except OSError:
                self._give_up()
                continue
            if sent == 0:
                raise RuntimeError("a file became shorter while it was sent")
            offset += sent
            self.expected_content_length -= sent
        await asyncio.sleep(0)

    async def _drained(self) -> None:
        """Until the transport wants more; a client that takes nothing for a while is given up."""
        socket = self.transport.get_extra_info("socket")
        while self.flow.write_paused and not self.disconnected:
            before = self.transport.get_write_buffer_size() + _unsent(socket.fileno())
            try:
                async with asyncio.timeout(SILENCE_S):
                    await self.flow.drain()
            except TimeoutError:
                if self.transport.get_write_buffer_size() + _unsent(socket.fileno()) >= before:
                    self._give_up()

    def _give_up(self) -> None:
        self.disconnected = True
        self.transport.abort()


class _Signal:
    """An event that one waits for: a hundred thousand a second of asyncio's own are a load."""

    __slots__ = ("_is_set", "_waiter")

    def __init__(self) -> None:
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        while not self._is_set:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None


@lru_cache(2)
def _dated(now_s: int) -> list[tuple[bytes, bytes]]:
    """Of this second: uvicorn's own date is up to a second and more behind what an answer says was modified just now."""
    return [(b"date", formatdate(now_s, usegmt=True).encode())]


class _Socket:
    """A second descriptor of a connection's socket, since the loop's own may not be waited for."""

    def __init__(self, fd: int) -> None:
        self.fd = os.dup(fd)

    def __enter__(self) -> _Socket:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.fd)

    async def writable(self) -> bool:
        """False if for a while the client took nothing."""
        loop = asyncio.get_running_loop()
        while True:
            future: asyncio.Future[bool] = loop.create_future()
            before = _unsent(self.fd)
            late = loop.call_later(SILENCE_S, _wake, future, False)
            loop.add_writer(self.fd, _wake, future, True)
            try:
                if await future:
                    return True
            finally:
                late.cancel()
                loop.remove_writer(self.fd)
            if _unsent(self.fd) >= before:
                return False


def _wake(future: asyncio.Future[bool], ready: bool) -> None:
    if not future.done():
        future.set_result(ready)


def _unsent(fd: int) -> int:
    """Bytes that the kernel holds and the client has not acknowledged."""
    if fd < 0:
        return 0
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0\0\0\0"))[0])
