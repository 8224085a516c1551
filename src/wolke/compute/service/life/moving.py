"""A server's way to another host or to another size, and back: the controller's part of it.

    resize_prep      a host is chosen and claimed; the move takes over the claim on what the server was
    resize_migrating (agent) off, and what it was is set aside
    resize_migrated  its ports and the server itself are the other host's now
    resize_finish    (agent) made there of what was set aside                                              → RESIZED

Confirming forgets what was set aside; reverting goes the same way back. A move that fails is reverted, whatever it had got
to, and ends in the status that the server had before. Each step may be done again at any time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from wolke.compute.model import Host, Migration, Server
from wolke.compute.scheduler import HostView, NoHost, choose
from wolke.compute.service.life.actions import finish_verb
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.places import GroupTaken, group_agrees, look_at_hosts, placing_of, resources
from wolke.compute.states import MOVES_UNDER_WAY, SERVER
from wolke.compute.store import HOSTS, MIGRATIONS
from wolke.core.db import Order, Reader, Transaction
from wolke.core.log import get_logger
from wolke.placement.errors import CapacityExceeded

log = get_logger(__name__)

_TRIES = 5
_RUNNING = ("running", "paused")


async def move_of(reader: Reader, server_id: str) -> Migration | None:
    """The server's move that is neither done nor undone."""
    found = await reader.find(MIGRATIONS, server_id=server_id, order=[Order("id", True)], limit=1)
    return found[0] if found and found[0].status in MOVES_UNDER_WAY else None


async def note(ground: Ground, tx: Transaction, move: Migration, **changes: Any) -> None:
    await tx.update(MIGRATIONS, {**changes, "updated_at": ground.clock.now()}, id=move.id)


class Moving:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._disks = Disks(ground)

    # -- there

    async def prepare(self, server: Server) -> None:
        move = await self._move(self._ground.db, server)
        reason = await self._place(server, move)
        if reason is not None:
            async with self._ground.db.transaction() as tx:
                if move.kind == "live-migration":
                    await self._ground.write(tx, server, self._ground.undo(server, reason))
                else:
                    await self.undo(tx, server, reason)

    async def _place(self, server: Server, move: Migration) -> str | None:
        """Why there is no host for it, or None: then one is claimed."""
        if move.kind == "live-migration" and (why := await self._disks.stuck(server)):
            return why
        grown = msgspec.structs.replace(server, flavor=move.new_flavor)
        stays = move.kind == "resize" and self._ground.config.allow_resize_to_same_host
        not_hosts = frozenset() if stays else frozenset({move.source_host})
        placing = await placing_of(self._ground, grown, only_host=server.arguments.get("host"), not_hosts=not_hosts)
        if pool := server.arguments.get("pool"):
            placing = replace(placing, extra_specs={**placing.extra_specs, "capabilities:shared_disks": pool})
        try:
            ranked = choose(await look_at_hosts(self._ground), placing)
        except NoHost as why:
            return str(why)
        for host in ranked[:_TRIES]:
            try:
                async with self._ground.db.transaction() as tx:
                    await self._claim(tx, server, move, host)
            except (CapacityExceeded, GroupTaken) as full:
                log.info("host was filled meanwhile", server_id=server.id, host=host.name, reason=str(full))
            else:
                return None
        return "No valid host was found: those that would do were filled by other servers at the same moment."

    async def _claim(self, tx: Transaction, server: Server, move: Migration, host: HostView) -> None:
        """Raises ``CapacityExceeded`` or ``GroupTaken``: the transaction must not be committed then."""
        if not await group_agrees(tx, server, host.name):
            raise GroupTaken
        if not await self._ground.write(tx, server, SERVER.learn(server, {"other_host": host.name})):
            return
        source = await self._host(tx, move.source_host)
        placement, whose = self._ground.placement, (server.project_id, server.user_id)
        await placement.claim(tx, server.id, {host.id: resources(server, move.new_flavor)}, *whose)
        await placement.claim(tx, move.uuid, {source.id: resources(server, move.old_flavor)}, *whose, "MIGRATION")
        status = "preparing" if move.kind == "live-migration" else "migrating"
        await self._note(tx, move, status=status, dest_host=host.name)

    async def hand_over(self, server: Server) -> None:
        move = await self._move(self._ground.db, server)
        await self._ground.network.bind_server_ports(server.id, move.dest_host or "")
        learnt = {"host": move.dest_host, "other_host": move.source_host, "flavor": move.new_flavor}
        async with self._ground.db.transaction() as tx:
            volumes = await self._disks.hold(tx, server)
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                await self._disks.follow(tx, volumes, move.dest_host or "")
                await self._note(tx, move, status="post-migrating")

    async def moved(self, tx: Transaction, server: Server, changes: dict[str, Any]) -> None:
        """The end of resize and migrate: now it waits to be confirmed."""
        window_s = self._ground.config.resize_confirm_window_s
        changes |= {"launched_at": self._ground.clock.now(), "arguments": {}}
        changes["due_at"] = self._ground.clock.after(window_s) if window_s > 0 else None
        await self._note(tx, await self._move(tx, server), status="finished")

    async def confirm(self, server: Server) -> None:
        """The last part of confirm_resize."""
        status = "ACTIVE" if server.power in _RUNNING else "SHUTOFF"
        learnt: dict[str, Any] = {"status": status, "other_host": None, "due_at": None, "deadline_at": None}
        learnt |= {"vcpus": server.flavor.vcpus, "ram_mib": server.flavor.ram_mib}
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                move = await self._move(tx, server)
                await self._ground.placement.release(tx, move.uuid)
                await self._note(tx, move, status="confirmed", key="")
                await finish_verb(tx, server, self._ground.clock.now())

    # -- back

    async def undo(self, tx: Transaction, server: Server, reason: str) -> bool:
        """A move that cannot succeed is reverted, from where it had got to."""
        changes = self._ground.undo(server, reason)
        if server.task != "resize_finish":
            changes["task"] = "resize_unbinding"
        log.info("server cannot be moved", server_id=server.id, task=server.task, reason=reason)
        return await self._ground.write(tx, server, changes)

    async def unbind(self, server: Server) -> None:
        """Ports, claim and size are what they were. ``other_host`` stays, so that what was set aside has an owner."""
        move = await self._move(self._ground.db, server)
        await self._ground.network.bind_server_ports(server.id, move.source_host)
        old = move.old_flavor
        learnt: dict[str, Any] = {"host": move.source_host, "other_host": move.source_host, "flavor": old}
        learnt |= {"vcpus": old.vcpus, "ram_mib": old.ram_mib, "due_at": None}
        async with self._ground.db.transaction() as tx:
            volumes = await self._disks.hold(tx, server)
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                await self._disks.follow(tx, volumes, move.source_host)
                await self.claim_back(tx, server, move, await self._host(tx, move.source_host))
                await self._note(tx, move, status="reverting")

    async def claim_back(self, tx: Transaction, server: Server, move: Migration, source: Host) -> None:
        """What the move held for the server is the server's again."""
        await self._ground.placement.release(tx, move.uuid)
        wanted = {source.id: resources(server, move.old_flavor)}
        await self._ground.placement.claim(tx, server.id, wanted, server.project_id, server.user_id)

    async def restored(self, tx: Transaction, server: Server, changes: dict[str, Any]) -> None:
        """The end of revert_resize."""
        move = await self._move(tx, server)
        changes |= {"status": move.was, "other_host": None, "arguments": {}}
        failed = "failure" in server.arguments
        await self._note(tx, move, status="error" if failed else "reverted", key="")

    # -- rows

    async def _move(self, reader: Reader, server: Server) -> Migration:
        move = await move_of(reader, server.id)
        if move is None:
            raise LookupError(f"server {server.id} is {server.task} without a move")
        return move

    async def _host(self, reader: Reader, name: str) -> Host:
        host = await reader.get(HOSTS, name=name)
        if host is None:
            raise LookupError(f"host {name} is not there any more")
        return host

    async def _note(self, tx: Transaction, move: Migration, **changes: Any) -> None:
        await note(self._ground, tx, move, **changes)
