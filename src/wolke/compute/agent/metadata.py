"""Guests' questions for metadata, carried from the host's network to the controllers, and remembered for a moment: a guest that
boots asks for the same few things several times over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from wolke.core.log import get_logger

log = get_logger(__name__)

Answer = tuple[int, Mapping[str, str], bytes]
_FRESH_S = 3.0
_MOST = 1000
_NOTHING: Answer = (404, {"Content-Type": "text/plain"}, b"404 Not Found\n")
_TROUBLE: Answer = (503, {"Content-Type": "text/plain", "Retry-After": "2"}, b"503 Service Unavailable\n")


class Client(Protocol):
    async def request(self, method: str, path: str) -> Any: ...


class MetadataDoor:
    """What ``network.agent`` calls for each request of a guest."""

    def __init__(self, client: Client, host: str) -> None:
        self._client = client
        self._path = f"/agent/compute/v1/hosts/{quote(host, safe='')}/metadata"
        self._known: dict[tuple[str, str, str], tuple[float, Answer]] = {}

    async def __call__(
        self, network_id: str, address: str, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        if method not in ("GET", "HEAD"):
            return _NOTHING
        wanted = path.partition("?")[0].lstrip("/")
        key, now = (network_id, address, wanted), time.monotonic()
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        answer = await self._ask(network_id, address, wanted)
        if answer[0] < 500:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (now + _FRESH_S, answer)
        return answer

    async def _ask(self, network_id: str, address: str, wanted: str) -> Answer:
        path = f"{self._path}/{quote(network_id, safe='')}/{quote(address, safe=':')}/{quote(wanted)}"
        try:
            reply = await self._client.request("GET", path.rstrip("/"))
        except Exception as error:
            if getattr(error, "status", None) in (400, 404):
                return _NOTHING
            log.warning("metadata cannot be had", address=address, error=repr(error))
            return _TROUBLE
        kind = reply.headers.get("content-type") or reply.headers.get("Content-Type") or "text/plain"
        return 200, {"Content-Type": kind}, reply.body
