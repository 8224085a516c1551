"""Floating IPs by Compute's old names."""

from __future__ import annotations

from wolke.core.schema import JsonSchema, body, nullable, string

CREATE: JsonSchema = nullable(
    {"type": "object", "properties": {"pool": nullable(string())}, "additionalProperties": False}
)
_ADDRESS: JsonSchema = {"type": "string", "format": "ipv4"}
ADD = body("addFloatingIp", {"address": _ADDRESS, "fixed_address": _ADDRESS}, required=("address",))
REMOVE = body("removeFloatingIp", {"address": _ADDRESS}, required=("address",))
