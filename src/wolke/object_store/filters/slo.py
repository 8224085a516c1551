"""Static large objects: a list of segments that reads as one object.

The list is the object's data (``manifests``); size and ETag are those of the whole. Segments are looked at when the list is
made, and again when they are read: one that has changed or may not be read ends it, with 409 if nothing was sent yet.

What S3 put together from parts is told to be such an object too, with no segments that anybody could name: clients know by
it that the ETag is no MD5 of what they get.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from collections.abc import Awaitable
from typing import Any

from wolke.core.errors import BadRequest, CloudError, Conflict, Refused, TooLarge
from wolke.core.http import Response
from wolke.object_store.api import answers, formats, lists, times
from wolke.object_store.api.call import NO_QUERY, Call, Handler, Marks
from wolke.object_store.api.objects.read import object_headers, send
from wolke.object_store.errors import DataMismatch
from wolke.object_store.filters import manifests
from wolke.object_store.filters.bulk import body_of, has_length
from wolke.object_store.filters.large import HASH, Whole, is_composed, look, own_etag, spoken, tell, whole
from wolke.object_store.filters.manifests import Segment, Wanted
from wolke.object_store.filters.reports import SIGN_OF_LIFE_S, Report, in_time, line
from wolke.object_store.filters.slo_delete import delete_whole
from wolke.object_store.model import MANIFEST, described
from wolke.object_store.service import Found, ObjectStore
from wolke.object_store.service.joined import Inline, Joined, Source, Span

_HEADER = "x-static-large-object"
_ETAG = "list-slo_etag"
_JSON = "application/json; charset=utf-8"
_AT_ONCE = 8

INFO: dict[str, Any] = {
    "slo": {
        "max_manifest_segments": manifests.MOST_SEGMENTS,
        "max_manifest_size": manifests.MOST_BYTES,
        "yield_frequency": int(SIGN_OF_LIFE_S),
        "min_segment_size": 1,
        "allow_async_delete": True,
    }
}


def filter_slo(handler: Handler, store: ObjectStore) -> Handler:
    reader = Reader(handler, store)

    def answer(call: Call) -> Awaitable[Response]:
        if not call.name:
            return handler(call)
        method = call.method
        if method in ("GET", "HEAD"):
            return reader.answer(call)
        asked = call.query.get("multipart-manifest") if call.query.pairs else None
        if method == "PUT" and asked == "put":
            return spoken(Making(answer, handler, store, call).answer())
        if method == "DELETE" and asked == "delete":
            return spoken(delete_whole(handler, store, call))
        if _HEADER in call.headers and method in ("PUT", "POST"):
            return _reserved()
        return handler(call)

    return answer


async def _reserved() -> Response:
    text = f"{_HEADER.title()} is a reserved header. To create a static large object add query param multipart-manifest=put."
    return answers.refusal(BadRequest(text))


# -- reading


class Reader:
    def __init__(self, handler: Handler, store: ObjectStore) -> None:
        self._handler = handler
        self._store = store

    async def answer(self, call: Call) -> Response:
        response = await self._handler(call)
        found = call.found
        if found is None or call.raw:
            return response
        if is_composed(found.object):
            return await spoken(self._composed(call, found, response))
        if found.object.kind != MANIFEST or response.status != 200:
            return response
        return await spoken(self._send(call, found, response.headers))

    async def _composed(self, call: Call, found: Found, response: Response) -> Response:
        if response.status == 200 and call.query.pairs and call.query.get("multipart-manifest") == "get":
            nothing = Inline(manifests.stored([]))
            value = described(found.object, content_type=_JSON)
            response = await send(call, object_headers(found), value, nothing)
        response.headers["X-Static-Large-Object"] = "True"
        return response

    async def _send(self, call: Call, found: Found, headers: dict[str, str | bytes]) -> Response:
        headers["X-Static-Large-Object"] = "True"
        if call.query.pairs and call.query.get("multipart-manifest") == "get":
            return await self._manifest(call, found, headers)
        value = found.object
        source = Joined(value.size, lambda: self._spans(call, found))
        tell(call, Whole(source, value.etag))
        headers["Etag"] = f'"{value.etag}"'
        headers["X-Manifest-Etag"] = own_etag(value)
        if call.query.pairs and (number := call.query.get("part-number")) is not None:
            return await self._part(call, found, headers, number, source)
        return await send(call, headers, value, source)

    async def _manifest(self, call: Call, found: Found, headers: dict[str, str | bytes]) -> Response:
        """The list itself, or as it would be sent to make it."""
        etag, data, kind = own_etag(found.object), await _data(self._store, found), _JSON
        if call.query.get("format") == "raw":
            data = manifests.raw(manifests.load(data))
            etag, kind = hashlib.md5(data, usedforsecurity=False).hexdigest(), found.object.content_type
        headers["Etag"] = etag
        return await send(call, headers, described(found.object, content_type=kind), Inline(data), etag=etag)

    async def _part(
        self, call: Call, found: Found, headers: dict[str, str | bytes], text: str, source: Source
    ) -> Response:
        if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text)):
            raise BadRequest("Part number must be an integer greater than 0")
        if "range" in call.headers:
            raise BadRequest("Range requests are not supported with part number queries")
        number, segments = int(text), manifests.load(await _data(self._store, found))
        headers["X-Parts-Count"] = str(len(segments))
        if number > len(segments):
            headers["Content-Range"] = f"bytes */{found.object.size}"
            body = b"The requested part number is not satisfiable"
            return Response(416, b"" if call.method == "HEAD" else body, headers=headers, content_type=answers.HTML)
        start, length = sum(segment.size for segment in segments[: number - 1]), segments[number - 1].size
        range_ = f"bytes={start}-{start + length - 1}"
        if call.method == "GET":
            call.headers["range"] = range_
            call.headers.pop("if-range", None)
            return await send(call, headers, found.object, source)
        response = await send(call, headers, found.object, source)
        if response.status == 200:
            response.status = 206
            response.headers["Content-Length"] = str(length)
            response.headers["Content-Range"] = f"bytes {range_[6:]}/{found.object.size}"
        return response

    async def _spans(self, call: Call, found: Found) -> list[Span]:
        segments = manifests.load(await _data(self._store, found))
        return [self._span(call, found, segment) for segment in segments]

    def _span(self, call: Call, found: Found, segment: Segment) -> Span:
        start, length = segment.span

        async def open_it() -> Source:
            if segment.data is not None:
                return Inline(b64decode(segment.data))
            status, sub = await look(self.answer, self._store, call, segment.place)
            if status != 200:
                raise Conflict("A segment cannot be read.")
            there = whole(self._store, sub)
            if there.etag != segment.hash or there.source.size != segment.bytes:
                raise Conflict("A segment has changed.")
            return there.source

        return Span(length, open_it, start)


async def _data(store: ObjectStore, found: Found) -> bytes:
    body = store.objects.body(found)
    return b"".join([chunk async for chunk in body.chunks(0, body.size)])


# -- making


class Making:
    """``through`` is this filter itself: a segment may be such an object, too."""

    def __init__(self, through: Handler, handler: Handler, store: ObjectStore, call: Call) -> None:
        self._through = through
        self._handler = handler
        self._store = store
        self._call = call
        self._report = Report("upload", 201)

    async def answer(self) -> Response:
        call = self._call
        wanted = manifests.parse(await self._body(), f"{call.container}/{call.name}")
        if sum(one.data is None for one in wanted) > manifests.MOST_SEGMENTS:
            raise TooLarge(f"Number of object-backed segments must be <= {manifests.MOST_SEGMENTS}")
        form = _form(call)
        if not lists.is_true(call.query.get("heartbeat")):
            response = await self._store_it(wanted)
            if response is not None:
                return response
            body = self._report.written(form, with_status=False)
            return Response(400, body, content_type=form)
        return await in_time(self._with_heartbeat(wanted, form), 202, form, at_once=True)

    async def _body(self) -> bytes:
        call = self._call
        if "x-copy-from" in call.headers:
            raise Refused(405, "Method Not Allowed", "Multipart Manifest PUTs cannot be COPY requests")
        if not has_length(call):
            raise Refused(411, "Length Required")
        body = bytearray()
        if int(call.headers.get("content-length", "0")[:18]) <= manifests.MOST_BYTES:
            async for chunk in body_of(call):
                body += chunk
                if len(body) > manifests.MOST_BYTES:
                    break
            else:
                return bytes(body)
        raise TooLarge(f"Manifest File > {manifests.MOST_BYTES} bytes")

    async def _with_heartbeat(self, wanted: list[Wanted], form: str) -> bytes:
        report = self._report
        response = await spoken(self._stored_or_refused(wanted))
        report.status = response.status
        if response.status < 300:
            report.more = {
                "Etag": str(response.headers["Etag"]),
                "Last Modified": str(response.headers["Last-Modified"]),
            }
        else:
            report.body = f"{answers.title(response.status)}\n{answers.said(response.status)}"
        return report.written(form)

    async def _stored_or_refused(self, wanted: list[Wanted]) -> Response:
        return await self._store_it(wanted) or Response(400)

    async def _store_it(self, wanted: list[Wanted]) -> Response | None:
        """None: some segments will not do, and the report says which."""
        segments = await self._looked_at(wanted)
        if self._report.errors:
            return None
        call, data, etag = self._call, manifests.stored(segments), manifests.etag_of(segments)
        if (promised := call.headers.pop("etag", "").strip().strip('"')) and promised != etag:
            raise DataMismatch
        own = hashlib.md5(data, usedforsecurity=False).hexdigest()
        system = {HASH: own, _ETAG: f'"{etag}"'}
        call.marks = Marks(kind=MANIFEST, size=sum(segment.size for segment in segments), etag=etag, system=system)
        call.data, call.query = data, NO_QUERY
        call.headers["content-length"] = str(len(data))
        call.headers.pop("transfer-encoding", None)
        call.headers.pop(_HEADER, None)
        response = await self._handler(call)
        if response.status < 300:
            response.headers["Etag"] = f'"{etag}"'
        return response

    async def _looked_at(self, wanted: list[Wanted]) -> list[Segment]:
        paths = list(dict.fromkeys(one.path for one in wanted if one.data is None))
        there: dict[str, Call | int] = {}
        for at in range(0, len(paths), _AT_ONCE):
            batch = paths[at : at + _AT_ONCE]
            there.update(zip(batch, await asyncio.gather(*map(self._look, batch)), strict=True))
        segments = []
        for index, one in enumerate(wanted):
            segment = self._segment(one, there, last=index == len(wanted) - 1)
            if segment is not None:
                segments.append(segment)
        return segments

    async def _look(self, path: str) -> Call | int:
        container, _, name = path.lstrip("/").partition("/")
        try:
            status, sub = await look(self._through, self._store, self._call, (container, name))
        except CloudError as error:
            return error.status
        return sub if status == 200 else status

    def _segment(self, one: Wanted, there: dict[str, Call | int], *, last: bool) -> Segment | None:
        if one.data is not None:
            return Segment(data=manifests.encoded(one.data))
        sub = there[one.path]
        if isinstance(sub, int):
            self._report.failed(one.path, line(sub))
            return None
        assert sub.found is not None
        value, (source, etag) = sub.found.object, whole(self._store, sub)
        size = length = source.size
        range_ = ""
        if one.span is not None:
            place = one.span.within(size)
            if place is None:
                self._report.failed(one.path, "Unsatisfiable Range")
            elif place != (0, size - 1):
                range_, length = f"{place[0]}-{place[1]}", place[1] - place[0] + 1
        if length < 1 and not last:
            self._report.failed(one.path, "Too small; each segment must be at least 1 byte.")
        if one.size is not None and one.size != size:
            self._report.failed(one.path, "Size Mismatch")
        if one.etag is not None and one.etag != etag:
            self._report.failed(one.path, "Etag Mismatch")
        name = "/" + one.path.lstrip("/")
        modified = times.iso(value.stamp)
        return Segment(name, size, etag, value.content_type, modified, range_, value.kind == MANIFEST)


def _form(call: Call) -> str:
    try:
        return formats.wanted(call)
    except CloudError:
        return formats.PLAIN
