"""Compute compared with the services below it and with its hosts: what ``wolke check`` finds of servers, and how it is mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wolke.block_storage.service.checking import uses
from wolke.compute.model import Server
from wolke.compute.service.checking.guests import GUESTS
from wolke.compute.service.checking.picture import HostGuests, Picture
from wolke.compute.service.checking.rows import ROWS
from wolke.compute.service.life import Life
from wolke.compute.states import MOVES_UNDER_WAY
from wolke.compute.store import AGGREGATES, BLOCK_DEVICES, HOSTS, MIGRATIONS, SERVER_GROUPS, SERVERS
from wolke.core.checks import GRACE_S, MendHost
from wolke.core.db import Transaction, Where
from wolke.network.service import Network
from wolke.network.service.checking import guests_ports
from wolke.placement.service.checking import Checking as PlacementChecking

__all__ = ["Checking", "HostGuests", "Picture"]

CHECKS = (*ROWS, *GUESTS)


class Checking:
    """``contents``: what each host has that can be asked now. ``on_host``: how a host is told to mend something.
    ``running``: somebody sees to deadlines."""

    def __init__(
        self,
        life: Life,
        network: Network,
        placement: PlacementChecking,
        contents: Callable[[], Awaitable[Mapping[str, HostGuests]]],
        on_host: MendHost,
        *,
        running: bool = True,
    ) -> None:
        self.life = life
        self.ground = life.ground
        self.network = network
        self.placement = placement
        self.contents = contents
        self.on_host = on_host
        self.running = running
        self.checks = CHECKS

    async def picture(self) -> Picture:
        """Hosts first: whatever is there and in no later row has no owner."""
        contents = await self.contents()
        db, clock, storage = self.life.db, self.ground.clock, self.ground.storage
        hosts = {one.name: one for one in await db.find(HOSTS)}
        return Picture(
            now=clock.now(),
            late=clock.after(-GRACE_S) if self.running else "",
            contents=contents,
            hosts=hosts,
            servers={one.id: one for one in await db.find(SERVERS)},
            moves=await db.find(MIGRATIONS, where=[Where("status", "in", sorted(MOVES_UNDER_WAY))]),
            devices=await db.find(BLOCK_DEVICES),
            attachments=await uses(storage) if storage is not None else [],
            consumers={one.uuid: one.type for one in await self.placement.consumers()},
            claims=await self._claims([one.id for one in hosts.values()]),
            ports=await guests_ports(self.network),
            aggregates=await db.find(AGGREGATES),
            groups=frozenset(one.id for one in await db.find(SERVER_GROUPS)),
            volumes=storage is not None,
        )

    async def _claims(self, providers: list[str]) -> dict[str, dict[str, dict[str, int]]]:
        found: dict[str, dict[str, dict[str, int]]] = {}
        for provider in providers:
            for consumer, amounts in (await self.ground.placement.consumers_of(provider)).items():
                found.setdefault(consumer, {})[provider] = amounts
        return found

    async def write(self, tx: Transaction, server: Server, **changes: Any) -> bool:
        """Unless somebody wrote since."""
        return await self.ground.write(tx, server, {**changes, "generation": server.generation + 1})
