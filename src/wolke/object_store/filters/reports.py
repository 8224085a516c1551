"""Answers to what may take long: 200 after a while, whitespace while it goes on, and in the body at last how it went.

The client's proxy sees that somebody is there; the client itself must read the report, in JSON, XML or text.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from wolke.core.errors import CloudError
from wolke.core.http import ClientGone, Response
from wolke.core.log import get_logger
from wolke.object_store.api import answers, formats
from wolke.object_store.api.call import Call

TEXT = "text/plain"
SIGN_OF_LIFE_S = 10.0
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_XML = ("application/xml", "text/xml")
_PAUSE = b"\r\n\r\n"
_NAME_SHOWN = 1282  # the longest container and object name
_BAD_GATEWAY = 502
log = get_logger(__name__)


def line(status: int) -> str:
    return f"{status} {answers.title(status)}"


class Report:
    """``status`` is that of the whole; it is read as a line, ``201 Created``. ``errors``: names and status lines."""

    def __init__(self, kind: str, status: int, **figures: int) -> None:
        self.kind = kind
        self.status = status
        self.body = ""
        self.figures = {name.replace("_", " ").title(): value for name, value in figures.items()}
        self.more: dict[str, str] = {}
        self.errors: list[list[str]] = []
        self.worst = 400

    def count(self, name: str) -> None:
        self.figures[name] += 1

    def failed(self, name: str | bytes, status: int | str) -> None:
        raw = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
        self.errors.append([quote(raw[:_NAME_SHOWN]), status if isinstance(status, str) else line(status)])
        if isinstance(status, int) and status >= 500:
            self.worst = _BAD_GATEWAY

    def refuse(self, status: int, body: str) -> None:
        self.status, self.body = status, body

    def written(self, form: str | None, *, with_status: bool = True) -> bytes:
        entries: dict[str, Any] = {**self.figures, **self.more}
        if with_status:
            entries |= {"Response Status": line(self.status), "Response Body": self.body}
        if form == "application/json":
            return json.dumps({**entries, "Errors": self.errors}).encode()
        if form in _XML:
            return self._xml(entries)
        lines = [f"{name}: {entries[name]}\n" for name in sorted(entries)]
        return "".join([*lines, "Errors:\n", *(f"{name}, {status}\n" for name, status in self.errors)]).encode()

    def _xml(self, entries: dict[str, Any]) -> bytes:
        tags = ((name.replace(" ", "_").lower(), str(entries[name])) for name in sorted(entries))
        body = "".join(f"<{tag}>{escape(value)}</{tag}>\n" for tag, value in tags)
        errors = "".join(
            f"<object><name>{escape(name)}</name><status>{escape(status)}</status></object>\n"
            for name, status in self.errors
        )
        return f"<{self.kind}>\n{body}<errors>\n{errors}</errors>\n</{self.kind}>\n".encode()


async def reported(call: Call, report: Report, work: Callable[[], Awaitable[None]]) -> Response:
    """``work`` fills the report in. Refusals that it raises become the report's own."""
    try:
        form: str | None = formats.wanted(call)
    except CloudError:
        form = None

    async def whole() -> bytes:
        if form is None:
            report.refuse(406, "")
            return report.written(TEXT)
        try:
            await work()
        except CloudError as refused:
            report.refuse(refused.status, "" if refused.message == refused.title else refused.message)
        except (ClientGone, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("bug", request_id=call.trans_id, method=call.method, path=call.path)
            report.refuse(500, "")
        return report.written(form)

    return await in_time(whole(), 200, form or TEXT)


async def in_time(work: Coroutine[Any, Any, bytes], status: int, form: str, *, at_once: bool = False) -> Response:
    """What ``work`` gives; where that takes long, an answer that begins without it. ``at_once``: it shall begin now.

    The answer else does not begin before the client's body is read: who waits to be asked for that takes 200 for a no.
    """
    task = asyncio.ensure_future(work)
    opening = _DECLARATION if form in _XML else b""
    try:
        if not at_once and (await asyncio.wait({task}, timeout=SIGN_OF_LIFE_S))[0]:
            return Response(status, opening + task.result(), content_type=form)
    except BaseException:
        task.cancel()
        raise
    return Response(status, chunks=_kept_alive(task, opening or b" "), content_type=form)


async def _kept_alive(task: asyncio.Future[bytes], opening: bytes) -> AsyncIterator[bytes]:
    try:
        yield opening
        while not (await asyncio.wait({task}, timeout=SIGN_OF_LIFE_S))[0]:
            yield b" "
        yield _PAUSE + task.result()
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ClientGone):
                await task
