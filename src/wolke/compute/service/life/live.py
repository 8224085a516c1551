"""A running server's way to another host: the controller's part of it.

    live_prep       a host is chosen and claimed (as for every move)
    live_binding    its ports are made there too, beside where they are
    live_serving    (agent here) volumes that its guest has open as files are served from now on: two hosts can have them open
    live_receiving  (agent there) a guest in waiting; it has the server's volumes open, as they are open where it is
    live_sending    (agent here) it goes; until this is done it is here, and afterwards it is there
    live_settling   its ports, its volumes' attachments and the server itself are the other host's
    live_arriving   (agent there) · live_clearing (agent here) · live_released

Until it has gone, whatever fails is taken back by "live_undo", and the server runs on where it is; in "live_regaining" (agent
here) its guest gets back whatever it has let go of.
"""

from __future__ import annotations

from typing import Any

from wolke.compute.model import Fault, Migration, Server
from wolke.compute.service.life.actions import finish_verb
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.errors import NoMove
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.moving import Moving, move_of, note
from wolke.compute.states import SERVER
from wolke.compute.store import HOSTS
from wolke.core.db import Transaction
from wolke.core.log import get_logger

log = get_logger(__name__)

_NOT_GONE = ("live_prep", "live_binding", "live_serving", "live_receiving", "live_sending")
_BYTES = tuple(f"{what}_{which}" for what in ("memory", "disk") for which in ("total", "processed", "remaining"))


class Live:
    def __init__(self, ground: Ground, moving: Moving) -> None:
        self._ground = ground
        self._moving = moving
        self._disks = Disks(ground)

    async def bind(self, server: Server) -> None:
        """Its ports are made where it goes, too."""
        move = await self._move(server)
        await self._ground.network.announce_server_ports(server.id, move.dest_host or "")
        async with self._ground.db.transaction() as tx:
            await self._ground.write(tx, server, SERVER.learn(server, {}))

    async def progress(self, host: str, server_id: str, said: dict[str, Any]) -> str | None:
        """Note how far it is; what is wanted of it. Raises ``NoMove``."""
        move = await move_of(self._ground.db, server_id)
        if move is None or move.source_host != host:
            raise NoMove(server_id)
        known = {name: max(0, int(said.get(name) or 0)) for name in _BYTES}
        async with self._ground.db.transaction() as tx:
            await note(self._ground, tx, move, progress=known, status="running")
        return move.wanted

    async def settle(self, server: Server) -> None:
        move = await self._move(server)
        await self._ground.network.bind_server_ports(server.id, move.dest_host or "")
        learnt = {"host": move.dest_host, "other_host": move.source_host}
        async with self._ground.db.transaction() as tx:
            volumes = await self._disks.hold(tx, server)
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                await self._disks.follow(tx, volumes, move.dest_host or "")
                await note(self._ground, tx, move, status="post-migrating")

    async def release(self, server: Server) -> None:
        """The last part of live_migrate."""
        learnt: dict[str, Any] = {"other_host": None, "arguments": {}, "deadline_at": None}
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                move = await self._move(server)
                await self._ground.placement.release(tx, move.uuid)
                await note(self._ground, tx, move, status="completed", key="")
                await finish_verb(tx, server, self._ground.clock.now())

    async def undo(self, tx: Transaction, server: Server, reason: str) -> bool:
        """It runs on where it is; or, if it had gone and is not there, it is nowhere, and says so."""
        if server.task in _NOT_GONE:
            return await self._ground.write(tx, server, self._ground.undo(server, reason))
        now = self._ground.clock.now()
        changes = SERVER.fail(server) | {"deadline_at": None, "other_host": None, "power": "shutdown", "arguments": {}}
        if not await self._ground.write(tx, server, changes | {"fault": Fault(500, reason, now)}):
            return False
        move = await move_of(tx, server.id)
        if move is not None:
            await self._ground.placement.release(tx, move.uuid)
            await note(self._ground, tx, move, status="error", key="")
        await finish_verb(tx, server, now, error=reason)
        return True

    async def undone(self, server: Server) -> None:
        """The last part of live_undo: claim and ports are what they were."""
        move = await self._move(server)
        await self._ground.network.bind_server_ports(server.id, move.source_host)
        learnt: dict[str, Any] = {"other_host": None, "arguments": {}, "deadline_at": None}
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                source = await tx.get(HOSTS, name=move.source_host)
                if source is not None:
                    await self._moving.claim_back(tx, server, move, source)
                status = "cancelled" if move.wanted == "abort" else "error"
                await note(self._ground, tx, move, status=status, key="")
                await finish_verb(tx, server, self._ground.clock.now())

    async def _move(self, server: Server) -> Migration:
        move = await move_of(self._ground.db, server.id)
        if move is None:
            raise LookupError(f"server {server.id} is {server.task} without a move")
        return move
