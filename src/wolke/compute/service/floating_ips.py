"""Floating IPs and networks by Compute's old names, until 2.35 and 2.43: Network keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from wolke.compute import errors
from wolke.compute.service.servers import Servers
from wolke.core.context import Context
from wolke.core.errors import BadRequest, CloudError, Conflict, Forbidden, NotFound
from wolke.network.errors import OverQuota
from wolke.network.model import FloatingIp, Network, ServerPort
from wolke.network.schema import FLOATING_IP, NETWORK
from wolke.network.service import Asked
from wolke.network.service import Network as NetworkService


@dataclass(frozen=True, slots=True)
class Shown:
    """``pool`` is a network's name."""

    floating: FloatingIp
    pool: str | None
    server_id: str | None


class FloatingIps:
    def __init__(self, network: NetworkService | None, servers: Servers) -> None:
        self._optional = network
        self._servers = servers

    @property
    def _network(self) -> NetworkService:
        if self._optional is None:
            raise errors.NotOffered("networks")
        return self._optional

    # -- networks

    async def networks(self, ctx: Context) -> list[Network]:
        """What the caller can use: the project's own, and those that are everybody's."""
        asked = Asked() if ctx.is_admin else Asked({"project_id": [ctx.project_id or ""]})
        found = {one.id: one for one in await self._network.find(ctx, NETWORK, asked)}
        shared = await self._network.find(ctx, NETWORK, Asked({"shared": ["true"]}))
        return list({**found, **{one.id: one for one in shared}}.values())

    async def network(self, ctx: Context, network_id: str) -> Network:
        try:
            found: Network = await self._network.show(ctx, NETWORK, network_id)
        except NotFound:
            raise NotFound("Network not found") from None
        return found

    async def pools(self, ctx: Context) -> list[Network]:
        return list(await self._network.find(ctx, NETWORK, Asked({"router:external": ["true"]})))

    # -- floating IPs

    async def index(self, ctx: Context) -> list[Shown]:
        asked = Asked({"project_id": [ctx.project_id or ""]})
        return await self._shown(ctx, await self._network.find(ctx, FLOATING_IP, asked))

    async def show(self, ctx: Context, floating_id: str) -> Shown:
        try:
            floating = await self._network.show(ctx, FLOATING_IP, floating_id)
        except NotFound:
            raise NotFound(f"Floating IP not found for ID {floating_id[:64]}") from None
        return (await self._shown(ctx, [floating]))[0]

    async def create(self, ctx: Context, pool: str | None) -> Shown:
        """``pool``: a network's name or id; None: the first that there is."""
        found = [one for one in await self.pools(ctx) if pool is None or pool in (one.name, one.id)]
        if not found:
            raise NotFound("Floating IP pool not found.")
        try:
            body = FLOATING_IP.read_create({"floating_network_id": found[0].id})
            floating = (await self._network.floating_ips.create(ctx, [body]))[0]
        except OverQuota:
            raise Forbidden("Floating IP allocation over quota.") from None
        except Conflict as error:
            raise NotFound(error.message) from None  # Nova: no more floating IPs in the pool
        return (await self._shown(ctx, [floating]))[0]

    async def delete(self, ctx: Context, floating_id: str) -> None:
        await self.show(ctx, floating_id)
        await self._network.floating_ips.delete(ctx, floating_id)

    async def associate(self, ctx: Context, server_id: str, address: str, fixed: str | None) -> None:
        floating = await self._by_address(ctx, address)
        port = await self._port(ctx, server_id, fixed)
        wanted = {"port_id": port.id, "fixed_ip_address": fixed or _first_v4(port)}
        try:
            await self._network.floating_ips.update(ctx, floating.id, FLOATING_IP.read_update(wanted))
        except CloudError as error:
            raise BadRequest(f"Unable to associate floating IP {address} to instance {server_id}: {error}") from None

    async def dissociate(self, ctx: Context, server_id: str, address: str) -> None:
        shown = (await self._shown(ctx, [await self._by_address(ctx, address)]))[0]
        await self._servers.show(ctx, server_id)
        if shown.server_id != server_id:
            raise Conflict(f"Floating IP {address} is not associated with instance {server_id}.")
        await self._network.floating_ips.update(ctx, shown.floating.id, FLOATING_IP.read_update({"port_id": None}))

    async def _by_address(self, ctx: Context, address: str) -> FloatingIp:
        asked = Asked({"floating_ip_address": [str(ip_address(address))], "project_id": [ctx.project_id or ""]})
        found: Sequence[FloatingIp] = await self._network.find(ctx, FLOATING_IP, asked)
        if not found:
            raise NotFound("floating IP not found")
        return found[0]

    async def _port(self, ctx: Context, server_id: str, fixed: str | None) -> ServerPort:
        """The server's card that has the address, or the first one that has any."""
        server = await self._servers.show(ctx, server_id)
        ports = [port for port in (await self._servers.ports([server.id])).get(server.id, ()) if _first_v4(port)]
        if not ports:
            raise BadRequest("No fixed IPs associated to instance")
        if fixed is None:
            return ports[0]
        for port in ports:
            if fixed in (one[0] for one in port.fixed_ips):
                return port
        raise BadRequest("Specified fixed address not assigned to instance")

    async def _shown(self, ctx: Context, found: Sequence[FloatingIp]) -> list[Shown]:
        ports = await self._network.more(FLOATING_IP, found)
        pools = {one.id: one.name for one in await self.pools(ctx)}
        return [
            Shown(
                one, pools.get(one.floating_network_id), (port.device_id or None) if (port := ports[one.id]) else None
            )
            for one in found
        ]


def _first_v4(port: ServerPort) -> str | None:
    return next((address for address, version, _ in port.fixed_ips if version == 4), None)
