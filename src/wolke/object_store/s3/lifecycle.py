"""A bucket's lifecycle configuration, between S3's XML and the rules that the loop carries out."""

from __future__ import annotations

from wolke.core.http import Response
from wolke.object_store.s3 import xml
from wolke.object_store.s3.call import Call, nothing, ok
from wolke.object_store.s3.faults import Fault, argument, not_here
from wolke.object_store.s3.writing import moment
from wolke.object_store.service import lifecycle
from wolke.object_store.service.lifecycle import Rule

_KEPT = "s3:lifecycle"  # as it came, to be shown again
_MOST_RULES = 1000
_RULE = frozenset({
    "ID", "Prefix", "Filter", "Status", "Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload",
})  # fmt: skip
_CLASSES = ("Transition", "NoncurrentVersionTransition")


async def get(call: Call) -> Response:
    kept = call.there.system.get(_KEPT)
    if kept is None:
        raise Fault("NoSuchLifecycleConfiguration", BucketName=call.bucket)
    return ok(xml.document("LifecycleConfiguration", kept))


async def put(call: Call) -> Response:
    root = await call.document("LifecycleConfiguration")
    nodes = list(root.all("Rule"))
    if not 1 <= len(nodes) <= _MOST_RULES or len(nodes) != len(root.children):
        raise Fault("MalformedXML")
    ids = [node.get("ID") for node in nodes if node.get("ID")]
    if len(set(ids)) != len(ids):
        raise Fault("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    rules = [_rule(node) for node in nodes]
    live = [rule for rule, node in zip(rules, nodes, strict=True) if node.get("Status") == "Enabled"]
    shown = "".join(xml.tree(node) for node in nodes)
    await call.keep({_KEPT: shown, lifecycle.NAME: lifecycle.rules_text(live)})
    return ok()


async def delete(call: Call) -> Response:
    await call.keep({_KEPT: None, lifecycle.NAME: None})
    return nothing()


def _rule(node: xml.Node) -> Rule:
    if any(name in _CLASSES for name in node.names()):
        raise not_here("Transition")
    if not node.names() <= _RULE or node.get("Status") not in ("Enabled", "Disabled"):
        raise Fault("MalformedXML")
    name = node.get("ID") or ""
    if len(name) > 255:
        raise Fault("InvalidArgument", "ID length should not exceed allowed limit of 255")
    if (node.find("Filter") is None) == (node.find("Prefix") is None):
        raise Fault("MalformedXML")
    fields: dict[str, object] = {"id": name, **_filter(node)}
    for element, read in (
        ("Expiration", _expiration),
        ("NoncurrentVersionExpiration", _past),
        ("AbortIncompleteMultipartUpload", _uploads),
    ):
        if (found := node.find(element)) is not None:
            fields |= read(found)
    if len(fields) <= 1 + len(_filter(node)):
        raise Fault("InvalidRequest", "At least one action needs to be specified in a rule.")
    if "upload_days" in fields and (fields.get("tags") or "larger" in fields or "smaller" in fields):
        raise Fault("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes.")
    return Rule(**fields)  # type: ignore[arg-type]


def _filter(node: xml.Node) -> dict[str, object]:
    found = node.find("Filter")
    if found is None:
        return {"prefix": _prefix(node)}
    several = found.find("And")
    if several is None and len(found.children) > 1:
        raise Fault("MalformedXML")
    where = several or found
    fields: dict[str, object] = {"prefix": _prefix(where)}
    tags = {tag.get("Key") or "": tag.get("Value") or "" for tag in where.all("Tag")}
    if "" in tags or len(tags) != len(list(where.all("Tag"))):
        raise Fault("MalformedXML")
    if tags:
        fields["tags"] = tags
    for element, name in (("ObjectSizeGreaterThan", "larger"), ("ObjectSizeLessThan", "smaller")):
        if (text := where.get(element)) is not None:
            fields[name] = _number(element, text, least=0, most=50 << 40)
    return fields


def _prefix(node: xml.Node) -> str:
    found = node.find("Prefix")
    prefix = found.text if found is not None else ""
    if len(prefix.encode()) > 1024:
        raise Fault("InvalidRequest", "The maximum size of a prefix is 1024.")
    return prefix


def _expiration(node: xml.Node) -> dict[str, object]:
    if len(node.children) != 1:
        raise Fault("MalformedXML")
    if (days := node.get("Days")) is not None:
        return {"days": _number("Days", days)}
    if (date := node.get("Date")) is not None:
        at_s = moment(date) or moment(date + "T00:00:00Z")
        if at_s is None or at_s % 86_400:
            raise argument("Date", date, "'Date' must be at midnight GMT")
        return {"at_s": at_s}
    if (marker := node.get("ExpiredObjectDeleteMarker")) in ("true", "false"):
        return {"markers": marker == "true"}
    raise Fault("MalformedXML")


def _past(node: xml.Node) -> dict[str, object]:
    fields: dict[str, object] = {"past_days": _number("NoncurrentDays", node.get("NoncurrentDays") or "")}
    if (kept := node.get("NewerNoncurrentVersions")) is not None:
        fields["past_kept"] = _number("NewerNoncurrentVersions", kept, most=100)
    return fields


def _uploads(node: xml.Node) -> dict[str, object]:
    return {"upload_days": _number("DaysAfterInitiation", node.get("DaysAfterInitiation") or "")}


def _number(name: str, text: str, *, least: int = 1, most: int = (1 << 31) - 1) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit()) or len(text) > 16:
        raise Fault("MalformedXML")
    if not least <= int(text) <= most:
        raise argument(name, text, f"'{name}' for an action must be a positive integer")
    return int(text)
