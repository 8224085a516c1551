"""What Compute's verbs stand on: the database, the clock, and the services below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from wolke.compute.config import ComputeConfig
from wolke.compute.service.cards import Cards
from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.db import Database
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
    identity: Any
    images: Images | None
    network: Cards | None
    placement: Any
    consoles: Consoles | None = None
