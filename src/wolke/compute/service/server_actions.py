"""What can be done to a server. A verb records the wish and the action's row in one transaction; loops and agents fulfil it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from wolke.compute import errors
from wolke.compute.model import Server
from wolke.compute.service.boot_disks import image_copy
from wolke.compute.service.instance_actions import action_of
from wolke.compute.service.needs import Needs
from wolke.compute.service.quotas import Quotas
from wolke.compute.service.server_create import Making, check_metadata, check_personality, check_user_data, key_copy
from wolke.compute.service.servers import Servers
from wolke.compute.states import SERVER, VM_STATES, loop_of, task_state_of
from wolke.compute.store import HOSTS, SERVER_ACTIONS, SERVERS
from wolke.core.context import Context
from wolke.core.db import Transaction
from wolke.core.errors import BadRequest, Conflict, NotFound
from wolke.core.states import Refusal
from wolke.image.model import Image
from wolke.image.service import ImageWish
from wolke.network.model import SecurityGroup, SecurityGroupRule

#: Image properties that belong to one image and not to what is made of it.
_NOT_INHERITED = frozenset({"os_hash_algo", "os_hash_value", "stores", "locations", "img_signature"})
#: In these a server has a guest, whose console can be read.
_WITH_GUEST = frozenset({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "RESIZED", "RESCUED", "ERROR"})

#: Verbs at whose end there is a new image.
_FILLING = frozenset({"create_image", "create_backup", "shelve", "snapshot_volumes"})


class ServerActions:
    def __init__(self, needs: Needs, servers: Servers, making: Making, quotas: Quotas) -> None:
        self._needs = needs
        self._db = needs.db
        self._servers = servers
        self._making = making
        self._quotas = quotas

    async def begin(
        self,
        ctx: Context,
        server_id: str,
        verb: str,
        action: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Server:
        """Record the wish ``verb``; ``action`` is its name in refusals and in the list of actions."""
        async with self._db.transaction() as tx:
            server = await self._servers.held(tx, ctx, server_id)
            return await self.begin_in(tx, ctx, server, verb, action, arguments or {}, changes or {})

    async def begin_in(
        self,
        tx: Transaction,
        ctx: Context,
        server: Server,
        verb: str,
        action: str,
        arguments: Mapping[str, Any],
        changes: Mapping[str, Any] = MappingProxyType({}),
    ) -> Server:
        """``begin`` for a server that the transaction holds."""
        written = {**changes, **self.allowed(ctx, server, verb, action), "arguments": dict(arguments)}
        written["deadline_at"] = self._needs.clock.after(SERVER.rows[verb].deadline_s)
        written["updated_at"] = now = self._needs.clock.now()
        if not await tx.update(SERVERS, written, id=server.id, generation=server.generation):
            raise Conflict(f"Instance {server.id} was changed at the same time. Please try again.")
        begun = msgspec.structs.replace(server, **written)
        await tx.insert(SERVER_ACTIONS, action_of(ctx, begun, action, now))
        tx.wake(loop_of(begun.task, begun.host, begun.other_host))
        return begun

    @staticmethod
    def allowed(ctx: Context, server: Server, verb: str, action: str) -> dict[str, Any]:
        """The changes that begin ``verb``; ``Conflict`` in Nova's words if it cannot begin now."""
        if server.locked and not ctx.is_admin:
            raise errors.ServerLocked(server.id)
        try:
            return SERVER.begin(verb, server)
        except Refusal as refusal:
            if refusal.busy is not None:
                raise errors.WrongState(
                    action, server.id, "task_state", task_state_of(refusal.busy) or refusal.busy
                ) from None
            raise errors.WrongState(action, server.id, "vm_state", VM_STATES[refusal.status]) from None

    async def require(self, server: Server, capability: str, what: str) -> None:
        """501 if the driver of the server's host says that it cannot."""
        host = await self._db.get(HOSTS, name=server.host) if server.host else None
        if host is not None and host.capabilities.get(capability) is False:
            raise errors.NotOffered(f"{what} on the host of instance {server.id} ({host.driver})")

    async def pause(self, ctx: Context, server_id: str) -> Server:
        await self.require(await self._servers.show(ctx, server_id), "pause", "pausing")
        return await self.begin(ctx, server_id, "pause", "pause")

    async def suspend(self, ctx: Context, server_id: str) -> Server:
        await self.require(await self._servers.show(ctx, server_id), "suspend", "suspending")
        return await self.begin(ctx, server_id, "suspend", "suspend")

    async def delete(self, ctx: Context, server_id: str) -> None:
        """Takes precedence over whatever is under way; once more does no harm."""
        async with self._db.transaction() as tx:
            server = await self._servers.held(tx, ctx, server_id)
            if server.verb == "delete" and not (server.locked and not ctx.is_admin):
                return
            kept = ("image_id", "snapshot_ids") if server.verb in _FILLING else ()
            unfinished = {name: server.arguments[name] for name in kept if name in server.arguments}
            await self.begin_in(tx, ctx, server, "delete", "delete", unfinished)

    async def soft_delete(self, ctx: Context, server_id: str) -> None:
        """It can be restored for a while, if the cloud does so at all and it is a server that has settled; else it is deleted."""
        server = await self._servers.show(ctx, server_id)
        settled = server.task is None and server.status in SERVER.rows["soft_delete"].allowed
        if self._needs.config.reclaim_server_interval_s > 0 and settled and server.launched_at is not None:
            await self.begin(ctx, server_id, "soft_delete", "delete")
        elif server.status != "SOFT_DELETED":
            await self.delete(ctx, server_id)

    async def restore(self, ctx: Context, server_id: str) -> None:
        """It counts against quota again."""
        async with self._db.transaction() as tx:
            server = await self._servers.held(tx, ctx, server_id)
            self.allowed(ctx, server, "restore", "restore")
            one = {"instances": 1, "cores": server.vcpus, "ram": server.ram_mib}
            await self._quotas.take_for(tx, server.project_id, server.user_id, one)
            await self.begin_in(tx, ctx, server, "restore", "restore", {}, {"counted": True, "due_at": None})

    async def rebuild(
        self,
        ctx: Context,
        server_id: str,
        image_id: str,
        changes: Mapping[str, Any],
        *,
        key_name: Any = msgspec.UNSET,
        reimage: bool = True,
    ) -> Server:
        """``changes`` are columns. A new ``key_name`` (or None, for no key) is looked up among the caller's. ``reimage``: a root
        volume, too, is made anew; else it stays, and the image must be its own."""
        server = await self._servers.show(ctx, server_id)
        check_user_data(changes.get("user_data"))
        check_personality(changes.get("personality", ()))
        if server.volume_backed:
            verb, made = await self._new_root(ctx, server, image_id, reimage=reimage)
        else:
            image = await self._making.image(ctx, image_id, server.flavor)
            verb, made = "rebuild", {"image_id": image.id, "image": image_copy(image), "kept": {}}
        written = {**changes, **made}
        if "metadata" in changes:
            check_metadata(changes["metadata"], await self._quotas.limits(server.project_id))
        if key_name is not msgspec.UNSET:
            key = await self._making.key(ctx, key_name)
            written |= {"key_name": key_name, "key": key_copy(key)}
        arguments: dict[str, Any] = {"was_off": server.status == "SHUTOFF"}
        if verb == "rebuild_volume":
            arguments["root_image_id"] = image_id
        return await self.begin(ctx, server_id, verb, "rebuild", arguments=arguments, changes=written)

    async def _new_root(
        self, ctx: Context, server: Server, image_id: str, *, reimage: bool
    ) -> tuple[str, dict[str, Any]]:
        """The verb and the columns with which a volume-backed server is rebuilt."""
        self.allowed(ctx, server, "rebuild_volume", "rebuild")
        if reimage:
            _, kept = await self._making.disks.new_root(ctx, server, image_id)
            return "rebuild_volume", {"image": kept}
        volume = await self._making.disks.root_volume(server)
        if volume.image_metadata.get("image_id") != image_id:
            raise BadRequest("Unable to rebuild with a different image for a volume-backed server.")
        return "rebuild", {}

    async def create_image(self, ctx: Context, server_id: str, name: str, metadata: Mapping[str, str]) -> str:
        """The id of a queued image that the server's host will fill."""
        return await self.begin_image(ctx, server_id, "create_image", "createImage", name, metadata, {})

    async def create_backup(
        self, ctx: Context, server_id: str, name: str, kind: str, rotation: int, metadata: Mapping[str, str]
    ) -> str:
        """As ``create_image``; when it is there, all but the newest ``rotation`` backups of this kind are deleted."""
        marks = {**metadata, "image_type": "backup", "backup_type": kind}
        arguments = {"backup_type": kind, "rotation": rotation}
        return await self.begin_image(ctx, server_id, "create_backup", "createBackup", name, marks, arguments)

    async def begin_image(
        self,
        ctx: Context,
        server_id: str,
        verb: str,
        action: str,
        name: str,
        metadata: Mapping[str, str],
        arguments: Mapping[str, Any],
    ) -> str:
        """Begin a verb with which the server's host fills an image; the image and the wish are one write."""
        server = await self._servers.show(ctx, server_id)
        self.allowed(ctx, server, verb, action)
        await self.require(server, "snapshot", "images of servers")
        images = self._needs.images
        if images is None:
            raise errors.NotOffered("images of servers")
        wish = snapshot_wish(server, name, metadata)

        async def begin(tx: Transaction, image: Image) -> None:
            held = await self._servers.held(tx, ctx, server_id)
            words = {**arguments, "image_id": image.id, "disk_format": wish.disk_format, "was": held.status}
            await self.begin_in(tx, ctx, held, verb, action, words)

        return (await images.create(ctx, wish, also=begin)).id

    async def reset_state(self, ctx: Context, server_id: str, status: str) -> None:
        """By an admin's word: whatever was under way is forgotten."""
        async with self._db.transaction() as tx:
            server = await self._servers.held(tx, ctx, server_id)
            changes: dict[str, Any] = {
                "status": status,
                "verb": None,
                "task": None,
                "deadline_at": None,
                "arguments": {},
            }
            changes["generation"] = server.generation + 1
            await self._servers.write(tx, server, changes)
            await tx.insert(SERVER_ACTIONS, action_of(ctx, server, "resetState", self._needs.clock.now()))

    async def lock(self, ctx: Context, server_id: str, reason: str | None) -> None:
        async with self._db.transaction() as tx:
            server = await self._servers.held(tx, ctx, server_id)
            by = "owner" if ctx.project_id == server.project_id and not ctx.is_admin else "admin"
            await self._servers.write(tx, server, {"locked": True, "locked_reason": reason, "locked_by": by})
            await tx.insert(SERVER_ACTIONS, action_of(ctx, server, "lock", self._needs.clock.now()))

    async def unlock(self, ctx: Context, server_id: str) -> None:
        async with self._db.transaction() as tx:
            server = await self._servers.held(tx, ctx, server_id)
            await self._servers.write(tx, server, {"locked": False, "locked_reason": None, "locked_by": None})
            await tx.insert(SERVER_ACTIONS, action_of(ctx, server, "unlock", self._needs.clock.now()))

    # -- consoles

    async def console_output(self, ctx: Context, server_id: str, length: int | None) -> str:
        server = await self._servers.show(ctx, server_id)
        if self._needs.consoles is None:
            raise errors.ConsoleUnavailable(server_id)
        if server.host is None or server.status not in _WITH_GUEST:
            raise Conflict(f"Instance {server_id} is not ready")
        await self.require(server, "console_output", "console output")
        return await self._needs.consoles.console_output(server, length)

    async def console(self, ctx: Context, server_id: str, kind: str) -> str:
        """A URL for ``novnc`` or ``serial``."""
        server = await self._servers.show(ctx, server_id)
        if self._needs.consoles is None:
            raise errors.ConsoleUnavailable(server_id)
        if server.host is None or server.status not in _WITH_GUEST:
            raise Conflict(f"Instance {server_id} is not ready")
        await self.require(server, "vnc" if kind == "novnc" else "serial", f"consoles of type {kind}")
        return await self._needs.consoles.create_console(ctx, server, kind)

    # -- security groups of all of a server's ports

    async def security_groups(
        self, ctx: Context, server_id: str
    ) -> list[tuple[SecurityGroup, list[SecurityGroupRule], Mapping[str, str]]]:
        """With their rules, and the names of the groups that rules name."""
        server = await self._servers.show(ctx, server_id)
        network = self._needs.network
        return [] if network is None else await network.server_security_groups(server.id)

    async def change_security_group(self, ctx: Context, server_id: str, group: str, *, add: bool) -> None:
        server = await self._servers.show(ctx, server_id)
        if server.locked and not ctx.is_admin:
            raise errors.ServerLocked(server_id)
        network = self._needs.network
        changed = network is not None and await network.change_security_group(
            ctx, server.id, server.project_id, group, add=add
        )
        if not changed and not add:
            raise NotFound(f"Security group {group} is not associated with the instance {server_id}.")


def snapshot_wish(server: Server, name: str, metadata: Mapping[str, str]) -> ImageWish:
    inherited = {k: v for k, v in server.image.get("properties", {}).items() if k not in _NOT_INHERITED}
    properties = {
        **inherited,
        "image_type": "snapshot",
        "instance_uuid": server.id,
        "user_id": server.user_id,
        "base_image_ref": server.image_id or "",
        "image_location": "snapshot",
        "image_state": "available",
        "owner_id": server.project_id,
        **metadata,
    }
    return ImageWish(
        name=name,
        owner=server.project_id,
        visibility="private",
        disk_format=server.image.get("disk_format") or "qcow2",
        container_format="bare",
        min_disk=server.flavor.disk_gib or int(server.image.get("min_disk") or 0),
        min_ram=int(server.image.get("min_ram") or 0),
        properties=properties,
    )
