"""A door of its own: an ASGI application for an API whose paths, errors and ways to sign in no route table can say (Swift and S3)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from wolke.core import metrics
from wolke.core.http.application import Api, Receive, Send, send_response
from wolke.core.http.messages import ClientGone, Request, Response
from wolke.core.log import get_logger
from wolke.core.policy import Policy

log = get_logger(__name__)


class Door:
    """``answer`` answers every request, errors too; it raises nothing but ``ClientGone``. ``name`` is for figures and log."""

    def __init__(self, name: str, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self.name = name
        self._answer = answer
        self._api = Api(name, "", (), None, Policy(()))

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request = Request(self._api, scope, receive)
        try:
            response = await self._answer(request)
        except ClientGone:
            log.info("client left", path=request.path)
            return
        seconds = time.perf_counter() - started
        metrics.observe_request(self.name, request.method, response.status, seconds)
        if response.status >= 500:
            log.info(
                "request", method=request.method, path=request.path, status=response.status, ms=round(seconds * 1e3, 1)
            )
        await send_response(scope, send, response, [])
