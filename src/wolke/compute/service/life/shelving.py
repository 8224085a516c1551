"""Servers that leave their host and come back: the controller's part. And backups, whose older ones go.

``kept`` of a shelved server names the image of its disk; of one that came back to a host, the image that its disk still
stands on, which is not the one that it was made from.
"""

from __future__ import annotations

from typing import Any

from wolke.compute.model import Server
from wolke.compute.service.life.actions import finish_verb
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.ground import Ground
from wolke.compute.states import SERVER
from wolke.core.db import Transaction
from wolke.image.errors import ImageChanged

_STAYS = ("SHUTOFF", "SUSPENDED")  # a shelve that fails leaves these as they were; the others run again


class Shelving:
    def __init__(self, ground: Ground, building: Building) -> None:
        self._ground = ground
        self._building = building

    async def shelved(self, tx: Transaction, server: Server, changes: dict[str, Any]) -> None:
        """The end of shelve: it leaves its host now, later, or not by itself."""
        wait_s = self._ground.config.shelved_offload_time_s
        image = {"shelved_image_id": server.arguments["image_id"], "shelved_format": server.arguments["disk_format"]}
        changes |= {"kept": {**server.kept, **image}, "arguments": {}}
        if wait_s == 0:
            row = SERVER.rows["shelve_offload"]
            changes |= {"verb": row.verb, "task": row.tasks[0], "deadline_at": self._ground.clock.after(row.deadline_s)}
        elif wait_s > 0:
            changes["due_at"] = self._ground.clock.after(wait_s)

    async def offloaded(self, server: Server) -> None:
        """The last part of shelve_offload, also of an unshelve that failed."""
        await self._ground.network.bind_server_ports(server.id, "")
        learnt: dict[str, Any] = {"host": None, "power": "shutdown", "due_at": None, "deadline_at": None}
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                await self._ground.placement.release(tx, server.id)
                await finish_verb(tx, server, self._ground.clock.now())

    async def bind(self, server: Server) -> None:
        """Its ports are where it goes, before it is made there."""
        await self._ground.network.bind_server_ports(server.id, server.host or "")
        async with self._ground.db.transaction() as tx:
            await self._ground.write(tx, server, SERVER.learn(server, {}))

    async def unshelved(self, server: Server) -> None:
        """The last part of unshelve: its image has served. Also of a shelve that failed."""
        failed = "failure" in server.arguments
        image_id = server.kept.get("shelved_image_id")
        await self._building.drop_image(image_id)
        kept: dict[str, Any] = {}
        if server.verb == "unshelve_offloaded":
            kept = {"made_of": image_id, "made_of_format": server.kept.get("shelved_format")}
        elif "made_of" in server.kept:
            kept = {name: server.kept[name] for name in ("made_of", "made_of_format")}
        was = server.arguments.get("was")
        learnt: dict[str, Any] = {"kept": kept, "arguments": {}, "due_at": None, "deadline_at": None}
        learnt["status"] = was if failed and was in _STAYS else "ACTIVE"
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                await finish_verb(tx, server, self._ground.clock.now())

    async def rotate(self, server: Server) -> None:
        """The last part of create_backup: of the server's backups of this kind, only the newest are kept."""
        images = self._ground.images
        asked = server.arguments
        if images is not None:
            marks = {"instance_uuid": server.id, "image_type": "backup", "backup_type": asked["backup_type"]}
            backups = await images.having(server.project_id, marks)
            for image in backups[: max(0, len(backups) - int(asked["rotation"]))]:
                try:
                    await self._building.drop_image(image.id)
                except ImageChanged:
                    continue  # by its owner, just now
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, {"arguments": {}, "deadline_at": None})):
                await finish_verb(tx, server, self._ground.clock.now())
