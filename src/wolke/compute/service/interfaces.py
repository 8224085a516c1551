"""A server's network cards: ports attached and detached while it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from wolke.compute import errors
from wolke.compute.model import Server
from wolke.compute.service.needs import Needs
from wolke.compute.service.server_actions import ServerActions
from wolke.compute.service.servers import Servers
from wolke.compute.states import INTERFACE_ATTACHED
from wolke.compute.store import SERVERS
from wolke.core.context import Context
from wolke.core.db import Transaction
from wolke.core.errors import BadRequest, NotFound
from wolke.network.model import Port, ServerPort


class Interfaces:
    def __init__(self, needs: Needs, servers: Servers, actions: ServerActions) -> None:
        self._needs = needs
        self._servers = servers
        self._actions = actions
        self._heard = asyncio.Event()
        needs.db.on_wake(INTERFACE_ATTACHED, self._hear)

    async def index(self, ctx: Context, server_id: str) -> list[ServerPort]:
        server = await self._servers.show(ctx, server_id)
        return list((await self._servers.ports([server.id])).get(server.id, ()))

    async def show(self, ctx: Context, server_id: str, port_id: str) -> ServerPort:
        for port in await self.index(ctx, server_id):
            if port.id == port_id:
                return port
        raise NotFound(f"Instance {server_id} does not have a port with id {port_id}")

    async def attach(self, ctx: Context, server_id: str, wanted: Mapping[str, Any]) -> ServerPort:
        """``wanted``: {network_id, port_id, fixed_ip, tag}, all optional. The port and the wish are one write."""
        server = await self._servers.show(ctx, server_id)
        self._actions.allowed(ctx, server, "attach_interface", "attach_interface")
        await self._actions.require(server, "nic_hotplug", "attaching interfaces")
        network = self._needs.network
        if network is None:
            raise errors.NotOffered("attaching interfaces")

        async def begin(tx: Transaction, port: Port) -> None:
            held = await self._servers.held(tx, ctx, server_id)
            await self._actions.begin_in(tx, ctx, held, "attach_interface", "attach_interface", {"port_id": port.id})

        try:
            port = await network.attach(ctx, server.id, server.host, wanted, begin)
        except errors.ServerNotFound:
            raise
        except NotFound as error:
            raise BadRequest(error.message) from None
        await self._until_there(server_id)
        return await self.show(ctx, server_id, port.id)

    async def _until_there(self, server_id: str) -> None:
        """As with Nova, whoever is answered may go on with the server; but nobody waits for ever. ``BadRequest`` with the reason if the
        guest does not get it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._needs.config.interface_attach_wait_s):
                while True:
                    heard = self._heard
                    server = await self._needs.db.get(SERVERS, id=server_id)
                    if server is None or server.task != "interface_attaching":
                        break
                    await heard.wait()
            if server is not None and server.verb == "detach_interface" and (why := server.arguments.get("failure")):
                raise BadRequest(f"Failed to attach network adapter device to {server_id}: {why}")

    def _hear(self) -> None:
        self._heard.set()
        self._heard = asyncio.Event()

    async def add_address(self, ctx: Context, server_id: str, network_id: str) -> None:
        """One more address for a card that is there."""
        server = await self._free(ctx, server_id)
        network = self._needs.network
        if network is None or not await network.add_address(server.id, network_id):
            raise BadRequest(f"Network {network_id} could not be found for instance {server_id}.")

    async def remove_address(self, ctx: Context, server_id: str, address: str) -> None:
        server = await self._free(ctx, server_id)
        network = self._needs.network
        if network is None or not await network.remove_address(server.id, address):
            raise BadRequest(f"Fixed IP not found for instance {server_id}: {address}")

    async def _free(self, ctx: Context, server_id: str) -> Server:
        server = await self._servers.show(ctx, server_id)
        if server.locked and not ctx.is_admin:
            raise errors.ServerLocked(server_id)
        return server

    async def detach(self, ctx: Context, server_id: str, port_id: str) -> None:
        port = await self.show(ctx, server_id, port_id)
        server = await self._servers.show(ctx, server_id)
        await self._actions.require(server, "nic_hotplug", "detaching interfaces")
        await self._actions.begin(
            ctx, server_id, "detach_interface", "detach_interface", arguments={"port_id": port.id}
        )
