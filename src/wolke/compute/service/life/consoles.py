"""A server's consoles: what it wrote, and URLs at which its screen or serial line can be opened for a while."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from wolke.compute.errors import ConsoleUnavailable
from wolke.compute.model import ConsoleToken, Server
from wolke.compute.service.life.errors import ConsoleTypeUnavailable
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.questions import Questions
from wolke.compute.store import CONSOLE_TOKENS, HOSTS, SERVERS
from wolke.core.context import Context
from wolke.core.drivers import Failure
from wolke.core.errors import Conflict
from wolke.core.log import get_logger

log = get_logger(__name__)

KINDS: Mapping[str, str] = {"novnc": "vnc", "serial": "serial"}  # console kind: the driver capability it needs
_TOKEN_BYTES = 32
_RUNNING = ("ACTIVE", "PAUSED", "ERROR")


class ConsoleDoor(Protocol):
    """A host's agent in the same process: the short way to its guests."""

    async def console_output(self, server_id: str, length: int | None) -> str: ...

    async def console_socket(self, server_id: str, kind: str) -> Path:
        """The unix socket to copy bytes to and from; ``kind`` is novnc or serial."""


class Consoles:
    """``doors``: of hosts whose agent runs in this process, by host. ``public_url``: where browsers reach this cloud."""

    def __init__(self, ground: Ground, questions: Questions, doors: Mapping[str, ConsoleDoor], public_url: str) -> None:
        self._ground = ground
        self._questions = questions
        self.doors = dict(doors)
        self._public_url = public_url.rstrip("/")

    async def console_output(self, server: Server, length: int | None) -> str:
        if server.host is None:
            raise ConsoleUnavailable(server.id)
        door = self.doors.get(server.host)
        try:
            if door is not None:
                return await door.console_output(server.id, length)
            return str(await self._questions.ask(server.host, "console_output", server.id, length=length))
        except Failure as why:
            log.info("no console output", server_id=server.id, reason=str(why))
            raise ConsoleUnavailable(server.id) from None

    async def create_console(self, ctx: Context, server: Server, kind: str) -> str:
        """A URL with a token in it, good for ``console_token_ttl_s``."""
        host = await self._ground.db.get(HOSTS, name=server.host) if server.host else None
        if host is None or server.status not in _RUNNING:
            raise ConsoleUnavailable(server.id)
        if kind not in KINDS or not host.capabilities.get(KINDS[kind]):
            raise ConsoleTypeUnavailable(kind)
        if host.name not in self.doors:
            raise Conflict(
                f"Host {host.name} is not on the controller's machine: interactive consoles do not reach it yet."
            )
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        expires_at = self._ground.clock.after(self._ground.config.console_token_ttl_s)
        async with self._ground.db.transaction() as tx:
            await tx.insert(CONSOLE_TOKENS, ConsoleToken(hash_of(token), server.id, kind, host.name, expires_at))
        return self._page(kind, token)

    def _page(self, kind: str, token: str) -> str:
        """noVNC's address says where its socket is, as everybody's does: clients read it there that draw no page."""
        page = f"{self._public_url}/console/{kind}"
        if kind == "novnc":
            return f"{page}?path={quote(f'console/{kind}/socket?token={token}')}"
        return f"{page}?token={token}"

    async def socket_for(self, token: str, kind: str) -> Path | None:
        """Where the console that the token opens is; None if the token opens nothing (any more)."""
        found = await self._ground.db.get(CONSOLE_TOKENS, token_hash=hash_of(token))
        if found is None or found.kind != kind or found.expires_at <= self._ground.clock.now():
            return None
        server = await self._ground.db.get(SERVERS, id=found.server_id)
        door = self.doors.get(found.host)
        if server is None or server.host != found.host or door is None:
            return None
        try:
            return await door.console_socket(server.id, kind)
        except Failure as why:
            log.info("console does not open", server_id=server.id, reason=str(why))
            return None

    async def describe(self, token: str) -> dict[str, Any] | None:
        """What os-console-auth-tokens tells an administrator of a token."""
        found = await self._ground.db.get(CONSOLE_TOKENS, token_hash=hash_of(token))
        if found is None or found.expires_at <= self._ground.clock.now():
            return None
        return {"instance_uuid": found.server_id, "host": found.host, "port": 0, "internal_access_path": None}


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
