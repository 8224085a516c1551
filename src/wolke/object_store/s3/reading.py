"""GetObject and HeadObject: conditions, ranges, parts, and what of the answer the query may change."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from wolke.core import ids
from wolke.core.http import Response
from wolke.object_store.errors import ObjectNotFound, VersionNotFound
from wolke.object_store.model import MARKER, Object, version_text
from wolke.object_store.s3 import checksums, foreign, xml
from wolke.object_store.s3 import headers as meta
from wolke.object_store.s3.call import Call, etag_of, http_time, seconds
from wolke.object_store.s3.faults import Fault, argument
from wolke.object_store.service import Found
from wolke.object_store.service.uploads import MOST_PARTS

_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})")
_MOST_RANGES = 50
_CHANGED = {
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
    "response-content-language": "content-language",
    "response-content-type": "content-type",
    "response-expires": "expires",
}


class Span(NamedTuple):
    start: int
    length: int

    def header(self, size: int) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


async def find(call: Call) -> Found:
    """The object that the call means, which is no delete marker. Raises ``Fault``."""
    version = call.version()
    container = call.there
    try:
        found = await call.store.objects.find(container, call.key, version)
    except VersionNotFound:
        raise Fault("NoSuchVersion", Key=call.key, VersionId=call.query("versionId")) from None
    except ObjectNotFound:
        raise Fault("NoSuchKey", headers=await _marker(call), Key=call.key) from None
    if found.object.kind == MARKER:
        gone = {"x-amz-delete-marker": "true", "x-amz-version-id": version_text(found.object.version)}
        raise Fault("MethodNotAllowed", headers=gone, Method=call.request.method, ResourceType="DeleteMarker")
    return found


async def _marker(call: Call) -> dict[str, str]:
    """Headers that say that the object is gone because somebody deleted it."""
    if not call.there.versioning:
        return {}
    newest = await call.store.versions.list(call.there, limit=1, prefix=call.key)
    if not newest or newest[0].name != call.key or newest[0].object.kind != MARKER:
        return {}
    return {"x-amz-delete-marker": "true", "x-amz-version-id": version_text(newest[0].object.version)}


async def get_object(call: Call) -> Response:
    number = part_number(call)
    found = await find(call)
    value, headers = found.object, meta.shown(call, found)
    refuse(call.headers, value, headers)
    for name, changed in _CHANGED.items():
        if (given := call.query(name)) is not None:
            if call.caller.anonymous:
                raise Fault(
                    "InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests."
                )
            headers[changed] = given
    if call.swift is not None and foreign.is_foreign(found):
        return await foreign.read(call.swift, call, found, _without_sums(headers))
    kind = headers.pop("content-type", value.content_type or meta.DEFAULT_TYPE)
    size = call.store.objects.body(found).size
    if number is not None:
        headers = _without_sums(headers)
        span = _part(value, size, number, headers)
        headers["content-range"] = span.header(size)
        return await _send(call, found, 206, span, headers, kind)
    spans = _spans(call.headers.get("range", ""), size)
    if spans is None:
        return await _send(call, found, 200, Span(0, size), headers, kind)
    headers = _without_sums(headers)
    if len(spans) > 1:
        return _send_many(call, found, spans, headers, kind)
    headers["content-range"] = spans[0].header(size)
    return await _send(call, found, 206, spans[0], headers, kind)


def part_number(call: Call) -> int | None:
    text = call.query("partNumber")
    if text is None:
        return None
    if "range" in call.headers:
        raise Fault("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
    return checked_part_number(text)


def checked_part_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or not 1 <= int(text) <= MOST_PARTS:
        raise argument("partNumber", text, f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive")
    return int(text)


def _part(value: Object, size: int, number: int, headers: dict[str, str]) -> Span:
    sizes = meta.part_sizes(value)
    if sizes:
        headers["x-amz-mp-parts-count"] = str(len(sizes))
    sizes = sizes or [size]
    if number > len(sizes):
        raise Fault("InvalidPartNumber", ActualPartCount=len(sizes), PartNumberRequested=number)
    return Span(sum(sizes[: number - 1]), sizes[number - 1])


def refuse(given: Mapping[str, str], value: Object, headers: Mapping[str, str], prefix: str = "") -> None:
    """The four conditions of RFC 9110, in its order. ``prefix``: of a copy's source, where nothing is ever unmodified."""
    etag, changed_s = etag_of(value), seconds(value.stamp)
    match, none_match = given.get(prefix + "if-match"), given.get(prefix + "if-none-match")
    failed = Fault("PreconditionFailed", Condition=prefix + "If-Match")
    if match is not None:
        if not _names(match, etag):
            raise failed
    elif (since := http_time(given.get(prefix + "if-unmodified-since", ""))) is not None and changed_s > since:
        raise Fault("PreconditionFailed", Condition=prefix + "If-Unmodified-Since")
    unmodified = False
    if none_match is not None:
        unmodified = _names(none_match, etag)
    elif (since := http_time(given.get(prefix + "if-modified-since", ""))) is not None:
        unmodified = changed_s <= since
    if unmodified:
        raise Fault("PreconditionFailed") if prefix else Fault("NotModified", headers=_without_sums(headers))


def _without_sums(headers: Mapping[str, str]) -> dict[str, str]:
    """A checksum is of the whole, and clients hold what comes against it."""
    return {name: value for name, value in headers.items() if not name.startswith(checksums.PREFIX)}


def _names(listed: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in listed.split(",")}
    return "*" in tags or etag in tags


def _spans(header: str, size: int) -> list[Span] | None:
    """None: all of it, as a range that is no range asks for nothing. Raises ``InvalidRange`` if none can be had."""
    unit, _, listed = header.partition("=")
    if unit.strip().lower() != "bytes" or not listed:
        return None
    asked = listed.split(",")
    if len(asked) > _MOST_RANGES:
        return None
    found = []
    for one in asked:
        match = _RANGE.fullmatch(one.strip())
        if match is None or (not match[1] and not match[2]):
            return None
        if match[1] and match[2] and int(match[1]) > int(match[2]):
            return None
        if span := _span(match[1], match[2], size):
            found.append(span)
    if not found:
        raise Fault("InvalidRange", RangeRequested=header, ActualObjectSize=size)
    return found if sum(span.length for span in found) <= max(size, 1) else None


def _span(first: str, last: str, size: int) -> Span | None:
    if not first:
        length = min(int(last), size)
        return Span(size - length, length) if length else None
    start = int(first)
    stop = min(int(last), size - 1) if last else size - 1
    return Span(start, stop - start + 1) if start < size else None


async def _send(call: Call, found: Found, status: int, span: Span, headers: dict[str, str], kind: str) -> Response:
    if call.request.method == "HEAD":
        headers["content-length"] = str(span.length)
        return Response(status, headers=headers, content_type=kind, chunks=_nothing())
    if not span.length:
        return Response(status, headers=headers, content_type=kind)
    data = await call.store.objects.body(found).read(span.start, span.length)
    if isinstance(data, bytes):
        return Response(status, data, headers=headers, content_type=kind)
    headers["content-length"] = str(span.length)
    return Response(status, headers=headers, content_type=kind, chunks=data.chunks, parts=data.parts)


def _send_many(call: Call, found: Found, spans: list[Span], headers: dict[str, str], kind: str) -> Response:
    boundary = ids.uuid()
    body = call.store.objects.body(found)
    heads = [
        f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {span.header(body.size)}\r\n\r\n".encode(
            "latin-1", "replace"
        )
        for span in spans
    ]
    end = f"--{boundary}--\r\n".encode()
    headers["content-length"] = str(
        sum(len(head) + 2 for head in heads) + sum(span.length for span in spans) + len(end)
    )

    async def chunks() -> AsyncIterator[bytes]:
        for head, span in zip(heads, spans, strict=True):
            yield head
            async for chunk in body.chunks(span.start, span.length):
                yield chunk
            yield b"\r\n"
        yield end

    sent = _nothing() if call.request.method == "HEAD" else chunks()
    return Response(206, headers=headers, content_type=f"multipart/byteranges;boundary={boundary}", chunks=sent)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def get_attributes(call: Call) -> Response:
    """GetObjectAttributes: parts of an object's metadata, those that x-amz-object-attributes names."""

    asked = {one.strip() for one in call.headers.get("x-amz-object-attributes", "").split(",")}
    known = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
    if not asked - {""} or asked - known:
        raise argument("x-amz-object-attributes", ",".join(sorted(asked)), "Invalid attribute name specified.")
    found = await find(call)
    value, parts = found.object, []
    if "ETag" in asked:
        parts.append(xml.leaf("ETag", etag_of(value)))
    one = meta.sum_of(value)
    if "Checksum" in asked and one is not None:
        parts.append(xml.element("Checksum", (f"Checksum{one[0]}", one[1]), ("ChecksumType", one[2])))
    sizes = meta.part_sizes(value)
    if "ObjectParts" in asked and sizes:
        parts.append(xml.element("ObjectParts", ("PartsCount", str(len(sizes)))))
    if "StorageClass" in asked:
        parts.append(xml.leaf("StorageClass", value.system.get(meta.CLASS, "STANDARD")))
    if "ObjectSize" in asked:
        parts.append(xml.leaf("ObjectSize", str(value.size)))
    headers = meta.shown(call, found)
    kept = {name: text for name, text in headers.items() if name in ("last-modified", "x-amz-version-id")}
    return Response(
        200, xml.document("GetObjectAttributesResponse", *parts), headers=kept, content_type="application/xml"
    )
