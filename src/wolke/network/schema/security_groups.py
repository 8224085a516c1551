"""Attributes of security groups and their rules."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from wolke.network import store
from wolke.network.model import SecurityGroupRule
from wolke.network.schema import checks
from wolke.network.schema.attributes import REQUIRED, Attribute, Resource, project, standard


def _ethertype(value: Any) -> str:
    for known in ("IPv4", "IPv6"):
        if isinstance(value, str) and value.lower() == known.lower():
            return known
    raise ValueError(f"{checks.shown(value)} is not IPv4 or IPv6")


def _direction(value: Any) -> str:
    if isinstance(value, str) and value.lower() in ("ingress", "egress"):
        return value.lower()
    raise ValueError(f"{checks.shown(value)} is not ingress or egress")


def _protocol(value: Any) -> str | None:
    if value is None or value in ("", "any"):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{checks.shown(value)} is not a protocol")
    return str(value).lower()[:40]


def _prefix(value: Any) -> str | None:
    """As it was written: the address may be any of the network's."""
    return str(value) if value not in (None, "") and checks.cidr(value) else None


def _normalized(rule: SecurityGroupRule) -> str | None:
    return str(ip_network(rule.remote_ip_prefix, strict=False)) if rule.remote_ip_prefix else None


SECURITY_GROUP = Resource(
    "security_group",
    "security_groups",
    store.SECURITY_GROUPS,
    (
        Attribute("id", filtered=str),
        Attribute("name", checks.text(), "", filtered=str),
        Attribute("stateful", checks.boolean, True, filtered=checks.boolean),
        project(),
        Attribute("description", checks.optional(checks.text(), empty=""), "", filtered=str),
        Attribute("shared", show=lambda r: False),
        *standard(),
    ),
)

SECURITY_GROUP_RULE = Resource(
    "security_group_rule",
    "security_group_rules",
    store.RULES,
    (
        Attribute("id", filtered=str),
        project(),
        Attribute("security_group_id", checks.identifier, REQUIRED, put=False, filtered=str),
        Attribute("ethertype", _ethertype, "IPv4", put=False, filtered=str),
        Attribute("direction", _direction, REQUIRED, put=False, filtered=str),
        Attribute("protocol", _protocol, None, put=False, filtered=str),
        Attribute("port_range_min", checks.optional(checks.integer(-1, 65535)), None, put=False, filtered=int),
        Attribute("port_range_max", checks.optional(checks.integer(-1, 65535)), None, put=False, filtered=int),
        Attribute("remote_ip_prefix", _prefix, None, put=False, filtered=str),
        Attribute("remote_group_id", checks.optional(checks.identifier), None, put=False, filtered=str),
        Attribute("normalized_cidr", show=_normalized),
        Attribute("description", checks.optional(checks.text(), empty=""), "", put=False, filtered=str),
        *standard(tags=False),
    ),
    tags=False,
)
