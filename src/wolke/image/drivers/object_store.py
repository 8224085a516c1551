"""Image data in the cloud's own object store, in the account of its project ``service``.

A blob ``<id>`` is a large object (SLO) in the container ``images``, whose segments are ``<id>/<number>``: it is whole when its manifest
is there. ``<id>.live`` says that somebody still writes it; it expires by itself soon after its writer has died, who else renews it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from wolke.core import ids
from wolke.core.log import get_logger
from wolke.image.drivers.base import Blob, NoBlob, NoSpace

CONTAINER = "images"
_SEGMENT_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20
_PAGE = 10_000
_LIVE_S, _RENEW_S = 90, 20.0
_FULL = frozenset({413, 507})
_LIVE = ".live"

log = get_logger(__name__)

#: Where the account is (``http://host:port/v1/AUTH_…``) and a token for it; asked again when a token is refused.
Place = Callable[[], Awaitable[tuple[str, str]]]


class StoreRefused(Exception):
    """The object store answered with what is no answer."""


class ObjectStoreDriver:
    def __init__(self, directory: Path, *, place: Place, certificate: Path | None = None) -> None:
        self._place = place
        self._certificate = certificate
        self._session: aiohttp.ClientSession | None = None
        self._account = self._token = ""
        self._made = False

    async def begin(self, blob_id: str) -> ObjectStoreWriter:
        writer = ObjectStoreWriter(self, _checked(blob_id))
        await writer.start()
        return writer

    def path(self, blob_id: str) -> Path | None:
        return None

    async def read(self, blob_id: str, start: int, length: int) -> AsyncIterator[bytes]:
        if length <= 0:
            return
        wanted = {"Range": f"bytes={start}-{start + length - 1}"}
        async with await self.request("GET", _checked(blob_id), headers=wanted) as answer:
            if answer.status == 404:
                raise NoBlob(blob_id)
            if answer.status == 416:
                return
            _expect(answer, 200, 206)
            async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                yield piece

    async def delete(self, blob_id: str) -> bool:
        if await self._is_live(_checked(blob_id)):
            return False
        await self.remove(blob_id)
        return True

    async def remove(self, blob_id: str) -> None:
        """The manifest first: without it nobody reads what follows."""
        await self._delete(blob_id)
        for name in await self._names(f"{blob_id}/"):
            await self._delete(name)

    async def blobs(self) -> list[Blob]:
        names = await self._names("")
        found = dict.fromkeys(name.partition("/")[0].removesuffix(_LIVE) for name in names)
        whole = {name for name in names if ids.is_uuid(name)}
        marked = {name.removesuffix(_LIVE) for name in names if name.endswith(_LIVE)}
        return [
            Blob(one, one in whole, one in marked and await self._is_live(one)) for one in found if ids.is_uuid(one)
        ]

    async def free_bytes(self) -> int | None:
        return None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    # -- the wire

    async def request(self, method: str, name: str, *, query: str = "", **more: Any) -> aiohttp.ClientResponse:
        """Whatever comes back; once more with a new token if the one at hand is refused, and the body can be sent again."""
        repeatable = not hasattr(more.get("data"), "__aiter__")
        for attempt in range(2):
            if not self._token or attempt:
                self._account, self._token = await self._place()
            headers = {"X-Auth-Token": self._token, **more.get("headers", {})}
            path = f"{self._account}/{CONTAINER}" + (f"/{name}" if name else "") + query
            answer = await self._http().request(method, path, **{**more, "headers": headers})
            if answer.status != 401 or attempt or not repeatable:
                break
            answer.release()
        return answer

    async def put(self, name: str, data: Any, headers: dict[str, str] | None = None, query: str = "") -> str:
        """Returns the ETag. Raises ``NoSpace``."""
        async with await self.request("PUT", name, query=query, data=data, headers=headers or {}) as answer:
            if answer.status in _FULL:
                raise NoSpace
            _expect(answer, 201, 202)
            return answer.headers.get("Etag", "").strip('"')

    async def make_container(self) -> None:
        """It also sees to it that the token at hand is good, before data goes out that could not be sent twice."""
        async with await self.request("PUT", "") as answer:
            _expect(answer, 201, 202)

    async def _delete(self, name: str) -> None:
        async with await self.request("DELETE", name) as answer:
            _expect(answer, 204, 404)

    async def _is_live(self, blob_id: str) -> bool:
        """Lists may show for a while what has expired; the object itself does not."""
        async with await self.request("HEAD", blob_id + _LIVE) as answer:
            _expect(answer, 200, 204, 404)
            return answer.status != 404

    async def _names(self, prefix: str) -> list[str]:
        found: list[str] = []
        while True:
            marker = found[-1] if found else ""
            query = f"?format=json&limit={_PAGE}&prefix={prefix}&marker={marker}"
            async with await self.request("GET", "", query=query) as answer:
                _expect(answer, 200, 204, 404)
                page = await answer.json() if answer.status == 200 else []
            found += [one["name"] for one in page]
            if len(page) < _PAGE:
                return found

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            trust = ssl.create_default_context(cafile=str(self._certificate)) if self._certificate else True
            limits = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), timeout=limits)
        return self._session


class ObjectStoreWriter:
    def __init__(self, driver: ObjectStoreDriver, blob_id: str) -> None:
        self._driver = driver
        self._id = blob_id
        self._segments: list[_Segment] = []
        self._renewing: asyncio.Task[None] | None = None
        self._committed = self._closed = False

    async def start(self) -> None:
        await self._driver.make_container()
        await self._mark()
        self._renewing = asyncio.create_task(self._renew())

    async def append(self, data: bytes) -> None:
        if self._closed:
            raise ValueError("this writer is closed")
        view = memoryview(data)
        while view:
            segment = self._segments[-1] if self._segments else None
            if segment is None or segment.size == _SEGMENT_BYTES:
                if segment is not None:
                    await segment.finish()
                segment = _Segment(self._driver, f"{self._id}/{len(self._segments):08d}")
                self._segments.append(segment)
            room = _SEGMENT_BYTES - segment.size
            await segment.write(bytes(view[:room]))
            view = view[room:]

    async def commit(self) -> None:
        if self._segments:
            await self._segments[-1].finish()
            manifest = [
                {"path": f"/{CONTAINER}/{one.name}", "etag": one.etag, "size_bytes": one.size} for one in self._segments
            ]
            await self._driver.put(self._id, msgspec.json.encode(manifest), query="?multipart-manifest=put")
        else:
            await self._driver.put(self._id, b"")
        self._committed = True

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        for segment in self._segments:
            await segment.abandon()
        if not self._committed:
            await self._driver.remove(self._id)
        await self._driver._delete(self._id + _LIVE)

    async def _mark(self) -> None:
        await self._driver.put(self._id + _LIVE, b"", {"X-Delete-After": str(_LIVE_S)})

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            try:
                await self._mark()
            except (aiohttp.ClientError, StoreRefused, NoSpace, TimeoutError, OSError) as error:
                log.warning("an upload's mark could not be renewed", blob=self._id, error=repr(error))


class _Segment:
    """One PUT that goes on while data comes."""

    def __init__(self, driver: ObjectStoreDriver, name: str) -> None:
        self.name = name
        self.size = 0
        self.etag = ""
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._task = asyncio.create_task(driver.put(name, self._chunks()))

    async def _chunks(self) -> AsyncIterator[bytes]:
        while (data := await self._waiting.get()) is not None:
            yield data

    async def write(self, data: bytes) -> None:
        await self._hand_over(data)
        self.size += len(data)

    async def finish(self) -> None:
        if not self.etag:
            await self._hand_over(None)
            self.etag = await self._task

    async def abandon(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _hand_over(self, data: bytes | None) -> None:
        """Raises what the PUT has failed with."""
        if self._task.done():
            await self._task
            raise StoreRefused("the object store ended an upload before its end")
        handing = asyncio.create_task(self._waiting.put(data))
        try:
            await asyncio.wait({handing, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not handing.done():
                handing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await handing
        if not handing.done() or handing.cancelled():
            await self._task


def _expect(answer: aiohttp.ClientResponse, *statuses: int) -> None:
    if answer.status not in statuses:
        raise StoreRefused(f"the object store answered {answer.status} to {answer.method}")


def _checked(blob_id: str) -> str:
    if not ids.is_uuid(blob_id):
        raise ValueError("a blob's name is a UUID")
    return blob_id
