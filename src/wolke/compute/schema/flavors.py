"""Bodies about flavors."""

from __future__ import annotations

from wolke.core.schema import BOOLEAN, DESCRIPTION, JsonSchema, body, integer, nullable, string

_ID = {
    "anyOf": [
        string(least=1, pattern=r"^(?! )[a-zA-Z0-9. _-]*(?<! )$"),
        {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
        {"type": "null"},
    ]
}

CREATE = body(
    "flavor",
    {
        "name": string(least=1, most=255, pattern=r"^(?! )[^\x00-\x1f\x7f]*(?<! )$"),
        "id": _ID,
        "ram": integer(1),
        "vcpus": integer(1),
        "disk": integer(0),
        "OS-FLV-EXT-DATA:ephemeral": integer(0),
        "swap": {"anyOf": [integer(0), {"type": "string", "maxLength": 0}]},
        "os-flavor-access:is_public": BOOLEAN,
        "description": DESCRIPTION,
    },
    required=("name", "ram", "vcpus", "disk"),
)
UPDATE = body("flavor", {"description": nullable(string(most=65535))}, required=("description",))

_KEY = r"^[a-zA-Z0-9-_:. ]{1,255}$"
_VALUE = {"anyOf": [string(most=255), {"type": ["number", "boolean"]}]}
_SPECS: JsonSchema = {"type": "object", "patternProperties": {_KEY: _VALUE}, "additionalProperties": False}
EXTRA_SPECS: JsonSchema = {
    "type": "object",
    "properties": {"extra_specs": {**_SPECS, "maxProperties": 128}},
    "required": ["extra_specs"],
    "additionalProperties": False,
}
EXTRA_SPEC: JsonSchema = {**_SPECS, "minProperties": 1, "maxProperties": 1}

ADD_ACCESS = body("addTenantAccess", {"tenant": string(least=1)}, required=("tenant",))
REMOVE_ACCESS = body("removeTenantAccess", {"tenant": string(least=1)}, required=("tenant",))
