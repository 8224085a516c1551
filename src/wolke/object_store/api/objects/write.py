"""PUT of an object: what it is called and said to be is checked before its data is read, and its checksum before it is there."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from functools import lru_cache

from wolke.core.errors import BadRequest, Refused, TooLarge
from wolke.core.http import Response
from wolke.object_store.api import answers, conditions, etags, lists, times
from wolke.object_store.api.call import Call, Marks
from wolke.object_store.api.gate import WRITE, Gate
from wolke.object_store.api.metadata import check_value
from wolke.object_store.api.objects import legacy
from wolke.object_store.api.objects.legacy import LOCATION
from wolke.object_store.api.objects.read import DELETE_AT, MANIFEST_HEADER, version_number
from wolke.object_store.errors import BadMetadata, ClientDisconnected, DataMismatch, PreconditionFailed, VersionNotFound
from wolke.object_store.model import Container, Description, Object, Received, stamp_text
from wolke.object_store.service import Check
from wolke.object_store.service.limits import HEADER_BYTES, OBJECT_BYTES, check_metadata

META = "x-object-meta-"
KEPT = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "expires",
        MANIFEST_HEADER,
        "x-robots-tag",
    }
)
_NO_MARKS = Marks()
_DEFAULT_TYPE = "application/octet-stream"
_LATEST_S = 9_999_999_999  # in 2286; ten digits, as stamps have


async def put(gate: Gate, call: Call) -> Response:
    container, _ = await gate.container(call, WRITE)
    number = version_number(call, container)
    if number is not None:
        return await _restore(gate, call, container, number)
    asked = call.headers
    size = _size(call)
    headers = kept_headers(asked)
    due_s = due(asked, gate.store.ground.now_s)
    content_type = _content_type(call)
    etag = asked.get("etag", "").strip().strip('"').lower()
    marks = call.marks or _NO_MARKS

    def describe(received: Received) -> Description:
        if size is not None and received.size < size:
            raise ClientDisconnected
        if etag and etag != received.md5 and not marks.etag:
            raise DataMismatch
        return Description(
            content_type=content_type,
            etag=marks.etag or received.md5,
            headers=headers,
            system=marks.system,
            kind=marks.kind,
            size=marks.size,
            due_s=due_s,
        )

    check = _check(asked)
    if LOCATION in container.system:
        await legacy.archive(gate, container, call.name)
    objects = gate.store.objects
    if call.source is not None:
        received = Received(call.source.object.etag, size or 0)
        made = await objects.copy(call.source, container, call.name, describe(received), check=check)
    else:
        made = await objects.put(container, call.name, call.data, describe, size=size, check=check)
    response = created(container, made)
    if await etags.are_quoted(gate.store, container):
        response.headers["Etag"] = f'"{made.etag}"'
    return response


def created(container: Container, made: Object) -> Response:
    headers = {"Etag": made.etag, "Last-Modified": times.last_modified(made.stamp)}
    if made.version:
        headers["X-Object-Version-Id"] = stamp_text(made.version)
    return answers.done(201, headers)


def _size(call: Call) -> int | None:
    """How much was announced; None where it comes in chunks and says its end."""
    if isinstance(call.data, bytes):
        return len(call.data)
    length = call.headers.get("content-length")
    encoding = call.headers.get("transfer-encoding", "")
    if encoding:
        if encoding.rpartition(",")[2].strip().lower() != "chunked":
            raise Refused(501, "Not Implemented", "Unsupported Transfer-Coding header value")
        return None
    if length is None:
        raise Refused(411, "Length Required", "Missing Content-Length header.")
    if len(length) > 15 or int(length) > OBJECT_BYTES:
        raise TooLarge("Your request is too large.")
    return int(length)


def kept_headers(asked: Mapping[str, str]) -> dict[str, str]:
    """What of the request is kept with an object and comes back with it."""
    kept: dict[str, str] = {}
    own: dict[str, str] = {}
    for name, value in asked.items():
        if len(value) > HEADER_BYTES:
            check_value(name, value)
        if name.startswith(META):
            check_value(name, value)
            kept[name] = own[name[len(META) :]] = value
        elif name in KEPT:
            check_value(name, value)
            kept[name] = value
    if own:
        check_metadata("Object", own)
    if MANIFEST_HEADER in kept:
        _check_manifest(kept[MANIFEST_HEADER])
    return kept


def _check_manifest(value: str) -> None:
    container, slash, prefix = value.lstrip("/").partition("/")
    if not (container and slash and prefix) or "?" in value or "&" in value:
        raise BadRequest("X-Object-Manifest must be in the format container/prefix")


@lru_cache(1024)
def _type_by_ending(ending: str) -> str:
    """``ending``: the last words of a name, as in ``tar.gz``."""
    return mimetypes.guess_type(f"/name.{ending}")[0] or _DEFAULT_TYPE


def _content_type(call: Call) -> str:
    given = call.headers.get("content-type", "")
    if lists.is_true(call.headers.get("x-detect-content-type")) or not given:
        _, *words = call.name.rpartition("/")[2].lstrip(".").split(".")
        return _type_by_ending(".".join(words[-2:])) if words else _DEFAULT_TYPE
    check_value("content-type", given)
    return given


def due(asked: Mapping[str, str], now_s: Callable[[], int]) -> int | None:
    """When it expires (Unix time), by ``X-Delete-After`` or ``X-Delete-At``."""
    if (after := asked.get("x-delete-after", "")) != "":
        seconds = _whole("X-Delete-After", after)
        if seconds <= 0:
            raise BadMetadata("X-Delete-After in past")
        return now_s() + seconds
    if (at := asked.get(DELETE_AT, "")) != "":
        moment = _whole("X-Delete-At", at)
        if moment <= now_s():
            raise BadMetadata("X-Delete-At in past")
        return moment
    return None


def _whole(name: str, text: str) -> int:
    digits = text.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise BadMetadata(f"Non-integer {name}")
    return max(-_LATEST_S, min(int(text[:20]), _LATEST_S))


def _check(asked: Mapping[str, str]) -> Check | None:
    if "if-none-match" not in asked:
        return None
    if conditions.tags(asked["if-none-match"]) != {"*"}:
        raise BadRequest("If-None-Match only supports *")

    def nothing_there(old: Object | None) -> None:
        if old is not None:
            raise PreconditionFailed

    return nothing_there


async def _restore(gate: Gate, call: Call, container: Container, number: int) -> Response:
    """``PUT ?version-id=``: that version becomes the current one."""
    if number == 0:
        raise BadRequest("Invalid version parameter")
    if _size(call) != 0:
        raise BadRequest("PUT version-id requests require a zero byte body")
    try:
        made = await gate.store.objects.restore(container, call.name, number)
    except VersionNotFound:
        raise VersionNotFound("The specified version does not exist") from None
    return created(container, made)
