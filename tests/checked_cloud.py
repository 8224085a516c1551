"""Asking a ``DiskCloud`` whether all that it says of itself agrees: ``wolke check`` without a command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.disk_cloud import DiskCloud
from wolke.inspection import Inspection, Report, Services


@dataclass
class HostLine:
    cloud: DiskCloud
    host: str

    async def ask(self, service: str, kind: str, arguments: Mapping[str, Any]) -> Any:
        if service == "compute":
            return await self.cloud.hosts[self.host].agent.asked(kind, arguments.get("server_id", ""), dict(arguments))
        return await self.cloud.storage_agents[self.host].asked(kind, dict(arguments))


@dataclass
class HostLines:
    cloud: DiskCloud

    async def hosts(self, service: str) -> dict[str, HostLine]:
        there = self.cloud.hosts if service == "compute" else self.cloud.storage_agents
        return {host: HostLine(self.cloud, host) for host in there}


def inspection(cloud: DiskCloud) -> Inspection:
    async def pause() -> None: ...

    services = Services(
        cloud.placement, cloud.images, cloud.network, cloud.storage, cloud.storage_life, cloud.life
    )  # fmt: skip
    return Inspection(services, HostLines(cloud), pause=pause)


async def check(cloud: DiskCloud, *, repair: bool = False) -> Report:
    return await inspection(cloud).run(repair=repair)


async def wrongs(cloud: DiskCloud) -> list[str]:
    return [f"{one.check}: {one.says}" for one in (await check(cloud)).told]
