"""Subnets: which addresses a network has, and what its guests are told by DHCP."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Reader, Transaction, Where
from wolke.network import errors, model, schema, store
from wolke.network.schema.attributes import Body
from wolke.network.service.addresses import is_auto
from wolke.network.service.listing import enforce_given, target, write

if TYPE_CHECKING:
    from wolke.network.service import Network

Cidr = IPv4Network | IPv6Network
Pool = dict[str, str]
_SLAAC_PREFIX = 64


class Subnets:
    def __init__(self, net: Network) -> None:
        self._net = net

    async def create(self, ctx: Context, bodies: list[Body]) -> list[model.Subnet]:
        async with self._net.db.transaction() as tx:
            return [await self._create(tx, ctx, body) for body in bodies]

    async def _create(self, tx: Transaction, ctx: Context, body: Body) -> model.Subnet:
        values, now = dict(body.values), self._net.clock.now()
        network: model.Network = await self._net.listing.lock(tx, ctx, schema.NETWORK, values["network_id"], None)
        values.setdefault("project_id", ctx.project_id or "")
        aim = target(network) | {"project_id": values["project_id"], "network:project_id": network.project_id}
        enforce_given(self._net.policy, ctx, "create", "subnet", body, aim)
        if network.project_id != ctx.project_id:
            self._net.policy.enforce(ctx, "create_subnet", aim | {"project_id": network.project_id})
        await self._net.quotas.reserve(tx, values["project_id"], "subnet")
        cidr = self._cidr(values)
        self._check_modes(values, cidr)
        self._check_lists(values)
        values["cidr"] = str(cidr)
        values["gateway_ip"] = _gateway(values, cidr)
        values["allocation_pools"] = _pools(values.get("allocation_pools"), cidr, values["gateway_ip"])
        await self._check_overlap(tx, network.id, cidr)
        subnet = model.Subnet(
            id=ids.uuid(), shared=network.shared, tags=[], created_at=now, updated_at=now, revision_number=0, **values
        )
        await tx.insert(store.SUBNETS, subnet)
        await write(tx, store.NETWORKS, network, now, subnets=[*network.subnets, subnet.id])
        tx.wake("network.wish")
        return subnet

    @staticmethod
    def _cidr(values: dict[str, Any]) -> Cidr:
        if values.get("subnetpool_id"):
            raise errors.BadResourceRequest(resource="subnets", reason="there are no subnet pools here; name a cidr")
        if not values.get("cidr"):
            raise errors.BadResourceRequest(
                resource="subnets", reason="a subnetpool must be specified in the absence of a cidr"
            )
        cidr = ip_network(values["cidr"])
        if cidr.version != values["ip_version"]:
            raise errors.InvalidInput(
                reason=f"ip_version '{values['ip_version']}' does not match IP version of cidr {cidr}"
            )
        if cidr.prefixlen == 0:
            raise errors.InvalidInput(reason="0 is not allowed as CIDR prefix length")
        if cidr.is_multicast or cidr.is_loopback:
            raise errors.InvalidInput(reason=f"multicast and loopback IP subnets are not supported: {cidr}")
        return cidr

    @staticmethod
    def _check_modes(values: dict[str, Any], cidr: Cidr) -> None:
        ra_mode, address_mode = values["ipv6_ra_mode"], values["ipv6_address_mode"]
        if ra_mode is None and address_mode is None:
            return
        if cidr.version == 4:
            raise errors.InvalidInput(reason="ipv6_ra_mode and ipv6_address_mode are for IPv6 subnets only")
        if not values["enable_dhcp"]:
            raise errors.InvalidInput(
                reason="ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False"
            )
        if ra_mode and address_mode and ra_mode != address_mode:
            raise errors.InvalidInput(
                reason=f"ipv6_ra_mode set to '{ra_mode}' with ipv6_address_mode set to '{address_mode}' is not valid. "
                "If both attributes are set, they must be the same value"
            )
        if (address_mode or ra_mode) in ("slaac", "dhcpv6-stateless") and cidr.prefixlen != _SLAAC_PREFIX:
            raise errors.InvalidInput(
                reason=f"Invalid CIDR {cidr} for IPv6 address mode. Automatic addresses need a /64"
            )

    def _check_lists(self, values: dict[str, Any]) -> None:
        config = self._net.config
        if len(values.get("dns_nameservers", ())) > config.dns_nameservers_per_subnet:
            raise errors.InvalidInput(
                reason=f"at most {config.dns_nameservers_per_subnet} DNS name servers are allowed"
            )
        if len(values.get("host_routes", ())) > config.host_routes_per_subnet:
            raise errors.InvalidInput(reason=f"at most {config.host_routes_per_subnet} host routes are allowed")
        for route in values.get("host_routes", ()):
            if ip_network(route["destination"]).version != ip_address(route["nexthop"]).version:
                raise errors.InvalidInput(reason="a host route's destination and nexthop are of different IP versions")

    @staticmethod
    async def _check_overlap(reader: Reader, network_id: str, cidr: Cidr) -> None:
        for other in await reader.find(store.SUBNETS, network_id=network_id):
            if ip_network(other.cidr).overlaps(cidr):
                raise errors.InvalidInput(
                    reason=f"Requested subnet with cidr: {cidr} for network: {network_id} overlaps with another subnet"
                )

    async def update(self, ctx: Context, key: str, body: Body, if_match: int | None = None) -> model.Subnet:
        async with self._net.db.transaction() as tx:
            subnet: model.Subnet = await self._net.listing.lock(tx, ctx, schema.SUBNET, key, if_match)
            enforce_given(self._net.policy, ctx, "update", "subnet", body, await self._aim(tx, subnet))
            changes, cidr = dict(body.values), ip_network(subnet.cidr)
            self._check_lists(changes)
            if changes.get("enable_dhcp") is False and (subnet.ipv6_ra_mode or subnet.ipv6_address_mode):
                raise errors.InvalidInput(reason="enable_dhcp cannot be False where ipv6 modes are set")
            await self._check_gateway(tx, subnet, changes, cidr)
            tx.wake("network.wish")
            return await write(tx, store.SUBNETS, subnet, self._net.clock.now(), **changes)  # type: ignore[no-any-return]

    async def _check_gateway(self, tx: Transaction, subnet: model.Subnet, changes: dict[str, Any], cidr: Cidr) -> None:
        gateway = changes.get("gateway_ip", subnet.gateway_ip)
        if gateway != subnet.gateway_ip:
            if gateway is not None:
                _gateway({"gateway_ip": gateway}, cidr)
            if subnet.gateway_ip is not None:
                held = await tx.get(store.ALLOCATIONS, subnet_id=subnet.id, ip_address=subnet.gateway_ip)
                if held is not None:
                    raise errors.GatewayIpInUse(ip=subnet.gateway_ip, port_id=held.port_id)
        if "allocation_pools" in changes or gateway != subnet.gateway_ip:
            changes["allocation_pools"] = _pools(
                changes.get("allocation_pools", subnet.allocation_pools) or None, cidr, gateway
            )

    async def _aim(self, reader: Reader, subnet: model.Subnet) -> dict[str, Any]:
        network = await reader.get(store.NETWORKS, id=subnet.network_id)
        return target(subnet, network_project_id=network.project_id if network else None)

    async def delete(self, ctx: Context, key: str, if_match: int | None = None) -> None:
        async with self._net.db.transaction() as tx:
            seen = await self._net.listing.get(tx, ctx, schema.SUBNET, key)
            await tx.lock(f"network:network:{seen.network_id}")
            subnet: model.Subnet = await self._net.listing.lock(tx, ctx, schema.SUBNET, key, if_match)
            self._net.policy.enforce(ctx, "delete_subnet", await self._aim(tx, subnet))
            await tx.lock(f"network:addresses:{key}")
            await self._clear(tx, subnet)
            await tx.delete(store.CURSORS, subnet_id=key)
            await tx.delete(store.SUBNETS, id=key)
            network = await tx.get(store.NETWORKS, id=subnet.network_id)
            if network is not None:
                left = [s for s in network.subnets if s != key]
                await write(tx, store.NETWORKS, network, self._net.clock.now(), subnets=left)
            tx.wake("network.wish")

    async def _clear(self, tx: Transaction, subnet: model.Subnet) -> None:
        """Take the subnet's addresses off the ports that may lose them; ``SubnetInUse`` for the others."""
        used = await tx.find(store.ALLOCATIONS, subnet_id=subnet.id, limit=200)
        while used:
            ports = await tx.find(store.PORTS, where=[Where("id", "in", [a.port_id for a in used])])
            for port in ports:
                may_lose = port.device_owner == model.DHCP or (
                    is_auto(subnet) and port.device_owner not in model.ROUTER_PORTS
                )
                if not may_lose:
                    raise errors.SubnetInUse(
                        id=subnet.id, reason="One or more ports have an IP allocation from this subnet."
                    )
                left = [f for f in port.fixed_ips if f["subnet_id"] != subnet.id]
                if port.device_owner == model.DHCP and not left:
                    await self._net.ports.drop(tx, port)
                else:
                    await tx.update(store.PORTS, {"fixed_ips": left}, id=port.id)
            await tx.delete(
                store.ALLOCATIONS, where=[Where("ip_address", "in", [a.ip_address for a in used])], subnet_id=subnet.id
            )
            used = await tx.find(store.ALLOCATIONS, subnet_id=subnet.id, limit=200)


def _gateway(values: dict[str, Any], cidr: Cidr) -> str | None:
    if "gateway_ip" in values:
        wanted: str | None = values["gateway_ip"]
        if wanted is None:
            return None
        found = ip_address(wanted)
        link_local = found.version == 6 and found.is_link_local
        if found.version != cidr.version or (found not in cidr and not link_local):
            raise errors.InvalidInput(reason=f"Gateway {wanted} is not on subnet {cidr}")
        if cidr.version == 4 and cidr.prefixlen < 31 and found in (cidr.network_address, cidr.broadcast_address):
            raise errors.InvalidInput(reason="Gateway is not valid on subnet")
        return wanted
    if cidr.num_addresses == 1:
        return str(cidr.network_address)
    return str(cidr.network_address + 1)


def _pools(wanted: Sequence[Pool] | None, cidr: Cidr, gateway: str | None) -> list[Pool]:
    """The pools as asked for, checked; or everything but the gateway."""
    if wanted is None:
        return _everything(cidr, gateway)
    spans: list[tuple[int, int, Pool]] = []
    for pool in wanted:
        start, end = ip_address(pool["start"]), ip_address(pool["end"])
        shown = f"{start}-{end}"
        if start.version != cidr.version or end.version != cidr.version or int(start) > int(end):
            raise errors.InvalidAllocationPool(pool=shown)
        if start not in cidr or end not in cidr or not _usable(cidr, pool):
            raise errors.OutOfBoundsAllocationPool(pool=shown, cidr=cidr)
        if gateway is not None and int(start) <= int(ip_address(gateway)) <= int(end):
            raise errors.GatewayConflictWithAllocationPools(ip=gateway, pool=shown)
        spans.append((int(start), int(end), pool))
    spans.sort(key=lambda span: span[:2])
    for one, other in pairwise(spans):
        if other[0] <= one[1]:
            raise errors.OverlappingAllocationPools(one=one[2], other=other[2], cidr=cidr)
    return [span[2] for span in spans]


def _usable(cidr: Cidr, pool: Pool) -> bool:
    if cidr.version == 6 or cidr.prefixlen >= 31:
        return True
    return pool["start"] != str(cidr.network_address) and pool["end"] != str(cidr.broadcast_address)


def _everything(cidr: Cidr, gateway: str | None) -> list[Pool]:
    low, high = int(cidr.network_address), int(cidr.broadcast_address)
    if cidr.version == 4 and cidr.prefixlen < 31:
        low, high = low + 1, high - 1
    if cidr.version == 6 and cidr.prefixlen < 127:
        low += 1
    kind = type(cidr.network_address)
    spans = [(low, high)]
    if gateway is not None and low <= (middle := int(ip_address(gateway))) <= high:
        spans = [(low, middle - 1), (middle + 1, high)]
    return [{"start": str(kind(a)), "end": str(kind(b))} for a, b in spans if a <= b]
