"""The network's rows compared with one another, and what hosts carry with what they should.

Whether a bridge, a tap or a rule is right is the dataplane's own knowledge: it says so in ``Dataplane.differences``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wolke.core.checks import Check, Finding
from wolke.network import model
from wolke.network.store import (
    ALLOCATIONS,
    FLOATING_IPS,
    NETWORKS,
    PORT_GROUPS,
    PORTS,
    ROUTERS,
    SECURITY_GROUPS,
    SUBNETS,
)

if TYPE_CHECKING:
    from wolke.network.service import Network

#: By host: (what differs is of this network or router, in a sentence).
Differences = Mapping[str, Sequence[tuple[str, str]]]
_ROUTED = (model.ROUTER_INTERFACE, model.ROUTER_GATEWAY)


@dataclass(frozen=True, slots=True)
class Picture:
    hosts: Differences
    networks: Mapping[str, model.Network]
    subnets: frozenset[str]
    ports: Mapping[str, model.Port]
    routers: Mapping[str, model.Router]
    floating_ips: Mapping[str, model.FloatingIp]
    allocations: Sequence[model.Allocation]
    groups: frozenset[str]
    port_groups: Sequence[model.PortGroup]


class Checking:
    """``differences``: what hosts carry otherwise than they should. ``carry``: a host makes it so once more."""

    def __init__(
        self,
        network: Network,
        differences: Callable[[], Awaitable[Differences]],
        carry: Callable[[str], Awaitable[None]],
    ) -> None:
        self.network = network
        self.differences = differences
        self.carry = carry
        self.checks = CHECKS

    async def picture(self) -> Picture:
        hosts = await self.differences()
        db = self.network.db
        return Picture(
            hosts=hosts,
            networks={one.id: one for one in await db.find(NETWORKS)},
            subnets=frozenset(one.id for one in await db.find(SUBNETS)),
            ports={one.id: one for one in await db.find(PORTS)},
            routers={one.id: one for one in await db.find(ROUTERS)},
            floating_ips={one.id: one for one in await db.find(FLOATING_IPS)},
            allocations=await db.find(ALLOCATIONS),
            groups=frozenset(one.id for one in await db.find(SECURITY_GROUPS)),
            port_groups=await db.find(PORT_GROUPS),
        )


async def guests_ports(network: Network) -> list[model.Port]:
    """The ports that belong to servers, for Compute, which knows which servers there are."""
    return [one for one in await network.db.find(PORTS) if one.device_owner.startswith("compute:")]


def _floating(picture: Picture) -> Iterator[Finding]:
    for one in picture.floating_ips.values():
        port = picture.ports.get(one.port_id or "")
        if one.port_id is not None and port is None:
            why = f"leads to port {one.port_id}, which does not exist"
        elif port is not None and all(f["ip_address"] != one.fixed_ip_address for f in port.fixed_ips):
            why = f"leads to address {one.fixed_ip_address}, which port {port.id} does not have"
        elif one.router_id is not None and one.router_id not in picture.routers:
            why = f"goes through router {one.router_id}, which does not exist"
        else:
            continue
        says = f"Floating IP {one.id} ({one.floating_ip_address}) {why}."
        yield Finding(one.id, says, one.revision_number, one)


async def _free(checking: Checking, finding: Finding) -> None:
    free = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": model.DOWN}
    async with checking.network.db.transaction() as tx:
        await tx.update(FLOATING_IPS, free, id=finding.about, revision_number=finding.mark)
        tx.wake("network.wish")


def _networkless(picture: Picture) -> Iterator[Finding]:
    for port in picture.ports.values():
        if port.network_id not in picture.networks:
            says = f"Port {port.id} is on network {port.network_id}, which does not exist."
            yield Finding(port.id, says, port.revision_number, port)
        elif port.device_owner in _ROUTED and port.device_id not in picture.routers:
            says = f"Port {port.id} belongs to router {port.device_id}, which does not exist."
            yield Finding(port.id, says, port.revision_number, port)


async def _drop(checking: Checking, finding: Finding) -> None:
    async with checking.network.db.transaction() as tx:
        port = await tx.get(PORTS, id=finding.about, revision_number=finding.mark)
        if port is not None:
            await checking.network.ports.drop(tx, port)


def _addresses(picture: Picture) -> Iterator[Finding]:
    for one in picture.allocations:
        if one.port_id not in picture.ports:
            says = f"Address {one.ip_address} of subnet {one.subnet_id} is kept for port {one.port_id}, which does not exist."
            yield Finding(f"{one.subnet_id}/{one.ip_address}", says, one.port_id, one)


async def _release(checking: Checking, finding: Finding) -> None:
    one: model.Allocation = finding.thing
    async with checking.network.db.transaction() as tx:
        await tx.delete(ALLOCATIONS, subnet_id=one.subnet_id, ip_address=one.ip_address, port_id=one.port_id)


def _unkept(picture: Picture) -> Iterator[Finding]:
    kept = {(one.port_id, one.ip_address) for one in picture.allocations}
    holders = {(one.subnet_id, one.ip_address): one.port_id for one in picture.allocations}
    for port in picture.ports.values():
        for fixed in port.fixed_ips:
            address, subnet_id = fixed["ip_address"], fixed["subnet_id"]
            if (port.id, address) not in kept and subnet_id in picture.subnets:
                other = holders.get((subnet_id, address))
                who = f"is kept for port {other}" if other else "is kept for nobody"
                says = f"Port {port.id} has address {address}, which {who} in subnet {subnet_id}."
                yield Finding(f"{port.id}/{address}", says, port.revision_number, (port, address, subnet_id, other))


async def _keep(checking: Checking, finding: Finding) -> None:
    """The address is asked for again, as its port's own; an address that is another's is taken away from this port."""
    port, address, subnet_id, other = finding.thing
    async with checking.network.db.transaction() as tx:
        now = await tx.get(PORTS, id=port.id, revision_number=port.revision_number)
        if now is None:
            return
        left = [one for one in now.fixed_ips if one["ip_address"] != address]
        await tx.update(PORTS, {"fixed_ips": left}, id=port.id)
        if other is None:
            wanted = [*left, {"subnet_id": subnet_id, "ip_address": address}]
            held = await tx.get(PORTS, id=port.id)
            assert held is not None
            await checking.network.ports.change(tx, None, held, {"fixed_ips": wanted})


def _grouped(picture: Picture) -> Iterator[Finding]:
    for one in picture.port_groups:
        what = f"port {one.port_id}" if one.port_id not in picture.ports else f"security group {one.group_id}"
        if one.port_id not in picture.ports or one.group_id not in picture.groups:
            says = f"Port {one.port_id} is noted in security group {one.group_id}, and {what} does not exist."
            yield Finding(f"{one.group_id}/{one.port_id}", says, None, one)


async def _leave(checking: Checking, finding: Finding) -> None:
    one: model.PortGroup = finding.thing
    async with checking.network.db.transaction() as tx:
        await tx.delete(PORT_GROUPS, group_id=one.group_id, port_id=one.port_id)
        tx.wake("network.wish")


def _carried(picture: Picture) -> Iterator[Finding]:
    for host, differences in picture.hosts.items():
        by_thing: defaultdict[str, list[str]] = defaultdict(list)
        for about, says in differences:
            by_thing[about].append(says)
        for about, said in by_thing.items():
            yield Finding(f"{host}/{about}", f"On host {host}: {'; '.join(said)}.", tuple(said), host)


async def _carry(checking: Checking, finding: Finding) -> None:
    await checking.carry(finding.thing)


CHECKS = (
    Check(
        "floating-ip-leads-nowhere",
        "floating IPs with the ports, addresses and routers that they lead to",
        "the floating IP is free again",
        _floating, _free,
    ),
    Check(
        "port-without-network",
        "ports with their networks, and routers' ports with their routers",
        "the port is deleted",
        _networkless, _drop,
    ),
    Check(
        "address-without-port",
        "addresses in use with the ports that use them",
        "the address is free again",
        _addresses, _release,
    ),
    Check(
        "port-address-not-kept",
        "ports' addresses with the addresses in use",
        "the address is kept for the port; if it is another's, the port has it no more",
        _unkept, _keep,
    ),
    Check(
        "port-in-no-group",
        "security groups with the ports that are noted in them",
        "the note is deleted",
        _grouped, _leave,
    ),
    Check(
        "network-on-host",
        "namespaces, bridges, taps, addresses, nftables rules and DHCP on each host with what it should carry",
        "the host makes it so once more, and removes what nothing wishes for",
        _carried, _carry,
    ),
)  # fmt: skip
