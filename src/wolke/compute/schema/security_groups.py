"""Bodies of security groups and their rules, as Nova took them until 2.35."""

from __future__ import annotations

from wolke.core.schema import body, nullable, string

_GROUP = {"name": string(most=255), "description": nullable(string(most=255))}
GROUP = body("security_group", _GROUP, required=("name", "description"))

_PORT = {
    "anyOf": [
        {"type": "integer", "minimum": -1, "maximum": 65535},
        {"type": "string", "pattern": "^(-1|[0-9]{1,5})?$"},
        {"type": "null"},
    ]
}
_TEXT = nullable(string(most=255))
RULE = body(
    "security_group_rule",
    {
        "parent_group_id": string(most=255),
        "ip_protocol": _TEXT,
        "from_port": _PORT,
        "to_port": _PORT,
        "cidr": _TEXT,
        "group_id": _TEXT,
    },
    required=("parent_group_id",),
)
