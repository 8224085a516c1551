"""Volumes, what is done to them, and their metadata."""

from __future__ import annotations

from typing import Any

from wolke.core.schema import (
    BOOLEAN,
    JsonSchema,
    body,
    nullable,
    one_of,
    record,
    string,
)

TEXT = string(pattern=r"^[^\x00]*$")
NAME = nullable(TEXT)
ID = nullable(string(most=64))
#: A whole number, or its digits in quotes.
SIZE: JsonSchema = {
    "type": ["integer", "string"],
    "minimum": 1,
    "maximum": 2**31 - 1,
    "pattern": r"^0*[1-9][0-9]{0,8}$",
}
METADATA: JsonSchema = {
    "type": "object",
    "maxProperties": 128,
    "patternProperties": {r"^[^\x00]{1,255}$": TEXT},
    "additionalProperties": False,
}
HINTS: JsonSchema = {"anyOf": [{"type": "object", "maxProperties": 20}, {"type": "null"}]}
ANYTHING: JsonSchema = {}

_VOLUME: dict[str, Any] = {
    "name": NAME, "display_name": NAME, "description": NAME, "display_description": NAME, "size": {**SIZE, "type": ["integer", "string", "null"]},
    "volume_type": nullable(TEXT), "availability_zone": nullable(TEXT), "metadata": nullable(METADATA),
    "snapshot_id": ID, "source_volid": ID, "imageRef": ID, "image_id": ID, "backup_id": ID, "group_id": ID,
    "consistencygroup_id": ID, "multiattach": nullable(BOOLEAN), "user_id": nullable(TEXT),
    "project_id": nullable(TEXT), "status": nullable(TEXT), "attach_status": nullable(TEXT),
    "source_replica": ANYTHING,
}  # fmt: skip

# Of a volume, Cinder overlooks what it does not know; its own client sends fields of later versions.
CREATE: JsonSchema = {
    "type": "object",
    "properties": {
        "volume": record(_VOLUME, additional=True),
        "OS-SCH-HNT:scheduler_hints": HINTS,
        "scheduler_hints": HINTS,
    },
    "required": ["volume"],
    "additionalProperties": False,
}
_NAMED = {
    "name": NAME, "display_name": NAME, "description": NAME, "display_description": NAME,
}  # fmt: skip
UPDATE = body("volume", {**_NAMED, "metadata": nullable(METADATA)})

METADATA_ALL = record({"metadata": METADATA}, required=("metadata",))
METADATA_ITEM = record({"meta": METADATA | {"minProperties": 1, "maxProperties": 1}}, required=("meta",))


def _action(name: str, inner: JsonSchema) -> JsonSchema:
    return record({name: inner}, required=(name,))


def _empty(name: str) -> JsonSchema:
    return _action(name, {})


_CONNECTOR: JsonSchema = {"type": "object", "maxProperties": 50}
_MODE = one_of("rw", "ro")

ATTACH = _action(
    "os-attach",
    record(
        {"instance_uuid": ID, "host_name": nullable(TEXT), "mountpoint": nullable(TEXT), "mode": _MODE},
    ),
)
DETACH = _action("os-detach", nullable(record({"attachment_id": ID})))
FORCE_DETACH = _action(
    "os-force_detach", record({"attachment_id": ID, "connector": nullable(_CONNECTOR)}, required=("attachment_id",))
)
RESERVE, UNRESERVE = _empty("os-reserve"), _empty("os-unreserve")
BEGIN_DETACHING, ROLL_DETACHING = _empty("os-begin_detaching"), _empty("os-roll_detaching")
FORCE_DELETE, UNMANAGE = _empty("os-force_delete"), _empty("os-unmanage")
INITIALIZE = _action("os-initialize_connection", record({"connector": _CONNECTOR}, required=("connector",)))
TERMINATE = _action("os-terminate_connection", record({"connector": _CONNECTOR}, required=("connector",)))
EXTEND = _action("os-extend", record({"new_size": SIZE}, required=("new_size",)))
EXTENDED = _action("os-extend_volume_completion", record({"error": BOOLEAN}))
UPLOAD = _action(
    "os-volume_upload_image",
    record(
        {
            "image_name": string(least=1, pattern=r"^[^\x00]*$"), "force": BOOLEAN, "container_format": TEXT,
            "disk_format": one_of("raw", "vmdk", "vdi", "qcow2", "vhd", "vhdx", "ploop", "luks"),
            "visibility": one_of("public", "private", "shared", "community"), "protected": BOOLEAN,
        },
        required=("image_name",),
    ),
)  # fmt: skip
READONLY = _action("os-update_readonly_flag", record({"readonly": BOOLEAN}, required=("readonly",)))
BOOTABLE = _action("os-set_bootable", record({"bootable": BOOLEAN}, required=("bootable",)))
RETYPE = _action(
    "os-retype",
    record({"new_type": string(least=1), "migration_policy": one_of("never", "on-demand")}, required=("new_type",)),
)
MIGRATE = _action(
    "os-migrate_volume",
    record(
        {"host": nullable(TEXT), "cluster": nullable(TEXT), "force_host_copy": BOOLEAN, "lock_volume": BOOLEAN},
    ),
)
MIGRATED = _action(
    "os-migrate_volume_completion",
    record({"new_volume": string(most=64), "error": BOOLEAN}, required=("new_volume",)),
)
RESET = _action(
    "os-reset_status",
    {
        **record({"status": nullable(TEXT), "attach_status": nullable(TEXT), "migration_status": nullable(TEXT)}),
        "minProperties": 1,
    },
)
REVERT = record({"revert": record({"snapshot_id": string(most=64)}, required=("snapshot_id",))}, required=("revert",))
REIMAGE = _action(
    "os-reimage", record({"image_id": string(most=64), "reimage_reserved": BOOLEAN}, required=("image_id",))
)
SET_IMAGE_METADATA = _action("os-set_image_metadata", record({"metadata": METADATA}, required=("metadata",)))
UNSET_IMAGE_METADATA = _action("os-unset_image_metadata", record({"key": string(least=1)}, required=("key",)))
SHOW_IMAGE_METADATA = _action("os-show_image_metadata", {})

_REFERENCE: JsonSchema = {
    "type": "object",
    "properties": {"source-name": TEXT, "source-id": TEXT},
    "minProperties": 1,
    "additionalProperties": False,
}
MANAGE: JsonSchema = {
    "type": "object",
    "properties": {
        "volume": record(
            {
                "host": nullable(TEXT), "cluster": nullable(TEXT), "ref": _REFERENCE, "name": NAME, "description": NAME,
                "volume_type": nullable(TEXT), "availability_zone": nullable(TEXT), "metadata": nullable(METADATA),
                "bootable": BOOLEAN,
            },
            required=("ref",),
        ),
        "OS-SCH-HNT:scheduler_hints": HINTS,
    },
    "required": ["volume"],
    "additionalProperties": False,
}  # fmt: skip
