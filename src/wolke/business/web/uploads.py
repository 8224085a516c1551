"""Files that go up into object storage: straight through, a piece at a time; neither memory nor disk holds more than a few pieces."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator

from wolke.business.errors import BusinessError, Invalid, NotNow
from wolke.business.verb import TECHNICIANS, check_may
from wolke.business.web.page import Ask, Page
from wolke.core.errors import CloudError
from wolke.core.http import Response

_LARGEST_BYTES = 5 * 1024**3
_WAITING = 8
_WAIT_S = 60.0


class _Pipe:
    """Pieces from the loop to the thread that sends them. The one who stops first ends the other."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            piece = self._pieces.get(timeout=_WAIT_S)
            if piece is None:
                if self._over:
                    raise ConnectionAbortedError("the browser left")
                return
            yield piece

    async def put(self, piece: bytes | None) -> None:
        await asyncio.to_thread(self._pieces.put, piece, True, _WAIT_S)

    def abort(self) -> None:
        self._over = True
        with self._pieces.mutex:
            self._pieces.queue.clear()
        self._pieces.put_nowait(None)


async def upload(ask: Ask) -> Response:
    """What went wrong is said in a sentence, which the page shows beside the file."""
    try:
        await _upload(ask)
    except CloudError as error:
        text = error.text if isinstance(error, BusinessError) else error.message
        values = error.values if isinstance(error, BusinessError) else {}
        said = ask.words.sentence(text, **values)
        return Response(error.status, said.encode(), content_type="text/plain; charset=utf-8")
    return Response(201)


async def _upload(ask: Ask) -> None:
    check_may(ask.who, TECHNICIANS)
    desk, request = ask.desk, ask.request
    folder, name, container = (
        request.query.get("folder") or "",
        request.query.get("name") or "",
        ask.places["container"],
    )
    if not name or len(folder + name) > 1000 or "/" in name:
        raise Invalid("This file has a name that cannot be kept. Please give it another one.")
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal() or int(declared) > _LARGEST_BYTES:
        raise Invalid("This file is too large: at most 5 GiB, please.")
    project = await desk.customers.projects.seen(ask.who, ask.project.id if ask.project else "")
    await desk.customers.companies.may_buy(project.company_id)
    key = await desk.resources.means.credentials(project.id)
    kind = request.headers.get("content-type", "application/octet-stream")
    pipe = _Pipe()
    sending = asyncio.create_task(
        desk.cloud.project(key, lambda side: side.objects.put(container, folder + name, kind, iter(pipe)))
    )
    try:
        async for piece in request.stream():
            if sending.done():
                break
            await pipe.put(piece)
        await pipe.put(None)
    except queue.Full:
        raise NotNow("The cloud takes nothing more just now. Please try again in a moment.") from None
    except BaseException:
        pipe.abort()
        raise
    finally:
        await asyncio.wait({sending})
    sending.result()
    async with desk.needs.db.transaction() as tx:
        details = {"name": f"{container}/{folder}{name}", "bytes": int(declared)}
        await desk.needs.audit.write(tx, ask.who, "objects.put", project.id, details, company_id=project.company_id)


PAGES = (Page("PUT", "/storage/{container}/upload", upload, body_bytes=None),)
