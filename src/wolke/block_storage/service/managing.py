"""Taking into care what is on a backend already, and giving it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import Address, Snapshot, Volume
from wolke.block_storage.service.hosts import Hosts
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.service.quotas import Quotas
from wolke.block_storage.service.snapshots import Snapshots
from wolke.block_storage.service.types import Types
from wolke.block_storage.service.volumes import Volumes, check_metadata
from wolke.block_storage.store import ATTACHMENTS, VOLUMES
from wolke.core import ids
from wolke.core.context import Context


class Asking(Protocol):
    async def ask(self, host: str, kind: str, **arguments: Any) -> Any:
        """A host's answer, now. Raises ``core.drivers.Failure``, or ``HostSilent``."""


class Managing:
    """``questions`` is set by whoever composes the cloud."""

    def __init__(
        self, needs: Needs, volumes: Volumes, snapshots: Snapshots, types: Types, quotas: Quotas, hosts: Hosts
    ) -> None:
        self._needs = needs
        self._db = needs.db
        self._volumes = volumes
        self._snapshots = snapshots
        self._types = types
        self._quotas = quotas
        self._hosts = hosts
        self.questions: Asking | None = None

    async def manage(
        self,
        ctx: Context,
        backend: str,
        reference: Mapping[str, str],
        *,
        name: str | None,
        description: str | None,
        type_: str | None,
        availability_zone: str | None,
        metadata: Mapping[str, str],
        bootable: bool,
    ) -> Volume:
        """What is found under ``reference`` on a backend becomes a volume."""
        check_metadata(metadata)
        if availability_zone is not None:
            await self._hosts.check_zone(availability_zone)
        pool = await self._hosts.capabilities(ctx, backend)
        kind = await self._types.named(ctx, type_) if type_ else await self._types.default(ctx)
        now = self._needs.clock.now()
        volume = Volume(
            id=ids.uuid(), project_id=ctx.project_id or "", user_id=ctx.user_id or "", name=name,
            description=description, size_gib=0, status="creating", verb=None, task=None, generation=0,
            deadline_at=None, arguments={}, reason=None, backend=str(pool.address), host=pool.address.host,
            availability_zone=availability_zone or self._needs.config.default_availability_zone,
            type_id=kind.id if kind else None, bootable=bootable, multiattach=False, read_only=None, encryption=None,
            secret_id=None, metadata=dict(metadata), image_metadata={}, image_id=None, snapshot_id=None,
            source_volume_id=None, group_id=None, migration_status=None, hints={}, location={}, counted=True,
            counted_gib=0, created_at=now, updated_at=None, launched_at=now,
        )  # fmt: skip
        begun = self._needs.begun(ctx, "volume", volume, "manage", {"reference": dict(reference)})
        volume = msgspec.structs.replace(volume, **begun)
        async with self._db.transaction() as tx:
            await self._quotas.take(tx, volume.project_id, {"volumes": 1, "gigabytes": 0}, kind.name if kind else None)
            await tx.insert(VOLUMES, volume)
            tx.wake(f"block_storage.host.{volume.host}")
        return volume

    async def unmanage(self, ctx: Context, volume_id: str) -> None:
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            if volume.encryption is not None:
                raise errors.Invalid("volume", "An encrypted volume cannot be unmanaged: its key would be lost.")
            if await self._volumes.has_snapshots(tx, volume_id):
                raise errors.Invalid("volume", f"Volume {volume_id} has snapshots.")
            if await tx.find(ATTACHMENTS, volume_id=volume_id, limit=1):
                raise errors.InUse(volume_id)
            await self._needs.begin(tx, ctx, "volume", volume, "unmanage")

    async def manage_snapshot(
        self,
        ctx: Context,
        volume_id: str,
        reference: Mapping[str, str],
        *,
        name: str | None,
        description: str | None,
        metadata: Mapping[str, str],
    ) -> Snapshot:
        check_metadata(metadata)
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            return await self._snapshots.insert(tx, ctx, volume, name, description, metadata, reference=dict(reference))

    async def manageable(self, ctx: Context, noun: str, backend: str) -> Sequence[Mapping[str, Any]]:
        """What a backend has that could be managed. ``noun``: volumes or snapshots."""
        pool = await self._hosts.capabilities(ctx, backend)
        if self.questions is None:
            raise errors.HostSilent(pool.address.host)
        address: Address = pool.address
        found = await self.questions.ask(address.host, f"manageable_{noun}", backend=str(address))
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
