"""Tags of objects and of buckets."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from wolke.core.http import Response
from wolke.object_store.model import Object, described
from wolke.object_store.s3 import headers as meta
from wolke.object_store.s3 import reading, xml
from wolke.object_store.s3.call import Call, nothing, ok, version_headers
from wolke.object_store.s3.faults import Fault
from wolke.object_store.s3.writing import replaced

_OBJECT_TAGS = 10
_BUCKET_TAGS = 50


def _document(pairs: list[tuple[str, str]]) -> bytes:
    tags = (xml.element("Tag", ("Key", key), ("Value", value)) for key, value in pairs)
    return xml.document("Tagging", xml.element("TagSet", *tags))


async def _asked(call: Call, most: int) -> str:
    root = await call.document("Tagging")
    tag_set = root.find("TagSet")
    if tag_set is None or any(node.name != "Tag" for node in tag_set.children):
        raise Fault("MalformedXML")
    pairs = []
    for node in tag_set.all("Tag"):
        key, value = node.find("Key"), node.find("Value")
        if key is None or value is None:
            raise Fault("MalformedXML")
        pairs.append((key.text, value.text))
    meta.check_tags(pairs, most)
    return urlencode(pairs)


async def get_of_object(call: Call) -> Response:
    found = await reading.find(call)
    return ok(_document(meta.tags(found.object)), version_headers(call.there, found.object))


async def put_of_object(call: Call) -> Response:
    text = await _asked(call, _OBJECT_TAGS)
    return ok(b"", version_headers(call.there, await change_system(call, {meta.TAGS: text or None})))


async def delete_of_object(call: Call) -> Response:
    return nothing(version_headers(call.there, await change_system(call, {meta.TAGS: None})))


async def change_system(call: Call, changes: dict[str, str | None]) -> Object:
    """Of the object, or the version, that the call means."""
    found = await reading.find(call)

    def change(value: Object) -> tuple[Object, int | None]:
        due = value.headers.get("x-delete-at", "")
        return described(value, system=replaced(value.system, changes)), int(due) if due.isdecimal() else None

    return await call.store.objects.update(call.there, found.name, change, call.version())


async def get_of_bucket(call: Call) -> Response:
    kept = call.there.system.get(meta.TAGS)
    if kept is None:
        raise Fault("NoSuchTagSet", BucketName=call.bucket)
    return ok(_document(parse_qsl(kept, keep_blank_values=True)))


async def put_of_bucket(call: Call) -> Response:
    await call.keep({meta.TAGS: await _asked(call, _BUCKET_TAGS)})
    return nothing()
