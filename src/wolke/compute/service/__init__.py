"""Compute's verbs, by noun: ``compute.servers.show(ctx, server_id)``, ``compute.flavors.create(ctx, …)``.

A verb's first argument is the context of whoever asks. What takes time is only written down here; loops and agents do it.
"""

from __future__ import annotations

from typing import Any, Protocol

from wolke.block_storage.service import BlockStorage
from wolke.compute.config import ComputeConfig
from wolke.compute.model import Server
from wolke.compute.service.aggregates import Aggregates
from wolke.compute.service.boot_disks import BootDisks
from wolke.compute.service.cards import Cards
from wolke.compute.service.flavors import Flavors
from wolke.compute.service.floating_ips import FloatingIps
from wolke.compute.service.hosts import Hosts
from wolke.compute.service.images import Images as ImagesShown
from wolke.compute.service.instance_actions import InstanceActions
from wolke.compute.service.interfaces import Interfaces
from wolke.compute.service.keypairs import KeyPairs
from wolke.compute.service.moves import Moves
from wolke.compute.service.needs import Consoles, Needs
from wolke.compute.service.old_volumes import OldVolumes
from wolke.compute.service.quotas import Quotas
from wolke.compute.service.rescues import Rescues
from wolke.compute.service.security_groups import SecurityGroups
from wolke.compute.service.server_actions import ServerActions
from wolke.compute.service.server_create import Making
from wolke.compute.service.server_groups import ServerGroups
from wolke.compute.service.server_images import ServerImages
from wolke.compute.service.servers import Servers
from wolke.compute.service.shelves import Shelves
from wolke.compute.service.usage import Usage
from wolke.compute.service.volumes import Volumes
from wolke.core.clock import Clock
from wolke.core.db import Database
from wolke.core.fragments import Fragments
from wolke.identity.service import Identity
from wolke.image.service import Images
from wolke.network.service import Network


class Diagnosing(Protocol):
    async def of(self, server: Server) -> dict[str, Any]:
        """What the server's guest has used; its host is asked."""


class Compute:
    """``consoles`` and ``diagnoses`` are set by whoever composes the cloud, when there is something that can open one."""

    def __init__(
        self,
        db: Database,
        config: ComputeConfig,
        clock: Clock,
        *,
        identity: Identity | None = None,
        images: Images | None = None,
        network: Network | None = None,
        placement: Any = None,
        storage: BlockStorage | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.fragments = Fragments()
        needs = self._needs = Needs(
            db, config, clock, identity, images, Cards(network) if network else None, placement, storage
        )
        self.quotas = Quotas(needs)
        self.flavors = Flavors(needs)
        self.keypairs = KeyPairs(needs, self.quotas)
        self.hosts = Hosts(needs)
        self.aggregates = Aggregates(needs)
        self.server_groups = ServerGroups(needs, self.quotas)
        self.disks = BootDisks(needs)
        self.making = Making(needs, self.flavors, self.keypairs, self.quotas, self.hosts, self.disks)
        self.servers = Servers(needs, self.quotas)
        self.server_actions = ServerActions(needs, self.servers, self.making, self.quotas)
        self.server_images = ServerImages(needs, self.servers, self.server_actions)
        self.moves = Moves(needs, self.servers, self.server_actions, self.flavors, self.quotas, self.hosts)
        self.rescues = Rescues(needs, self.servers, self.server_actions, self.disks)
        self.shelves = Shelves(needs, self.servers, self.server_actions, self.hosts)
        self.interfaces = Interfaces(needs, self.servers, self.server_actions)
        self.volumes = Volumes(needs, storage, self.servers, self.server_actions)
        self.instance_actions = InstanceActions(needs)
        self.security_groups = SecurityGroups(network)
        self.old_volumes = OldVolumes(storage)
        self.floating_ips = FloatingIps(network, self.servers)
        self.images = ImagesShown(needs, self.quotas)
        self.usage = Usage(needs)
        self.diagnoses: Diagnosing | None = None

    @property
    def consoles(self) -> Consoles | None:
        return self._needs.consoles

    @consoles.setter
    def consoles(self, consoles: Consoles | None) -> None:
        self._needs.consoles = consoles

    async def seed(self) -> None:
        """What a new cloud begins with. Does nothing the second time."""
        await self.flavors.seed()
