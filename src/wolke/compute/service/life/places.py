"""From rows to the scheduler's picture: the hosts as they are now, and what a server asks of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wolke.compute.model import Aggregate, FlavorCopy, Host, Server, ServerGroup
from wolke.compute.scheduler import AggregateView, HostView, Placing
from wolke.compute.service.life.ground import Ground
from wolke.compute.store import AGGREGATES, BLOCK_DEVICES, HOSTS, SERVER_GROUPS, SERVERS
from wolke.core.db import Query, Reader, Transaction, Where
from wolke.placement.scheduler.candidates import Node

_MIB_PER_GIB = 1024
_ARCHITECTURE = ("hw_architecture", "architecture")
_HYPERVISOR = ("img_hv_type", "hypervisor_type")
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_MOST_HINTED = 100
_servers = SERVERS.sql.c
_SERVERS_PER_HOST = Query(
    sa.select(_servers.host, sa.func.count()).where(_servers.host.is_not(None)).group_by(_servers.host)
)


def zone_of(host: str, aggregates: Sequence[Aggregate], default: str) -> str:
    return next((a.availability_zone for a in aggregates if a.availability_zone and host in a.hosts), default)


async def look_at_hosts(ground: Ground) -> list[HostView]:
    hosts = await ground.db.find(HOSTS)
    aggregates = await ground.db.find(AGGREGATES)
    counts = {row[0]: row[1] for row in await ground.db.rows(_SERVERS_PER_HOST)}
    nodes = await ground.placement.snapshots.take()
    return [_view(ground, host, aggregates, counts.get(host.name, 0), nodes.get(host.id)) for host in hosts]


def _view(ground: Ground, host: Host, aggregates: Sequence[Aggregate], count: int, node: Node | None) -> HostView:
    mine = [aggregate for aggregate in aggregates if host.name in aggregate.hosts]
    inventories = node.inventories if node else {}
    free = {name: int(one.capacity - one.used) for name, one in inventories.items()}
    return HostView(
        id=host.id,
        name=host.name,
        zone=zone_of(host.name, mine, ground.config.default_availability_zone),
        enabled=not host.disabled,
        up=ground.is_up(host),
        free_vcpus=free.get("VCPU", 0),
        free_ram_mib=free.get("MEMORY_MB", 0),
        free_disk_gib=free.get("DISK_GB", 0),
        servers=count,
        capabilities=host.capabilities,
        aggregates=tuple(AggregateView(aggregate.name, aggregate.metadata) for aggregate in mine),
        traits=frozenset(node.traits) if node else frozenset(),
    )


def resources(server: Server, flavor: FlavorCopy | None = None) -> dict[str, int]:
    """What the server takes, of its own flavor or another, by resource class. A root disk that is a volume takes nothing of a
    host."""
    flavor = flavor or server.flavor
    swap_gib = -(-flavor.swap_mib // _MIB_PER_GIB)
    wanted = {
        "VCPU": flavor.vcpus,
        "MEMORY_MB": flavor.ram_mib,
        "DISK_GB": (0 if server.volume_backed else flavor.disk_gib) + flavor.ephemeral_gib + swap_gib,
    }
    for key, amount in flavor.extra_specs.items():
        if key.startswith("resources:") and amount.isdecimal():
            wanted[key.removeprefix("resources:")] = int(amount)
    return {name: amount for name, amount in wanted.items() if amount > 0}


async def placing_of(
    ground: Ground, server: Server, *, only_host: str | None = None, not_hosts: frozenset[str] = frozenset()
) -> Placing:
    """``only_host`` and ``not_hosts`` are for moves. A host that was forced when the server was made counts then only."""
    db, wanted = ground.db, resources(server)
    zone, _, host = (server.availability_zone or "").partition(":")
    properties = server.image.get("properties", {})
    policy, most, group_hosts = await group_of(db, server)
    same = await _hinted(db, server, "same_host")
    different = await _hinted(db, server, "different_host")
    return Placing(
        vcpus=wanted.get("VCPU", 0),
        ram_mib=wanted.get("MEMORY_MB", 0),
        disk_gib=wanted.get("DISK_GB", 0),
        zone=zone or None,
        only_host=only_host or (host.partition(":")[0] or None if server.verb == "create" else None),
        not_hosts=not_hosts,
        architecture=_first(properties, _ARCHITECTURE),
        hypervisor_type=_first(properties, _HYPERVISOR),
        disk_format=server.image.get("disk_format"),
        extra_specs=server.flavor.extra_specs,
        group_policy=policy,
        group_hosts=group_hosts,
        group_most_per_host=most,
        same_hosts=same,
        different_hosts=different or frozenset(),
        volume_hosts=await _with_volumes(ground, server) if server.block_devices else {},
    )


async def _with_volumes(ground: Ground, server: Server) -> Mapping[str, int]:
    """Where its volumes are, or what they will be made of."""
    if ground.storage is None:
        return {}
    devices = await ground.db.find(BLOCK_DEVICES, server_id=server.id)
    volumes = await ground.storage.volumes.by_id([one.volume_id for one in devices if one.volume_id is not None])
    sources = [one.source for one in devices if one.volume_id is None]
    snapshots = await ground.storage.snapshots.by_id([one["id"] for one in sources if one.get("kind") == "snapshot"])
    hosts = [volume.host for volume in volumes.values()] + [snapshot.host for snapshot in snapshots.values()]
    return Counter(host for host in hosts if host is not None)


async def group_of(db: Reader, server: Server) -> tuple[str | None, int, Mapping[str, int]]:
    """The policy of the server's group, the most members per host, and where its other members are."""
    if server.server_group_id is None:
        return None, 1, {}
    group: ServerGroup | None = await db.get(SERVER_GROUPS, id=server.server_group_id)
    if group is None:
        return None, 1, {}
    others = [Where("host", "isnull", False), Where("id", "ne", server.id)]
    members = await db.find(SERVERS, server_group_id=group.id, where=others)
    hosts = Counter(member.host for member in members if member.host and member.status != "DELETED")
    return group.policy, group.rules.get("max_server_per_host", 1), hosts


class GroupTaken(Exception):
    """Another member of an (anti-)affinity group was placed first."""


async def group_agrees(tx: Transaction, server: Server, host: str) -> bool:
    """Look again where nobody else can be looking: two members may have been placed at the same moment."""
    if server.server_group_id is None:
        return True
    await tx.lock(f"compute:group:{server.server_group_id}")
    policy, most, members = await group_of(tx, server)
    if policy == "affinity":
        return not members or host in members
    return policy != "anti-affinity" or members.get(host, 0) < most


async def _hinted(db: Reader, server: Server, hint: str) -> frozenset[str] | None:
    named: Any = server.scheduler_hints.get(hint)
    if not named:
        return None
    wanted = [str(one) for one in (named if isinstance(named, list) else [named])][:_MOST_HINTED]
    wanted = [one for one in wanted if _ID.fullmatch(one)]
    found = await db.find(SERVERS, where=[Where("id", "in", wanted)], project_id=server.project_id) if wanted else []
    return frozenset(other.host for other in found if other.host)


def _first(properties: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((str(properties[name]) for name in names if properties.get(name)), None)
