"""GET and HEAD of objects, of their versions and of parts of them."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Protocol

from wolke.core.errors import BadRequest, CloudError, NotFound
from wolke.core.http import Response
from wolke.object_store.api import answers, conditions, etags, lists, paths, ranges, times
from wolke.object_store.api.call import Call
from wolke.object_store.api.gate import READ, Gate, denied
from wolke.object_store.drivers.base import Stream
from wolke.object_store.errors import NotModified, ObjectNotFound, PreconditionFailed, VersionNotFound
from wolke.object_store.model import MARKER, Container, Object, parse_stamp, stamp_text, version_text
from wolke.object_store.service import Found

MANIFEST_HEADER = "x-object-manifest"
DELETE_AT = "x-delete-at"
_NO_VERSIONS = "version-aware operations require that the container is versioned"


class Data(Protocol):
    """Something with a size that can be read from anywhere: an object's body, or what a filter makes of several."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, length: int) -> Awaitable[bytes | Stream]: ...


async def get(gate: Gate, call: Call) -> Response:
    found = await _find(gate, call)
    value = found.object
    headers = object_headers(found)
    await _of_this_call(gate, call, found, headers)
    if (value.kind or MANIFEST_HEADER in value.headers) and not call.raw:
        return Response(200, headers=headers, content_type=answers.wire_name(value.content_type))
    return await send(call, headers, value, gate.store.objects.body(found))


async def _of_this_call(gate: Gate, call: Call, found: Found, headers: dict[str, str | bytes]) -> None:
    value = found.object
    if call.query.pairs and (version := call.query.get("version-id")):
        headers["X-Object-Version-Id"] = version
    elif value.version:
        place = paths.quoted(call.account, call.container, call.name)
        headers["Content-Location"] = f"{place}?version-id={stamp_text(value.version)}"
    if await etags.are_quoted(gate.store, found.container) and value.etag[:1] != '"':
        headers["Etag"] = f'"{value.etag}"'


async def head(gate: Gate, call: Call) -> Response:
    """The same; ``send`` reads nothing for it."""
    return await get(gate, call)


async def _find(gate: Gate, call: Call) -> Found:
    container, verdict = await gate.container(call, READ)
    number = version_number(call, container)
    if number and not (verdict.owner or call.inner or call.granted is not None):
        raise denied(call)  # who was let in to read was not let in to what was
    try:
        found = await gate.store.objects.find(container, call.name, number, expired=opens_expired(gate, call))
    except VersionNotFound:
        raise ObjectNotFound from None
    except ObjectNotFound:
        if "*" in call.headers.get("if-match", ""):
            raise PreconditionFailed from None
        raise
    if found.object.kind == MARKER:
        raise NotFound(
            headers={"X-Object-Version-Id": version_text(found.object.version), "Content-Type": lists.MARKER_TYPE}
        )
    call.found = found
    return found


def opens_expired(gate: Gate, call: Call) -> bool:
    return "x-open-expired" in call.headers and (
        gate.store.ground.config.allow_open_expired and lists.is_true(call.headers["x-open-expired"])
    )


def version_number(call: Call, container: Container) -> int | None:
    """Of ``?version-id=``: None without it, 0 for ``null``, which is all there is where no versions are kept."""
    text = call.query.get("version-id") if call.query.pairs else None
    if not text:
        return None
    if text == "null":
        return 0 if container.versioning or call.method == "PUT" else None
    if not container.versioning:
        raise BadRequest(_NO_VERSIONS)
    number = parse_stamp(text)
    if number is None:
        raise BadRequest("Invalid version parameter")
    return number


def object_headers(found: Found) -> dict[str, str | bytes]:
    """All that is said of an object but its size and type."""
    value = found.object
    headers = answers.wired(value.headers)
    headers["Etag"] = value.etag
    headers["Last-Modified"] = times.last_modified(value.stamp)
    headers["X-Timestamp"] = stamp_text(value.stamp)
    headers["Accept-Ranges"] = "bytes"
    if found.entry.due_s is not None:
        headers["X-Delete-At"] = str(found.entry.due_s)
    if value.version:
        headers["X-Object-Version-Id"] = stamp_text(value.version)
    return headers


async def send(
    call: Call,
    headers: dict[str, str | bytes],
    value: Object,
    data: Data,
    *,
    etag: str = "",
    stamp: int = 0,
) -> Response:
    """``data`` as the answer to this call, HEAD too, with its conditions and ranges looked at. ``etag`` and ``stamp`` in place of
    the object's own."""
    asked = call.headers
    etag, stamp = etag or value.etag, stamp or value.stamp
    content_type = answers.wire_name(value.content_type)
    for name in conditions.NAMES:
        if name in asked:
            if (refusal := _refusal(asked, etag, stamp, headers)) is not None:
                return refusal
            break
    if call.method == "HEAD":
        return answers.head_only(200, headers, data.size, content_type)
    if "range" in asked and _range_holds(asked, etag, stamp):
        try:
            spans = ranges.parse(asked["range"], data.size)
        except CloudError as error:
            return answers.refusal(error, headers)
        if spans is not None:
            return await _partial(headers, content_type, data, spans)
    return _whole(200, headers, content_type, await data.read(0, data.size), data.size)


def _refusal(asked: dict[str, str], etag: str, stamp: int, headers: dict[str, str | bytes]) -> Response | None:
    try:
        conditions.check(asked, etag.strip('"'), stamp)
    except (NotModified, PreconditionFailed) as error:
        return answers.refusal(error, headers)
    return None


def _range_holds(asked: dict[str, str], etag: str, stamp: int) -> bool:
    condition = asked.get("if-range")
    if condition is None:
        return True
    moment = times.parse_http_date(condition) if '"' not in condition else None
    return moment == times.seconds(stamp) if moment is not None else condition.strip('"') == etag.strip('"')


async def _partial(
    headers: dict[str, str | bytes], content_type: str, data: Data, spans: list[ranges.Span]
) -> Response:
    size = data.size
    if len(spans) == 1:
        headers["Content-Range"] = ranges.content_range(spans[0], size)
        return _whole(206, headers, content_type, await data.read(*spans[0]), spans[0][1])
    boundary = os.urandom(16).hex()
    headers["Content-Length"] = str(ranges.parts_size(spans, size, content_type, boundary))
    chunks = ranges.parts(data.read, spans, size, content_type, boundary)
    return Response(206, headers=headers, content_type=f"multipart/byteranges;boundary={boundary}", chunks=chunks)


def _whole(
    status: int, headers: dict[str, str | bytes], content_type: str, found: bytes | Stream, length: int
) -> Response:
    if isinstance(found, bytes):
        return Response(status, found, headers=headers, content_type=content_type)
    headers["Content-Length"] = str(length)
    return Response(status, headers=headers, content_type=content_type, chunks=found.chunks, parts=found.parts)
