"""What projects used between two instants, from the rows of servers that are there or were not long ago."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from wolke.compute.model import Server
from wolke.compute.service.needs import Needs
from wolke.compute.store import SERVERS
from wolke.core.clock import instant, micros, moment
from wolke.core.db import Order, Where

_S_PER_HOUR = 3600.0


class Usage:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db

    async def knows(self, server_id: str) -> bool:
        return await self._db.get(SERVERS, id=server_id) is not None

    async def of(
        self, start: datetime, end: datetime, *, project_id: str | None = None, limit: int, marker: str | None = None
    ) -> tuple[dict[str, dict[str, Any]], str | None]:
        """Usage by project, and the id of the last server that is in it if there may be more."""
        gone_later = Where(
            "", "any", [[Where("deleted_at", "isnull", True)], [Where("deleted_at", "ge", instant(start))]]
        )
        where = [Where("launched_at", "isnull", False), Where("launched_at", "lt", instant(end)), gone_later]
        if project_id:
            where.append(Where("project_id", "eq", project_id))
        if marker:
            where.append(Where("id", "gt", marker))
        servers = await self._db.find(SERVERS, where=where, order=(Order("id"),), limit=limit)
        found: dict[str, dict[str, Any]] = {}
        now = moment(self._needs.clock.now())
        for server in servers:
            _add(found.setdefault(server.project_id, _nothing(server.project_id, start, end)), server, start, end, now)
        return found, servers[-1].id if len(servers) == limit else None


def _nothing(project_id: str, start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "tenant_id": project_id,
        "start": micros(instant(start)),
        "stop": micros(instant(end)),
        "total_hours": 0.0,
        "total_memory_mb_usage": 0.0,
        "total_vcpus_usage": 0.0,
        "total_local_gb_usage": 0.0,
        "server_usages": [],
    }


def _add(usage: dict[str, Any], server: Server, start: datetime, end: datetime, now: datetime) -> None:
    began = moment(server.launched_at or server.created_at)
    ended = moment(server.deleted_at) if server.deleted_at else None
    hours = max(0.0, (min(end, ended or now) - max(start, began)).total_seconds() / _S_PER_HOUR)
    flavor = server.flavor
    disk_gib = flavor.disk_gib + flavor.ephemeral_gib
    usage["total_hours"] += hours
    usage["total_memory_mb_usage"] += hours * flavor.ram_mib
    usage["total_vcpus_usage"] += hours * flavor.vcpus
    usage["total_local_gb_usage"] += hours * disk_gib
    usage["server_usages"].append(
        {
            "instance_id": server.id,
            "name": server.name,
            "hours": hours,
            "tenant_id": server.project_id,
            "flavor": flavor.name,
            "vcpus": flavor.vcpus,
            "memory_mb": flavor.ram_mib,
            "local_gb": disk_gib,
            "started_at": micros(server.launched_at or server.created_at),
            "ended_at": micros(server.deleted_at) if server.deleted_at else None,
            "state": "terminated" if ended else "active" if server.status == "ACTIVE" else server.status.lower(),
            "uptime": int(((ended or now) - began).total_seconds()),
        }
    )
