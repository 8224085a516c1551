"""Security groups as Nova showed them when it had its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wolke.network.model import SecurityGroup, SecurityGroupRule


def security_group(group: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "tenant_id": group.project_id,
        "rules": [_rule(rule) for rule in rules if rule.direction == "ingress"],
    }


def _rule(rule: SecurityGroupRule) -> dict[str, Any]:
    whole = {"tcp": (1, 65535), "udp": (1, 65535), "icmp": (-1, -1)}.get(rule.protocol or "", (None, None))
    ip_range = {"cidr": rule.remote_ip_prefix} if rule.remote_ip_prefix else {}
    return {
        "id": rule.id,
        "parent_group_id": rule.security_group_id,
        "ip_protocol": rule.protocol,
        "from_port": whole[0] if rule.port_range_min is None else rule.port_range_min,
        "to_port": whole[1] if rule.port_range_max is None else rule.port_range_max,
        "group": {"tenant_id": rule.project_id, "name": rule.remote_group_id} if rule.remote_group_id else {},
        "ip_range": {}
        if rule.remote_group_id
        else ip_range or {"cidr": "0.0.0.0/0" if rule.ethertype == "IPv4" else "::/0"},
    }
