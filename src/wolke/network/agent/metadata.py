"""Metadata for guests: a small, strict HTTP/1.1 server on a socket inside each network.

Guests are hostile until proven otherwise: every size, count and time is bounded, and there is one request per connection,
so that nothing of one request can be taken for the beginning of another.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import unquote

import httptools

from wolke.core.log import get_logger

#: (network_id, source address, method, path with query, headers, body) -> (status, headers, body)
Answer = tuple[int, Mapping[str, str], bytes]
Metadata = Callable[[str, str, str, str, Mapping[str, str], bytes], Awaitable[Answer]]

HEADER_BYTES = 16 << 10
BODY_BYTES = 16 << 10
HEADERS = 64
CONNECTIONS = 64
DEADLINE_S = 10.0
_READ = 4096
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST"})
log = get_logger(__name__)


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Parsed:
    """What httptools calls back into."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.count = 0
        self.body = b""
        self.in_body = False
        self.done = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.count += 1
        if self.count > HEADERS:
            raise _Refused(431)
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.in_body = True

    def on_body(self, body: bytes) -> None:
        self.body += body
        if len(self.body) > BODY_BYTES:
            raise _Refused(413)

    def on_message_complete(self) -> None:
        self.done = True


class MetadataServer:
    """One network's. ``serve`` takes over the listening socket."""

    def __init__(self, network_id: str, metadata: Metadata, *, deadline_s: float = DEADLINE_S) -> None:
        self.network_id = network_id
        self._metadata = metadata
        self._deadline_s = deadline_s
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        self._server = await asyncio.start_server(self._accept, sock=listening, limit=_READ)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(task)
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._converse(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # also when the network goes: a cancelled task would be logged by asyncio's streams as a bug
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = ""
        try:
            method, request = await _read(reader)
            peer = writer.get_extra_info("peername")[0]
            path = unquote(request.url.decode("ascii"), errors="strict")
            if not path.startswith("/") or "\x00" in path:
                raise _Refused(400)
            status, headers, body = await self._metadata(
                self.network_id, peer, method, path, request.headers, request.body
            )
        except _Refused as refused:
            status, headers, body = refused.status, {}, b""
        except UnicodeDecodeError:
            status, headers, body = 400, {}, b""
        except (TimeoutError, ConnectionError):
            raise
        except Exception:
            log.exception("metadata failed", network_id=self.network_id)
            status, headers, body = 500, {}, b""
        writer.write(_head(status, headers, len(body)) + (b"" if method == "HEAD" else body))
        await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
        while await reader.read(_READ):  # let the guest read its answer before the connection goes
            pass


async def _read(reader: asyncio.StreamReader) -> tuple[str, _Parsed]:
    parsed = _Parsed()
    parser = httptools.HttpRequestParser(parsed)
    head = 0
    while not parsed.done:
        data = await reader.read(_READ)
        if not data:
            raise ConnectionError("the guest left")
        if not parsed.in_body:
            head += len(data)
            if head > HEADER_BYTES:
                raise _Refused(431)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise _Refused(400) from None
        except httptools.HttpParserError as error:
            cause = error.__context__
            raise cause if isinstance(cause, _Refused) else _Refused(400) from None
    method = parser.get_method().decode("ascii")
    if method not in _METHODS:
        raise _Refused(405)
    return method, parsed


def _head(status: int, headers: Mapping[str, str], length: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}"]
    lines += [
        f"{name}: {value}" for name, value in headers.items() if name.lower() not in ("content-length", "connection")
    ]
    lines += [f"Content-Length: {length}", "Connection: close", "", ""]
    return "\r\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines).encode("latin-1", "replace")
