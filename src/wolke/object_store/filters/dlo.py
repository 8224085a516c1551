"""Dynamic large objects: ``X-Object-Manifest: container/prefix`` makes an object all those whose names begin so, in their order.

What these are is looked up each time. The ETag is the MD5 of theirs, one after the other; the size is their sum.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from urllib.parse import unquote

from wolke.core.errors import Conflict
from wolke.core.http import Response
from wolke.object_store.api import answers
from wolke.object_store.api.call import Call, Handler
from wolke.object_store.api.objects.read import MANIFEST_HEADER, send
from wolke.object_store.filters.large import Whole, look, own_etag, spoken, tell, whole
from wolke.object_store.model import Listed, Prefix, Wish
from wolke.object_store.service import ObjectStore
from wolke.object_store.service.joined import Joined, Source, Span

_PAGE = 1000
_MOST = 100_000

INFO = {"dlo": {"max_segments": _MOST}}


def filter_dlo(handler: Handler, store: ObjectStore) -> Handler:
    def answer(call: Call) -> Awaitable[Response]:
        return read(call) if call.name and call.method in ("GET", "HEAD") else handler(call)

    async def read(call: Call) -> Response:
        response = await handler(call)
        found = call.found
        if found is None or MANIFEST_HEADER not in found.object.headers or response.status != 200 or found.object.kind:
            return response
        if call.query.get("multipart-manifest") == "get":
            return await send(call, response.headers, found.object, store.objects.body(found))
        return await spoken(_read(handler, store, call, response))

    return answer


async def _read(handler: Handler, store: ObjectStore, call: Call, response: Response) -> Response:
    assert call.found is not None
    value = call.found.object
    assembled = await _assemble(handler, store, call, value.headers[MANIFEST_HEADER])
    if isinstance(assembled, Response):
        return assembled
    tell(call, assembled)
    if "," in call.headers.get("range", ""):
        del call.headers["range"]  # several ranges of what is put together anew each time are not offered
    response.headers["Etag"] = f'"{assembled.etag}"'
    return await send(call, response.headers, value, assembled.source, etag=assembled.etag)


async def _assemble(handler: Handler, store: ObjectStore, call: Call, manifest: str) -> Whole | Response:
    assert call.found is not None
    account = call.found.container.account
    container, _, prefix = unquote(manifest).lstrip("/").partition("/")
    asked = {"referer": call.headers["referer"]} if "referer" in call.headers else {}
    may_list = await handler(call.sub("HEAD", container, headers=asked, account=account))
    if not 200 <= may_list.status < 300:
        return answers.page(may_list.status)
    segments = await _segments(store, account, container, prefix)
    md5 = hashlib.md5("".join(own_etag(item.object) for item in segments).encode(), usedforsecurity=False)

    def span(item: Listed) -> Span:
        async def open_it() -> Source:
            status, sub = await look(handler, store, call, (container, item.name))
            if status != 200 or (source := whole(store, sub).source).size != item.object.size:
                raise Conflict("A segment has changed.")
            return source

        return Span(item.object.size, open_it)

    async def spans() -> list[Span]:
        return [span(item) for item in segments]

    return Whole(Joined(sum(item.object.size for item in segments), spans), md5.hexdigest())


async def _segments(store: ObjectStore, account: str, container: str, prefix: str) -> list[Listed]:
    place = await store.containers.get(account, container)
    found: list[Listed] = []
    marker = ""
    while True:
        page = await store.containers.objects(place, Wish(limit=_PAGE, prefix=prefix, marker=marker))
        found += [item for item in page if not isinstance(item, Prefix)]
        if len(page) < _PAGE:
            return found
        if len(found) >= _MOST:
            raise Conflict(f"A dynamic large object has at most {_MOST} segments.")
        marker = page[-1].name
        await asyncio.sleep(0)  # others have their turn
