"""Hosts with their backends as administrators see them: services, pools, capabilities, hosts; and the zones that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import Address, Backend, Host, Pool, Service, ServiceSwitch
from wolke.block_storage.scheduler import PoolReport, PoolView, Request, capable
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import (
    BY_BACKEND,
    HOSTS,
    SNAPSHOTS_OF_HOST,
    SWITCHES,
    VOLUMES_OF_HOST,
)
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Order, Reader

SCHEDULER, VOLUME, BACKUP = "cinder-scheduler", "cinder-volume", "cinder-backup"


@dataclass(slots=True)
class Usage:
    """What the projects have on a host: project → (volumes, GiB, snapshots, GiB)."""

    by_project: dict[str, list[int]] = field(default_factory=dict)


class Hosts:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db

    def is_up(self, host: Host) -> bool:
        return host.heartbeat_at > self._needs.clock.after(-self._needs.config.host_down_after_s)

    async def all(self, reader: Reader | None = None) -> list[Host]:
        return await (reader or self._db).find(HOSTS, order=[Order("name")])

    # -- services

    async def services(self, ctx: Context) -> list[Service]:
        switches = await self._switches(self._db)
        now, zone = self._needs.clock.now(), self._needs.config.default_availability_zone
        found = [_service(SCHEDULER, "controller", zone, True, now, switches)]
        for host in await self.all():
            up = self.is_up(host)
            for backend in host.backends:
                name = f"{host.name}@{backend.name}"
                fine = up and backend.state == "up"
                found.append(_service(VOLUME, name, zone, up, host.heartbeat_at, switches, backend_up=fine))
            if host.backups:
                found.append(_service(BACKUP, host.name, zone, up, host.heartbeat_at, switches))
        return found

    async def switch(
        self, ctx: Context, binary: str, host: str, *, disabled: bool, reason: str | None = None
    ) -> ServiceSwitch:
        if not any(one.binary == binary and one.host == host for one in await self.services(ctx)):
            raise errors.ServiceNotFound(host)
        return await self._write(binary, host, {"disabled": disabled, "reason": reason if disabled else None})

    async def freeze(self, ctx: Context, host: str, *, frozen: bool) -> None:
        """A frozen backend makes nothing new and deletes nothing."""
        if not any(one.binary == VOLUME and one.host == host for one in await self.services(ctx)):
            raise errors.Invalid("input received", f"Service {host[:255]} could not be found.")
        await self._write(VOLUME, host, {"frozen": frozen})

    async def _write(self, binary: str, host: str, changes: Mapping[str, Any]) -> ServiceSwitch:
        fresh = ServiceSwitch(binary, host, False, None, False)
        try:
            async with self._db.transaction() as tx:
                if not await tx.update(SWITCHES, changes, binary=binary, host=host):
                    await tx.insert(SWITCHES, msgspec.structs.replace(fresh, **changes))
        except DuplicateRow:
            async with self._db.transaction() as tx:
                await tx.update(SWITCHES, changes, binary=binary, host=host)
        return (await self._switches(self._db)).get((binary, host), fresh)

    @staticmethod
    async def _switches(reader: Reader) -> dict[tuple[str, str], ServiceSwitch]:
        return {(one.binary, one.host): one for one in await reader.find(SWITCHES)}

    # -- pools

    async def pools(self, reader: Reader | None = None) -> list[PoolReport]:
        reader = reader or self._db
        switches = await self._switches(reader)
        promised = {row[0]: (int(row[1]), int(row[2])) for row in await reader.rows(BY_BACKEND)}
        return [
            self._report(host, backend, pool, switches.get((VOLUME, f"{host.name}@{backend.name}")), promised)
            for host in await self.all(reader)
            for backend in host.backends
            for pool in backend.pools
        ]

    def _report(
        self,
        host: Host,
        backend: Backend,
        pool: Pool,
        switch: ServiceSwitch | None,
        promised: Mapping[str, tuple[int, int]],
    ) -> PoolReport:
        address = Address(host.name, backend.name, pool.name)
        volumes, gib = promised.get(str(address), (0, 0))
        view = PoolView(
            address=str(address),
            zone=self._needs.config.default_availability_zone,
            up=self.is_up(host) and backend.state == "up",
            enabled=switch is None or not (switch.disabled or switch.frozen),
            total_gib=pool.total_gib,
            free_gib=pool.free_gib,
            promised_gib=gib,
            volumes=volumes,
            reserved_percentage=pool.reserved_percentage,
            thin=pool.thin,
            ratio=pool.max_over_subscription_ratio,
            capabilities={"volume_backend_name": backend.name, **backend.capabilities, **pool.capabilities},
        )
        return PoolReport(address, backend, pool, view, host.heartbeat_at)

    @staticmethod
    def fitting(pools: Sequence[PoolReport], extra_specs: Mapping[str, str]) -> list[PoolReport]:
        """Those that can do what a type asks for."""
        return [one for one in pools if capable(one.view, Request(0, extra_specs=extra_specs))]

    async def pool_at(self, address: str, reader: Reader | None = None) -> PoolReport | None:
        return next((one for one in await self.pools(reader) if str(one.address) == address), None)

    async def capabilities(self, ctx: Context, name: str) -> PoolReport:
        """Of the first pool of a backend: ``host@backend`` or ``host@backend#pool`` or just a host."""
        for one in await self.pools():
            if name in (str(one.address), one.address.service, one.address.host):
                return one
        raise errors.ServiceNotFound(name[:255])

    # -- hosts and zones

    async def zones(self) -> dict[str, bool]:
        """Name → whether anything in it is up."""
        hosts = await self.all()
        return {self._needs.config.default_availability_zone: any(map(self.is_up, hosts)) or not hosts}

    async def check_zone(self, zone: str) -> None:
        if zone not in await self.zones():
            raise errors.Invalid("input received", f"Availability zone '{zone[:255]}' is invalid.")

    async def usage(self, ctx: Context, name: str) -> Usage:
        """Of a host, with or without a backend behind it."""
        if not any(one.host == name or one.host.partition("@")[0] == name for one in await self.services(ctx)):
            raise errors.HostNotFound(name[:255])
        host, found = name.partition("@")[0], Usage()
        for at, query in ((0, VOLUMES_OF_HOST), (2, SNAPSHOTS_OF_HOST)):
            for project, count, gib in await self._db.rows(query, host=host):
                row = found.by_project.setdefault(project, [0, 0, 0, 0])
                row[at], row[at + 1] = int(count), int(gib)
        return found

    async def backup_host(self, preferred: str | None, reader: Reader | None = None) -> str | None:
        """A host that is up and can do backups; ``preferred`` if it is one."""
        switches = await self._switches(reader or self._db)
        able: Sequence[str] = [
            host.name
            for host in await self.all(reader)
            if host.backups and self.is_up(host) and not _off(switches.get((BACKUP, host.name)))
        ]
        return preferred if preferred in able else next(iter(able), None)


def _off(switch: ServiceSwitch | None) -> bool:
    return switch is not None and switch.disabled


def _service(
    binary: str,
    host: str,
    zone: str,
    up: bool,
    updated_at: str,
    switches: Mapping[tuple[str, str], ServiceSwitch],
    *,
    backend_up: bool = True,
) -> Service:
    switch = switches.get((binary, host)) or ServiceSwitch(binary, host, False, None, False)
    return Service(binary, host, zone, up, switch.disabled, switch.reason, switch.frozen, updated_at, backend_up)
