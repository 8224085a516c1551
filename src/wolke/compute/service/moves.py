"""Moving servers: to another size, to another host; confirming and reverting that; and what is told of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from wolke.compute import errors
from wolke.compute.model import FlavorCopy, Migration, Server
from wolke.compute.service.flavors import Flavors
from wolke.compute.service.hosts import Hosts
from wolke.compute.service.instance_actions import action_of
from wolke.compute.service.needs import Needs
from wolke.compute.service.quotas import Quotas
from wolke.compute.service.server_actions import ServerActions
from wolke.compute.service.server_create import check_fit_copy, flavor_copy
from wolke.compute.service.servers import Servers
from wolke.compute.states import MOVES_UNDER_WAY, VM_STATES
from wolke.compute.store import MIGRATIONS, SERVER_ACTIONS
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Order, Transaction, Where
from wolke.core.errors import BadRequest, NotFound
from wolke.core.paging import Page, find_page

_KEY_BYTES = 32
_ABORTABLE = ("live_serving", "live_receiving", "live_sending")


class Moves:
    def __init__(
        self, needs: Needs, servers: Servers, actions: ServerActions, flavors: Flavors, quotas: Quotas, hosts: Hosts
    ) -> None:
        self._needs = needs
        self._db = needs.db
        self._servers = servers
        self._actions = actions
        self._flavors = flavors
        self._quotas = quotas
        self._hosts = hosts

    # -- what is asked for

    async def resize(self, ctx: Context, server_id: str, flavor_id: str, changes: Mapping[str, Any]) -> None:
        """Quota is taken for what is more; what is less is given back when the resize is confirmed."""
        server = await self._servers.show(ctx, server_id)
        self._actions.allowed(ctx, server, "resize", "resize")
        try:
            flavor = await self._flavors.show(ctx, flavor_id)
        except errors.FlavorNotFound as error:
            raise BadRequest(error.message) from None
        if flavor.disabled:
            raise BadRequest("The target flavor is disabled.")
        new = flavor_copy(flavor)
        _check_size(server, new)
        await self._actions.require(server, "moves", "resizing")
        more = {"cores": max(0, new.vcpus - server.vcpus), "ram": max(0, new.ram_mib - server.ram_mib)}
        async with self._db.transaction() as tx:
            held = await self._servers.held(tx, ctx, server_id)
            if any(more.values()):
                await self._quotas.take_for(tx, held.project_id, held.user_id, more)
            most = {"vcpus": max(new.vcpus, held.vcpus), "ram_mib": max(new.ram_mib, held.ram_mib)}
            move = await self._note(tx, ctx, held, "resize", new)
            arguments = {"migration_id": move.id}
            await self._actions.begin_in(tx, ctx, held, "resize", "resize", arguments, {**changes, **most})

    async def migrate(self, ctx: Context, server_id: str, host: str | None) -> None:
        """To ``host``, or wherever the scheduler finds room but where it is."""
        server = await self._servers.show(ctx, server_id)
        self._actions.allowed(ctx, server, "migrate", "migrate")
        await self._check_host(server, host)
        await self._actions.require(server, "moves", "migration")
        async with self._db.transaction() as tx:
            held = await self._servers.held(tx, ctx, server_id)
            move = await self._note(tx, ctx, held, "migration", held.flavor)
            arguments = {"migration_id": move.id, "host": host}
            await self._actions.begin_in(tx, ctx, held, "migrate", "migrate", arguments)

    async def evacuate(self, ctx: Context, server_id: str, host: str | None, *, stays_off: bool) -> None:
        """Make it anew elsewhere, because its host is down. ``stays_off``: whoever asked starts it, when it is safe to."""
        server = await self._servers.show(ctx, server_id)
        self._actions.allowed(ctx, server, "evacuate", "evacuate")
        if server.launched_at is None:
            raise errors.WrongState("evacuate", server_id, "vm_state", VM_STATES[server.status])
        await self._check_host(server, host)
        source = await self._hosts.named(server.host or "")
        if source is not None and self._hosts.up(source):
            raise BadRequest(f"Compute service of {server.host} is still in use.")
        async with self._db.transaction() as tx:
            held = await self._servers.held(tx, ctx, server_id)
            move = await self._note(tx, ctx, held, "evacuation", held.flavor, status="accepted")
            arguments = {"migration_id": move.id, "host": host, "off": stays_off or held.status == "SHUTOFF"}
            await self._actions.begin_in(tx, ctx, held, "evacuate", "evacuate", arguments)

    async def migrate_live(self, ctx: Context, server_id: str, host: str | None, *, copies_disks: bool | None) -> None:
        """While it runs. ``copies_disks``: None lets the cloud find out whether it has to."""
        server = await self._servers.show(ctx, server_id)
        self._actions.allowed(ctx, server, "live_migrate", "os-migrateLive")
        source = await self._hosts.named(server.host or "")
        pool = source.capabilities.get("shared_disks") if source else None
        bare = server.volume_backed and not server.ephemerals and not server.flavor.swap_mib
        if copies_disks is False and not pool and not bare:
            raise BadRequest(
                f"{server.host} is not on shared storage: Shared storage live-migration requires either shared storage or "
                "boot-from-volume with no local disks."
            )
        await self._check_host(server, host)
        await self._actions.require(server, "live_migration", "live migration")
        async with self._db.transaction() as tx:
            held = await self._servers.held(tx, ctx, server_id)
            move = await self._note(tx, ctx, held, "live-migration", held.flavor, status="accepted")
            arguments = {
                "migration_id": move.id,
                "host": host,
                "pool": pool if copies_disks is False and not bare else None,
            }
            await self._actions.begin_in(tx, ctx, held, "live_migrate", "live-migration", arguments)

    async def want(self, ctx: Context, server_id: str, migration_id: str, wanted: str) -> None:
        """``abort`` a live migration under way, or ``force`` it to its end."""
        async with self._db.transaction() as tx:
            server = await self._servers.held(tx, ctx, server_id)
            move = await self.show(server, migration_id)
            if move.kind != "live-migration" or move.status not in MOVES_UNDER_WAY:
                raise NotFound(f"Migration {migration_id} not found for instance {server_id}.")
            if server.task not in _ABORTABLE if wanted == "abort" else server.task != "live_sending":
                raise BadRequest(
                    f"Migration {migration_id} state of instance {server_id} is {move.status}. Cannot {wanted} while the "
                    "migration is in this state."
                )
            now = self._needs.clock.now()
            await tx.update(MIGRATIONS, {"wanted": wanted, "updated_at": now}, id=move.id)
            action = "live_migration_abort" if wanted == "abort" else "live_migration_force_complete"
            await tx.insert(SERVER_ACTIONS, action_of(ctx, server, action, now))

    async def confirm(self, ctx: Context, server_id: str) -> None:
        await self._actions.begin(ctx, server_id, "confirm_resize", "confirmResize")

    async def revert(self, ctx: Context, server_id: str) -> None:
        await self._actions.begin(ctx, server_id, "revert_resize", "revertResize")

    async def _check_host(self, server: Server, host: str | None) -> None:
        if host is None:
            return
        if await self._hosts.named(host) is None:
            raise BadRequest(f"Compute host {host} could not be found.")
        if host == server.host:
            raise BadRequest("The target host can't be the same one.")

    async def _note(
        self,
        tx: Transaction,
        ctx: Context,
        server: Server,
        kind: str,
        new: FlavorCopy,
        *,
        status: str = "pre-migrating",
    ) -> Migration:
        await tx.lock("compute:migrations")
        last = await tx.find(MIGRATIONS, order=[Order("id", True)], limit=1)
        now = self._needs.clock.now()
        move = Migration(
            id=last[0].id + 1 if last else 1,
            uuid=ids.uuid(),
            server_id=server.id,
            project_id=ctx.project_id or server.project_id,
            user_id=ctx.user_id,
            kind=kind,
            status=status,
            source_host=server.host or "",
            dest_host=None,
            old_flavor=server.flavor,
            new_flavor=new,
            was=server.status,
            key=secrets.token_hex(_KEY_BYTES),
            wanted=None,
            progress={},
            created_at=now,
            updated_at=now,
        )
        await tx.insert(MIGRATIONS, move)
        return move

    # -- what is told

    async def index(self, page: Page, where: Sequence[Where]) -> list[Migration]:
        marker = None
        if page.marker is not None:
            marker = await self._db.get(MIGRATIONS, uuid=page.marker)
            if marker is None:
                raise errors.MarkerNotFound(page.marker)
        return await find_page(self._db, MIGRATIONS, page, where=where, marker=marker)

    async def of_server(self, server: Server) -> list[Migration]:
        return await self._db.find(MIGRATIONS, server_id=server.id, order=[Order("id")])

    async def show(self, server: Server, migration_id: str) -> Migration:
        found = None
        if migration_id.isdecimal() and len(migration_id) < 10:
            found = await self._db.get(MIGRATIONS, id=int(migration_id))
        if found is None or found.server_id != server.id:
            raise NotFound(f"Migration {migration_id[:64]} not found for instance {server.id}.")
        return found


def _check_size(server: Server, new: FlavorCopy) -> None:
    """400 in Nova's words if the server cannot become this."""
    old = server.flavor
    if new.id == old.id:
        raise BadRequest("When resizing, instances must change flavor!")
    if new.disk_gib == 0 and old.disk_gib != 0 and not server.volume_backed:
        raise BadRequest("Resize to zero disk flavor is not allowed.")
    if (new.disk_gib < old.disk_gib and not server.volume_backed) or new.ephemeral_gib < old.ephemeral_gib:
        raise BadRequest("Server unable to be resized: its disks would have to shrink, and data on them be lost.")
    check_fit_copy(server.image, new)
