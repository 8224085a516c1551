"""Block Storage compared with itself and with its hosts: what ``wolke check`` finds of volumes, and how it is mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from wolke.block_storage.model import Attachment
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.checking.data import DATA
from wolke.block_storage.service.checking.picture import FoundVolume, HostVolumes, Picture
from wolke.block_storage.service.checking.rows import ROWS
from wolke.block_storage.service.life import Life
from wolke.block_storage.store import (
    ATTACHMENTS,
    BACKUPS,
    GROUP_SNAPSHOTS,
    GROUPS,
    SECRETS,
    SNAPSHOTS,
    TRANSFERS,
    TYPES,
    VOLUMES,
)
from wolke.core.checks import GRACE_S, MendHost

__all__ = ["Checking", "FoundVolume", "HostVolumes", "Picture"]

CHECKS = (*ROWS, *DATA)


class Checking:
    """``contents``: what each host has that can be asked now. ``on_host``: how a host is told to mend something.
    ``running``: somebody sees to deadlines."""

    def __init__(
        self,
        storage: BlockStorage,
        life: Life,
        contents: Callable[[], Awaitable[Mapping[str, HostVolumes]]],
        on_host: MendHost,
        *,
        running: bool = True,
    ) -> None:
        self.storage = storage
        self.life = life
        self.contents = contents
        self.on_host = on_host
        self.running = running
        self.checks = CHECKS

    async def picture(self) -> Picture:
        """Hosts first: whatever is there and in no later row has no owner."""
        hosts = await self.contents()
        db, clock = self.storage.db, self.storage.clock
        return Picture(
            now=clock.now(),
            late=clock.after(-GRACE_S) if self.running else "",
            hosts=hosts,
            volumes={one.id: one for one in await db.find(VOLUMES)},
            snapshots={one.id: one for one in await db.find(SNAPSHOTS)},
            attachments=await db.find(ATTACHMENTS),
            backups={one.id: one for one in await db.find(BACKUPS)},
            groups={one.id: one for one in await db.find(GROUPS)},
            group_snapshots={one.id: one for one in await db.find(GROUP_SNAPSHOTS)},
            transfers=await db.find(TRANSFERS),
            types=frozenset(one.id for one in await db.find(TYPES)),
            secrets=frozenset(one.id for one in await db.find(SECRETS)),
        )


async def uses(storage: BlockStorage) -> list[Attachment]:
    """Every attachment, for Compute, which knows who should have one."""
    return await storage.db.find(ATTACHMENTS)
