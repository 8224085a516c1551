"""Giving a volume to another project: its owner makes a key, and whoever knows it takes the volume, with its quota."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import Transfer
from wolke.block_storage.service import sight
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.service.quotas import Quotas
from wolke.block_storage.service.volumes import Volumes
from wolke.block_storage.states import status_of
from wolke.block_storage.store import SNAPSHOTS, TRANSFERS, TYPES, VOLUMES
from wolke.core import ids
from wolke.core.context import Context, system_context
from wolke.core.db import DuplicateRow, Transaction, Where
from wolke.core.paging import Page

_KEY_BYTES = 8
_AWAITING = "awaiting-transfer"
_CLOUD = system_context()


class Transfers:
    def __init__(self, needs: Needs, volumes: Volumes, quotas: Quotas) -> None:
        self._needs = needs
        self._db = needs.db
        self._volumes = volumes
        self._quotas = quotas

    async def show(self, ctx: Context, transfer_id: str) -> Transfer:
        return sight.mine(ctx, await self._db.get(TRANSFERS, id=transfer_id), errors.TransferNotFound(transfer_id))

    async def index(self, ctx: Context, page: Page, where: Sequence[Where], *, offset: int = 0) -> list[Transfer]:
        return await sight.find(self._db, ctx, TRANSFERS, page, where, offset=offset)

    async def create(
        self, ctx: Context, volume_id: str, name: str | None, *, no_snapshots: bool, allow_encrypted: bool
    ) -> tuple[Transfer, str]:
        """The transfer and its key, which is told this once."""
        key, salt = secrets.token_hex(_KEY_BYTES), secrets.token_hex(_KEY_BYTES)
        try:
            async with self._db.transaction() as tx:
                volume = await self._volumes.held(tx, ctx, volume_id)
                if volume.status != "available" or volume.task is not None:
                    shown = status_of("volume", volume.status, volume.task)
                    raise errors.Invalid("volume", f"status must be available, not {shown}")
                if volume.encryption is not None and not allow_encrypted:
                    raise errors.Invalid("volume", "transferring encrypted volume is not supported")
                if volume.group_id is not None:
                    raise errors.Invalid("volume", f"Volume {volume_id} belongs to a group.")
                if no_snapshots and await self._volumes.has_snapshots(tx, volume_id):
                    raise errors.Invalid("volume", f"volume {volume_id} has snapshots")
                now = self._needs.clock.now()
                transfer = Transfer(
                    ids.uuid(), volume_id, volume.project_id, name, salt, _hash(salt, key), no_snapshots,
                    volume.project_id, None, False, now,
                )  # fmt: skip
                await tx.insert(TRANSFERS, transfer)
                await self._volumes.write(tx, volume, {"status": _AWAITING})
        except DuplicateRow:
            raise errors.NotSettled("volume", volume_id, "transfer", _AWAITING) from None
        return transfer, key

    async def delete(self, ctx: Context, transfer_id: str) -> None:
        async with self._db.transaction() as tx:
            transfer = await self._held(tx, transfer_id)
            transfer = sight.mine(ctx, transfer, errors.TransferNotFound(transfer_id))
            volume = await tx.get(VOLUMES, id=transfer.volume_id)
            if volume is not None and volume.status == _AWAITING:
                await self._volumes.write(tx, volume, {"status": "available"})
            await tx.delete(TRANSFERS, id=transfer_id)

    async def accept(self, ctx: Context, transfer_id: str, key: str) -> Transfer:
        """By whoever knows the key: the volume is theirs now, with its snapshots, and counts against their quota."""
        async with self._db.transaction() as tx:
            transfer = await self._held(tx, transfer_id)
            if not hmac.compare_digest(_hash(transfer.salt, key), transfer.auth_hash):
                raise errors.BadTransferKey
            volume = await self._volumes.held(tx, _CLOUD, transfer.volume_id)
            if volume.status != _AWAITING:
                raise errors.Invalid("volume", f"Volume {volume.id} is not awaiting a transfer.")
            await self._take(tx, ctx, transfer)
            await tx.delete(TRANSFERS, id=transfer_id)
        return msgspec.structs.replace(transfer, destination_project_id=ctx.project_id, accepted=True)

    async def _take(self, tx: Transaction, ctx: Context, transfer: Transfer) -> None:
        volume = await self._volumes.held(tx, _CLOUD, transfer.volume_id)
        kind = await tx.get(TYPES, id=volume.type_id) if volume.type_id else None
        if kind is not None and not kind.is_public and ctx.project_id not in kind.projects:
            raise errors.Invalid("volume", "The accepting project may not use the volume's type.")
        project_id, snapshots = ctx.project_id or "", []
        if not transfer.no_snapshots:
            snapshots = await tx.find(SNAPSHOTS, volume_id=volume.id)
        wanted = {
            "volumes": 1,
            "gigabytes": volume.size_gib + sum(one.size_gib for one in snapshots),
            "snapshots": len(snapshots),
        }
        await self._quotas.check_size(project_id, volume.size_gib, tx)
        if project_id != volume.project_id:
            await self._quotas.take(tx, project_id, wanted, kind.name if kind else None)
        mine = {"project_id": project_id, "user_id": ctx.user_id or ""}
        await self._volumes.write(tx, volume, {**mine, "status": "available"})
        await tx.update(SNAPSHOTS, mine, volume_id=volume.id)

    @staticmethod
    async def _held(tx: Transaction, transfer_id: str) -> Transfer:
        await tx.lock(f"block_storage:transfer:{transfer_id}")
        found = await tx.get(TRANSFERS, id=transfer_id)
        if found is None:
            raise errors.TransferNotFound(transfer_id)
        return found


def _hash(salt: str, key: str) -> str:
    return hmac.new(salt.encode(), key.encode(), hashlib.sha256).hexdigest()
