"""What changes while somebody looks: server-sent events that say what is not as it was. The page then asks for its part again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from wolke.business.web.page import Ask, Page
from wolke.core.http import Response

if TYPE_CHECKING:
    from wolke.business.web.page import Run

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_STILL_HERE = b": still here\n\n"
News = AsyncGenerator[bytes, None]


async def live(ask: Ask) -> Response:
    """Of the project that is worked on, if this person may see it."""
    project = await ask.desk.customers.projects.seen(ask.who, ask.places["project_id"])
    return _stream(ask, _of_project(ask, project.id))


async def _of_project(ask: Ask, project_id: str) -> News:
    async with contextlib.aclosing(ask.desk.resources.changes.follow(project_id)) as changes:
        async for change in changes:
            if not change.kind:
                yield _STILL_HERE
                continue
            yield f"event: {change.kind}\ndata: {change.object_id}\n\nevent: {change.object_id}\ndata: {change.state}\n\n".encode()


def ticket(verb: str) -> Run:
    """What is said in a ticket that ``verb`` shows; ``seen`` in the address is the number of the last thing that the page has."""

    async def run(ask: Ask) -> Response:
        await ask.call(verb)
        seen = ask.request.query.get("seen") or ""
        return _stream(ask, _of_ticket(ask, verb, int(seen) if seen.isdecimal() else 0))

    return run


async def _of_ticket(ask: Ask, verb: str, seen: int) -> News:
    """The verb is asked each time, so that a note of the provider's people is no news to a customer."""
    async with contextlib.aclosing(ask.desk.support.watch.turns()) as turns:
        async for news in turns:
            if not news:
                yield _STILL_HERE
                continue
            last = (await ask.call(verb)).events[-1].number
            if last > seen:
                seen = last
                yield f"event: ticket\ndata: {last}\n\n".encode()


def _stream(ask: Ask, news: News) -> Response:
    return Response(200, content_type="text/event-stream", chunks=_told(ask, news), headers=_HEADERS)


async def _told(ask: Ask, news: News) -> News:
    """Until the browser has left, which nobody but the connection says."""
    gone = asyncio.create_task(ask.request.gone())
    try:
        yield b"retry: 2000\n\n"
        while True:
            following = asyncio.ensure_future(anext(news))
            await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following
                return
            yield following.result()
    finally:
        gone.cancel()
        await news.aclose()


PAGES = (
    Page("GET", "/live/{project_id}", live),
    Page("GET", "/live/tickets/{ticket_id}", ticket("tickets.show")),
    Page("GET", "/live/provider/tickets/{ticket_id}", ticket("provider.tickets.show")),
)
