"""How ``wolke check`` speaks to hosts: by questions that their agents answer while the cloud runs, or, when it is stopped, to
the drivers of this machine itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wolke.block_storage.service.life import Life as StorageLife
from wolke.compute.service.life import Life
from wolke.core.drivers import Failure
from wolke.network.service import Network

if TYPE_CHECKING:
    from wolke.inspection import Line
    from wolke.machine import Machine


@dataclass(frozen=True, slots=True)
class Asked:
    """Every host that is up, wherever it is."""

    life: Life
    storage_life: StorageLife

    async def hosts(self, service: str) -> Mapping[str, Line]:
        life: Any = self.life if service == "compute" else self.storage_life
        return {name: _Question(life, name) for name in await life.hosts.up()}


@dataclass(frozen=True, slots=True)
class _Question:
    life: Any
    host: str

    async def ask(self, service: str, kind: str, arguments: Mapping[str, Any]) -> Any:
        if service == "compute":
            more = {name: value for name, value in arguments.items() if name != "server_id"}
            return await self.life.questions.ask(self.host, kind, arguments.get("server_id", ""), **more)
        return await self.life.questions.ask(self.host, kind, **arguments)


@dataclass(frozen=True, slots=True)
class Here:
    """This machine, while nobody else works on it. Its guests and networks may be down."""

    machine: Machine
    network: Network

    async def hosts(self, service: str) -> Mapping[str, Line]:
        return {self.machine.settings.host.host_name: self}

    async def ask(self, service: str, kind: str, arguments: Mapping[str, Any]) -> Any:
        if service == "block_storage":
            return await self.machine.volumes.asked(kind, dict(arguments))
        if kind not in ("differences", "carry"):
            return await self.machine.compute.asked(kind, arguments.get("server_id", ""), dict(arguments))
        wish = await self.network.hosts.wanted(self.machine.settings.host.host_name)
        if kind == "differences":
            return [list(one) for one in await self.machine.network.surplus(wish)]
        if left := await self.machine.network.clear(wish):
            raise Failure("; ".join(left))
        return None
