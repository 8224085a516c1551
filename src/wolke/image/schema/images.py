"""The fields of an image as JSON Schema. Everything that is not named here is a custom property, a string."""

from __future__ import annotations

from typing import Any

from wolke.core import schema
from wolke.image.model import CONTAINER_FORMATS, DISK_FORMATS, VISIBILITIES

READ_ONLY = (
    "status", "checksum", "os_hash_algo", "os_hash_value", "size", "virtual_size", "created_at", "updated_at",
    "direct_url", "self", "file", "schema",
)  # fmt: skip
RESERVED = ("location", "locations", "deleted", "deleted_at", "stores")
RESERVED_PREFIX = "os_glance"

_INT = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_VALUE = {"type": "string", "maxLength": 65535}
PROPERTY = schema.nullable(_VALUE)

# Wire name -> what may be written there.
WRITABLE: dict[str, dict[str, Any]] = {
    "name": {"type": ["string", "null"], "maxLength": 255},
    "owner": {"type": ["string", "null"], "maxLength": 255},
    "visibility": {"type": "string", "enum": list(VISIBILITIES)},
    "protected": {"type": "boolean"},
    "os_hidden": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 10000},
    "disk_format": {"enum": [None, *DISK_FORMATS]},
    "container_format": {"enum": [None, *CONTAINER_FORMATS]},
    "min_disk": _INT,
    "min_ram": _INT,
}
COLUMNS = {name: "hidden" if name == "os_hidden" else name for name in WRITABLE}

CREATE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": schema.string(pattern="^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
        **WRITABLE,
        **{name: {} for name in (*READ_ONLY, *RESERVED)},
        "kernel_id": PROPERTY,
        "ramdisk_id": PROPERTY,
    },
    "propertyNames": {"minLength": 1, "maxLength": 255},
    "additionalProperties": _VALUE,
}

PATCH: dict[str, Any] = {
    "type": "array",
    "maxItems": 1000,
    "items": {"type": "object", "minProperties": 1, "maxProperties": 4},
}

IMPORT: dict[str, Any] = {
    "type": "object",
    "required": ["method"],
    "properties": {
        "method": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 64}}}
    },
}

MEMBER_ADD = schema.record(
    {"member": {"type": "string", "minLength": 1, "maxLength": 255}}, required=("member",), additional=True
)
MEMBER_ANSWER = schema.record(
    {"status": schema.one_of("pending", "accepted", "rejected")}, required=("status",), additional=True
)
