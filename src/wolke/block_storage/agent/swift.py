"""Backups in Object Storage, over its Swift API with the agent's own credential."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from wolke.core.errors import CloudError

_PAGE = 1000
_MISSING = 404


class Reply(Protocol):
    @property
    def body(self) -> bytes: ...


class Client(Protocol):
    """What is needed of ``core.agent_client.AgentClient``."""

    async def project_id(self) -> str: ...

    async def request(
        self,
        method: str,
        path: str,
        value: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Reply: ...


class SwiftStore:
    """``url``: of the object store, up to its "/v1"."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")

    async def prepare(self, container: str) -> None:
        await self._client.request("PUT", await self._at(container))

    async def put(self, container: str, name: str, data: bytes) -> None:
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()  # the store refuses other bytes than these
        await self._client.request("PUT", await self._at(container, name), headers={"ETag": etag}, data=data)

    async def get(self, container: str, name: str) -> bytes | None:
        try:
            reply = await self._client.request("GET", await self._at(container, name))
        except CloudError as error:
            if error.status == _MISSING:
                return None
            raise
        return reply.body

    async def names(self, container: str, prefix: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        marker = ""
        while True:
            asked = f"?format=json&limit={_PAGE}&prefix={quote(prefix, safe='')}&marker={quote(marker, safe='')}"
            try:
                reply = await self._client.request("GET", await self._at(container) + asked)
            except CloudError as error:
                if error.status == _MISSING:
                    return found
                raise
            page = msgspec.json.decode(reply.body) if reply.body else []
            found |= {one["name"]: one["hash"] for one in page}
            if len(page) < _PAGE:
                return found
            marker = page[-1]["name"]

    async def delete(self, container: str, name: str) -> None:
        try:
            await self._client.request("DELETE", await self._at(container, name))
        except CloudError as error:
            if error.status != _MISSING:
                raise

    async def _at(self, container: str, name: str = "") -> str:
        account = f"{self._url}/v1/AUTH_{await self._client.project_id()}/{quote(container, safe='')}"
        return f"{account}/{quote(name)}" if name else account
