"""Attributes of ports."""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.core.db import Where
from wolke.network import store
from wolke.network.errors import HTTPBadRequest
from wolke.network.scheduler.names import hostname
from wolke.network.schema import checks
from wolke.network.schema.attributes import ABSENT, REQUIRED, Attribute, Resource, project, standard

_FIXED_IP = checks.mapping({"subnet_id": checks.identifier, "ip_address": checks.address})
_PAIR = checks.mapping({"ip_address": checks.address_or_cidr, "mac_address": checks.mac}, required=("ip_address",))
_OPTION = checks.mapping(
    {
        "opt_name": checks.text(64, least=1),
        "opt_value": checks.optional(checks.text()),
        "ip_version": checks.integer(4, 6),
    },
    required=("opt_name", "opt_value"),
)


def _vif_type(port: Any) -> str:
    return "bridge" if port.host else "unbound"


def _vif_details(port: Any) -> dict[str, Any]:
    return {"port_filter": True} if port.host else {}


def _dns_assignment(port: Any) -> list[dict[str, str]]:
    domain = port.dns_domain.rstrip(".")
    found = []
    for fixed in port.fixed_ips:
        name = hostname(port, fixed["ip_address"])
        fqdn = f"{name}.{domain}." if domain else f"{name}."
        found.append({"ip_address": fixed["ip_address"], "hostname": name, "fqdn": fqdn})
    return found


def _fixed_ips(values: list[str]) -> Where:
    """``ip_address=10.0.0.5``, ``subnet_id=…``, ``ip_address_substr=10.0``: each value one condition, all must hold."""
    groups: dict[str, list[list[Where]]] = {}
    for value in values:
        key, _, wanted = value.partition("=")
        if key not in ("ip_address", "subnet_id", "ip_address_substr") or not wanted:
            raise HTTPBadRequest(f"Invalid filter for fixed_ips: {value[:80]!r}")
        if key == "ip_address_substr":
            groups.setdefault(key, []).append([Where("fixed_ips", "like", _substring(wanted))])
            continue
        wanted_json = f'"{key}":{msgspec.json.encode(wanted).decode()}'
        groups.setdefault(key, []).append([Where("fixed_ips", "contains", wanted_json)])
    return Where("", "any", [[Where("", "any", group) for group in groups.values()]])


def _substring(text: str) -> str:
    if not all(c in "0123456789abcdefABCDEF.:" for c in text):
        raise HTTPBadRequest("ip_address_substr may hold digits, letters a to f, dots and colons only.")
    return f'%"ip_address":"%{text.lower()}%"%'


def _groups(values: list[str]) -> Where:
    return Where("", "any", [[Where("security_groups", "contains", msgspec.json.encode(v).decode())] for v in values])


PORT = Resource(
    "port",
    "ports",
    store.PORTS,
    (
        Attribute("id", filtered=str),
        Attribute("name", checks.optional(checks.text(), empty=""), "", filtered=str),
        Attribute("network_id", checks.identifier, REQUIRED, put=False, filtered=str),
        project(),
        Attribute("mac_address", checks.optional(checks.mac), ABSENT, filtered=lambda t: t.lower()),
        Attribute("admin_state_up", checks.boolean, True, filtered=checks.boolean),
        Attribute("status", filtered=str),
        Attribute("device_id", checks.optional(checks.text(), empty=""), "", filtered=str),
        Attribute("device_owner", checks.optional(checks.text(), empty=""), "", filtered=str),
        Attribute("fixed_ips", checks.listing(_FIXED_IP, most=256), ABSENT),
        Attribute(
            "allowed_address_pairs", checks.optional(checks.listing(_PAIR, most=256), empty=[]), [], sorted=False
        ),
        Attribute("extra_dhcp_opts", checks.optional(checks.listing(_OPTION, most=64), empty=[]), []),
        Attribute("security_groups", checks.optional(checks.listing(checks.identifier, most=64), empty=[]), ABSENT),
        Attribute("description", checks.optional(checks.text(), empty=""), "", filtered=str),
        Attribute("binding:vnic_type", checks.one_of("normal"), "normal", kept="vnic_type", filtered=str),
        Attribute("binding:profile", checks.anything(), {}, kept="profile"),
        Attribute("binding:host_id", checks.optional(checks.text(), empty=""), "", kept="host", filtered=str),
        Attribute("binding:vif_type", show=_vif_type),
        Attribute("binding:vif_details", show=_vif_details),
        Attribute("port_security_enabled", checks.boolean, ABSENT, filtered=checks.boolean),
        Attribute("dns_name", checks.dns_label, "", filtered=str),
        Attribute("dns_domain", checks.dns_label, "", filtered=str),
        Attribute("dns_assignment", show=_dns_assignment),
        Attribute("resource_request", show=lambda r: None),
        *standard(),
    ),
    filters={"fixed_ips": _fixed_ips, "security_groups": _groups},
)
