"""Where the point of purchase stands in ``wolke up``: behind the cloud's own door, opened when somebody first comes in.

A cloud that nobody buys at pays nothing for it, neither when it starts nor in memory. One at which somebody has bought opens it at each
start, once the cloud serves, because what is used must be counted.
"""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wolke.business.config import BusinessConfig
from wolke.core.clock import Clock
from wolke.core.http.application import Receive, Send
from wolke.core.log import get_logger
from wolke.state import StateDirectory

if TYPE_CHECKING:
    from wolke.business.portal import Portal

log = get_logger(__name__)
_NOT_OPEN = b"The point of purchase cannot be opened just now. Please try again in a moment.\n"


class Storefront:
    """``cloud``: its name in ``clouds.yaml``; ``clouds`` None: where OpenStack's clients look for theirs. ``serve`` is an ASGI application."""

    def __init__(
        self, config: BusinessConfig, state: StateDirectory, clock: Clock, url: str, cloud: str, clouds: Path | None
    ) -> None:
        self._config = config if config.url else replace(config, url=url)
        self._state, self._clock, self._cloud, self._clouds = state, clock, cloud, clouds
        self._portal: Portal | None = None
        self._opening = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def credentials(self) -> Path:
        """The file that says how the first administrator signs in."""
        self._state.portal_secrets()
        return self._state / "portal.json"

    def begin(self) -> None:
        """Returns at once."""
        if self._config.database or (self._state / "business.db").exists():
            self._background = asyncio.create_task(self._open_and_tell(), name="storefront")

    async def _open_and_tell(self) -> None:
        try:
            await self.opened()
        except Exception:
            log.exception("the point of purchase cannot be opened; it is tried again with the first request")

    async def opened(self) -> Portal:
        if self._portal is not None:
            return self._portal
        async with self._opening:
            if self._portal is None and not self._closed:
                self._portal = await self._open()
        if self._portal is None:
            raise RuntimeError("the point of purchase has been closed")
        return self._portal

    async def _open(self) -> Portal:
        # In threads: the imports take a second or two, in which the cloud goes on serving.
        module = await asyncio.to_thread(importlib.import_module, "wolke.business.portal")
        window = await asyncio.to_thread(importlib.import_module, "wolke.business.openstack")
        secrets = self._state.portal_secrets()
        cloud = window.CloudWindow(self._cloud, self._clouds)
        portal: Portal = module.Portal(
            self._config, self._state.path, bytes.fromhex(secrets.secret), self._clock, cloud
        )
        try:
            await portal.open()
            await portal.desk.customers.staff.begin(secrets.administrator, secrets.password)
        except BaseException:
            await portal.close()
            raise
        await portal.begin()
        return portal

    async def serve(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            portal = await self.opened()
        except Exception:
            log.exception("the point of purchase cannot be opened")
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"5")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": _NOT_OPEN})
            return
        await portal.serve(scope, receive, send)

    async def end(self) -> None:
        self._closed = True
        if self._background is not None:
            self._background.cancel()
            await asyncio.gather(self._background, return_exceptions=True)
        if self._portal is not None:
            await self._portal.end()

    async def close(self) -> None:
        if self._portal is not None:
            await self._portal.close()
            self._portal = None
