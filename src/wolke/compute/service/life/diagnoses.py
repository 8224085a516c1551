"""What a server's guest has used since it was started: its host is asked."""

from __future__ import annotations

from typing import Any

from wolke.compute.errors import NotOffered
from wolke.compute.model import Server
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.questions import Questions
from wolke.compute.store import HOSTS
from wolke.core.drivers import Failure
from wolke.core.errors import Conflict

_HAS_GUEST = ("ACTIVE", "PAUSED", "SUSPENDED", "SHUTOFF", "RESCUE")


class Diagnoses:
    def __init__(self, ground: Ground, questions: Questions) -> None:
        self._ground = ground
        self._questions = questions

    async def of(self, server: Server) -> dict[str, Any]:
        """``state`` and ``hypervisor``; ``uptime_s``, ``cpu_times_ns``, ``disks`` and ``nics`` as ``drivers.base.Measures``."""
        host = await self._ground.db.get(HOSTS, name=server.host) if server.host else None
        if host is None or server.status not in _HAS_GUEST:
            raise Conflict(
                f"Cannot 'get_diagnostics' instance {server.id} while it is in vm_state {server.status.lower()}"
            )
        if not host.capabilities.get("diagnostics"):
            raise NotOffered("diagnostics of servers on this server's host")
        try:
            said = await self._questions.ask(host.name, "diagnostics", server.id)
        except Failure as why:
            raise Conflict(f"Instance {server.id} cannot be diagnosed: {why}") from None
        return {**said, "hypervisor": str(host.capabilities.get("hypervisor_type", "")).lower()}
