"""CopyObject, and the source that a copied part has too: which object, whether it may be read, and on what conditions."""

from __future__ import annotations

import asyncio
import hashlib
from typing import NamedTuple
from urllib.parse import unquote

from wolke.core.http import Response
from wolke.object_store.errors import ObjectNotFound, VersionNotFound
from wolke.object_store.model import MARKER, Description, version_text
from wolke.object_store.s3 import access, acl, conditions, reading, writing, xml
from wolke.object_store.s3 import headers as meta
from wolke.object_store.s3.body import OBJECT_BYTES
from wolke.object_store.s3.call import Call, ok, quoted, version_number, xml_time
from wolke.object_store.s3.faults import Fault, argument
from wolke.object_store.service import Found

_HEADER = "x-amz-copy-source"
_DIRECTIVES = ("COPY", "REPLACE")


class Source(NamedTuple):
    bucket: str
    key: str
    version: int | None


def _parse(header: str) -> Source:
    path, question, query = header.partition("?")
    name, _, version = query.partition("=")
    if question and (name != "versionId" or "&" in version or not version):
        raise argument(_HEADER, header, "Unsupported copy source parameter.")
    try:
        bucket, slash, key = unquote(path, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        raise argument(_HEADER, header, "Invalid copy source encoding.") from None
    if not (bucket and slash and key):
        raise argument(_HEADER, header, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    return Source(bucket, key, version_number(version) if question else None)


async def source_of(call: Call) -> Found:
    """The object to copy from, which this caller may read. Raises ``Fault``."""
    source = _parse(_utf8(call.headers[_HEADER]))
    container, owner = await access.resolve(call, source.bucket)
    action = "s3:GetObject" if source.version is None else "s3:GetObjectVersion"
    need = access.Need(action, acl.READ, of_object=True)
    await access.check(call, container, owner, need, source.key, source.version)
    try:
        found = await call.store.objects.find(container, source.key, source.version)
    except ObjectNotFound:
        raise Fault("NoSuchKey", Key=source.key) from None
    except VersionNotFound:
        raise Fault("NoSuchVersion", Key=source.key) from None
    if found.object.kind == MARKER:
        raise Fault(
            "InvalidRequest",
            "The source of a copy request may not specifically refer to a delete marker by version id.",
        )
    reading.refuse(call.headers, found.object, {}, prefix=_HEADER + "-")
    return found


def _utf8(header: str) -> str:
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise argument(_HEADER, header, "Invalid copy source encoding.") from None


async def copy_object(call: Call) -> Response:
    replace = _directive(call, "x-amz-metadata-directive")
    replace_tags = _directive(call, "x-amz-tagging-directive")
    check = conditions.of_write(call.headers)
    if call.headers.get("content-length", "0") not in ("0", ""):
        raise Fault("InvalidRequest", "The request body of a copy must be empty.")
    found = await source_of(call)
    _refuse_onto_itself(call, found, replace)
    size = call.store.objects.body(found).size
    if size > OBJECT_BYTES:
        raise Fault(
            "InvalidRequest",
            f"The specified copy source is larger than the maximum allowable size for a copy source: {OBJECT_BYTES}",
        )
    new = await _description(call, found, size, replace=replace, replace_tags=replace_tags)
    value = await call.store.objects.copy(found, call.there, call.key, new, check=check)
    headers = {name: text for name, text in writing.written(call, value).items() if name != "etag"}
    if found.container.versioning:
        headers["x-amz-copy-source-version-id"] = version_text(found.object.version)
    parts: list[xml.Part] = [("LastModified", xml_time(value.stamp)), ("ETag", quoted(value.etag))]
    if one := meta.sum_of(value):
        parts += [(f"Checksum{one[0]}", one[1]), ("ChecksumType", one[2])]
    return ok(xml.document("CopyObjectResult", *parts), headers)


def _directive(call: Call, name: str) -> bool:
    """Whether to replace. Raises ``Fault``."""
    value = call.headers.get(name, "COPY")
    if value not in _DIRECTIVES:
        raise argument(name, value, f"Unknown {name.removeprefix('x-amz-')}.")
    return value == "REPLACE"


def _refuse_onto_itself(call: Call, found: Found, replace: bool) -> None:
    same = (
        found.container.id == call.there.id and found.name == call.key and call.headers[_HEADER].find("versionId=") < 0
    )
    if same and not replace and "x-amz-storage-class" not in call.headers:
        raise Fault(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
            "metadata, storage class, website redirect location or encryption attributes.",
        )


async def _description(call: Call, found: Found, size: int, *, replace: bool, replace_tags: bool) -> Description:
    source = found.object
    asked = await writing.asked_system(call)
    due_s = meta.delete_at(call)
    system = asked
    if not replace_tags and meta.TAGS in source.system:
        system = {**system, meta.TAGS: source.system[meta.TAGS]}
    if not replace_tags and meta.TAGS not in source.system:
        system.pop(meta.TAGS, None)
    etag = source.etag if "-" not in source.etag else await _md5(call, found, size)
    one = meta.sum_of(source)
    if one is not None and (one[2] == "FULL_OBJECT"):
        system = {**system, meta.SUMS: source.system[meta.SUMS]}
    if replace:
        return Description(
            content_type=writing.content_type(call), etag=etag, headers=writing.described_headers(call, due_s),
            system=system, kind=source.kind, size=source.size if source.stored >= 0 else -1, due_s=due_s,
        )  # fmt: skip
    headers = {name: text for name, text in source.headers.items() if name != "x-delete-at"}
    if due_s is not None:
        headers["x-delete-at"] = str(due_s)
    return Description(
        content_type=source.content_type, etag=etag, headers=headers,
        system=system, kind=source.kind, size=source.size if source.stored >= 0 else -1, due_s=due_s,
    )  # fmt: skip


async def _md5(call: Call, found: Found, size: int) -> str:
    """What was uploaded in parts is one piece when copied, and its tag that of one."""
    md5 = hashlib.md5(usedforsecurity=False)
    async for chunk in call.store.objects.body(found).chunks(0, size):
        await asyncio.to_thread(md5.update, chunk)
    return md5.hexdigest()
