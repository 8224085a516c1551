"""What the end of a verb brings with it beside the status of its row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from wolke.compute.model import Server
from wolke.compute.service.life.actions import finish_verb
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.evacuating import Evacuating
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.moving import Moving
from wolke.compute.service.life.shelving import Shelving
from wolke.core.db import Transaction

Changes = dict[str, Any]
Ending = Callable[[Transaction, Server, Changes], Awaitable[None]]


class Endings:
    def __init__(self, ground: Ground, moving: Moving, shelving: Shelving, evacuating: Evacuating) -> None:
        self._ground = ground
        disks = self._disks = Disks(ground)
        self._by_verb: dict[str, Ending] = {
            "create": self._booted,
            "rebuild": self._rebuilt,
            "rebuild_volume": self._rebuilt,
            "reboot_hard": self._rebooted,
            "resize": moving.moved,
            "migrate": moving.moved,
            "revert_resize": moving.restored,
            "unrescue": self._unrescued,
            "shelve": shelving.shelved,
            "evacuate": evacuating.done,
            "soft_delete": self._soft_deleted,
            "restore": self._restored,
            "attach_volume": disks.attached,
            "detach_volume": disks.detached,
            "swap_volume": disks.swapped,
            "keep_volume": disks.kept,
        }

    async def write(self, tx: Transaction, server: Server, changes: Changes) -> bool:
        """The last task of ``server``'s verb is done; ``changes`` are what its machine made of that."""
        changes["deadline_at"] = None
        ending = self._by_verb.get(server.verb or "")
        if ending is not None:
            await ending(tx, server, changes)
        if not await self._ground.write(tx, server, changes):
            return False
        await finish_verb(tx, server, self._ground.clock.now())
        return True

    async def _booted(self, tx: Transaction, server: Server, changes: Changes) -> None:
        changes["launched_at"] = self._ground.clock.now()
        if server.block_devices:
            await self._disks.came_along(tx, server)

    async def _rebooted(self, tx: Transaction, server: Server, changes: Changes) -> None:
        changes["fault"] = None

    async def _rebuilt(self, tx: Transaction, server: Server, changes: Changes) -> None:
        changes |= {"launched_at": self._ground.clock.now(), "fault": None}
        await self._disks.came_along(tx, server)
        if server.arguments.get("was_off"):
            changes |= {"task": "powering-off", "verb": "stop", "status": "ACTIVE"}

    async def _unrescued(self, tx: Transaction, server: Server, changes: Changes) -> None:
        """Also the end of a rescue that failed: then it is as it was."""
        if "undoes" in server.arguments:
            changes["status"] = server.arguments["was"]
        changes["arguments"] = {}

    async def _soft_deleted(self, tx: Transaction, server: Server, changes: Changes) -> None:
        changes |= {"counted": False, "due_at": self._ground.clock.after(self._ground.config.reclaim_server_interval_s)}

    async def _restored(self, tx: Transaction, server: Server, changes: Changes) -> None:
        changes |= {"due_at": None}
