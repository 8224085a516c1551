"""What a host's agent reports and is told: that it is alive, what is due on it, what should be running on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from wolke.compute.model import Host, Server, Wish
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.errors import HostNotFound, NoMove
from wolke.compute.service.life.facts import facts_of
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.moving import move_of
from wolke.compute.service.life.specification import wish_of
from wolke.compute.states import HOST_TASKS, OTHER_HOST_TASKS, acting_host
from wolke.compute.store import HOSTS, SERVERS
from wolke.compute.views.metadata import config_drive
from wolke.core import ids
from wolke.core.db import DuplicateRow, Query, Where
from wolke.core.log import get_logger

log = get_logger(__name__)

_MOST_DUE = 1000
_servers = SERVERS.sql.c


def _among(tasks: Iterable[str]) -> Any:
    return _servers.task.in_([sa.literal(task) for task in sorted(tasks)])


def _on(host: str) -> Where:
    return Where("", "any", [[Where("host", "eq", host)], [Where("other_host", "eq", host)]])


_DUE = Query(
    sa.select(_servers.id, _servers.generation, _servers.task)
    .where(
        sa.or_(
            sa.and_(_servers.host == sa.bindparam("host"), _among(HOST_TASKS)),
            sa.and_(_servers.other_host == sa.bindparam("host"), _among(OTHER_HOST_TASKS)),
        )
    )
    .order_by(_servers.deadline_at, _servers.id)
    .limit(_MOST_DUE)
)
_SETTLED = Query(
    sa.select(
        _servers.id,
        _servers.status,
        _servers.power,
        _servers.generation,
        _servers.task,
        _servers.host,
        _servers.other_host,
    ).where(sa.or_(_servers.host == sa.bindparam("host"), _servers.other_host == sa.bindparam("host")))
)
_NEEDS_FILES = frozenset({"spawning", "rebuild_spawning", "resize_finish", "spawning_shelved", "evacuate_spawning"})
_OFF = ("shutdown", "crashed")


class HostReport(msgspec.Struct, frozen=True):
    """What an agent says of its host with every heartbeat."""

    driver: str
    capabilities: dict[str, Any]
    inventory: dict[str, Any]
    started_at: str = ""
    address: str = ""
    door: dict[str, Any] = {}


class PowerReport(msgspec.Struct, frozen=True):
    """``returned``: the guest went down with its host, or with the cloud, not by itself."""

    server_id: str
    generation: int
    power: str
    returned: bool = False


class HostDoor:
    """The verbs of agents, but for outcomes. Every one names its host."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._disks = Disks(ground)
        self._provided: dict[str, tuple[Any, ...]] = {}

    async def report(self, name: str, said: HostReport) -> dict[str, Any]:
        """Register the host, or note that it is alive; its id and the settings that it works by."""
        now = self._ground.clock.now()
        fresh = {
            "driver": said.driver, "capabilities": said.capabilities, "inventory": said.inventory, "heartbeat_at": now,
            "started_at": said.started_at or now, "address": said.address,
            "door": said.door,
        }  # fmt: skip
        host = await self._ground.db.get(HOSTS, name=name)
        if host is None:
            host = await self._register(name, fresh)
        else:
            came_back = not self._ground.is_up(host)
            async with self._ground.db.transaction() as tx:
                await tx.update(HOSTS, fresh, id=host.id)
                if came_back:
                    tx.wake("compute.servers")
        await self._provide(host, said)
        config = self._ground.config
        return {
            "id": host.id,
            "heartbeat_period_s": config.heartbeat_period_s,
            "sync_period_s": config.sync_period_s,
            "guest_shutdown_timeout_s": config.guest_shutdown_timeout_s,
        }

    async def _register(self, name: str, fresh: Mapping[str, Any]) -> Host:
        now = self._ground.clock.now()
        host = Host(
            ids.uuid(), name, fresh["driver"], fresh["capabilities"], fresh["inventory"], False, None, False, now,
            fresh["started_at"], now, fresh["address"], fresh["door"],
        )  # fmt: skip
        try:
            async with self._ground.db.transaction() as tx:
                await tx.insert(HOSTS, host)
        except DuplicateRow:
            found = await self._ground.db.get(HOSTS, name=name)
            if found is None:
                raise HostNotFound(name) from None
            return found
        log.info("host is new", host=name, driver=host.driver)
        return host

    async def _provide(self, host: Host, said: HostReport) -> None:
        """Its provider in Placement, whenever what it has to give is not what this process last wrote."""
        config = self._ground.config
        vcpus, ram_mib, disk_gib = (int(said.inventory[name]) for name in ("vcpus", "ram_mib", "disk_gib"))
        given = (vcpus, ram_mib, disk_gib)
        if self._provided.get(host.id) == given:
            return
        reserved = min(config.reserved_host_ram_mib, max(0, ram_mib - 1))
        inventories: dict[str, dict[str, Any]] = {
            "VCPU": {"total": vcpus, "allocation_ratio": config.cpu_allocation_ratio},
            "MEMORY_MB": {"total": ram_mib, "reserved": reserved, "allocation_ratio": config.ram_allocation_ratio},
            "DISK_GB": {"total": disk_gib, "allocation_ratio": config.disk_allocation_ratio},
        }
        there = {name: values for name, values in inventories.items() if values["total"] > 0}
        async with self._ground.db.transaction() as tx:
            await self._ground.placement.ensure_provider(tx, host.id, host.name, there)
        if not self._provided.get(host.id):
            self._ground.db.wake("compute.servers")
        self._provided[host.id] = given

    async def id_of(self, name: str) -> str | None:
        host = await self._ground.db.get(HOSTS, name=name)
        return host.id if host is not None else None

    async def up(self) -> list[str]:
        """The hosts that have been heard of of late."""
        return [host.name for host in await self._ground.db.find(HOSTS) if self._ground.is_up(host)]

    async def due(self, host: str) -> list[tuple[str, int, str]]:
        """(server id, generation, task) of everything that is due on the host."""
        return [(row[0], row[1], row[2]) for row in await self._ground.db.rows(_DUE, host=host)]

    async def wishes(self, host: str, server_ids: Sequence[str]) -> list[Wish]:
        """All that must be known to fulfil what is due on these servers; those on which nothing is due are left out."""
        found = await self._ground.db.find(SERVERS, where=[Where("id", "in", list(server_ids)), _on(host)])
        servers = [one for one in found if acting_host(one.task, one.host, one.other_host) == host]
        if not servers:
            return []
        ports = await self._ground.network.server_ports([server.id for server in servers])
        with_files = [server for server in servers if server.config_drive and server.task in _NEEDS_FILES]
        facts = await facts_of(self._ground, with_files, ports) if with_files else {}
        disks = await self._disks.of_servers([server.id for server in servers])
        moves = await self._moves(host, [server for server in servers if server.other_host is not None])
        return [
            wish_of(
                server,
                ports.get(server.id, ()),
                config_drive(facts[server.id]) if server.id in facts else None,
                moves.get(server.id),
                disks.get(server.id, ()),
            )
            for server in servers
        ]

    async def _moves(self, host: str, servers: Sequence[Server]) -> dict[str, dict[str, Any]]:
        """What an agent is told of the moves of these servers, by server."""
        found = {}
        for server in servers:
            move = await move_of(self._ground.db, server.id)
            if move is not None and host in (move.source_host, move.dest_host):
                peer = (move.dest_host if host == move.source_host else move.source_host) or ""
                there = await self._ground.db.get(HOSTS, name=peer)
                told = {"id": move.id, "key": move.key, "kind": move.kind, "was": move.was}
                found[server.id] = told | {"peer": peer, "door": there.door if there else {}}
        return found

    async def key(self, host: str, server_id: str) -> str:
        """The key that opens the host's door for the server's move. Raises ``NoMove`` if it has none with this host."""
        move = await move_of(self._ground.db, server_id)
        if move is None or not move.key or host not in (move.source_host, move.dest_host):
            raise NoMove(server_id)
        return move.key

    async def servers(self, host: str) -> list[dict[str, Any]]:
        """Every server that the host has, with what is under way on it; whoever is not in it is not the host's. ``elsewhere``:
        it is another host's now, this one is the other end of its move. ``aside``: what it was is kept here."""
        rows = await self._ground.db.rows(_SETTLED, host=host)
        names = ("id", "status", "power", "generation", "task")
        return [
            {**dict(zip(names, row, strict=False)), "elsewhere": row[5] != host, "aside": row[6] == host}
            for row in rows
        ]

    async def powers(self, host: str, said: Sequence[PowerReport]) -> int:
        """Compare what runs with what should, as ``_correction`` says; how many servers were changed."""
        reports = {report.server_id: report for report in said}
        found = await self._ground.db.find(SERVERS, host=host, where=[Where("id", "in", list(reports))]) if said else []
        changed = [(server, _correction(server, reports[server.id])) for server in found]
        wanted = [(server, changes) for server, changes in changed if changes]
        if not wanted:
            return 0
        deadline_at = self._ground.clock.after(self._ground.config.build_deadline_s)
        async with self._ground.db.transaction() as tx:
            for server, changes in wanted:
                if "task" in changes:
                    changes |= {"deadline_at": deadline_at, "arguments": {}}
                changes["generation"] = server.generation + 1
                await self._ground.write(tx, server, changes)
        for server, changes in wanted:
            log.info("server is not as it should be", server_id=server.id, status=server.status, **_told(changes))
        return len(wanted)


def _told(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {f"now_{name}": changes[name] for name in ("status", "power", "task") if name in changes}


def _correction(server: Server, report: PowerReport) -> dict[str, Any]:
    """What follows from what was seen; {} for nothing. Only for a server that is settled and was not written to since.

    ACTIVE and its guest is off: if the host went down with it, it is started again; else its user shut it down from inside,
    and it is SHUTOFF. SHUTOFF and it runs: it is stopped. PAUSED and it is off: SHUTOFF. Otherwise the power is noted.
    """
    if server.task is not None or server.generation != report.generation:
        return {}
    off = report.power in _OFF
    noted = {"power": report.power} if report.power != server.power else {}
    if server.status == "ACTIVE" and off:
        if report.returned:
            return {"verb": "reboot_hard", "task": "rebooting_hard", **noted}
        return {"status": "SHUTOFF", "power": report.power}
    if server.status == "SHUTOFF" and report.power in ("running", "paused"):
        return {"verb": "stop", "task": "powering-off", **noted}
    if server.status == "PAUSED" and off:
        return {"status": "SHUTOFF", "power": report.power}
    return noted
