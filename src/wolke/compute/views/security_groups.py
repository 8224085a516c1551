"""Security groups as Nova showed them when it had its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.network.model import SecurityGroup, SecurityGroupRule


def security_group(
    group: SecurityGroup, rules: Sequence[SecurityGroupRule], names: Mapping[str, str]
) -> dict[str, Any]:
    """``names``: of the groups that rules name, by id."""
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "tenant_id": group.project_id,
        "rules": [rule(one, names) for one in rules if one.direction == "ingress"],
    }


def rule(one: SecurityGroupRule, names: Mapping[str, str]) -> dict[str, Any]:
    group = {}
    if one.remote_group_id:
        group = {"tenant_id": one.project_id, "name": names.get(one.remote_group_id, one.remote_group_id)}
    whole = {"tcp": (1, 65535), "udp": (1, 65535), "icmp": (-1, -1)}.get(one.protocol or "", (None, None))
    ip_range = {"cidr": one.remote_ip_prefix} if one.remote_ip_prefix else {}
    return {
        "id": one.id,
        "parent_group_id": one.security_group_id,
        "ip_protocol": one.protocol,
        "from_port": whole[0] if one.port_range_min is None else one.port_range_min,
        "to_port": whole[1] if one.port_range_max is None else one.port_range_max,
        "group": group,
        "ip_range": {}
        if one.remote_group_id
        else ip_range or {"cidr": "0.0.0.0/0" if one.ethertype == "IPv4" else "::/0"},
    }
