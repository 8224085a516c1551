"""What the life of a server stands on: the database, the clock, the services below, and the one way to write to a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wolke.block_storage.service import BlockStorage
from wolke.compute.config import ComputeConfig
from wolke.compute.model import Host, Server
from wolke.compute.service.cards import Cards
from wolke.compute.states import SERVER, loop_of
from wolke.compute.store import SERVERS
from wolke.core.clock import Clock
from wolke.core.db import Database, Transaction
from wolke.image.service import Images
from wolke.placement.service import Placement


@dataclass(frozen=True, slots=True)
class Ground:
    db: Database
    config: ComputeConfig
    clock: Clock
    placement: Placement
    network: Cards
    images: Images | None = None
    storage: BlockStorage | None = None

    async def write(self, tx: Transaction, server: Server, changes: Mapping[str, Any]) -> bool:
        """Write ``changes`` unless somebody wrote since ``server`` was read, and wake whoever is next."""
        stamped = {**changes, "updated_at": self.clock.now()}
        if not await tx.update(SERVERS, stamped, id=server.id, generation=server.generation):
            return False
        if changes.get("task"):
            host, other = changes.get("host", server.host), changes.get("other_host", server.other_host)
            tx.wake(loop_of(changes["task"], host, other))
        return True

    def undo(self, server: Server, reason: str) -> dict[str, Any]:
        """The changes with which the verb under way goes on to be taken back."""
        changes = SERVER.undo(server)
        deadline_at = self.clock.after(SERVER.rows[changes["verb"]].deadline_s)
        arguments = {**server.arguments, "undoes": server.verb, "failure": reason}
        return {**changes, "arguments": arguments, "deadline_at": deadline_at}

    def is_up(self, host: Host) -> bool:
        return not host.forced_down and host.heartbeat_at > self.clock.after(-self.config.host_down_after_s)
