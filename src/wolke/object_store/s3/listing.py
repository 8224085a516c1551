"""Lists of a bucket: ListObjects, ListObjectsV2 and ListObjectVersions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from wolke.core.http import Response
from wolke.object_store.model import MARKER, Listed, Object, Prefix, Wish, parse_stamp, version_text
from wolke.object_store.s3 import headers as meta
from wolke.object_store.s3 import owners, xml
from wolke.object_store.s3.call import Call, etag_of, ok, quoted, xml_time
from wolke.object_store.s3.faults import argument

_PAGE = 1000
_LAST = "\U0010ffff"  # behind every name that begins like it


class _Asked(NamedTuple):
    prefix: str
    delimiter: str
    limit: int
    encode: Callable[[str], str]
    shown_limit: int


def encoder(call: Call) -> Callable[[str], str]:
    """How names are written: as they are, or percent-encoded if the client asks for it."""
    asked = call.query("encoding-type")
    if asked is None or asked == "":
        return xml.printable
    if asked != "url":
        raise argument("encoding-type", asked, "Invalid Encoding Method specified in Request")
    return quote


def _asked(call: Call) -> _Asked:
    limit = call.number("max-keys", _PAGE, 1 << 31)
    return _Asked(
        call.query("prefix") or "", call.query("delimiter") or "", min(limit, _PAGE), encoder(call), min(limit, _PAGE)
    )


async def _page(call: Call, asked: _Asked, marker: str) -> tuple[list[Listed | Prefix], bool]:
    if not asked.limit:
        return [], False
    wish = Wish(limit=asked.limit + 1, prefix=asked.prefix, delimiter=asked.delimiter, marker=marker)
    found = await call.store.containers.objects(call.there, wish)
    return found[: asked.limit], len(found) > asked.limit


def _rows(found: list[Listed | Prefix], asked: _Asked, owner: str) -> list[xml.Part]:
    rows: list[xml.Part] = []
    encode = asked.encode
    for one in found:
        if isinstance(one, Listed):
            rows.append(_contents("Contents", encode(one.name), one.object, owner))
    rows += [_prefix(encode(one.name)) for one in found if isinstance(one, Prefix)]
    return rows


def _prefix(name: str) -> str:
    return f"<CommonPrefixes>{xml.leaf('Prefix', name)}</CommonPrefixes>"


def _contents(element: str, name: str, value: Object, owner: str, extra: str = "") -> str:
    kind = value.system.get(meta.CLASS, "STANDARD") if value.system else "STANDARD"
    one = meta.sum_of(value) if value.system else None
    sums = f"<ChecksumAlgorithm>{one[0]}</ChecksumAlgorithm><ChecksumType>{one[2]}</ChecksumType>" if one else ""
    return (
        f"<{element}>{xml.leaf('Key', name)}{extra}<LastModified>{xml_time(value.stamp)}</LastModified>"
        f"<ETag>{xml.escape(quoted(etag_of(value)))}</ETag>{sums}<Size>{value.size}</Size>{owner}"
        f"<StorageClass>{kind}</StorageClass></{element}>"
    )


def _owner(call: Call) -> str:
    return owners.element("Owner", owners.of_account(call, call.there.account))


async def list_objects(call: Call) -> Response:
    if call.query("list-type") == "2":
        return await _list_v2(call)
    if (kind := call.query("list-type")) not in (None, "1"):
        raise argument("list-type", kind, "Invalid List Type specified in Request")
    asked = _asked(call)
    marker = call.query("marker") or ""
    found, more = await _page(call, asked, marker)
    parts: list[xml.Part] = [
        ("Name", call.bucket),
        ("Prefix", asked.encode(asked.prefix)),
        ("Marker", asked.encode(marker)),
    ]
    if more and asked.delimiter:
        parts.append(("NextMarker", asked.encode(found[-1].name)))
    parts += _common(call, asked, more)
    return ok(xml.document("ListBucketResult", *parts, *_rows(found, asked, _owner(call))))


def _common(call: Call, asked: _Asked, more: bool) -> list[xml.Part]:
    return [
        ("MaxKeys", str(asked.shown_limit)),
        xml.optional("Delimiter", asked.encode(asked.delimiter) if asked.delimiter else None),
        xml.optional("EncodingType", call.query("encoding-type")),
        ("IsTruncated", xml.boolean(more)),
    ]


async def _list_v2(call: Call) -> Response:
    asked = _asked(call)
    token, start_after = call.query("continuation-token"), call.query("start-after")
    marker = _continued(token) if token else start_after or ""
    found, more = await _page(call, asked, marker)
    owner = _owner(call) if (call.query("fetch-owner") or "").lower() == "true" else ""
    parts: list[xml.Part] = [("Name", call.bucket), ("Prefix", asked.encode(asked.prefix))]
    parts.append(xml.optional("StartAfter", None if start_after is None else asked.encode(start_after)))
    parts.append(xml.optional("ContinuationToken", token))
    if more:
        parts.append(("NextContinuationToken", base64.urlsafe_b64encode(found[-1].name.encode()).decode()))
    parts += [("KeyCount", str(len(found))), *_common(call, asked, more)]
    return ok(xml.document("ListBucketResult", *parts, *_rows(found, asked, owner)))


def _continued(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise argument("continuation-token", token, "The continuation token provided is incorrect") from None


async def list_versions(call: Call) -> Response:
    asked = _asked(call)
    marker, named = call.query("key-marker") or "", call.query("version-id-marker")
    before = await _before(call, marker, named)
    found, more = await _versions(call, asked, marker, before)
    parts: list[xml.Part] = [
        ("Name", call.bucket),
        ("Prefix", asked.encode(asked.prefix)),
        ("KeyMarker", asked.encode(marker)),
        ("VersionIdMarker", named or ""),
    ]
    if more and found:
        last = found[-1]
        parts.append(("NextKeyMarker", asked.encode(last.name)))
        if isinstance(last, Listed):
            parts.append(("NextVersionIdMarker", version_text(last.object.version)))
    delimiter = call.query("delimiter")
    parts += [
        ("MaxKeys", str(asked.shown_limit)),
        xml.optional("Delimiter", None if delimiter is None else asked.encode(delimiter)),
        xml.optional("EncodingType", call.query("encoding-type")),
        ("IsTruncated", xml.boolean(more)),
    ]
    owner = _owner(call)
    parts += [_version(one, asked.encode(one.name), owner) for one in found if isinstance(one, Listed)]
    parts += [_prefix(asked.encode(one.name)) for one in found if isinstance(one, Prefix)]
    return ok(xml.document("ListVersionsResult", *parts))


async def _before(call: Call, marker: str, named: str | None) -> int | None:
    """The stamp of the version that the last page ended with; None to go on behind the whole name."""
    if not named:
        return None
    if named != "null" and parse_stamp(named) is None:
        if not marker and "key-marker" not in call.request.query:
            raise argument("version-id-marker", named, "A version-id marker cannot be specified without a key marker.")
        raise argument("version-id-marker", named, "Invalid version id specified")
    if not marker:
        raise argument("version-id-marker", named, "A version-id marker cannot be specified without a key marker.")
    version = 0 if named == "null" else parse_stamp(named)
    for one in await call.store.versions.list(call.there, limit=_PAGE, prefix=marker):
        if one.name == marker and one.object.version == version:
            return one.object.stamp
    return None


def _version(one: Listed, name: str, owner: str) -> str:
    value = one.object
    extra = f"<VersionId>{version_text(value.version)}</VersionId><IsLatest>{xml.boolean(one.latest)}</IsLatest>"
    if value.kind != MARKER:
        return _contents("Version", name, value, owner, extra)
    changed = f"<LastModified>{xml_time(value.stamp)}</LastModified>"
    return f"<DeleteMarker>{xml.leaf('Key', name)}{extra}{changed}{owner}</DeleteMarker>"


async def _versions(call: Call, asked: _Asked, marker: str, before: int | None) -> tuple[list[Listed | Prefix], bool]:
    found: list[Listed | Prefix] = []
    wanted = asked.limit + 1
    while asked.limit and len(found) < wanted:
        need = wanted - len(found)
        page = await call.store.versions.list(call.there, limit=need, prefix=asked.prefix, marker=marker, before=before)
        folder = ""
        for one in page:
            folder = _folder(one.name, asked)
            if folder:
                found.append(Prefix(folder))
                break
            found.append(one)
        if folder:
            marker, before = folder + _LAST, None
        elif len(page) < need:
            break
        else:
            last = page[-1]
            marker, before = last.name, last.object.stamp
    return found[: asked.limit], len(found) > asked.limit


def _folder(name: str, asked: _Asked) -> str:
    if not asked.delimiter:
        return ""
    end = name.find(asked.delimiter, len(asked.prefix))
    return name[: end + len(asked.delimiter)] if end >= 0 else ""
