"""Hosts, as operators see them: compute services, hypervisors, availability zones, aggregates' members."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wolke.compute import errors
from wolke.compute.model import Aggregate, Host, HostUse, Server, Zone, legacy_id
from wolke.compute.service.needs import Needs
from wolke.compute.store import AGGREGATES, HOSTS, SERVERS
from wolke.compute.store.hosts import FLAVORS_BY_HOST
from wolke.core.clock import moment
from wolke.core.context import Context
from wolke.core.db import Order, Where
from wolke.core.db.kept import Kept
from wolke.core.errors import Conflict


class Hosts:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db
        self._all = Kept(needs.db, (HOSTS,), self._find)
        self._zones = Kept(needs.db, (AGGREGATES,), self._find_zones)

    def up(self, host: Host) -> bool:
        age_s = self._needs.clock.time() - moment(host.heartbeat_at).timestamp()
        return not host.forced_down and age_s <= self._needs.config.host_down_after_s

    async def index(self) -> list[Host]:
        return list(await self._all())

    async def _find(self) -> list[Host]:
        return await self._db.find(HOSTS, order=(Order("created_at"), Order("id")))

    async def named(self, name: str) -> Host | None:
        return await self._db.get(HOSTS, name=name)

    async def show(self, host_id: str) -> Host:
        """By UUID, or by the whole number that stood for it before 2.53."""
        if host_id.isdecimal() and len(host_id) <= len(str(2**31)):
            found = [host for host in await self.index() if legacy_id(host.id) == int(host_id)]
            if found:
                return found[0]
        host = await self._db.get(HOSTS, id=host_id)
        if host is None:
            raise errors.ServiceNotFound(host_id)
        return host

    async def update(self, ctx: Context, host: Host, **changes: Any) -> Host:
        """``disabled``, ``disabled_reason``, ``forced_down``."""
        async with self._db.transaction() as tx:
            if not await tx.update(HOSTS, changes, id=host.id):
                raise errors.ServiceNotFound(host.id)
            tx.wake("compute.servers")
        return msgspec.structs.replace(host, **changes)

    async def delete(self, ctx: Context, host: Host) -> None:
        """A host that is down for good. Refused while servers are on it."""
        async with self._db.transaction() as tx:
            await tx.lock(f"compute:host:{host.name}")
            if await tx.count(SERVERS, host=host.name, deleted_at=None):
                raise Conflict(
                    "Unable to delete compute service that is hosting instances. Migrate or evacuate the instances first."
                )
            await tx.delete(HOSTS, id=host.id)
            for aggregate in await tx.find(AGGREGATES):
                if host.name in aggregate.hosts:
                    left = [name for name in aggregate.hosts if name != host.name]
                    await tx.update(AGGREGATES, {"hosts": left}, id=aggregate.id)

    async def zones(self) -> list[Zone]:
        """Every zone there is, sorted by name; the default one holds the hosts that no aggregate puts elsewhere."""
        default = self._needs.config.default_availability_zone
        of_host = zone_of_hosts(await self._db.find(AGGREGATES))
        zones = {default: Zone(default)}
        for name in of_host.values():
            zones.setdefault(name, Zone(name))
        for host in await self.index():
            zone = zones[of_host.get(host.name, default)]
            zone.hosts.append(host)
            zone.available = zone.available or (self.up(host) and not host.disabled)
        if not zones[default].hosts and len(zones) > 1:
            del zones[default]
        elif not zones[default].hosts:
            zones[default].available = True
        return sorted(zones.values(), key=lambda zone: zone.name)

    async def zone_names(self) -> dict[str, str]:
        """Host → zone, for those that an aggregate puts into one."""
        return await self._zones()

    async def _find_zones(self) -> dict[str, str]:
        return zone_of_hosts(await self._db.find(AGGREGATES))

    async def use(self) -> dict[str, HostUse]:
        """By host. The disk of each flavor is in its copy, so the rows are summed here and not in SQL."""
        found: dict[str, HostUse] = {}
        for host, flavor, task, image_id in await self._db.rows(FLAVORS_BY_HOST):
            copy = msgspec.json.decode(flavor)
            root_gib = copy["disk_gib"] if image_id is not None else 0
            old = found.get(host, HostUse())
            found[host] = HostUse(
                old.servers + 1,
                old.busy + (task is not None),
                old.vcpus + copy["vcpus"],
                old.ram_mib + copy["ram_mib"],
                old.disk_gib + root_gib + copy.get("ephemeral_gib", 0),
            )
        return found

    async def servers(self, names: Iterable[str]) -> dict[str, list[Server]]:
        found: dict[str, list[Server]] = {}
        where = [Where("host", "in", list(names)), Where("deleted_at", "isnull", True)]
        for server in await self._db.find(SERVERS, where=where, order=(Order("created_at"), Order("id"))):
            found.setdefault(server.host or "", []).append(server)
        return found


def zone_of_hosts(aggregates: Iterable[Aggregate]) -> dict[str, str]:
    return {name: one.availability_zone for one in aggregates if one.availability_zone for name in one.hosts}
