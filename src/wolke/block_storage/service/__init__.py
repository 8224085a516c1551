"""Block Storage's verbs, by noun: ``block_storage.volumes.show(ctx, volume_id)``, ``block_storage.attachments.reserve(…)``.

A verb's first argument is the context of whoever asks. What takes time is only written down here; loops and agents do it.
"""

from __future__ import annotations

from pathlib import Path

from wolke.block_storage.config import BlockStorageConfig
from wolke.block_storage.service.attachments import Attachments
from wolke.block_storage.service.backups import Backups
from wolke.block_storage.service.endings import Endings
from wolke.block_storage.service.group_types import GroupTypes
from wolke.block_storage.service.groups import Groups
from wolke.block_storage.service.hosts import Hosts
from wolke.block_storage.service.managing import Managing
from wolke.block_storage.service.messages import Messages
from wolke.block_storage.service.needs import Needs, Servers
from wolke.block_storage.service.old_attachments import OldAttachments
from wolke.block_storage.service.qos_specs import QosSpecs
from wolke.block_storage.service.quotas import Quotas
from wolke.block_storage.service.snapshots import Snapshots
from wolke.block_storage.service.transfers import Transfers
from wolke.block_storage.service.types import Types
from wolke.block_storage.service.volume_actions import VolumeActions
from wolke.block_storage.service.volume_create import Making, NewVolume
from wolke.block_storage.service.volumes import Volumes
from wolke.block_storage.store.secrets import Secrets
from wolke.core.clock import Clock
from wolke.core.db import Database
from wolke.identity.service import Identity
from wolke.image.service import Images

__all__ = ["BlockStorage", "NewVolume", "Servers"]


class BlockStorage:
    """``keys_dir`` holds what seals the keys of encrypted volumes. ``servers`` is set by whoever composes the cloud."""

    def __init__(
        self,
        db: Database,
        config: BlockStorageConfig,
        clock: Clock,
        *,
        keys_dir: Path,
        identity: Identity | None = None,
        images: Images | None = None,
    ) -> None:
        self.db = db
        self.config = config
        self.clock = clock
        needs = self.needs = Needs(db, config, clock, Secrets(keys_dir), identity, images)
        endings = self.endings = Endings(needs)
        self.quotas = Quotas(needs)
        self.types = Types(needs)
        self.qos_specs = QosSpecs(needs)
        self.hosts = Hosts(needs)
        self.volumes = Volumes(needs)
        self.making = Making(needs, self.types, self.quotas, self.hosts)
        self.snapshots = Snapshots(needs, self.volumes, self.quotas)
        self.volume_actions = VolumeActions(
            needs, endings, self.volumes, self.snapshots, self.types, self.quotas, self.hosts
        )
        self.attachments = Attachments(needs, self.volumes)
        self.old_attachments = OldAttachments(db, self.volumes, self.attachments)
        self.transfers = Transfers(needs, self.volumes, self.quotas)
        self.backups = Backups(needs, endings, self.volumes, self.snapshots, self.making, self.quotas, self.hosts)
        self.group_types = GroupTypes(needs)
        self.groups = Groups(
            needs, endings, self.volumes, self.volume_actions, self.snapshots, self.making, self.types, self.group_types,
            self.quotas, self.hosts,
        )  # fmt: skip
        self.managing = Managing(needs, self.volumes, self.snapshots, self.types, self.quotas, self.hosts)
        self.messages = Messages(needs)

    @property
    def servers(self) -> Servers | None:
        return self.needs.servers

    @servers.setter
    def servers(self, servers: Servers | None) -> None:
        self.needs.servers = servers

    async def seed(self) -> None:
        """What a new cloud begins with. Does nothing the second time."""
        await self.types.seed()
