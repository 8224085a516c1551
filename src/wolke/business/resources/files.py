"""Objects as they come and go: bytes pass through, a few chunks at a time, and are kept nowhere here."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from wolke.business.customers.model import Project
from wolke.business.errors import Invalid
from wolke.business.resources.base import Means
from wolke.business.who import Who

LARGEST_BYTES = 5 * 2**30  # of one object, in every Swift
_WAITING = 8
TOO_LARGE = "This is larger than 5 GiB, which is as much as one object may have."


@dataclass(frozen=True, slots=True)
class Fetched:
    kind: str
    size_bytes: int
    chunks: AsyncIterator[bytes]


class Files:
    def __init__(self, means: Means) -> None:
        self._means = means

    async def put(
        self, who: Who, project: Project, container: str, name: str, kind: str, chunks: AsyncIterator[bytes]
    ) -> None:
        """Whole or not at all. An exception of ``chunks`` is the caller's own."""
        key = await self._means.credentials(project.id)
        pipe = _Pipe(asyncio.get_running_loop())
        feeding = asyncio.create_task(pipe.feed(chunks))
        try:
            await self._means.cloud.project(
                key, lambda side: side.objects.put(container, name, kind, pipe.come()), carries=True
            )
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            pipe.end()
            if pipe.error is not None:
                raise pipe.error
        async with self._means.needs.db.transaction() as tx:
            details = {"name": f"{container}/{name}"}
            await self._means.needs.audit.write(
                tx, who, "objects.put", project.id, details, company_id=project.company_id
            )

    async def get(self, project_id: str, container: str, name: str) -> Fetched:
        key = await self._means.credentials(project_id)
        kind, size, chunks = await self._means.cloud.project(
            key, lambda side: side.objects.get(container, name), carries=True
        )
        return Fetched(kind, size, self._means.cloud.chunks(chunks))


class _Pipe:
    """From the event loop into a thread; whoever is ahead waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._room = loop, asyncio.Semaphore(_WAITING)
        self._chunks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.error: Exception | None = None

    async def feed(self, chunks: AsyncIterator[bytes]) -> None:
        size = 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > LARGEST_BYTES:
                    raise Invalid(TOO_LARGE)
                await self._room.acquire()
                self._chunks.put(chunk)
        except Exception as error:
            self.error = error
        self.end()

    def end(self) -> None:
        """Nobody waits for more."""
        self._chunks.put(None)

    def come(self) -> Iterator[bytes]:
        """In the thread. What broke off must not look whole: then this raises, and the store keeps nothing."""
        while (chunk := self._chunks.get()) is not None:
            self._loop.call_soon_threadsafe(self._room.release)
            if chunk:
                yield chunk
        if self.error is not None:
            raise ConnectionError("the upload broke off")
