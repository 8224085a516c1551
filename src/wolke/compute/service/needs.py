"""What Compute's verbs stand on: the database, the clock, and the services below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from wolke.block_storage.service import BlockStorage
from wolke.compute.config import ComputeConfig
from wolke.compute.service.cards import Cards
from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.db import Database
from wolke.core.errors import BadRequest
from wolke.identity.service import Identity
from wolke.image.service import Images


class Consoles(Protocol):
    async def console_output(self, server: Any, length: int | None) -> str: ...

    async def create_console(self, ctx: Context, server: Any, kind: str) -> str:
        """A URL at which the console (``novnc`` or ``serial``) can be opened for a while."""


@dataclass(slots=True)
class Needs:
    db: Database
    config: ComputeConfig
    clock: Clock
    identity: Identity | None
    images: Images | None
    network: Cards | None
    placement: Any
    storage: BlockStorage | None = None  # None in a cloud without Block Storage
    consoles: Consoles | None = None

    async def check_project(self, project_id: str) -> None:
        """400 if there is no such project."""
        if self.identity is not None and not await self.identity.projects.find([project_id]):
            raise BadRequest(f"Project ID {project_id[:64]} is not a valid project.")
