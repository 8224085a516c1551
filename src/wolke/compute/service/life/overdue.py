"""Deadlines: nothing stays under way for ever. And what begins by itself when its time has come."""

from __future__ import annotations

from typing import Any

from wolke.compute.model import Server
from wolke.compute.service.life.block_devices import BlockDevices
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.failing import Failing
from wolke.compute.service.life.ground import Ground
from wolke.compute.states import CLEANUPS, SERVER, acting_host
from wolke.compute.store import HOSTS
from wolke.core.log import get_logger

log = get_logger(__name__)

_PATIENCE_S = 60.0  # more for what must not be given up
_NEVER_GIVEN_UP = ("delete", "abandon")


class Overdue:
    def __init__(self, ground: Ground, building: Building, failing: Failing, block_devices: BlockDevices) -> None:
        self._block_devices = block_devices
        self._ground = ground
        self._building = building
        self._failing = failing

    async def end(self, server: Server) -> None:
        """The verb under way took too long."""
        if server.verb == "create":
            where = f" on host {server.host}" if server.host else ""
            late = await self._block_devices.late(server) if server.task == "block_device_mapping" else ""
            told = f"The server was not up in time{where} (it was {server.task})."
            await self._building.give_up(server, f"{told} {late}".rstrip())
        elif server.verb in _NEVER_GIVEN_UP or server.task in CLEANUPS:
            await self._persist(server)
        else:
            await self._building.forget_image(server)
            reason = f"The host did not finish in time what was asked for ({server.task})."
            async with self._ground.db.transaction() as tx:
                await self._failing.fail_in(tx, server, reason, {})

    async def _persist(self, server: Server) -> None:
        acting = acting_host(server.task, server.host, server.other_host)
        host = await self._ground.db.get(HOSTS, name=acting) if acting else None
        if server.task in CLEANUPS and (host is None or not self._ground.is_up(host)):
            log.warning("host is down: going on without it", server_id=server.id, host=acting)
            await self._building.skip_host(server)
            return
        log.warning("still not done", server_id=server.id, task=server.task, host=acting)
        async with self._ground.db.transaction() as tx:
            changes = {"deadline_at": self._ground.clock.after(_PATIENCE_S), "generation": server.generation + 1}
            await self._ground.write(tx, server, changes | {"task": server.task})


_BY_ITSELF = {"RESIZED": "confirm_resize", "SHELVED": "shelve_offload", "SOFT_DELETED": "delete"}


class Timed:
    """What a settled server begins by itself: a resize that nobody confirmed in time is confirmed, a
    shelved server leaves its host, a deleted one is gone for good."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def begin(self, server: Server) -> None:
        changes: dict[str, Any] = {"due_at": None, "generation": server.generation + 1}
        verb = _BY_ITSELF.get(server.status)
        if verb is not None:
            changes |= SERVER.begin(verb, server) | {"arguments": {}}
            changes["deadline_at"] = self._ground.clock.after(SERVER.rows[verb].deadline_s)
        async with self._ground.db.transaction() as tx:
            await self._ground.write(tx, server, changes)
