"""What becomes of a server when a host says that something cannot be, or when time is up: nothing is left half done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.compute.model import Fault, Server
from wolke.compute.service.life.actions import finish_verb
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.live import Live
from wolke.compute.service.life.moving import Moving, move_of, note
from wolke.compute.states import CLEANUPS, SERVER
from wolke.core.db import Transaction
from wolke.core.log import get_logger

log = get_logger(__name__)


class Failing:
    def __init__(self, ground: Ground, building: Building, moving: Moving, live: Live) -> None:
        self._ground = ground
        self._disks = Disks(ground)
        self._undo = {
            "abandon": building.give_up_in,
            "detach_interface": building.take_out,
            "revert_resize": moving.undo,
            "unrescue": self._begin,
            "detach_volume": self._begin,
            "keep_volume": self._begin,
            "unshelve": self._begin,
            "shelve_offload": self._begin,
            "live_undo": live.undo,
        }

    async def fail_in(self, tx: Transaction, server: Server, reason: str, learnt: Mapping[str, Any]) -> bool:
        """What has to be taken back is taken back; what must succeed stays due; the rest ends as its row says."""
        log.info("host cannot fulfil", server_id=server.id, host=server.host, task=server.task, reason=reason)
        if server.task in CLEANUPS:
            return True
        row = SERVER.rows[server.verb or ""]
        if row.undo is not None:
            return await self._undo[row.undo](tx, server, reason)
        now = self._ground.clock.now()
        changes = SERVER.fail(server) | dict(learnt) | {"deadline_at": None}
        if "status" in changes:
            changes["fault"] = Fault(500, server.arguments.get("failure") or reason, now)
        if server.verb == "detach_volume":
            await self._disks.stayed(tx, server)
        if server.verb == "keep_volume":
            await self._disks.kept(tx, server, {})
        if not await self._ground.write(tx, server, changes):
            return False
        if server.verb == "snapshot_volumes":
            await self._disks.forget_snapshots(tx, server)
        move = await move_of(tx, server.id) if server.verb in ("evacuate", "revert_resize") else None
        if move is not None:
            await note(self._ground, tx, move, status="error", key="")
        await finish_verb(tx, server, now, error=reason)
        return True

    async def _begin(self, tx: Transaction, server: Server, reason: str) -> bool:
        return await self._ground.write(tx, server, self._ground.undo(server, reason))
