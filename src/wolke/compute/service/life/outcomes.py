"""What agents say of wishes. Nothing that an agent says is believed unless its host has the server and the wish is still the
one that is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.compute.errors import ServerNotFound
from wolke.compute.model import Fault, Outcome, Server
from wolke.compute.service.life.actions import finish_action
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.errors import StaleOutcome
from wolke.compute.service.life.ground import Ground
from wolke.compute.states import HOST_TASKS, SERVER
from wolke.compute.store import SERVERS
from wolke.core.db import Transaction, Where
from wolke.core.errors import CloudError
from wolke.core.log import get_logger

log = get_logger(__name__)

_POWERS = frozenset({"nostate", "running", "paused", "shutdown", "suspended", "crashed"})
_BOOTS = frozenset({"create", "rebuild"})
_LONGEST_REASON = 1000


class Outcomes:
    def __init__(self, ground: Ground, building: Building) -> None:
        self._ground = ground
        self._building = building

    async def record(self, host: str, said: Mapping[str, Outcome]) -> dict[str, CloudError | None]:
        """By server: None if it was recorded, or the error. One write for all of them."""
        found = await self._ground.db.find(SERVERS, where=[Where("id", "in", list(said))]) if said else []
        servers = {server.id: server for server in found}
        answers: dict[str, CloudError | None] = {}
        due: list[tuple[Server, Outcome]] = []
        for server_id, outcome in said.items():
            server = servers.get(server_id)
            if server is None or server.host != host:
                answers[server_id] = ServerNotFound(server_id)
            elif not _matches(server, outcome):
                answers[server_id] = StaleOutcome(server_id)
            else:
                due.append((server, outcome))
        for server, outcome in due:
            if outcome.failure is not None:
                await self._building.forget_image(server)
        if due:
            async with self._ground.db.transaction() as tx:
                for server, outcome in due:
                    done = await self._record(tx, server, outcome)
                    answers[server.id] = None if done else StaleOutcome(server.id)
        return answers

    async def _record(self, tx: Transaction, server: Server, outcome: Outcome) -> bool:
        learnt = _believed(outcome.learnt)
        if outcome.failure is not None:
            return await self._fail(tx, server, outcome.failure[:_LONGEST_REASON], learnt)
        now = self._ground.clock.now()
        changes = SERVER.learn(server, learnt)
        ended = changes.get("task") is None
        if ended:
            changes["deadline_at"] = None
            if server.verb in _BOOTS:
                changes["launched_at"] = now
            if server.verb in ("reboot_hard", "rebuild"):
                changes["fault"] = None
            if server.verb == "rebuild" and server.arguments.get("was_off"):
                changes["task"], changes["verb"], changes["status"] = "powering-off", "stop", "ACTIVE"
        if not await self._ground.write(tx, server, changes):
            return False
        if ended:
            await finish_action(tx, server, server.verb or "", now, host=server.host)
        return True

    async def _fail(self, tx: Transaction, server: Server, reason: str, learnt: Mapping[str, Any]) -> bool:
        """A create is given up; an interface that did not go in is taken back; what must succeed stays due; the rest fails."""
        log.info("host cannot fulfil", server_id=server.id, host=server.host, task=server.task, reason=reason)
        now = self._ground.clock.now()
        if server.verb == "create":
            return await self._building.give_up_in(tx, server, reason, **learnt)
        if server.verb in ("delete", "abandon"):
            return True
        if server.verb == "attach_interface":
            return await self._building.take_out(tx, server, reason)
        changes = SERVER.fail(server) | dict(learnt) | {"deadline_at": None}
        if "status" in changes:
            changes["fault"] = Fault(500, reason, now)
        if not await self._ground.write(tx, server, changes):
            return False
        await finish_action(tx, server, server.verb or "", now, host=server.host, error=reason)
        return True


def _matches(server: Server, outcome: Outcome) -> bool:
    return server.task in HOST_TASKS and server.task == outcome.task and server.generation == outcome.generation


def _believed(learnt: Mapping[str, Any]) -> dict[str, Any]:
    """The little that an agent may set."""
    power = learnt.get("power")
    return {"power": power} if power in _POWERS else {}
