"""A server whose host is down is made anew on another: the controller's part.

The host that is down holds nothing of it any more, in Placement or on the network. When it comes back, it finds a guest that is
not its own and removes it.
"""

from __future__ import annotations

from typing import Any

from wolke.compute.model import Server
from wolke.compute.scheduler import HostView, NoHost, choose
from wolke.compute.service.life.actions import finish_verb
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.moving import move_of, note
from wolke.compute.service.life.places import GroupTaken, group_agrees, look_at_hosts, placing_of, resources
from wolke.compute.states import SERVER
from wolke.core.db import Transaction
from wolke.placement.errors import CapacityExceeded

_TRIES = 5


class Evacuating:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._disks = Disks(ground)

    async def place(self, server: Server) -> None:
        """A host for it; without one it stays what it is, where it is."""
        if (lost := await self._disks.lost(server)) is not None:
            await self._stays(server, lost)
            return
        not_hosts = frozenset({server.host or ""})
        only_host = server.arguments.get("host")
        placing = await placing_of(self._ground, server, only_host=only_host, not_hosts=not_hosts)
        reason = "No valid host was found: those that would do were filled by other servers at the same moment."
        try:
            ranked = choose(await look_at_hosts(self._ground), placing)
        except NoHost as why:
            ranked, reason = [], str(why)
        for host in ranked[:_TRIES]:
            try:
                async with self._ground.db.transaction() as tx:
                    await self._claim(tx, server, host)
            except (CapacityExceeded, GroupTaken):
                continue
            return
        await self._stays(server, reason)

    async def _stays(self, server: Server, reason: str) -> None:
        changes: dict[str, Any] = {"verb": None, "task": None, "arguments": {}, "deadline_at": None}
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, {**changes, "generation": server.generation + 1}):
                await self.failed(tx, server)
                await finish_verb(tx, server, self._ground.clock.now(), error=reason)

    async def _claim(self, tx: Transaction, server: Server, host: HostView) -> None:
        """Raises ``CapacityExceeded`` or ``GroupTaken``: the transaction must not be committed then."""
        if not await group_agrees(tx, server, host.name):
            raise GroupTaken
        if await self._ground.write(tx, server, SERVER.learn(server, {"host": host.name, "kept": {}})):
            wanted = {host.id: resources(server)}
            await self._ground.placement.claim(tx, server.id, wanted, server.project_id, server.user_id)
            move = await move_of(tx, server.id)
            if move is not None:
                await note(self._ground, tx, move, status="pre-migrating", dest_host=host.name)

    async def done(self, tx: Transaction, server: Server, changes: dict[str, Any]) -> None:
        """The end of evacuate."""
        now = self._ground.clock.now()
        changes |= {"status": "SHUTOFF" if server.arguments.get("off") else "ACTIVE", "fault": None, "arguments": {}}
        changes["launched_at"] = now
        move = await move_of(tx, server.id)
        if move is not None:
            await note(self._ground, tx, move, status="done", key="")

    async def failed(self, tx: Transaction, server: Server) -> None:
        move = await move_of(tx, server.id)
        if move is not None:
            await note(self._ground, tx, move, status="error", key="")
