"""Servers that are put away: off, as an image, and without a host; and brought back."""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.compute.model import Server
from wolke.compute.service.hosts import Hosts
from wolke.compute.service.needs import Needs
from wolke.compute.service.server_actions import ServerActions
from wolke.compute.service.servers import Servers
from wolke.core.context import Context
from wolke.core.errors import BadRequest, Conflict


class Shelves:
    def __init__(self, needs: Needs, servers: Servers, actions: ServerActions, hosts: Hosts) -> None:
        self._needs = needs
        self._servers = servers
        self._actions = actions
        self._hosts = hosts

    async def shelve(self, ctx: Context, server_id: str) -> None:
        server = await self._servers.show(ctx, server_id)
        if server.volume_backed:
            arguments = {"was": server.status}
            await self._actions.begin(ctx, server_id, "shelve_away", "shelve", arguments=arguments)
            return
        await self._actions.begin_image(ctx, server_id, "shelve", "shelve", f"{server.name}-shelved", {}, {})

    async def offload(self, ctx: Context, server_id: str) -> None:
        await self._actions.begin(ctx, server_id, "shelve_offload", "shelveOffload", changes={"due_at": None})

    async def unshelve(self, ctx: Context, server_id: str, zone: Any = msgspec.UNSET, host: str | None = None) -> None:
        """``zone``: where it shall be from now on; None: wherever. ``host``: where it goes this time. Both only for one that has
        left its host."""
        server = await self._servers.show(ctx, server_id)
        if server.status != "SHELVED_OFFLOADED":
            if zone is not msgspec.UNSET or host is not None:
                await self._refuse_place(ctx, server)
            await self._actions.begin(ctx, server_id, "unshelve", "unshelve", changes={"due_at": None})
            return
        await self._check_place(zone, host)
        changes = {} if zone is msgspec.UNSET else {"availability_zone": zone}
        arguments = {"host": host} if host else {}
        await self._actions.begin(
            ctx, server_id, "unshelve_offloaded", "unshelve", arguments=arguments, changes=changes
        )

    async def _refuse_place(self, ctx: Context, server: Server) -> None:
        self._actions.allowed(ctx, server, "unshelve", "unshelve")
        raise Conflict(
            f"Specifying an availability zone or a host when unshelving server {server.id} with status "
            f"'{server.status}' is not supported. It must be SHELVED_OFFLOADED."
        )

    async def _check_place(self, zone: Any, host: str | None) -> None:
        zones = await self._hosts.zones()
        if zone not in (msgspec.UNSET, None) and zone not in {one.name for one in zones}:
            raise BadRequest("The requested availability zone is not available")
        if host is None:
            return
        if await self._hosts.named(host) is None:
            raise BadRequest(f"Compute host {host} could not be found.")
        if zone not in (msgspec.UNSET, None) and not any(
            one.name == zone and host in {member.name for member in one.hosts} for one in zones
        ):
            raise BadRequest(f"Host {host} is not in the availability zone {zone}.")
