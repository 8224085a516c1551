"""Volume types, QoS specs, and the types that are defaults."""

from __future__ import annotations

from wolke.block_storage.schema.volumes import NAME, TEXT
from wolke.core.schema import BOOLEAN, JsonSchema, body, nullable, one_of, record, string

_KEY = r"^[a-zA-Z0-9\-_:. ]{1,255}$"
_SPECS: JsonSchema = {
    "type": "object",
    "maxProperties": 128,
    "patternProperties": {_KEY: TEXT},
    "additionalProperties": False,
}
_ID = string(least=1, most=64)

CREATE = body(
    "volume_type",
    {
        "name": string(least=1, pattern=r"^[^\x00]*\S[^\x00]*$"), "description": NAME,
        "os-volume-type-access:is_public": BOOLEAN, "extra_specs": nullable(_SPECS),
    },
    required=("name",),
)  # fmt: skip
UPDATE = body("volume_type", {"name": NAME, "description": NAME, "is_public": nullable(BOOLEAN)})
EXTRA_SPECS = record({"extra_specs": _SPECS}, required=("extra_specs",))
EXTRA_SPEC = _SPECS | {"minProperties": 1, "maxProperties": 1}
ADD_ACCESS = record(
    {"addProjectAccess": record({"project": _ID}, required=("project",))}, required=("addProjectAccess",)
)
REMOVE_ACCESS = record(
    {"removeProjectAccess": record({"project": _ID}, required=("project",))}, required=("removeProjectAccess",)
)

_KEY_SIZE: JsonSchema = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": 4096},
        {"type": "string", "pattern": r"^[0-9]{1,4}$"},
        {"type": "null"},
    ]
}
_ENCRYPTION = {
    "provider": string(least=1), "control_location": one_of("front-end", "back-end"), "cipher": nullable(TEXT),
    "key_size": _KEY_SIZE,
}  # fmt: skip
ENCRYPTION_CREATE = body("encryption", _ENCRYPTION, required=("provider", "control_location"))
ENCRYPTION_UPDATE = body("encryption", _ENCRYPTION)

_QOS: JsonSchema = {
    "type": "object",
    "properties": {
        "name": string(least=1, pattern=r"^[^\x00]*\S[^\x00]*$"),
        "consumer": one_of("front-end", "back-end", "both"),
    },
    "required": ["name"],
    "maxProperties": 130,
    "patternProperties": {_KEY: TEXT},
    "additionalProperties": False,
}
QOS_CREATE = record({"qos_specs": _QOS}, required=("qos_specs",))
QOS_SET = record({"qos_specs": _SPECS | {"minProperties": 1}}, required=("qos_specs",))
QOS_UNSET = record({"keys": {"type": "array", "items": TEXT, "maxItems": 128, "minItems": 1}}, required=("keys",))

DEFAULT_TYPE = record(
    {"default_type": record({"volume_type": string(least=1)}, required=("volume_type",))}, required=("default_type",)
)
