"""DeleteObject and DeleteObjects. What is not there is as good as deleted."""

from __future__ import annotations

from wolke.core.errors import CloudError
from wolke.core.http import Response
from wolke.object_store.errors import ObjectNotFound, VersionNotFound
from wolke.object_store.model import MARKER, Removed, version_text
from wolke.object_store.s3 import access, acl, conditions, xml
from wolke.object_store.s3.call import Call, nothing, ok, version_number
from wolke.object_store.s3.faults import Fault, fault_of
from wolke.object_store.service import Check

_MOST = 1000
_BYTES = 4 << 20
_KEY_BYTES = 1024
_NOTHING = Removed(None, None)


async def delete_object(call: Call) -> Response:
    version = call.version()
    if version is not None:
        await access.check(call, call.there, call.owner, access.Need("s3:DeleteObjectVersion", acl.WRITE), call.key)
    removed = await _remove(call, call.key, version, await _bypass(call), conditions.of_delete(call.headers))
    return nothing(_headers(call, version, removed))


async def _bypass(call: Call) -> bool:
    """Whether governance gives way: the caller asks for it, and may."""
    if call.headers.get("x-amz-bypass-governance-retention", "").lower() != "true":
        return False
    await access.check(call, call.there, call.owner, access.Need("s3:BypassGovernanceRetention"), call.key)
    return True


async def _remove(call: Call, key: str, version: int | None, bypass: bool, check: Check | None) -> Removed:
    try:
        return await call.store.objects.delete(call.there, key, version, check=check, bypass=bypass)
    except (ObjectNotFound, VersionNotFound):
        return _NOTHING


def _headers(call: Call, version: int | None, removed: Removed) -> dict[str, str]:
    if version is not None:
        headers = {"x-amz-version-id": version_text(version)}
        if removed.gone is not None and removed.gone.kind == MARKER:
            headers["x-amz-delete-marker"] = "true"
        return headers
    if removed.marker is None:
        return {}
    return {"x-amz-version-id": version_text(removed.marker.version), "x-amz-delete-marker": "true"}


async def delete_objects(call: Call) -> Response:
    try:
        root = await call.document("Delete", digest=True, limit_bytes=_BYTES)
    except Fault as fault:
        raise Fault("MalformedXML") if fault.code == "MaxMessageLengthExceeded" else fault from None
    objects = list(root.all("Object"))
    if not objects or len(objects) > _MOST:
        raise Fault("MalformedXML")
    if not all(node.get("Key") for node in objects):
        raise Fault("UserKeyMustBeSpecified")
    quiet = (root.get("Quiet") or "").lower() == "true"
    parts = []
    for node in objects:
        shown = await _one(call, node)
        if not quiet or shown.startswith("<Error>"):
            parts.append(shown)
    return ok(xml.document("DeleteResult", *parts))


async def _one(call: Call, node: xml.Node) -> str:
    found = node.find("Key")
    key = found.text if found is not None else ""
    named = node.get("VersionId")
    try:
        return await _delete(call, node, key, named)
    except (Fault, CloudError) as error:
        fault = fault_of(error)
        if fault is None:
            raise
        return xml.element(
            "Error",
            ("Key", xml.printable(key)),
            xml.optional("VersionId", named),
            ("Code", fault.code),
            ("Message", fault.message),
        )


async def _delete(call: Call, node: xml.Node, key: str, named: str | None) -> str:
    if not key:
        raise Fault("UserKeyMustBeSpecified")
    if len(key.encode()) > _KEY_BYTES:
        raise Fault("KeyTooLongError")
    version = None if not named else version_number(named)
    action = "s3:DeleteObject" if version is None else "s3:DeleteObjectVersion"
    await access.check(call, call.there, call.owner, access.Need(action, acl.WRITE), key)
    etag = node.get("ETag")
    check = conditions.of_delete({"if-match": etag}) if etag else None
    removed = await _remove(call, key, version, await _bypass(call), check)
    parts = [xml.leaf("Key", xml.printable(key)), xml.optional("VersionId", named or None)]
    if removed.marker is not None:
        parts += [
            "<DeleteMarker>true</DeleteMarker>",
            xml.leaf("DeleteMarkerVersionId", version_text(removed.marker.version)),
        ]
    elif removed.gone is not None and removed.gone.kind == MARKER:
        parts += ["<DeleteMarker>true</DeleteMarker>", xml.leaf("DeleteMarkerVersionId", named or "")]
    return xml.element("Deleted", *parts)
