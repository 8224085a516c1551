"""Deadlines: nothing stays under way for ever."""

from __future__ import annotations

from wolke.compute.model import Fault, Server
from wolke.compute.service.life.actions import finish_action
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.ground import Ground
from wolke.compute.states import SERVER
from wolke.compute.store import HOSTS
from wolke.core.log import get_logger

log = get_logger(__name__)

_PATIENCE_S = 60.0  # more for what must not be given up
_NEVER_GIVEN_UP = ("delete", "abandon")


class Overdue:
    def __init__(self, ground: Ground, building: Building) -> None:
        self._ground = ground
        self._building = building

    async def end(self, server: Server) -> None:
        """The verb under way took too long."""
        if server.verb == "create":
            where = f" on host {server.host}" if server.host else ""
            await self._building.give_up(server, f"The server was not up in time{where} (it was {server.task}).")
        elif server.verb in _NEVER_GIVEN_UP:
            await self._persist(server)
        else:
            await self.fail(server, f"The host did not finish in time what was asked for ({server.task}).")

    async def _persist(self, server: Server) -> None:
        host = await self._ground.db.get(HOSTS, name=server.host) if server.host else None
        if server.task in ("deleting", "clearing") and (host is None or not self._ground.is_up(host)):
            log.warning("host is down: going on without it", server_id=server.id, host=server.host)
            await self._building.skip_host(server)
            return
        log.warning("still not done", server_id=server.id, task=server.task, host=server.host)
        async with self._ground.db.transaction() as tx:
            changes = {"deadline_at": self._ground.clock.after(_PATIENCE_S), "generation": server.generation + 1}
            await self._ground.write(tx, server, changes | {"task": server.task})

    async def fail(self, server: Server, reason: str) -> None:
        await self._building.forget_image(server)
        now = self._ground.clock.now()
        changes = SERVER.fail(server) | {"deadline_at": None}
        if "status" in changes:
            changes["fault"] = Fault(500, reason, now)
        async with self._ground.db.transaction() as tx:
            if server.verb == "attach_interface":
                await self._building.take_out(tx, server, reason)
            elif await self._ground.write(tx, server, changes):
                await finish_action(tx, server, server.verb or "", now, host=server.host, error=reason)
