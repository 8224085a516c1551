"""What Compute asks of the network: the ports of servers, made, bound, shown and taken away.

Ports that are made for a server go when it goes; ports that a user made beforehand are only let go of. All of it can be
asked for again after a crash: what is there already is found by the server's id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Transaction, Where
from wolke.core.errors import BadRequest, Conflict, Forbidden, NotFound
from wolke.network import errors, model, schema, store
from wolke.network.schema.attributes import Body
from wolke.network.service.listing import write
from wolke.network.service.shown_ports import ShownPorts

if TYPE_CHECKING:
    from wolke.network.service import Network

AUTO, NONE = "auto", "none"
_RETRIES = 5


@dataclass(frozen=True, slots=True)
class RequestedNic:
    """One item of ``networks`` in POST /servers."""

    network_id: str | None = None
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


Requested = Sequence[RequestedNic] | str | None  # "auto", "none", a list; None: not said, which is auto


class Servers:
    def __init__(self, net: Network) -> None:
        self._net = net
        self.ports = ShownPorts(net.db)

    async def networks_available(self, ctx: Context) -> list[model.Network]:
        """The networks a server may be put on without naming one: the project's own, else the shared ones; with subnets."""
        own = await self._net.db.find(store.NETWORKS, project_id=ctx.project_id or "", external=False)
        found = [n for n in own if n.subnets]
        if not found:
            shared = await self._net.db.find(store.NETWORKS, shared=True, external=False)
            found = [n for n in shared if n.subnets]
        return sorted(found, key=lambda n: (n.created_at, n.id))

    async def validate_request(self, ctx: Context, requested: Requested) -> list[RequestedNic]:
        """What to make, every network named; or an error in Nova's words. [] is a server without a card."""
        if requested == NONE:
            return []
        if requested is None or isinstance(requested, str) or not requested:
            return await self._auto(ctx, explicit=requested == AUTO)
        return [await self._one(ctx, nic, requested[:at]) for at, nic in enumerate(requested)]

    async def _auto(self, ctx: Context, *, explicit: bool) -> list[RequestedNic]:
        networks = await self.networks_available(ctx)
        if len(networks) > 1:
            raise Conflict("Multiple possible networks found, use a Network ID to be more specific.")
        if not networks:
            if explicit:
                raise BadRequest("Unable to automatically allocate a network for project " + str(ctx.project_id))
            return []
        return [RequestedNic(network_id=networks[0].id)]

    async def _one(self, ctx: Context, nic: RequestedNic, before: Sequence[RequestedNic]) -> RequestedNic:
        if nic.port_id is not None:
            return await self._port(ctx, nic, before)
        network = await self._usable_network(ctx, nic.network_id or "")
        if not network.subnets:
            raise BadRequest(f"Network {network.id} requires a subnet in order to boot instances on.")
        if nic.fixed_ip is not None:
            await self._check_fixed_ip(network, nic.fixed_ip)
        return nic

    async def _usable_network(self, ctx: Context, network_id: str) -> model.Network:
        try:
            network: model.Network = await self._net.listing.get(self._net.db, ctx, schema.NETWORK, network_id)
        except NotFound:
            raise BadRequest(f"Network {network_id} could not be found.") from None
        foreign = network.external and not network.shared and network.project_id != ctx.project_id
        if foreign and not self._net.listing.sees_all(ctx):
            raise Forbidden(f"It is not allowed to create an interface on external network {network_id}")
        return network

    async def _port(self, ctx: Context, nic: RequestedNic, before: Sequence[RequestedNic]) -> RequestedNic:
        if any(other.port_id == nic.port_id for other in before):
            raise BadRequest(f"Port ID {nic.port_id} was specified twice: it is not unique in the request.")
        try:
            port: model.Port = await self._net.listing.get(self._net.db, ctx, schema.PORT, nic.port_id or "")
        except NotFound:
            raise BadRequest(f"Port {nic.port_id} could not be found.") from None
        if port.device_id:
            raise Conflict(f"Port {port.id} is still in use.")
        if not port.fixed_ips:
            raise BadRequest(f"Port {port.id} requires a FixedIP in order to be used.")
        return RequestedNic(port.network_id, port.id, None, nic.tag)

    async def _check_fixed_ip(self, network: model.Network, address: str) -> None:
        used = await self._net.db.find(store.ALLOCATIONS, network_id=network.id, ip_address=address, limit=1)
        if used:
            raise BadRequest(f"Fixed IP address {address} is already in use on instance.")

    # -- making and taking away

    async def create_ports(
        self,
        ctx: Context,
        server_id: str,
        host: str | None,
        requested: Sequence[RequestedNic],
        security_groups: Sequence[str] = (),
        availability_zone: str = "nova",
        dns_name: str = "",
    ) -> list[model.Port]:
        """The server's ports in the order requested, all or none; those that are there already are not made again.

        ``requested`` is what ``validate_request`` returned; ``security_groups`` are ids, none means the default group.
        """
        project_id = ctx.project_id or ""
        if not security_groups:
            security_groups = [await self._net.security_groups.default(project_id)]
        for _ in range(_RETRIES):
            try:
                async with self._net.db.transaction() as tx:
                    await tx.lock(f"network:server:{server_id}")
                    there = {p.position: p for p in await tx.find(store.PORTS, device_id=server_id)}
                    return [
                        there.get(at)
                        or await self._make(
                            tx, ctx, server_id, host, nic, security_groups, availability_zone, at, dns_name
                        )
                        for at, nic in enumerate(requested)
                    ]
            except DuplicateRow:
                continue
        raise errors.IpAddressGenerationFailure(network_id=requested[0].network_id)

    async def _make(
        self,
        tx: Transaction,
        ctx: Context,
        server_id: str,
        host: str | None,
        nic: RequestedNic,
        security_groups: Sequence[str],
        availability_zone: str,
        position: int,
        dns_name: str,
    ) -> model.Port:
        owner = {"device_id": server_id, "device_owner": f"compute:{availability_zone}", "position": position}
        bound = {"host": host} if host else {}
        if nic.port_id is not None:
            port: model.Port = await self._net.listing.lock(tx, ctx, schema.PORT, nic.port_id, None)
            if port.device_id not in ("", server_id):
                raise Conflict(f"Port {port.id} is still in use.")
            return await self._net.ports.change(tx, None, port, {**owner, **bound, "for_server": False})
        values: dict[str, Any] = {
            "project_id": ctx.project_id or "", "network_id": nic.network_id, "admin_state_up": True,
            "device_id": server_id, "device_owner": owner["device_owner"],
        }  # fmt: skip
        if nic.fixed_ip is not None:
            values["fixed_ips"] = [{"ip_address": nic.fixed_ip}]
        network = await tx.get(store.NETWORKS, id=nic.network_id or "")
        if network is None:
            raise errors.NetworkNotFound(id=nic.network_id)
        if network.port_security_enabled:
            values["security_groups"] = list(security_groups)
        body = Body(values | {"for_server": True, "position": position, "dns_name": dns_name} | bound, frozenset())
        return await self._net.ports.add(tx, ctx, body)

    async def bind(self, port_ids: Sequence[str], host: str) -> None:
        """These ports are on this host now: its agent makes them, and says when they are there."""
        await self._rebind(port_ids, host)

    async def unbind(self, port_ids: Sequence[str]) -> None:
        await self._rebind(port_ids, "")

    async def announce(self, port_ids: Sequence[str], host: str) -> None:
        """These ports are about to come to this host too: its agent makes them, and they stay where they are until ``bind``."""
        if not port_ids:
            return
        async with self._net.db.transaction() as tx:
            for port in await tx.find(store.PORTS, where=[Where("id", "in", list(port_ids))]):
                if host not in (port.host, port.next_host):
                    await write(tx, store.PORTS, port, self._net.clock.now(), next_host=host)
            tx.wake("network.wish")

    async def _rebind(self, port_ids: Sequence[str], host: str) -> None:
        if not port_ids:
            return
        async with self._net.db.transaction() as tx:
            elsewhere = Where("", "any", [[Where("host", "ne", host)], [Where("next_host", "isnull", False)]])
            where = [Where("id", "in", list(port_ids)), elsewhere]
            for port in sorted(await tx.find(store.PORTS, where=where), key=lambda p: p.id):
                status = port.status if host in (port.host, port.next_host) else model.DOWN
                await write(tx, store.PORTS, port, self._net.clock.now(), host=host, next_host=None, status=status)
            tx.wake("network.wish")

    async def delete_ports(self, server_id: str, port_ids: Iterable[str] | None = None) -> None:
        """The server is gone, or some of its cards are: ports made for it go, a user's own are let go of."""
        wanted = None if port_ids is None else set(port_ids)
        async with self._net.db.transaction() as tx:
            await tx.lock(f"network:server:{server_id}")
            for port in await tx.find(store.PORTS, device_id=server_id):
                if wanted is not None and port.id not in wanted:
                    continue
                if not port.device_owner.startswith("compute:"):
                    continue
                if port.for_server:
                    await self._net.ports.drop(tx, port)
                    continue
                free = {
                    "device_id": "",
                    "device_owner": "",
                    "host": "",
                    "next_host": None,
                    "position": 0,
                    "status": model.DOWN,
                }
                await write(tx, store.PORTS, port, self._net.clock.now(), **free)
                tx.wake("network.wish")

    async def attach(
        self,
        ctx: Context,
        server_id: str,
        host: str | None,
        nic: RequestedNic,
        security_groups: Sequence[str] = (),
        availability_zone: str = "nova",
        also: Callable[[Transaction, model.Port], Awaitable[None]] | None = None,
    ) -> model.Port:
        """One more card for a server. With no network and no port named, the project's network. ``also`` writes in the same
        transaction what there must not be a port without."""
        if nic.port_id is None and nic.network_id is None:
            found = await self._auto(ctx, explicit=True)
            nic = RequestedNic(found[0].network_id, None, nic.fixed_ip, nic.tag)
        nic = await self._one(ctx, nic, ())
        if not security_groups:
            security_groups = [await self._net.security_groups.default(ctx.project_id or "")]
        for _ in range(_RETRIES):
            try:
                async with self._net.db.transaction() as tx:
                    await tx.lock(f"network:server:{server_id}")
                    there = await tx.find(store.PORTS, device_id=server_id)
                    at = max((p.position for p in there), default=-1) + 1
                    port = await self._make(tx, ctx, server_id, host, nic, security_groups, availability_zone, at, "")
                    if also is not None:
                        await also(tx, port)
                    return port
            except DuplicateRow:
                continue
        raise errors.IpAddressGenerationFailure(network_id=nic.network_id)

    async def detach(self, server_id: str, port_id: str) -> None:
        """Take a card away. ``PortNotFound`` if the server has no such port."""
        port = await self._net.db.get(store.PORTS, id=port_id)
        if port is None or port.device_id != server_id:
            raise errors.PortNotFound(id=port_id)
        await self.delete_ports(server_id, [port_id])

    # -- showing

    async def subnets(self, subnet_ids: Sequence[str]) -> dict[str, model.Subnet]:
        """What a server's metadata says of the addresses of its ports."""
        if not subnet_ids:
            return {}
        found = await self._net.db.find(store.SUBNETS, where=[Where("id", "in", list(subnet_ids))])
        return {subnet.id: subnet for subnet in found}
