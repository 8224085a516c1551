"""The controller's tasks: finding a host, getting ports, and taking both back. Each is done for many servers at once, and may
be done again at any time: what it does below is idempotent, and the last thing it does is one guarded write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wolke.compute.model import Fault, Server
from wolke.compute.scheduler import HostView, NoHost, choose
from wolke.compute.service.life.actions import finish_action, finish_verb
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.places import GroupTaken, group_agrees, look_at_hosts, placing_of, resources
from wolke.compute.states import MOVES_UNDER_WAY, SERVER
from wolke.compute.store import MIGRATIONS
from wolke.core.context import system_context
from wolke.core.db import Transaction
from wolke.core.errors import CloudError
from wolke.core.log import get_logger
from wolke.image.errors import ImageChanged
from wolke.image.model import ACTIVE
from wolke.placement.errors import CapacityExceeded

log = get_logger(__name__)

_UNDO_DEADLINE_S = 300.0
_TRIES = 5  # hosts that are asked for one server before it is given up


class Building:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._disks = Disks(ground)

    # -- scheduling

    async def schedule(self, servers: Sequence[Server]) -> None:
        """Each gets a host and an allocation in one write, or is given up. Who lost a race stays due."""
        hosts = {host.name: host for host in await look_at_hosts(self._ground)}
        chosen: list[tuple[Server, list[HostView]]] = []
        refused: list[tuple[Server, str]] = []
        for server in servers:
            placing = await placing_of(self._ground, server, only_host=server.arguments.get("host"))
            try:
                ranked = choose(list(hosts.values()), placing)
            except NoHost as why:
                refused.append((server, str(why)))
                continue
            hosts[ranked[0].name] = ranked[0].less(placing)
            chosen.append((server, ranked[:_TRIES]))
        if chosen and not await self._place_all(chosen):
            for server, ranked in chosen:
                if reason := await self._place_anywhere(server, ranked):
                    refused.append((server, reason))
        for server, text in refused:
            await self._refuse(server, text)

    async def _refuse(self, server: Server, text: str) -> None:
        if server.verb == "create":
            await self.give_up(server, text)
            return
        async with self._ground.db.transaction() as tx:
            await self._ground.write(tx, server, self._ground.undo(server, text))

    async def _place_all(self, chosen: Sequence[tuple[Server, Sequence[HostView]]]) -> bool:
        """Everyone at their best host in one write; False, and nothing written, if somebody does not fit there any more."""
        try:
            async with self._ground.db.transaction() as tx:
                for server, ranked in chosen:
                    await self._place(tx, server, ranked[0])
        except (CapacityExceeded, GroupTaken):
            return False
        return True

    async def _place_anywhere(self, server: Server, ranked: Sequence[HostView]) -> str | None:
        """The first of the ranked hosts that has room; why not, if none has."""
        for host in ranked:
            try:
                async with self._ground.db.transaction() as tx:
                    await self._place(tx, server, host)
            except (CapacityExceeded, GroupTaken) as full:
                log.info("host was filled meanwhile", server_id=server.id, host=host.name, reason=str(full))
            else:
                return None
        count = "1 host was" if len(ranked) == 1 else f"{len(ranked)} hosts were"
        return f"No valid host was found: {count} filled by other servers at the same moment."

    async def _place(self, tx: Transaction, server: Server, host: HostView) -> None:
        """Raises ``CapacityExceeded`` or ``GroupTaken``: the transaction must not be committed then."""
        if not await group_agrees(tx, server, host.name):
            raise GroupTaken
        if await self._ground.write(tx, server, SERVER.learn(server, {"host": host.name})):
            wanted = {host.id: resources(server)}
            await self._ground.placement.claim(tx, server.id, wanted, server.project_id, server.user_id)

    # -- ports

    async def connect(self, server: Server) -> None:
        """Ports for the server, bound to its host."""
        try:
            await self._ground.network.create_server_ports(
                server.id,
                project_id=server.project_id,
                requested=server.networks,
                security_groups=server.security_groups,
                hostname=server.hostname,
                host=server.host or "",
            )
        except CloudError as error:
            if error.status >= 500:
                raise
            await self.give_up(server, f"The server's network could not be set up: {error.message}")
            return
        changes = SERVER.learn(server, {})
        if not any(one["target"] == "volume" for one in server.block_devices):
            changes["task"] = "spawning"
        async with self._ground.db.transaction() as tx:
            await self._ground.write(tx, server, changes)

    async def release_interface(self, server: Server) -> None:
        """The last part of detach_interface."""
        await self._ground.network.release_server_port(server.id, str(server.arguments.get("port_id")))
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, {"arguments": {}})):
                await finish_verb(tx, server, self._ground.clock.now())

    async def take_out(self, tx: Transaction, server: Server, reason: str) -> bool:
        """An interface that did not go in is taken back, as by a detach, at whose end the attach has failed."""
        return await self._ground.write(tx, server, self._ground.undo(server, reason))

    async def forget_image(self, server: Server) -> None:
        """An image that the server's disk was to fill, and now never will, goes before the server forgets it."""
        await self.drop_image(server.arguments.get("image_id"), only_unfinished=True)

    async def drop_image(self, image_id: str | None, *, only_unfinished: bool = False) -> None:
        """One that the cloud made for itself. What its owner protected, or deleted already, is left as it is."""
        if image_id is None or self._ground.images is None:
            return
        ctx = system_context()
        try:
            image = await self._ground.images.image(ctx, str(image_id))
            if image.status != ACTIVE or not only_unfinished:
                await self._ground.images.delete(ctx, image)
        except ImageChanged:
            raise  # just now: look again
        except CloudError as error:
            log.info("an image stays", image_id=image_id, reason=str(error))

    # -- taking back

    async def give_up(self, server: Server, reason: str) -> None:
        """A create that cannot succeed: from now on all that it got is taken back. Nothing if somebody was quicker."""
        async with self._ground.db.transaction() as tx:
            await self.give_up_in(tx, server, reason)

    async def give_up_in(self, tx: Transaction, server: Server, reason: str, **learnt: Any) -> bool:
        now = self._ground.clock.now()
        changes = SERVER.begin("abandon", server) | learnt
        if server.host is None:
            changes["task"] = "abandoning"
        changes["fault"] = Fault(500, reason, now)
        changes["deadline_at"] = self._ground.clock.after(_UNDO_DEADLINE_S)
        log.info("server cannot be built", server_id=server.id, reason=reason)
        return await self._ground.write(tx, server, changes)

    async def take_back(self, server: Server) -> None:
        """The last part of abandon and of delete: ports, allocation and quota."""
        await self.forget_image(server)
        await self.drop_image(server.kept.get("shelved_image_id"))
        await self._ground.network.release_server_ports(server.id)
        now = self._ground.clock.now()
        learnt: dict[str, Any] = {"counted": False, "host": None, "power": "nostate", "deadline_at": None}
        learnt |= {"other_host": None, "due_at": None, "kept": {}}
        if server.verb == "delete":
            learnt |= {"deleted_at": now}
        error = server.fault.message if server.fault and server.verb == "abandon" else None
        async with self._ground.db.transaction() as tx:
            if await self._ground.write(tx, server, SERVER.learn(server, learnt)):
                await self._ground.placement.release(tx, server.id)
                await self._disks.release(tx, server)
                await self._end_moves(tx, server, now)
                await finish_action(tx, server, server.verb or "delete", now, host=server.host, error=error)

    async def _end_moves(self, tx: Transaction, server: Server, now: str) -> None:
        """A move that was under way, or waits to be confirmed, has nothing to move any more."""
        for move in await tx.find(MIGRATIONS, server_id=server.id):
            if move.status in MOVES_UNDER_WAY:
                await self._ground.placement.release(tx, move.uuid)
                await tx.update(MIGRATIONS, {"status": "cancelled", "key": "", "updated_at": now}, id=move.id)

    async def skip_host(self, server: Server) -> None:
        """There is no host to clean up, or it is down: go on without. What is there is found when it comes back."""
        async with self._ground.db.transaction() as tx:
            learnt = {"deadline_at": self._ground.clock.after(_UNDO_DEADLINE_S)}
            await self._ground.write(tx, server, SERVER.learn(server, learnt))
