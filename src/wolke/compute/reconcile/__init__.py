"""Compute's loops in the controllers. What happens on hosts is their agents' affair."""

from __future__ import annotations

import asyncio

from wolke.compute.reconcile.servers import servers_loop
from wolke.compute.reconcile.sweeping import sweeping_loop
from wolke.compute.service.life import Life
from wolke.core.loop import Leases, Loop

__all__ = ["Reconciler"]


class Reconciler:
    """``run`` until cancelled. In tests: ``drain`` until nothing is due."""

    def __init__(self, life: Life, leases: Leases | None = None) -> None:
        self.servers: Loop = servers_loop(life, leases)
        self.sweeping: Loop = sweeping_loop(life, leases)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.servers.run())
            group.create_task(self.sweeping.run())

    async def drain(self) -> None:
        await self.servers.drain()
        await self.sweeping.drain()
