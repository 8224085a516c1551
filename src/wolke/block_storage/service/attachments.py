"""Who uses which volume. What a volume says of itself (reserved, attaching, in-use, detaching) follows from this.

    reserve ──► reserved ── connect ──► attaching ── complete ──► attached ⇄ detaching (begin, roll back)
    delete from anywhere: a connection is undone first by the agent of the volume's host

The status and the row are one transaction under the volume's lock: of two who want a volume that one may have, the second is
refused and nothing of it is left. The old actions (os-reserve, os-attach, …) are in ``old_attachments``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Required, TypedDict, Unpack

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import Attachment, Volume
from wolke.block_storage.service import sight
from wolke.block_storage.service.endings import SETTLED
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.service.qos_specs import limits_in
from wolke.block_storage.service.volumes import Volumes
from wolke.block_storage.states import FOLLOWS_ATTACHMENTS, MOVING, attached_status, status_of
from wolke.block_storage.store import ATTACHMENTS
from wolke.core import ids
from wolke.core.context import Context, system_context
from wolke.core.db import Order, Transaction, Where
from wolke.core.paging import Page

_LOOK_AGAIN_S = 1.0  # should a wake be lost
_HIDDEN = "detached"
_CLOUD = system_context()
_SHARED = ("available", "in-use", "attaching", "reserved", "detaching")


Also = Callable[[Transaction, Attachment], Awaitable[None]]


class Reservation(TypedDict, total=False):
    """``patient``: for as long as it takes, as a shelved server needs it; else it is given up after a while."""

    server_id: Required[str | None]
    mode: str | None
    host: str | None
    patient: bool
    legacy: bool
    status: str


class Attachments:
    def __init__(self, needs: Needs, volumes: Volumes) -> None:
        self._needs = needs
        self._db = needs.db
        self._volumes = volumes
        self._heard = asyncio.Event()
        needs.db.on_wake(SETTLED, self._wake)

    # -- finding

    async def show(self, ctx: Context, attachment_id: str) -> Attachment:
        found = await self._db.get(ATTACHMENTS, id=attachment_id)
        return _mine(ctx, found, attachment_id)

    async def index(self, ctx: Context, page: Page, where: Sequence[Where], *, offset: int = 0) -> list[Attachment]:
        seen = [*where, Where("status", "ne", _HIDDEN), Where("legacy", "eq", False)]
        return await sight.find(self._db, ctx, ATTACHMENTS, page, seen, offset=offset)

    async def of_server(self, server_id: str) -> list[Attachment]:
        """Oldest first."""
        where = [Where("status", "ne", _HIDDEN)]
        order = [Order("created_at"), Order("id")]
        return await self._db.find(ATTACHMENTS, server_id=server_id, where=where, order=order)

    # -- attaching

    async def reserve(
        self, ctx: Context, volume_id: str, *, also: Also | None = None, **wish: Unpack[Reservation]
    ) -> Attachment:
        """The volume is kept for a server. ``also`` is part of the same write. ``NotSettled`` (400) if it is not to be had."""
        async with self._db.transaction() as tx:
            attachment = await self.reserve_in(tx, ctx, volume_id, **wish)
            if also is not None:
                await also(tx, attachment)
        return attachment

    async def reserve_in(
        self, tx: Transaction, ctx: Context, volume_id: str, **wish: Unpack[Reservation]
    ) -> Attachment:
        """``reserve`` as part of somebody's write."""
        server_id, mode, patient = wish["server_id"], wish.get("mode"), wish.get("patient", False)
        volume = await self._volumes.held(tx, ctx, volume_id)
        others = await self.on(tx, volume_id)
        check_free(volume, others, server_id, mode)
        now = self._needs.clock.now()
        attachment = Attachment(
            id=ids.uuid(), volume_id=volume_id, project_id=volume.project_id, server_id=server_id,
            instance_host=wish.get("host"), mount_device=None, status=wish.get("status", "reserved"), mode=mode or ("ro" if volume.read_only else "rw"),
            legacy=wish.get("legacy", False), connector=None, connection=None, verb=None, task=None, generation=0,
            deadline_at=None if patient else self._needs.clock.after(self._needs.config.reserved_deadline_s),
            arguments={"patient": patient}, reason=None, host=volume.host, attached_at=None, created_at=now,
            updated_at=None,
        )  # fmt: skip
        await tx.insert(ATTACHMENTS, attachment)
        await self.follow(tx, volume, [*others, attachment])
        return attachment

    async def connect(self, ctx: Context, attachment_id: str, connector: Mapping[str, Any]) -> Attachment:
        """How ``connector`` (at least its ``host``) opens the volume: the answer's ``connection``. ``CannotConnect`` with the
        reason, or ``HostSilent``; the volume is then reserved as before."""
        async with self._db.transaction() as tx:
            attachment = await self._held(tx, ctx, attachment_id)
            if attachment.host is None or attachment.status == _HIDDEN:
                raise errors.NotSettled("attachment", attachment_id, "connect", attachment.status)
            if attachment.task is None:
                arguments = {**attachment.arguments, "connector": dict(connector), "attachment_id": attachment_id}
                attachment = await self._needs.begin(tx, ctx, "attachment", attachment, "connect", arguments)
            elif attachment.arguments.get("connector") != dict(connector):
                raise errors.NotSettled("attachment", attachment_id, "connect", attachment.task)
        connected = await self._until_connected(ctx, attachment)
        if connected.connection is None or connected.reason is not None:
            raise errors.CannotConnect(connected.reason or "the attachment was given up.")
        async with self._db.transaction() as tx:
            held = await self._held(tx, ctx, attachment_id)
            limits = await limits_in(tx, await self._volumes.held(tx, _CLOUD, held.volume_id))
            changes: dict[str, Any] = {"status": "attaching"} if held.status == "reserved" else {}
            if limits is not None:
                changes["connection"] = {**(held.connection or {}), "qos_specs": limits}
            if changes:
                held = await self.write(tx, held, changes)
        return held

    async def _until_connected(self, ctx: Context, attachment: Attachment) -> Attachment:
        try:
            async with asyncio.timeout(self._needs.config.connect_timeout_s):
                while True:
                    heard = self._heard
                    found = _mine(ctx, await self._db.get(ATTACHMENTS, id=attachment.id), attachment.id)
                    if found.task != "connecting" or found.generation != attachment.generation:
                        return found
                    await _look_again(heard)
        except TimeoutError:
            raise errors.HostSilent(attachment.host or "") from None

    async def complete(
        self, ctx: Context, attachment_id: str, *, mount_device: str | None = None, server_id: str | None = None
    ) -> Attachment:
        """The guest has it."""
        async with self._db.transaction() as tx:
            attachment = await self._held(tx, ctx, attachment_id)
            return await self._complete(tx, attachment, mount_device, server_id)

    async def _complete(
        self, tx: Transaction, attachment: Attachment, mount_device: str | None, server_id: str | None
    ) -> Attachment:
        if attachment.status not in ("attaching", "attached", "reserved"):
            raise errors.NotSettled("attachment", attachment.id, "complete", attachment.status)
        device = mount_device or attachment.mount_device or (attachment.connector or {}).get("mountpoint")
        changes: dict[str, Any] = {
            "status": "attached", "mount_device": device, "deadline_at": None, "legacy": False,
            "attached_at": attachment.attached_at or self._needs.clock.now(), "reason": None,
        }  # fmt: skip
        if server_id is not None:
            changes["server_id"] = server_id
        return await self.write(tx, attachment, changes)

    # -- as part of what a server's loop or agent writes

    async def settle_in(self, tx: Transaction, attachment_id: str, mount_device: str | None = None) -> None:
        """The guest has it: it came, or did not go. Fine if it is so already, or if nobody knows of it any more."""
        attachment = await self._found(tx, attachment_id)
        if attachment is not None and attachment.status == "detaching":
            await self.write(tx, attachment, {"status": "attached", "deadline_at": None})
        elif attachment is not None:
            await self._complete(tx, attachment, mount_device, None)

    async def moved_in(self, tx: Transaction, attachment_id: str, host: str) -> None:
        """Its server is on ``host`` from now on, which opens the volume as the one before did. Fine if nobody knows of it."""
        attachment = await self._found(tx, attachment_id)
        if attachment is not None:
            connector = {**(attachment.connector or {}), "host": host}
            await self.write(tx, attachment, {"instance_host": host, "connector": connector})

    async def detach_in(self, tx: Transaction, attachment_id: str) -> None:
        """As ``begin_detaching``, of one that is the cloud's own: its server will say when. Fine if nobody knows of it."""
        attachment = await self._found(tx, attachment_id)
        if attachment is None:
            return
        if attachment.status not in ("attached", "detaching"):
            raise errors.NotSettled("attachment", attachment_id, "detach", attachment.status)
        _check_stays(await self._volumes.held(tx, _CLOUD, attachment.volume_id))
        await self.write(tx, attachment, {"status": "detaching", "deadline_at": None})

    async def drop_in(self, tx: Transaction, attachment_id: str) -> None:
        """The guest has it no more. Fine if nobody knows of it."""
        attachment = await self._found(tx, attachment_id)
        if attachment is not None:
            await self.delete_in(tx, _CLOUD, attachment)

    async def _found(self, tx: Transaction, attachment_id: str) -> Attachment | None:
        try:
            return await self._held(tx, _CLOUD, attachment_id)
        except errors.AttachmentNotFound:
            return None

    # -- detaching

    async def begin_detaching(self, ctx: Context, volume_id: str, attachment_id: str | None = None) -> None:
        """A volume that is detached by somebody is not detached by somebody else. Undone by ``roll_detaching``, or by time."""
        async with self._db.transaction() as tx:
            volume = await self._volumes.held(tx, ctx, volume_id)
            there = [one for one in await self.on(tx, volume_id) if attachment_id in (None, one.id)]
            attached = [one for one in there if one.status == "attached"]
            if not attached:
                raise errors.NotSettled("volume", volume_id, "detach", status_of("volume", volume.status, volume.task))
            _check_stays(volume)
            until = self._needs.clock.after(self._needs.config.reserved_deadline_s)
            await self.write(tx, attached[0], {"status": "detaching", "deadline_at": until})

    async def roll_detaching(self, ctx: Context, volume_id: str, attachment_id: str | None = None) -> None:
        async with self._db.transaction() as tx:
            await self._volumes.held(tx, ctx, volume_id)
            for one in await self.on(tx, volume_id):
                if one.status == "detaching" and attachment_id in (None, one.id):
                    await self.write(tx, one, {"status": "attached", "deadline_at": None})

    async def delete(self, ctx: Context, attachment_id: str) -> list[Attachment]:
        """The server has let go of it, or never got it. Returns who else uses the volume."""
        async with self._db.transaction() as tx:
            attachment = await self._held(tx, ctx, attachment_id)
            return await self.delete_in(tx, ctx, attachment)

    async def delete_in(self, tx: Transaction, ctx: Context, attachment: Attachment) -> list[Attachment]:
        connected = attachment.connection is not None or attachment.task == "connecting"
        if connected and attachment.host is not None:
            arguments = {"attachment_id": attachment.id, "connector": attachment.connector}
            arguments["connector"] = arguments["connector"] or attachment.arguments.get("connector")
            await self._needs.begin(tx, ctx, "attachment", attachment, "disconnect", arguments, status=_HIDDEN)
        else:
            await tx.delete(ATTACHMENTS, id=attachment.id)
        tx.wake(SETTLED)
        left = [one for one in await self.on(tx, attachment.volume_id) if one.id != attachment.id]
        volume = await self._volumes.held(tx, _CLOUD, attachment.volume_id)
        await self.follow(tx, volume, left)
        return left

    # -- writing

    async def on(self, tx: Transaction, volume_id: str) -> list[Attachment]:
        """Those that count."""
        where = [Where("status", "ne", _HIDDEN)]
        return await tx.find(ATTACHMENTS, volume_id=volume_id, where=where, order=[Order("created_at"), Order("id")])

    async def write(self, tx: Transaction, attachment: Attachment, changes: Mapping[str, Any]) -> Attachment:
        """Under the volume's lock. The volume's status follows."""
        changes = {**changes, "updated_at": self._needs.clock.now()}
        await tx.update(ATTACHMENTS, changes, id=attachment.id)
        volume = await self._volumes.held(tx, _CLOUD, attachment.volume_id)
        await self.follow(tx, volume, await self.on(tx, attachment.volume_id))
        return msgspec.structs.replace(attachment, **changes)

    async def follow(self, tx: Transaction, volume: Volume, attachments: Sequence[Attachment]) -> None:
        """A volume's status after its attachments have changed; one that is in error stays so."""
        status = attached_status(one.status for one in attachments)
        if volume.status in FOLLOWS_ATTACHMENTS and volume.status != status:
            await self._volumes.write(tx, volume, {"status": status})

    async def _held(self, tx: Transaction, ctx: Context, attachment_id: str) -> Attachment:
        """Under its volume's lock."""
        found = _mine(ctx, await tx.get(ATTACHMENTS, id=attachment_id), attachment_id)
        await tx.lock(f"block_storage:volume:{found.volume_id}")
        return _mine(ctx, await tx.get(ATTACHMENTS, id=attachment_id), attachment_id)

    def _wake(self) -> None:
        self._heard.set()
        self._heard = asyncio.Event()


def _check_stays(volume: Volume) -> None:
    """400 while its guest takes it to another backend."""
    if volume.task in MOVING:
        raise errors.NotSettled("volume", volume.id, "detach", status_of("volume", volume.status, volume.task))


async def _look_again(heard: asyncio.Event) -> None:
    """Returns when something has come to rest, or might have without our hearing of it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_AGAIN_S):
            await heard.wait()


def check_free(volume: Volume, others: Sequence[Attachment], server_id: str | None, mode: str | None) -> None:
    """400 unless the volume is to be had, by this server in this mode."""
    shown = status_of("volume", volume.status, volume.task)
    if volume.task is not None or volume.status not in (_SHARED if volume.multiattach else ("available",)):
        why = (
            f"Volume {volume.id} status must be available or downloading to reserve, but the current status is {shown}."
        )
        raise errors.Invalid("volume", why)
    if server_id is not None and any(one.server_id == server_id for one in others):
        raise errors.Invalid("volume", f"Volume {volume.id} is attached to server {server_id} already.")
    if volume.read_only and mode == "rw":
        raise errors.Invalid("input received", f"Invalid attaching mode 'rw' for volume {volume.id}: it is read-only.")


def _mine(ctx: Context, found: Attachment | None, attachment_id: str) -> Attachment:
    if found is None or found.status == _HIDDEN:
        raise errors.AttachmentNotFound(attachment_id)
    return sight.mine(ctx, found, errors.AttachmentNotFound(attachment_id))
