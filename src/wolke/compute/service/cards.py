"""The network as servers need it: Compute's names on one side, the Network service's verbs on the other.

The cloud asks in the project's name with a member's rights, whether the user is still there or not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from wolke.core.context import Context, system_context
from wolke.core.db import Order, Transaction, Where
from wolke.network.model import Port, SecurityGroup, SecurityGroupRule, ServerPort, Subnet
from wolke.network.schema.attributes import Body
from wolke.network.service import Network, RequestedNic
from wolke.network.store import SECURITY_GROUPS


class Cards:
    def __init__(self, network: Network) -> None:
        self._network = network

    async def validate_request(self, ctx: Context, requested: Any) -> None:
        """Raises if servers of the caller cannot have these networks and ports."""
        wanted = [_nic(one) for one in requested] if isinstance(requested, list) else requested
        await self._network.validate_request(ctx, wanted)

    async def attach(
        self,
        ctx: Context,
        server_id: str,
        host: str | None,
        wanted: Mapping[str, Any],
        also: Callable[[Transaction, Port], Awaitable[None]],
    ) -> Port:
        """One more card for a server that is there; with nothing wanted in particular, on the project's network."""
        return await self._network.attach_interface(ctx, server_id, host, _nic(wanted), also=also)

    async def create_server_ports(
        self,
        server_id: str,
        *,
        project_id: str,
        requested: Any,
        security_groups: Sequence[str],
        hostname: str,
        host: str,
    ) -> list[Port]:
        """A server's ports, bound to ``host``; those that are there are not made again. ``requested`` as in ``Server.networks``."""
        ctx = _member_of(project_id)
        nics = await self._nics(ctx, requested)
        if not nics:
            return []
        groups = await self._network.resolve_security_groups(project_id, security_groups) if security_groups else {}
        return await self._network.create_server_ports(
            ctx, server_id, host or None, nics, list(groups.values()), dns_name=hostname
        )

    async def _nics(self, ctx: Context, requested: Any) -> list[RequestedNic]:
        if isinstance(requested, list):
            return [_nic(one) for one in requested]
        return await self._network.validate_request(ctx, requested)

    async def bind_server_ports(self, server_id: str, host: str) -> None:
        """All of the server's ports are that host's now."""
        await self._network.bind([port.id for port in (await self._network.server_ports([server_id]))[server_id]], host)

    async def announce_server_ports(self, server_id: str, host: str) -> None:
        """The server is about to come to that host: its ports are made there too, and stay where they are."""
        ports = [port.id for port in (await self._network.server_ports([server_id]))[server_id]]
        await self._network.announce(ports, host)

    async def release_server_ports(self, server_id: str) -> None:
        await self._network.delete_server_ports(server_id)

    async def release_server_port(self, server_id: str, port_id: str) -> None:
        await self._network.delete_server_ports(server_id, [port_id])

    async def server_ports(self, server_ids: Sequence[str]) -> Mapping[str, Sequence[ServerPort]]:
        return await self._network.server_ports(server_ids)

    async def subnets_by_id(self, subnet_ids: Sequence[str]) -> Mapping[str, Subnet]:
        return await self._network.subnets_by_id(subnet_ids)

    async def port_for_address(self, network_id: str, address: str) -> Port | None:
        return await self._network.port_for_address(network_id, address)

    # -- one address more or less on a card

    async def add_address(self, server_id: str, network_id: str) -> bool:
        """On the server's first port in that network, in a subnet where it has one already; False if it has no such port."""
        for port in await self._held(server_id):
            if port.network_id == network_id and port.fixed_ips:
                await self._readdress(port.id, [*port.fixed_ips, {"subnet_id": port.fixed_ips[0]["subnet_id"]}])
                return True
        return False

    async def remove_address(self, server_id: str, address: str) -> bool:
        for port in await self._held(server_id):
            kept = [one for one in port.fixed_ips if one["ip_address"] != address]
            if kept != port.fixed_ips:
                await self._readdress(port.id, kept)
                return True
        return False

    async def _held(self, server_id: str) -> Sequence[Port]:
        ports = (await self._network.server_ports([server_id]))[server_id]
        held = {port.id: port for port in await self._network.ports.by_ids([port.id for port in ports])}
        return [held[port.id] for port in ports if port.id in held]

    async def _readdress(self, port_id: str, fixed_ips: Sequence[Mapping[str, str]]) -> None:
        """In the cloud's own name: a port keeps addresses that its owner might not choose."""
        body = Body({"fixed_ips": [dict(one) for one in fixed_ips]}, frozenset({"fixed_ips"}))
        await self._network.ports.update(system_context(), port_id, body)

    # -- security groups

    async def check_security_groups(self, project_id: str, names: Sequence[str]) -> None:
        """Raises ``NotFound`` if the project has none of this name or id."""
        await self._network.resolve_security_groups(project_id, names)

    async def server_security_groups(
        self, server_id: str
    ) -> list[tuple[SecurityGroup, list[SecurityGroupRule], Mapping[str, str]]]:
        """The groups of all ports of a server, their rules, and the names of the groups that rules name."""
        ports = (await self._network.server_ports([server_id]))[server_id]
        held = await self._network.ports.by_ids([port.id for port in ports])
        wanted = sorted({group for port in held for group in port.security_groups})
        where = [Where("id", "in", wanted)]
        groups = await self._network.db.find(SECURITY_GROUPS, where=where, order=[Order("name")]) if wanted else []
        rules = await self._network.security_groups.rules_of(self._network.db, wanted)
        named = {rule.remote_group_id for of in rules.values() for rule in of if rule.remote_group_id}
        names = await self._network.security_groups.names(named)
        return [(group, rules[group.id], names) for group in groups]

    async def change_security_group(
        self, ctx: Context, server_id: str, project_id: str, name: str, *, add: bool
    ) -> bool:
        """On each port that is secured; whether that changed anything. ``name``: or an id."""
        group_id = (await self._network.resolve_security_groups(project_id, [name]))[name]
        ports = (await self._network.server_ports([server_id]))[server_id]
        changed = False
        for port in await self._network.ports.by_ids([port.id for port in ports]):
            if not port.port_security_enabled or (group_id in port.security_groups) == add:
                continue
            others = [one for one in port.security_groups if one != group_id]
            groups = [*others, group_id] if add else others
            await self._network.ports.update(
                ctx, port.id, Body({"security_groups": groups}, frozenset({"security_groups"}))
            )
            changed = True
        return changed


def _nic(wanted: Mapping[str, Any]) -> RequestedNic:
    return RequestedNic(wanted.get("network_id"), wanted.get("port_id"), wanted.get("fixed_ip"), wanted.get("tag"))


def _member_of(project_id: str) -> Context:
    return Context(project_id=project_id, roles=frozenset({"member", "reader"}))
