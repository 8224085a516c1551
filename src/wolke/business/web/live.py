"""What changes while somebody looks: server-sent events that say what is not as it was. The page then asks for its part again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from wolke.business.resources.changes import Change
from wolke.business.web.page import Ask, Page
from wolke.core.http import Response

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def live(ask: Ask) -> Response:
    """Of the project that is worked on, if this person may see it."""
    project = await ask.desk.customers.projects.seen(ask.who, ask.places["project_id"])
    changes = ask.desk.resources.changes.follow(project.id)
    return Response(200, content_type="text/event-stream", chunks=_told(ask, changes), headers=_HEADERS)


async def _told(ask: Ask, changes: AsyncIterator[Change]) -> AsyncIterator[bytes]:
    """Until the browser has left, which nobody but the connection says."""
    gone = asyncio.create_task(ask.request.gone())
    try:
        yield b"retry: 2000\n\n"
        while True:
            following = asyncio.ensure_future(anext(changes))
            await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following
                return
            change = following.result()
            if not change.kind:
                yield b": still here\n\n"
                continue
            yield f"event: {change.kind}\ndata: {change.object_id}\n\nevent: {change.object_id}\ndata: {change.state}\n\n".encode()
    finally:
        gone.cancel()
        await changes.aclose()  # type: ignore[attr-defined]


PAGES = (Page("GET", "/live/{project_id}", live),)
