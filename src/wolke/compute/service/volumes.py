"""A server's volumes: attached and detached while it is there.

The attachment in Block Storage, the row here and the wish are one write; of two who want the same volume, the second is refused
and nothing of it is left.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wolke.block_storage.model import Attachment, Volume
from wolke.block_storage.service import BlockStorage
from wolke.compute import errors
from wolke.compute.model import BlockDevice, Server
from wolke.compute.service.block_devices import chosen_name, own_disks
from wolke.compute.service.instance_actions import action_of, done_at_once
from wolke.compute.service.needs import Needs
from wolke.compute.service.server_actions import ServerActions
from wolke.compute.service.servers import Servers
from wolke.compute.states import SERVER
from wolke.compute.store import BLOCK_DEVICES, SERVER_ACTIONS, SERVERS
from wolke.core import ids
from wolke.core.context import Context, system_context
from wolke.core.db import Order, Transaction, Where
from wolke.core.errors import BadRequest, Conflict, NotFound

_ORDER = [Order("created_at"), Order("device_name"), Order("id")]


class Volumes:
    """``storage``: None in a cloud without Block Storage."""

    def __init__(self, needs: Needs, storage: BlockStorage | None, servers: Servers, actions: ServerActions) -> None:
        self._needs = needs
        self._db = needs.db
        self._storage = storage
        self._servers = servers
        self._actions = actions

    # -- finding

    async def of_servers(self, server_ids: Sequence[str]) -> dict[str, list[BlockDevice]]:
        """Those that have a volume by now; oldest first."""
        found: dict[str, list[BlockDevice]] = {}
        if self._storage is None or not server_ids:
            return found
        where = [Where("server_id", "in", list(server_ids))]
        for device in await self._db.find(BLOCK_DEVICES, where=where, order=_ORDER):
            if device.volume_id is not None:
                found.setdefault(device.server_id, []).append(device)
        return found

    async def index(self, ctx: Context, server_id: str) -> list[BlockDevice]:
        server = await self._servers.show(ctx, server_id)
        return (await self.of_servers([server.id])).get(server.id, [])

    async def show(self, ctx: Context, server_id: str, volume_id: str) -> BlockDevice:
        for device in await self.index(ctx, server_id):
            if device.volume_id == volume_id:
                return device
        raise NotFound(f"Instance {server_id} is not attached to volume {volume_id}.")

    # -- coming and going

    async def attach(
        self, ctx: Context, server_id: str, volume_id: str, wanted: Mapping[str, Any], *, shares: bool = True
    ) -> BlockDevice:
        """``wanted``: device_name, tag, delete_on_termination, each optional. ``shares``: whoever asks knows that a volume may have
        several servers."""
        storage = self._there()
        server = await self._servers.show(ctx, server_id)
        await self._check_shared(storage, server, volume_id, shares=shares)
        if server.status == "SHELVED_OFFLOADED":
            return await self._keep_for(ctx, storage, server_id, volume_id, wanted)
        self._actions.allowed(ctx, server, "attach_volume", "attach_volume")
        await self._actions.require(server, "volumes", "volumes")
        made: list[BlockDevice] = []

        async def begin(tx: Transaction, attachment: Attachment) -> None:
            held = await self._servers.held(tx, ctx, server_id)
            device = await self._insert(tx, held, attachment, wanted)
            arguments = {"device_id": device.id, "volume_id": volume_id}
            await self._actions.begin_in(tx, ctx, held, "attach_volume", "attach_volume", arguments)
            made.append(device)

        await storage.attachments.reserve(ctx, volume_id, server_id=server.id, host=server.host, also=begin)
        return made[0]

    async def _check_shared(self, storage: BlockStorage, server: Server, volume_id: str, *, shares: bool) -> None:
        """One that several servers may have is for those who know of such, and for servers that are somewhere."""
        volume = (await storage.volumes.by_id([volume_id])).get(volume_id)
        if volume is None or not volume.multiattach:
            return
        if not shares:
            raise BadRequest("Multiattach volumes are only supported starting with compute API version 2.60.")
        if server.status == "SHELVED_OFFLOADED":
            raise BadRequest("Attaching multiattach volumes is not supported for shelved-offloaded instances.")

    async def _keep_for(
        self, ctx: Context, storage: BlockStorage, server_id: str, volume_id: str, wanted: Mapping[str, Any]
    ) -> BlockDevice:
        """A server that is put away has it from now on, without a guest to see it; its host opens it when it comes back."""
        made: list[BlockDevice] = []

        async def begin(tx: Transaction, attachment: Attachment) -> None:
            held = await self._servers.held(tx, ctx, server_id)
            device = await self._insert(tx, held, attachment, wanted)
            await self._note(tx, ctx, held, "attach_volume")
            await storage.attachments.settle_in(tx, attachment.id, device.device_name)
            made.append(device)

        await storage.attachments.reserve(ctx, volume_id, server_id=server_id, patient=True, also=begin)
        return made[0]

    async def _note(self, tx: Transaction, ctx: Context, server: Server, verb: str) -> None:
        """``verb`` is done at once with a server that has left its host; ``Conflict`` if it has come back, or is about to."""
        if server.status != "SHELVED_OFFLOADED":
            raise Conflict(f"Instance {server.id} was changed at the same time. Please try again.")
        self._actions.allowed(ctx, server, "unshelve_offloaded", verb)
        begun = action_of(ctx, server, verb, self._needs.clock.now())
        await tx.insert(SERVER_ACTIONS, done_at_once(begun))
        await self._servers.write(tx, server, {})

    async def _insert(
        self, tx: Transaction, server: Server, attachment: Attachment, wanted: Mapping[str, Any]
    ) -> BlockDevice:
        others = await tx.find(BLOCK_DEVICES, server_id=server.id)
        device = BlockDevice(
            id=ids.uuid(),
            server_id=server.id,
            project_id=server.project_id,
            volume_id=attachment.volume_id,
            attachment_id=attachment.id,
            device_name=chosen_name(
                server.root_device_name,
                own_disks(server.flavor, server.block_devices),
                [one.device_name for one in others],
                wanted.get("device_name"),
            ),
            boot_index=None,
            tag=wanted.get("tag"),
            delete_on_termination=bool(wanted.get("delete_on_termination", False)),
            source={},
            created_at=self._needs.clock.now(),
        )
        await tx.insert(BLOCK_DEVICES, device)
        return device

    async def detach(self, ctx: Context, server_id: str, volume_id: str) -> None:
        storage = self._there()
        device = await self.show(ctx, server_id, volume_id)
        if device.boot_index == 0:
            raise errors.RootVolume
        async with self._db.transaction() as tx:
            await tx.lock(f"block_storage:volume:{volume_id}")
            server = await self._servers.held(tx, ctx, server_id)
            if server.status == "SHELVED_OFFLOADED":
                await self._note(tx, ctx, server, "detach_volume")
                await storage.attachments.drop_in(tx, device.attachment_id or "")
                await tx.delete(BLOCK_DEVICES, id=device.id)
                return
            self._actions.allowed(ctx, server, "detach_volume", "detach_volume")
            await storage.attachments.detach_in(tx, device.attachment_id or "")
            arguments = {"device_id": device.id, "volume_id": volume_id}
            await self._actions.begin_in(tx, ctx, server, "detach_volume", "detach_volume", arguments)

    async def update(self, ctx: Context, server_id: str, volume_id: str, changes: Mapping[str, Any]) -> BlockDevice:
        """``changes``: delete_on_termination; the rest may be said if it is as it is."""
        device = await self.show(ctx, server_id, volume_id)
        for name in ("device_name", "tag"):
            if name in changes and changes[name] != getattr(device, name):
                raise BadRequest(f"The {name.partition('_')[0]} of an attached volume cannot be changed.")
        if "delete_on_termination" not in changes:
            return device
        written = {"delete_on_termination": changes["delete_on_termination"], "updated_at": self._needs.clock.now()}
        async with self._db.transaction() as tx:
            server = await self._servers.held(tx, ctx, server_id)
            await tx.update(BLOCK_DEVICES, written, id=device.id)
            await self._servers.write(tx, server, {})  # it shows in the server
        return msgspec.structs.replace(device, **written)

    async def swap(self, ctx: Context, server_id: str, volume_id: str, other_id: str) -> None:
        """The server goes on with ``other_id``, which has all that was in the volume by then."""
        storage = self._there()
        device = await self.show(ctx, server_id, volume_id)
        try:
            other = await storage.volumes.show(ctx, other_id)
        except NotFound as error:
            raise BadRequest(error.message) from None
        _check_swap(await storage.volumes.show(ctx, volume_id), other)
        await self._actions.require(await self._servers.show(ctx, server_id), "volumes", "volumes")
        async with self._db.transaction() as tx:
            for one in sorted((volume_id, other_id)):
                await tx.lock(f"block_storage:volume:{one}")
            server = await self._servers.held(tx, ctx, server_id)
            self._actions.allowed(ctx, server, "swap_volume", "swap_volume")
            new = await storage.attachments.reserve_in(
                tx, ctx, other_id, server_id=server.id, host=server.host, mode="rw", patient=True
            )
            await storage.attachments.detach_in(tx, device.attachment_id or "")
            arguments = {"device_id": device.id, "volume_id": volume_id}
            arguments |= {"new_volume_id": other_id, "new_attachment_id": new.id}
            await self._actions.begin_in(tx, ctx, server, "swap_volume", "swap_volume", arguments)

    def _there(self) -> BlockStorage:
        if self._storage is None:
            raise errors.NotOffered("volumes")
        return self._storage

    # -- for Block Storage (its ``Servers``)

    async def changed(self, tx: Transaction, volume: Volume, attachment: Attachment, verb: str) -> None:
        """Its host sees to it that the guest has it as it is now. A server that something else is done to sees it at its next start."""
        asked = system_context(volume.arguments.get("request_id") or ids.request_id())
        who = dataclasses.replace(asked, project_id=volume.project_id, user_id=volume.user_id)
        server = await tx.get(SERVERS, id=attachment.server_id or "")
        if server is None or server.deleted_at is not None:
            return
        action = f"{verb}_volume"
        if server.task is None and server.status in SERVER.rows[action].allowed:
            await self._actions.begin_in(tx, who, server, action, action, {})
        else:
            await tx.insert(SERVER_ACTIONS, done_at_once(action_of(who, server, action, self._needs.clock.now())))

    async def runs(self, tx: Transaction, attachment: Attachment) -> bool:
        server = await tx.get(SERVERS, id=attachment.server_id or "")
        return server is not None and server.task is None and server.status in ("ACTIVE", "PAUSED", "RESIZED")

    async def wants(self, attachment: Attachment) -> bool:
        """Whether a server still counts on it."""
        where = [Where("attachment_id", "eq", attachment.id)]
        return bool(await self._db.find(BLOCK_DEVICES, volume_id=attachment.volume_id, where=where, limit=1))


def _check_swap(old: Volume, new: Volume) -> None:
    """400 unless the one can take the other's place."""
    if new.status != "available":
        raise BadRequest("Invalid volume: New volume must be detached in order to swap.")
    if new.size_gib < old.size_gib:
        raise BadRequest("Invalid volume: New volume must be the same size or larger.")
    if old.multiattach or new.multiattach:
        raise BadRequest("Swapping multi-attach volumes with more than one read/write attachment is not supported.")
