"""A small whole cloud with Block Storage: as ``life_cloud``, and each host has an agent for volumes beside the one for guests."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.conftest import MEMBER_PROJECT
from tests.life_cloud import MEMBER, HostParts, InProcessClient, LifeCloud
from wolke.block_storage.agent import Backend, BlockStorageAgent
from wolke.block_storage.api import build_api
from wolke.block_storage.api.agent import build_agent_api
from wolke.block_storage.config import BlockStorageConfig
from wolke.block_storage.drivers.simulated import SimulatedDriver
from wolke.block_storage.model import Attachment, Volume
from wolke.block_storage.reconcile import Reconciler
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.life import Life
from wolke.block_storage.store import ATTACHMENTS, VOLUMES
from wolke.compute.drivers.simulated import SimulatedDriver as SimulatedMachines
from wolke.core.db import Database


@dataclass
class DiskCloud(LifeCloud):
    storage_agents: dict[str, BlockStorageAgent] = field(default_factory=dict)
    wrap_storage: Any = None  # of the drivers of volumes

    @classmethod
    async def whole(cls, db: Database, root: Path, **more: Any) -> Self:
        """One that has a host and all that a server needs."""
        made = cls(db, root, **more)
        made.start()
        await made.add_host()
        await made.furnish()
        return made

    def make_storage(self) -> BlockStorage:
        config = BlockStorageConfig(connect_timeout_s=5.0)
        self.storage = BlockStorage(self.db, config, self.clock, keys_dir=self.root / "keys", images=self.images)
        self.storage_life = Life(self.storage)
        self.storage_loops = Reconciler(self.storage_life)
        return self.storage

    def storage_apis(self) -> list[Any]:
        return [build_api(self.storage), build_agent_api(self.storage_life)]

    async def add_host(self, name: str = "host-1", *args: Any, **more: Any) -> HostParts:
        parts = await super().add_host(name, *args, **more)
        self.storage.servers = self.compute.volumes
        driver: Any = SimulatedDriver(self.root / f"{name}-volumes", host=name)
        if self.wrap_storage is not None:
            driver = self.wrap_storage(driver)
        agent = BlockStorageAgent(
            [Backend("disks", "simulated", driver)], InProcessClient(self.app), host=name,
            state_dir=self.root / f"{name}-storage", guests=parts.agent,
        )  # fmt: skip
        await agent.prepare()
        await agent.register()
        self.storage_agents[name] = agent
        return parts

    def machines(self, host: str = "host-1") -> SimulatedMachines:
        found = self.hosts[host].driver
        assert isinstance(found, SimulatedMachines)
        return found

    async def furnish(self) -> None:
        await super().furnish()
        await self.storage.seed()

    async def settle(self) -> None:
        """A host that starts a guest waits for the agent of its volumes; so those work all the while."""
        async with asyncio.TaskGroup() as group:
            working = group.create_task(self._work_on_volumes())
            try:
                for _ in range(3):
                    await self._settle_volumes()
                    await super().settle()
            finally:
                working.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await working

    async def _work_on_volumes(self) -> None:
        while True:
            for agent in self.storage_agents.values():
                await agent.work.loop.drain()
            await asyncio.sleep(0.002)

    async def _settle_volumes(self) -> None:
        for _ in range(200):
            await self.storage_loops.drain()
            due = [await agent.work.look() for agent in self.storage_agents.values()]
            if not any(due) and not await self.storage_loops._look():
                return
            await asyncio.sleep(0.002)
        raise AssertionError("the volumes do not come to rest")

    async def volume(self, **asked: Any) -> str:
        """One that is there."""
        http = self.http.using("member", f"/volume/v3/{MEMBER_PROJECT}", openstack_api_version="volume latest")
        answer = await http.post("/volumes", {"volume": {"size": 1, **asked}})
        assert answer.status == 202, answer.body
        await self.settle()
        return str(answer.json["volume"]["id"])

    async def shown(self, volume_id: str) -> Volume:
        found = await self.db.get(VOLUMES, id=volume_id)
        assert found is not None
        return found

    async def attachments(self) -> list[Attachment]:
        return await self.db.find(ATTACHMENTS)

    async def attach(self, server_id: str, volume_id: str, **wanted: Any) -> None:
        await self.compute.volumes.attach(MEMBER, server_id, volume_id, wanted)
