"""The WebSocket of a console: ``/console/<kind>/socket?token=…``. Binary frames are the bytes of the guest's unix socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from wolke.core.log import get_logger

log = get_logger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_CHUNK = 64 << 10
_REFUSED = 1008
_ENDED = 1000
_KINDS = ("novnc", "serial")


class Tokens(Protocol):
    async def socket_for(self, token: str, kind: str) -> Path | None: ...


class ConsoleSockets:
    """The ASGI handler. ``origins``: further web sites (``https://portal.example``) whose pages may open consoles."""

    def __init__(self, tokens: Tokens, origins: tuple[str, ...] = ()) -> None:
        self._tokens = tokens
        self._origins = frozenset(origins)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        path = await self._path(scope)
        try:
            streams = await asyncio.open_unix_connection(path) if path else None
        except OSError as error:
            log.info("console does not open", error=repr(error))
            streams = None
        if streams is None:
            await send({"type": "websocket.close", "code": _REFUSED})
            return
        reader, writer = streams
        subprotocol = "binary" if "binary" in scope.get("subprotocols", ()) else None
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        try:
            await _carry(reader, writer, receive, send)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _path(self, scope: Mapping[str, Any]) -> Path | None:
        """Where the console is, if whoever asks may open it."""
        words = scope["path"].strip("/").split("/")
        if len(words) != 3 or words[1] not in _KINDS or words[2] != "socket" or not self._same_origin(scope):
            return None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        token = query.get("token", [""])[-1]
        return await self._tokens.socket_for(token, words[1]) if token else None

    def _same_origin(self, scope: Mapping[str, Any]) -> bool:
        """Browsers say which page opens a socket; another site's page must not. Who says nothing is no browser."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        if origin is None or origin in self._origins:
            return True
        return bool(urlsplit(origin).netloc == headers.get(b"host"))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receive: Receive, send: Send) -> None:
    """Both ways until either end is gone."""
    ways = {asyncio.create_task(_to_guest(receive, writer)), asyncio.create_task(_to_browser(reader, send))}
    done, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in left:
        way.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    for way in done:
        if (error := way.exception()) is not None:
            log.info("console ended", error=repr(error))


async def _to_guest(receive: Receive, writer: asyncio.StreamWriter) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        data = message.get("bytes")
        if data is None:
            data = (message.get("text") or "").encode()
        writer.write(data)
        await writer.drain()


async def _to_browser(reader: asyncio.StreamReader, send: Send) -> None:
    while data := await reader.read(_CHUNK):
        await send({"type": "websocket.send", "bytes": data})
    await send({"type": "websocket.close", "code": _ENDED})
