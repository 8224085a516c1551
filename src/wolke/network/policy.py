"""Who may, by upstream's rule names. ``verb_noun`` guards the request; ``verb_noun:attribute`` guards naming an attribute
(or, for ``get``, seeing it) and is asked only where a request names it.
"""

from __future__ import annotations

from collections.abc import Iterable

from wolke.core.policy import Rule

ADMIN = "rule:admin_only"
MEMBER = "rule:admin_only or (role:member and project_id:%(project_id)s)"
READER = "rule:admin_only or (role:reader and project_id:%(project_id)s)"
NETWORK_OWNER = f"{ADMIN} or (role:member and rule:network_owner)"
MEMBER_OR_NETWORK_OWNER = f"{MEMBER} or (role:member and rule:network_owner)"
READER_OR_NETWORK_OWNER = f"{READER} or (role:reader and rule:network_owner)"
ANYONE = "@"

_BASE = (
    Rule("admin_only", "role:admin", "The cloud's operators."),
    Rule("network_owner", "project_id:%(network:project_id)s", "Whose network the port or subnet is on."),
    Rule("shared", "True:%(shared)s", "A network or subnet that every project may use."),
    Rule("external", "True:%(router:external)s", "A network that leads outside."),
)


def _guard(check: str, *names: str) -> Iterable[Rule]:
    return (Rule(name, check, scopes=("project", "system")) for name in names)


def _crud(
    noun: str, *, create: str = MEMBER, get: str = READER, change: str = MEMBER, delete: str | None = None
) -> Iterable[Rule]:
    yield from _guard(create, f"create_{noun}")
    yield from _guard(get, f"get_{noun}")
    yield from _guard(change, f"update_{noun}")
    yield from _guard(delete or change, f"delete_{noun}")
    yield from _guard(get, f"get_{noun}:tags")
    yield from _guard(change, f"update_{noun}:tags", f"delete_{noun}:tags")


def _both(noun: str, check: str, *attributes: str) -> Iterable[Rule]:
    """Naming an attribute at birth and later."""
    yield from _guard(check, *(f"{verb}_{noun}:{name}" for name in attributes for verb in ("create", "update")))


PROVIDER = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")
BINDING = ("binding:host_id", "binding:profile")
BINDING_SHOWN = ("binding:host_id", "binding:profile", "binding:vif_type", "binding:vif_details")

RULES: tuple[Rule, ...] = (
    *_BASE,
    *_crud("network", get=f"{READER} or rule:shared or rule:external"),
    *_both("network", ADMIN, "shared", "router:external", "is_default", *PROVIDER),
    *_both("network", MEMBER, "port_security_enabled"),
    *_guard(ADMIN, *(f"get_network:{name}" for name in PROVIDER)),
    *_crud("subnet", create=MEMBER_OR_NETWORK_OWNER, get=f"{READER} or rule:shared", change=MEMBER_OR_NETWORK_OWNER),
    *_both("subnet", ADMIN, "segment_id", "service_types"),
    *_crud("port", get=READER_OR_NETWORK_OWNER, delete=MEMBER_OR_NETWORK_OWNER),
    *_guard(NETWORK_OWNER, "create_port:device_owner", "update_port:device_owner"),
    *_both("port", NETWORK_OWNER, "mac_address", "fixed_ips:ip_address", "port_security_enabled"),
    *_both("port", f"{NETWORK_OWNER} or rule:shared", "fixed_ips", "fixed_ips:subnet_id"),
    *_both("port", NETWORK_OWNER, "allowed_address_pairs"),
    *_both("port", ADMIN, *BINDING),
    *_both("port", MEMBER, "binding:vnic_type"),
    *_guard(ADMIN, *(f"get_port:{name}" for name in BINDING_SHOWN)),
    *_crud("router"),
    *_both("router", ADMIN, "distributed", "ha", "external_gateway_info:enable_snat"),
    *_both("router", MEMBER, "external_gateway_info", "external_gateway_info:network_id"),
    *_both("router", ADMIN, "external_gateway_info:external_fixed_ips"),
    *_guard(ADMIN, "get_router:distributed", "get_router:ha"),
    *_guard(MEMBER, "add_router_interface", "remove_router_interface", "add_extraroutes", "remove_extraroutes"),
    *_crud("floatingip"),
    *_guard(ADMIN, "create_floatingip:floating_ip_address"),
    *_crud("security_group"),
    *_crud("security_group_rule"),
    *_guard(READER, "get_quota"),
    *_guard(ADMIN, "update_quota", "delete_quota"),
    *_guard(ADMIN, "get_agent", "update_agent", "delete_agent"),
    *_guard(ANYONE, "get_availability_zone", "get_service_provider"),
    *_guard(ADMIN, "get_network_ip_availability"),
)

AGENT_RULES: tuple[Rule, ...] = (Rule("agent", "role:agent or role:service or role:admin", "The agents of hosts."),)
