"""What agents say of wishes. Nothing that an agent says is believed unless its host has the server and the wish is still the
one that is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.compute.errors import ServerNotFound
from wolke.compute.model import Outcome, Server
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.endings import Endings
from wolke.compute.service.life.errors import StaleOutcome
from wolke.compute.service.life.failing import Failing
from wolke.compute.service.life.ground import Ground
from wolke.compute.states import HOST_TASKS, INTERFACE_ATTACHED, SERVER, acting_host
from wolke.compute.store import SERVERS
from wolke.core.db import Transaction, Where
from wolke.core.errors import CloudError

_POWERS = frozenset({"nostate", "running", "paused", "shutdown", "suspended", "crashed"})
_LONGEST_REASON = 1000


class Outcomes:
    def __init__(self, ground: Ground, building: Building, failing: Failing, endings: Endings) -> None:
        self._ground = ground
        self._building = building
        self._failing = failing
        self._endings = endings

    async def record(self, host: str, said: Mapping[str, Outcome]) -> dict[str, CloudError | None]:
        """By server: None if it was recorded, or the error. One write for all of them."""
        found = await self._ground.db.find(SERVERS, where=[Where("id", "in", list(said))]) if said else []
        servers = {server.id: server for server in found}
        answers: dict[str, CloudError | None] = {}
        due: list[tuple[Server, Outcome]] = []
        for server_id, outcome in said.items():
            server = servers.get(server_id)
            if server is None or host not in (server.host, server.other_host):
                answers[server_id] = ServerNotFound(server_id)
            elif not _matches(server, host, outcome):
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
        learnt = _believed(outcome.learnt) if server.task in HOST_TASKS else {}
        if server.task == "interface_attaching":
            tx.wake(INTERFACE_ATTACHED)
        if outcome.failure is not None:
            return await self._failing.fail_in(tx, server, outcome.failure[:_LONGEST_REASON], learnt)
        changes = SERVER.learn(server, learnt)
        if changes.get("task") == "deleting_aside" and server.other_host is None:
            changes["task"] = "releasing"
        if changes.get("task") is not None:
            return await self._ground.write(tx, server, changes)
        return await self._endings.write(tx, server, changes)


def _matches(server: Server, host: str, outcome: Outcome) -> bool:
    mine = acting_host(server.task, server.host, server.other_host) == host
    return mine and server.task == outcome.task and server.generation == outcome.generation


def _believed(learnt: Mapping[str, Any]) -> dict[str, Any]:
    """The little that an agent may set."""
    power = learnt.get("power")
    return {"power": power} if power in _POWERS else {}
