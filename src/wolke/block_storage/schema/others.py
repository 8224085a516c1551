"""Backups, attachments, transfers, quotas and services."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.schema.volumes import METADATA, NAME, TEXT
from wolke.core.schema import BOOLEAN, JsonSchema, body, nullable, one_of, record, string

_ID = string(least=1, most=64)
_CONNECTOR: JsonSchema = {"type": "object", "maxProperties": 50}

_CONTAINER = nullable(string(pattern=r"^[^/\x00]*$"))
BACKUP_CREATE = body(
    "backup",
    {
        "volume_id": _ID, "container": _CONTAINER, "description": NAME, "name": NAME, "incremental": nullable(BOOLEAN),
        "force": nullable(BOOLEAN), "snapshot_id": nullable(_ID), "metadata": nullable(METADATA),
        "availability_zone": nullable(TEXT),
    },
    required=("volume_id",),
)  # fmt: skip
BACKUP_UPDATE = body("backup", {"name": NAME, "description": NAME, "metadata": nullable(METADATA)})
RESTORE = record({"restore": record({"volume_id": nullable(_ID), "name": NAME})}, required=("restore",))
IMPORT = body(
    "backup-record",
    {"backup_service": string(least=1), "backup_url": string(least=1, most=1 << 20)},
    required=("backup_service", "backup_url"),
)
BACKUP_RESET = record(
    {"os-reset_status": record({"status": TEXT}, required=("status",))}, required=("os-reset_status",)
)
BACKUP_FORCE_DELETE = record({"os-force_delete": {}}, required=("os-force_delete",))

ATTACHMENT_CREATE = body(
    "attachment",
    {
        "volume_uuid": _ID, "instance_uuid": nullable(_ID), "connector": nullable(_CONNECTOR),
        "mode": one_of("rw", "ro"),
    },
    required=("volume_uuid",),
)  # fmt: skip
ATTACHMENT_UPDATE = body("attachment", {"connector": _CONNECTOR | {"minProperties": 1}}, required=("connector",))
ATTACHMENT_COMPLETE = record({"os-complete": {}}, required=("os-complete",))

TRANSFER_CREATE = body("transfer", {"volume_id": _ID, "name": NAME, "no_snapshots": BOOLEAN}, required=("volume_id",))
TRANSFER_ACCEPT = body("accept", {"auth_key": string(least=1)}, required=("auth_key",))

_AMOUNT: JsonSchema = {
    "anyOf": [
        {"type": "integer", "minimum": -1, "maximum": 2**31 - 1},
        {"type": "string", "pattern": r"^-?[0-9]{1,10}$"},
    ]
}


def _amounts(envelope: str, more: dict[str, Any]) -> JsonSchema:
    inner = {
        "type": "object",
        "properties": more,
        "maxProperties": 300,
        "patternProperties": {r"^[^\x00]{1,300}$": {"anyOf": [_AMOUNT, TEXT, {"type": "null"}]}},
        "additionalProperties": False,
    }
    return {
        "type": "object", "properties": {envelope: inner}, "required": [envelope], "additionalProperties": False,
    }  # fmt: skip


QUOTA = _amounts("quota_set", {})
QUOTA_CLASS = _amounts("quota_class_set", {})

_SERVICE = {"host": string(least=1), "binary": TEXT, "service": TEXT, "cluster": nullable(TEXT)}
SERVICE = record(_SERVICE, required=("host",))
SERVICE_REASON = record({**_SERVICE, "disabled_reason": string(least=1)}, required=("host", "disabled_reason"))
SERVICE_HOST = record(
    {"host": string(least=1), "cluster": nullable(TEXT), "backend_id": nullable(TEXT)}, required=("host",)
)
CLEANUP = record(
    {
        "cluster_name": nullable(TEXT), "disabled": BOOLEAN, "host": nullable(TEXT), "is_up": BOOLEAN,
        "binary": nullable(TEXT), "resource_id": nullable(TEXT), "resource_type": nullable(TEXT),
        "service_id": {"type": ["string", "integer", "null"]},
    }
)  # fmt: skip
