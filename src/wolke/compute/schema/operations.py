"""Bodies that operators send, about hosts, aggregates, quota and server groups."""

from __future__ import annotations

from wolke.core.schema import BOOLEAN, JsonSchema, array, body, nullable, one_of, record, string

_NAME = string(least=1, most=255, pattern=r"^(?! )[^\x00-\x1f\x7f]*(?<! )$")
_ZONE = nullable(string(least=1, most=255, pattern=r"^[^:\x00-\x1f\x7f]+$"))
_HOST = string(least=1, most=255)
_AMOUNT = {
    "anyOf": [
        {"type": "integer", "minimum": -1, "maximum": 2**31 - 1},
        {"type": "string", "pattern": r"^(-1|[0-9]{1,9})$"},
    ]
}

SERVICE = record(
    {"status": one_of("enabled", "disabled"), "disabled_reason": string(least=1), "forced_down": BOOLEAN},
)
_SWITCH: JsonSchema = {"type": "string", "pattern": "^(?i:enable|disable)$"}
OLD_HOST = record({"status": _SWITCH, "maintenance_mode": _SWITCH})
SERVICE_HOST = record({"host": _HOST, "binary": string(least=1)}, required=("host", "binary"))
SERVICE_REASON = record(
    {"host": _HOST, "binary": string(least=1), "disabled_reason": string(least=1)},
    required=("host", "binary", "disabled_reason"),
)
SERVICE_FORCE_DOWN = record(
    {"host": _HOST, "binary": string(least=1), "forced_down": BOOLEAN}, required=("host", "binary")
)

AGGREGATE_CREATE = body("aggregate", {"name": _NAME, "availability_zone": _ZONE}, required=("name",))
AGGREGATE_UPDATE = body("aggregate", {"name": _NAME, "availability_zone": _ZONE})
AGGREGATE_UPDATE["properties"]["aggregate"]["minProperties"] = 1
AGGREGATE_METADATA: JsonSchema = {
    "type": "object",
    "patternProperties": {r"^[a-zA-Z0-9-_:. ]{1,255}$": nullable(string())},
    "maxProperties": 256,
    "additionalProperties": False,
}
AGGREGATE_ACTION: JsonSchema = {
    "type": "object",
    "properties": {
        "add_host": record({"host": _HOST}, required=("host",)),
        "remove_host": record({"host": _HOST}, required=("host",)),
        "set_metadata": record({"metadata": AGGREGATE_METADATA}, required=("metadata",)),
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}

QUOTAS = dict.fromkeys(
    ("cores", "instances", "key_pairs", "metadata_items", "ram", "server_group_members", "server_groups"), _AMOUNT
)
QUOTA_SET = body("quota_set", {**QUOTAS, "force": BOOLEAN})
QUOTA_CLASS_SET = body("quota_class_set", QUOTAS)

SERVER_GROUP = body(
    "server_group",
    {
        "name": _NAME,
        "policy": one_of("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"),
        "rules": record(
            {
                "max_server_per_host": {
                    "anyOf": [
                        {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
                        {"type": "string", "pattern": r"^[1-9][0-9]{0,8}$"},
                    ]
                }
            }
        ),
    },
    required=("name", "policy"),
)

EVENTS: JsonSchema = {
    "type": "object",
    "properties": {
        "events": {
            **array(
                record(
                    {
                        "name": string(least=1),
                        "server_uuid": string(least=1),
                        "status": one_of("failed", "completed", "in-progress"),
                        "tag": nullable(string()),
                    },
                    required=("name", "server_uuid"),
                )
            ),
            "minItems": 1,
        }
    },
    "required": ["events"],
    "additionalProperties": False,
}
