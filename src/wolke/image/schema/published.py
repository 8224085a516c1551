"""The schemas that clients read at /v2/schemas."""

from __future__ import annotations

from typing import Any

from wolke.image.model import MEMBER_STATUSES
from wolke.image.schema.images import CREATE, READ_ONLY, WRITABLE

_LINKS = [
    {"rel": "self", "href": "{self}"},
    {"rel": "enclosure", "href": "{file}"},
    {"rel": "describedby", "href": "{schema}"},
]
_DESCRIPTIONS = {
    "id": "An identifier for the image",
    "name": "Descriptive name for the image",
    "status": "Status of the image",
    "visibility": "Scope of image accessibility",
    "protected": "If true, image will not be deletable.",
    "os_hidden": "If true, image will not appear in default image list response.",
    "checksum": "md5 hash of image contents.",
    "os_hash_algo": "Algorithm to calculate the os_hash_value",
    "os_hash_value": "Hexdigest of the image contents using the algorithm specified by the os_hash_algo",
    "owner": "Owner of the image",
    "size": "Size of image file in bytes",
    "virtual_size": "Virtual size of image in bytes",
    "container_format": "Format of the container",
    "disk_format": "Format of the disk",
    "created_at": "Date and time of image registration",
    "updated_at": "Date and time of the last image modification",
    "tags": "List of strings related to the image",
    "min_ram": "Amount of ram (in MB) required to boot image.",
    "min_disk": "Amount of disk space (in GB) required to boot image.",
}
_KINDS: dict[str, dict[str, Any]] = {
    "status": {"type": "string", "enum": ["queued", "saving", "active", "killed", "deleted", "uploading", "importing",
                                          "pending_delete", "deactivated"]},
    "size": {"type": ["null", "integer"]},
    "virtual_size": {"type": ["null", "integer"]},
    "created_at": {"type": "string"},
    "updated_at": {"type": "string"},
    "self": {"type": "string"},
    "file": {"type": "string"},
    "schema": {"type": "string"},
    "direct_url": {"type": "string"},
}  # fmt: skip


def _field(name: str) -> dict[str, Any]:
    shape: dict[str, Any] = dict(CREATE["properties"]["id"] if name == "id" else WRITABLE.get(name, {}))
    if name in READ_ONLY:
        shape = {**_KINDS.get(name, {"type": ["null", "string"]}), "readOnly": True}
    if name in ("disk_format", "container_format"):
        shape["type"] = ["null", "string"]
    return {"description": _DESCRIPTIONS.get(name, name), **shape}


IMAGE: dict[str, Any] = {
    "name": "image",
    "properties": {name: _field(name) for name in ("id", *WRITABLE, *READ_ONLY)},
    "additionalProperties": {"type": "string"},
    "links": _LINKS,
}
MEMBER: dict[str, Any] = {
    "name": "member",
    "properties": {
        "created_at": {"type": "string", "description": "Date and time of image member creation"},
        "updated_at": {"type": "string", "description": "Date and time of last modification of image member"},
        "image_id": {"type": "string", "description": "An identifier for the image"},
        "member_id": {"type": "string", "description": "An identifier for the image member (tenantId)"},
        "status": {"type": "string", "enum": list(MEMBER_STATUSES), "description": "The status of this image member"},
        "schema": {"readOnly": True, "type": "string"},
    },
}


def _list(name: str, of: dict[str, Any], links: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {name: {"type": "array", "items": of}, "schema": {"type": "string"}}
    if not links:
        return {"name": name, "properties": properties, "links": [{"rel": "describedby", "href": "{schema}"}]}
    properties |= {"first": {"type": "string"}, "next": {"type": "string"}}
    hrefs = [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}]
    return {"name": name, "properties": properties, "links": [*hrefs, {"rel": "describedby", "href": "{schema}"}]}


SCHEMAS: dict[str, dict[str, Any]] = {
    "image": IMAGE,
    "images": _list("images", IMAGE, True),
    "member": MEMBER,
    "members": _list("members", MEMBER, False),
}
