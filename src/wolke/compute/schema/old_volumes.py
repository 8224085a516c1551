"""Volumes and snapshots by Compute's old names."""

from __future__ import annotations

from wolke.core.schema import BOOLEAN, JsonSchema, body, nullable, string

_TEXT = nullable(string(most=255))
_SIZE: JsonSchema = {
    "type": ["integer", "string"],
    "pattern": r"^0*[1-9][0-9]{0,8}$",
    "minimum": 1,
    "maximum": 2**31 - 1,
}
VOLUME = body(
    "volume",
    {
        "size": _SIZE, "display_name": _TEXT, "display_description": _TEXT, "volume_type": _TEXT,
        "metadata": nullable({"type": "object", "maxProperties": 128, "additionalProperties": string(most=255)}),
        "snapshot_id": _TEXT, "availability_zone": _TEXT,
    },
    required=("size",),
    additional=True,
)  # fmt: skip
SNAPSHOT = body(
    "snapshot",
    {"volume_id": string(), "force": BOOLEAN, "display_name": _TEXT, "display_description": _TEXT},
    required=("volume_id",),
    additional=True,
)
