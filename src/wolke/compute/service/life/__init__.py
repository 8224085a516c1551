"""The life of a server: what controllers do about it by themselves, and what they tell and hear from the agents of hosts.

The loops of ``reconcile`` and the agents' API are both doors to this. ``Life`` is made once per process by the composition root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wolke.block_storage.service import BlockStorage
from wolke.compute.config import ComputeConfig
from wolke.compute.model import GuestPassword, Server
from wolke.compute.service.cards import Cards
from wolke.compute.service.life.block_devices import BlockDevices
from wolke.compute.service.life.building import Building
from wolke.compute.service.life.consoles import ConsoleDoor, Consoles
from wolke.compute.service.life.diagnoses import Diagnoses
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.endings import Endings
from wolke.compute.service.life.errors import NoMetadata, PasswordThere, PasswordTooLong
from wolke.compute.service.life.evacuating import Evacuating
from wolke.compute.service.life.facts import facts_of
from wolke.compute.service.life.failing import Failing
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.hosts import HostDoor, HostReport, PowerReport
from wolke.compute.service.life.live import Live
from wolke.compute.service.life.moving import Moving
from wolke.compute.service.life.outcomes import Outcomes
from wolke.compute.service.life.overdue import Overdue, Timed
from wolke.compute.service.life.pictures import Pictures
from wolke.compute.service.life.questions import Questions
from wolke.compute.service.life.shelving import Shelving
from wolke.compute.service.life.sweeping import Sweeping
from wolke.compute.service.life.wakes import Wakes
from wolke.compute.store import GUEST_PASSWORDS, SERVERS
from wolke.compute.views.metadata import answer
from wolke.core.clock import Clock
from wolke.core.db import Database, DuplicateRow
from wolke.image.service import Images
from wolke.network.service import Network
from wolke.placement.service import Placement

__all__ = ["ConsoleDoor", "HostReport", "Life", "PowerReport"]

_PASSWORD_LENGTH = 1020  # what Nova's four fields of its own hold


class Life:
    def __init__(
        self,
        db: Database,
        config: ComputeConfig,
        clock: Clock,
        *,
        placement: Placement,
        network: Network,
        images: Images | None = None,
        storage: BlockStorage | None = None,
        doors: Mapping[str, ConsoleDoor] | None = None,
        public_url: str = "http://127.0.0.1:8774",
    ) -> None:
        self.db = db
        self.ground = Ground(db, config, clock, placement, Cards(network), images, storage)
        self.disks = Disks(self.ground)
        self.building = Building(self.ground)
        self.block_devices = BlockDevices(self.ground, self.building)
        self.moving = Moving(self.ground)
        self.shelving = Shelving(self.ground, self.building)
        self.evacuating = Evacuating(self.ground)
        self.live = Live(self.ground, self.moving)
        failing = Failing(self.ground, self.building, self.moving, self.live)
        self.pictures = Pictures(self.ground, self.building, failing)
        self.overdue = Overdue(self.ground, self.building, failing, self.block_devices)
        self.timed = Timed(self.ground)
        endings = Endings(self.ground, self.moving, self.shelving, self.evacuating)
        self.outcomes = Outcomes(self.ground, self.building, failing, endings)
        self.hosts = HostDoor(self.ground)
        self.sweeping = Sweeping(self.ground)
        self.wakes = Wakes(db)
        self.questions = Questions(self.ground)
        self.diagnoses = Diagnoses(self.ground, self.questions)
        self.consoles = Consoles(self.ground, self.questions, doors or {}, public_url)

    async def metadata(self, network_id: str, address: str, path: str) -> bytes:
        """What a guest that asks from ``address`` on a network may know of itself. Raises ``NoMetadata``."""
        server = await self._guest(network_id, address)
        ports = await self.ground.network.server_ports([server.id])
        facts = (await facts_of(self.ground, [server], ports))[server.id]
        if path.endswith("/password"):
            kept = await self.db.get(GUEST_PASSWORDS, server_id=server.id)
            facts = replace(facts, password=kept.sealed if kept else "")
        content = answer(facts, path)
        if content is None:
            raise NoMetadata
        return content

    async def keep_password(self, network_id: str, address: str, sealed: str) -> None:
        """What a guest gives its owner, once; until the owner clears it."""
        server = await self._guest(network_id, address)
        if len(sealed) > _PASSWORD_LENGTH:
            raise PasswordTooLong
        try:
            async with self.db.transaction() as tx:
                await tx.insert(GUEST_PASSWORDS, GuestPassword(server.id, sealed))
        except DuplicateRow:
            raise PasswordThere from None

    async def _guest(self, network_id: str, address: str) -> Server:
        port: Any = await self.ground.network.port_for_address(network_id, address)
        server = await self.db.get(SERVERS, id=port.device_id) if port is not None and port.device_id else None
        if server is None or server.deleted_at is not None:
            raise NoMetadata
        return server
