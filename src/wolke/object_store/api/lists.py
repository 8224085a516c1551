"""Lists on the wire: what part is wanted, and the containers or objects found as plain text, JSON or XML.

A filter that keeps more with an object than its data says what lists show of it in ``system``: ``list-hash`` in place of its
ETag, ``list-bytes`` in place of its size, and any other ``list-…`` as a member of that name (``list-slo_etag``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from wolke.core.http import Response
from wolke.object_store.api import formats, paths, times
from wolke.object_store.api.answers import wired
from wolke.object_store.api.call import Call
from wolke.object_store.errors import PreconditionFailed
from wolke.object_store.model import MARKER, ContainerListed, Listed, Prefix, Wish, version_text
from wolke.object_store.service.limits import LISTING

MARKER_TYPE = "application/x-deleted;swift_versions_deleted=1"
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_TYPES = {one: f"{one}; charset=utf-8" for one in (formats.PLAIN, formats.JSON, formats.XML, "text/xml")}
_LIST_PREFIX = "list-"
_encode = msgspec.json.Encoder().encode


def is_true(text: str | None) -> bool:
    return text is not None and text.lower() in _TRUE


def limit(call: Call) -> int:
    given = call.query.get("limit") or ""
    if not (given.isascii() and given.isdigit()):
        return LISTING
    if len(given) > 9 or int(given) > LISTING:
        raise PreconditionFailed(f"Maximum limit is {LISTING}")
    return int(given)


def wish(call: Call) -> Wish:
    query = call.query
    return Wish(
        limit=limit(call),
        prefix=query.get("prefix") or "",
        marker=query.get("marker") or "",
        end_marker=query.get("end_marker") or "",
        delimiter=query.get("delimiter") or "",
        path=query.get("path"),
        reverse=is_true(query.get("reverse")),
    )


def content_type(media: str) -> str:
    return _TYPES[media]


def answer(media: str, body: bytes, headers: dict[str, str]) -> Response:
    """An empty list in plain text is 204."""
    wire = wired(headers)
    wire["Vary"] = "Accept"
    wire["Content-Type"] = _TYPES[media]
    if not body:
        wire["Content-Length"] = "0"  # as Swift has always said beside its 204
    return Response(200 if body else 204, body, headers=wire)


def head(media: str, headers: dict[str, str]) -> Response:
    return answer(media, b"", headers)


# -- containers of an account


class ContainerItem(msgspec.Struct, frozen=True, gc=False):
    name: str
    count: int
    bytes: int
    last_modified: str
    storage_policy: str


class Subdir(msgspec.Struct, frozen=True, gc=False):
    subdir: str


def containers(media: str, account: str, items: Sequence[ContainerListed | Prefix]) -> bytes:
    if media == formats.PLAIN:
        return _plain(item.name for item in items)
    shown: list[ContainerItem | Subdir] = [
        Subdir(item.name)
        if isinstance(item, Prefix)
        else ContainerItem(item.name, item.objects, item.octets, times.iso(item.created), item.policy)
        for item in items
    ]
    if media == formats.JSON:
        return _encode(shown)
    return _xml("account", account, "container", shown)


# -- objects of a container


class ObjectItem(msgspec.Struct, frozen=True, gc=False):
    name: str
    hash: str
    bytes: int
    content_type: str
    last_modified: str


def objects(media: str, call: Call, items: Iterable[Listed | Prefix]) -> bytes:
    if media == formats.PLAIN:
        return _plain(item.name for item in items)
    iso = times.iso
    shown = [
        ObjectItem(item.name, value.etag, value.size, value.content_type, iso(value.stamp))
        if item.__class__ is Listed and not ((value := item.object).system or value.version)
        else _particular(call, item)
        for item in items
    ]
    if media == formats.JSON:
        return _encode(shown)
    return _xml("container", call.container, "object", shown)


def _particular(call: Call, item: Listed | Prefix) -> Any:
    """What is not shown by its own name, ETag and size alone. A numbered version shows where it can be had for good, as a link
    would."""
    if isinstance(item, Prefix):
        return Subdir(item.name)
    shown, version = _object(item), item.object.version
    if not version:
        return shown
    path = f"{paths.quoted(call.account, call.container, item.name)}?version-id={version_text(version)}"
    shown = shown if isinstance(shown, dict) else msgspec.structs.asdict(shown)
    return {**shown, "version_symlink": True, "symlink_path": path}


def versions(media: str, container: str, items: Iterable[Listed | Prefix]) -> bytes:
    if media == formats.PLAIN:
        return _plain(item.name for item in items)
    shown: list[Any] = [Subdir(item.name) if isinstance(item, Prefix) else _version(item) for item in items]
    if media == formats.JSON:
        return _encode(shown)
    return _xml("container", container, "object", shown)


def _object(item: Listed) -> Any:
    value = item.object
    plain = ObjectItem(item.name, value.etag, value.size, value.content_type, times.iso(value.stamp))
    return plain if not value.system else _with_more(plain, value.system)


def _with_more(plain: ObjectItem, system: dict[str, str]) -> Any:
    more = {key[len(_LIST_PREFIX) :]: value for key, value in system.items() if key.startswith(_LIST_PREFIX)}
    if not more:
        return plain
    shown: dict[str, Any] = msgspec.structs.asdict(plain)
    for name, value in more.items():
        shown[name] = int(value) if name.endswith("bytes") and value.isdecimal() else value
    return shown


def _version(item: Listed) -> dict[str, Any]:
    value = item.object
    shown = _object(item)
    shown = dict(shown) if isinstance(shown, dict) else msgspec.structs.asdict(shown)
    if value.kind == MARKER:
        shown |= {"hash": EMPTY_MD5, "content_type": MARKER_TYPE}
    return {**shown, "version_id": version_text(value.version), "is_latest": item.latest}


def _plain(names: Iterable[str]) -> bytes:
    text = "\n".join(names)
    return f"{text}\n".encode() if text else b""


def _xml(outer: str, name: str, inner: str, items: Iterable[Any]) -> bytes:
    parts = [f'<?xml version="1.0" encoding="UTF-8"?>\n<{outer} name={quoteattr(name)}>']
    for item in items:
        if isinstance(item, Subdir):
            parts.append(f"<subdir name={quoteattr(item.subdir)}><name>{escape(item.subdir)}</name></subdir>")
            continue
        fields = item if isinstance(item, dict) else msgspec.structs.asdict(item)
        members = "".join(f"<{key}>{escape(_text(value))}</{key}>" for key, value in fields.items())
        parts.append(f"<{inner}>{members}</{inner}>")
    parts.append(f"</{outer}>")
    return "".join(parts).encode()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
