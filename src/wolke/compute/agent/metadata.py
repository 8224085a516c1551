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
_METHODS = frozenset({"GET", "HEAD", "POST"})
_REFUSALS = {400: b"400 Bad Request\n", 404: b"404 Not Found\n", 409: b"409 Conflict\n"}
_NOT_SO: Answer = (405, {"Content-Type": "text/plain"}, b"405 Method Not Allowed\n")
_TROUBLE: Answer = (503, {"Content-Type": "text/plain", "Retry-After": "2"}, b"503 Service Unavailable\n")


class Client(Protocol):
    async def request(self, method: str, path: str, value: Any = None) -> Any: ...


class MetadataDoor:
    """What ``network.agent`` calls for each request of a guest. A POST gives the guest's password to its owner."""

    def __init__(self, client: Client, host: str) -> None:
        self._client = client
        self._path = f"/agent/compute/v1/hosts/{quote(host, safe='')}/metadata"
        self._known: dict[tuple[str, str, str], tuple[float, Answer]] = {}

    async def __call__(
        self, network_id: str, address: str, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        if method not in _METHODS:
            return _NOT_SO
        wanted = path.partition("?")[0].lstrip("/")
        key, now = (network_id, address, wanted), time.monotonic()
        if method == "POST":
            self._known.pop(key, None)
            return await self._ask("POST", key, {"content": body.decode("latin-1")})
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        answer = await self._ask("GET", key)
        if answer[0] < 500:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (now + _FRESH_S, answer)
        return answer

    async def _ask(self, method: str, key: tuple[str, str, str], value: Any = None) -> Answer:
        network_id, address, wanted = key
        path = f"{self._path}/{quote(network_id, safe='')}/{quote(address, safe=':')}/{quote(wanted)}"
        try:
            reply = await self._client.request(method, path.rstrip("/"), value)
        except Exception as error:
            status = getattr(error, "status", None)
            if status in _REFUSALS:
                return status, {"Content-Type": "text/plain"}, _REFUSALS[status]
            log.warning("metadata cannot be had", address=address, error=repr(error))
            return _TROUBLE
        kind = reply.headers.get("content-type") or reply.headers.get("Content-Type") or "text/plain"
        return 200, {"Content-Type": kind}, reply.body
