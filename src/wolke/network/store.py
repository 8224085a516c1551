"""Tables and the few questions that are more than a list by column."""

from __future__ import annotations

import sqlalchemy as sa

from wolke.core.db import Query, Table
from wolke.network import model

NETWORKS = Table(
    "network_networks",
    model.Network,
    indexes=(("project_id",), ("name",), ("external",), ("shared",)),
    unique=(("provider_network_type", "provider_physical_network", "provider_segmentation_id"),),
)
SUBNETS = Table("network_subnets", model.Subnet, indexes=(("project_id",), ("network_id",), ("name",)))
PORTS = Table(
    "network_ports",
    model.Port,
    indexes=(("project_id",), ("network_project_id",), ("device_id",), ("host",), ("name",)),
    sparse=(("next_host",),),
    unique=(("network_id", "mac_address"),),
)
SHOWN_PORTS = PORTS.narrow(model.ShownPort)
ALLOCATIONS = Table(
    "network_allocations",
    model.Allocation,
    key=("subnet_id", "ip_address"),
    indexes=(("subnet_id", "number"), ("port_id",), ("ip_address",)),
)
CURSORS = Table("network_cursors", model.Cursor, key=("subnet_id",))
PORT_GROUPS = Table("network_port_groups", model.PortGroup, key=("group_id", "port_id"), indexes=(("port_id",),))
ROUTERS = Table("network_routers", model.Router, indexes=(("project_id",), ("name",), ("host",), ("gw_port_id",)))
FLOATING_IPS = Table(
    "network_floating_ips",
    model.FloatingIp,
    indexes=(("project_id",), ("port_id",), ("router_id",), ("floating_ip_address",)),
    unique=(("port_id", "fixed_ip_address", "floating_network_id"),),
)
SECURITY_GROUPS = Table("network_security_groups", model.SecurityGroup, indexes=(("project_id",), ("name",)))
DEFAULT_GROUPS = Table("network_default_groups", model.DefaultGroup, key=("project_id",), unique=(("group_id",),))
RULES = Table(
    "network_security_group_rules",
    model.SecurityGroupRule,
    indexes=(("project_id",), ("remote_group_id",)),
    unique=(("security_group_id", "sameness"),),
)
HOSTS = Table("network_hosts", model.Host, unique=(("host",),))
QUOTAS = Table("network_quotas", model.QuotaLimit, key=("project_id", "resource"))

_a, _b = ALLOCATIONS.sql.alias("a"), ALLOCATIONS.sql.alias("b")

#: The first used number from ``low`` on, below ``high``, that has no used number right behind it.
LAST_OF_RUN = Query(
    sa.select(_a.c.number)
    .select_from(
        _a.outerjoin(_b, sa.and_(_b.c.subnet_id == _a.c.subnet_id, _b.c.number == _a.c.number + 1)),
    )
    .where(
        _a.c.subnet_id == sa.bindparam("subnet_id"),
        _a.c.number >= sa.bindparam("low"),
        _a.c.number < sa.bindparam("high"),
        _b.c.number.is_(None),
    )
    .order_by(_a.c.number)
    .limit(1)
)

HIGHEST_SEGMENT = Query(
    sa.select(sa.func.max(NETWORKS.sql.c.provider_segmentation_id)).where(
        NETWORKS.sql.c.provider_network_type == sa.bindparam("network_type")
    )
)

#: Addresses in use by subnet of the networks' subnets.
USED_BY_SUBNET = Query(sa.select(ALLOCATIONS.sql.c.subnet_id, sa.func.count()).group_by(ALLOCATIONS.sql.c.subnet_id))

#: (group, port's fixed IPs, port's address pairs) of every member of the groups that the rules of a host's ports name.
_members = PORT_GROUPS.sql.alias("members")
_own = PORT_GROUPS.sql.alias("own")
_port, _bound = PORTS.sql.alias("port"), PORTS.sql.alias("bound")
_here = sa.or_(_bound.c.host == sa.bindparam("host"), _bound.c.next_host == sa.bindparam("host"))
_named = (
    sa.select(RULES.sql.c.remote_group_id)
    .select_from(
        _bound.join(_own, _own.c.port_id == _bound.c.id).join(
            RULES.sql, RULES.sql.c.security_group_id == _own.c.group_id
        )
    )
    .where(_here, RULES.sql.c.remote_group_id.is_not(None))
)
MEMBERS_FOR_HOST = Query(
    sa.select(_members.c.group_id, _port.c.fixed_ips, _port.c.allowed_address_pairs)
    .select_from(_members.join(_port, _port.c.id == _members.c.port_id))
    .where(_members.c.group_id.in_(_named))
)
_rules_own = sa.select(_own.c.group_id).select_from(_bound.join(_own, _own.c.port_id == _bound.c.id)).where(_here)
RULES_FOR_HOST = Query(sa.select(RULES.sql).where(RULES.sql.c.security_group_id.in_(_rules_own)))
