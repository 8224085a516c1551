"""How a host's agent speaks to the controllers: HTTP and nothing else, with a token that it renews by itself.

    client = AgentClient(session, "http://controller:8774", credentials)
    wish = await client.get_json("/agent/network/v1/hosts/h1/wish")

The session is given from outside, so that the composition root decides about connections and closes them.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from wolke.core.errors import CloudError

_CHUNK_BYTES = 1 << 20
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of a project, as Keystone's password method wants it."""

    user_name: str
    password: str = field(repr=False)
    project_name: str
    user_domain_id: str = "default"
    project_domain_id: str = "default"

    def body(self) -> dict[str, Any]:
        user = {"name": self.user_name, "domain": {"id": self.user_domain_id}, "password": self.password}
        project = {"name": self.project_name, "domain": {"id": self.project_domain_id}}
        return {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": project},
            }
        }


class Refusal(CloudError):
    """A controller said no. ``status`` is its answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]


class AgentClient:
    """``paths`` begin with the service's prefix, or are whole URLs of what lies elsewhere; ``ca`` is a file of certificates to trust
    instead of the system's."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        credentials: Credentials,
        *,
        identity_path: str = "/identity/v3",
        ca: Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._session = session
        self._base = base_url.rstrip("/")
        self._credentials = credentials
        self._identity = identity_path
        self._ssl: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca else True
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._endless = aiohttp.ClientTimeout(total=None, sock_connect=timeout_s, sock_read=timeout_s)
        self._token: str | None = None
        self._project_id = ""
        self._renewing = asyncio.Lock()

    # -- JSON

    async def get_json(self, path: str) -> Any:
        return _json(await self.request("GET", path))

    async def put_json(self, path: str, value: Any) -> Any:
        return _json(await self.request("PUT", path, value))

    async def post_json(self, path: str, value: Any) -> Any:
        return _json(await self.request("POST", path, value))

    async def project_id(self) -> str:
        """Of the project that the credentials are for."""
        await self._valid_token()
        return self._project_id

    async def request(
        self,
        method: str,
        path: str,
        value: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Reply:
        """One request with a JSON body, or with ``data``, or with none. 304 is an answer; ``Refusal`` from 400 on."""
        sent = dict(headers or {})
        if value is not None:
            data = msgspec.json.encode(value)
            sent["Content-Type"] = "application/json"
        async with await self._send(method, path, sent, data, self._timeout) as response:
            return Reply(response.status, await response.read(), response.headers)

    # -- streams

    async def stream_lines(self, path: str) -> AsyncIterator[str]:
        """The lines of a long answer, without their ends, until the other side stops or falls silent."""
        async with await self._send("GET", path, {}, None, self._endless) as response:
            async for line in response.content:
                yield line.decode("utf-8", "replace").rstrip("\r\n")

    async def download(self, path: str, target: Path) -> int:
        """Into ``target`` (whole or not at all); returns the number of bytes."""
        partial, size = target.with_name(target.name + ".part"), 0
        async with await self._send("GET", path, {}, None, self._endless) as response:
            file = await asyncio.to_thread(partial.open, "wb")
            try:
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    await asyncio.to_thread(file.write, chunk)
                    size += len(chunk)
            finally:
                await asyncio.to_thread(file.close)
        await asyncio.to_thread(partial.replace, target)
        return size

    async def upload(
        self, method: str, path: str, source: Path, content_type: str = "application/octet-stream"
    ) -> Reply:
        async def chunks() -> AsyncIterator[bytes]:
            file = await asyncio.to_thread(source.open, "rb")
            try:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                    yield chunk
            finally:
                await asyncio.to_thread(file.close)

        headers = {"Content-Type": content_type}
        async with await self._send(method, path, headers, chunks, self._endless) as response:
            return Reply(response.status, await response.read(), response.headers)

    # -- sending

    async def _send(
        self, method: str, path: str, headers: dict[str, str], data: Any, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """The open response. A token that is no longer taken is renewed once."""
        for renewed in (False, True):
            token = await self._valid_token()
            response = await self._session.request(
                method,
                path if "://" in path else self._base + path,
                headers={**headers, "X-Auth-Token": token},
                data=data() if callable(data) else data,
                timeout=timeout,
                ssl=self._ssl,
                allow_redirects=False,
            )
            if response.status < 400:
                return response
            async with response:
                text = (await response.content.read(_SHOWN)).decode("utf-8", "replace")
            if response.status == 401 and not renewed:
                if self._token == token:
                    self._token = None
                continue
            raise Refusal(response.status, f"{method} {path}: {response.status} {text}")
        raise AssertionError

    async def _valid_token(self) -> str:
        async with self._renewing:
            if self._token is None:
                url = f"{self._base}{self._identity}/auth/tokens"
                data = msgspec.json.encode(self._credentials.body())
                headers = {"Content-Type": "application/json"}
                async with self._session.post(
                    url, data=data, headers=headers, timeout=self._timeout, ssl=self._ssl
                ) as response:
                    if response.status != 201:
                        raise Refusal(response.status, f"no token for {self._credentials.user_name!r}")
                    said = msgspec.json.decode(await response.read())
                    self._project_id = said["token"]["project"]["id"]
                    self._token = response.headers["X-Subject-Token"]
            return self._token


def _json(reply: Reply) -> Any:
    return msgspec.json.decode(reply.body) if reply.body else None
