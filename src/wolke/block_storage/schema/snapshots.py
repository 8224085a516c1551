"""Snapshots, groups and their snapshots."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.schema.volumes import ANYTHING, METADATA, NAME, TEXT
from wolke.core.schema import BOOLEAN, JsonSchema, array, body, nullable, record, string

_ID = string(most=64)
_NAMED = {"name": NAME, "display_name": NAME, "description": NAME, "display_description": NAME}
_REFERENCE: JsonSchema = {
    "type": "object",
    "properties": {"source-name": TEXT, "source-id": TEXT},
    "minProperties": 1,
    "additionalProperties": False,
}

CREATE = body(
    "snapshot",
    {**_NAMED, "volume_id": nullable(_ID), "force": nullable(BOOLEAN), "metadata": nullable(METADATA)},
    required=("volume_id",),
)
UPDATE = body("snapshot", {**_NAMED})
MANAGE = body(
    "snapshot",
    {"volume_id": _ID, "ref": _REFERENCE, "name": NAME, "description": NAME, "metadata": nullable(METADATA)},
    required=("volume_id", "ref"),
)


def _action(name: str, inner: JsonSchema) -> JsonSchema:
    return record({name: inner}, required=(name,))


_STATUS = record({"status": TEXT}, required=("status",))
RESET = _action("os-reset_status", _STATUS)
RESET_GROUP = _action("reset_status", _STATUS)
FORCE_DELETE, UNMANAGE = _action("os-force_delete", ANYTHING), _action("os-unmanage", ANYTHING)
UPDATE_STATUS = _action(
    "os-update_snapshot_status",
    record({"status": TEXT, "progress": {"type": ["string", "integer", "null"]}}, required=("status",)),
)

_GROUP: dict[str, Any] = {"name": NAME, "description": NAME}
GROUP_CREATE = body(
    "group",
    {
        **_GROUP, "group_type": string(least=1), "volume_types": array(string(least=1), most=100),
        "availability_zone": nullable(TEXT),
    },
    required=("group_type", "volume_types"),
)  # fmt: skip
GROUP_FROM = _action(
    "create-from-src", record({**_GROUP, "group_snapshot_id": nullable(_ID), "source_group_id": nullable(_ID)})
)
GROUP_UPDATE = body(
    "group", {**_GROUP, "add_volumes": nullable(string(most=40000)), "remove_volumes": nullable(string(most=40000))}
)
GROUP_DELETE = _action("delete", record({"delete-volumes": BOOLEAN}))
GROUP_SNAPSHOT_CREATE = body("group_snapshot", {**_GROUP, "group_id": _ID}, required=("group_id",))

_SPECS: JsonSchema = {
    "type": "object",
    "maxProperties": 128,
    "patternProperties": {r"^[a-zA-Z0-9\-_:. ]{1,255}$": nullable(TEXT)},
    "additionalProperties": False,
}
GROUP_TYPE_CREATE = body(
    "group_type",
    {"name": string(least=1), "description": NAME, "is_public": BOOLEAN, "group_specs": _SPECS},
    required=("name",),
)
GROUP_TYPE_UPDATE = body("group_type", {"name": nullable(TEXT), "description": NAME, "is_public": BOOLEAN})
GROUP_SPECS = record({"group_specs": _SPECS}, required=("group_specs",))
GROUP_SPEC = _SPECS | {"minProperties": 1, "maxProperties": 1}
