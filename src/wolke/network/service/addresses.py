"""Choosing addresses: unique, quick however full a subnet is, and not soon given out again.

A subnet's addresses are found by number. The next one is looked for behind the last one given out and then from the
start again; a taken run is leapt over by one indexed question (``LAST_OF_RUN``), so nothing ever reads all used
addresses. A large IPv6 subnet has room enough to guess. The primary key of the allocations says no to any double; a lock
per subnet makes that rare.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from wolke.core.db import Transaction
from wolke.network import errors, store
from wolke.network.model import ROUTER_INTERFACE, Allocation, Cursor, Subnet
from wolke.network.schema.checks import Address

if TYPE_CHECKING:
    from wolke.network.service import Network

_NUMBER_BITS = 62
_GUESSES = 16
Fixed = dict[str, str]
AUTO = ("slaac", "dhcpv6-stateless")


def number(address: Address) -> int:
    return int(address) & ((1 << _NUMBER_BITS) - 1)


def eui64(cidr: str, mac: str) -> str:
    """The address that a guest with this card gives itself (RFC 4291, appendix A)."""
    digits = int(mac.replace(":", ""), 16)
    high, low = digits >> 24, digits & 0xFFFFFF
    interface = (high << 40 | 0xFFFE << 24 | low) ^ 0x0200000000000000
    return str(ip_network(cidr).network_address + interface)


def is_auto(subnet: Subnet) -> bool:
    """Guests choose their own addresses here, by their card."""
    return subnet.ip_version == 6 and subnet.ipv6_address_mode in AUTO


def fits(subnet: Subnet, address: str) -> bool:
    """Whether a host may have it."""
    cidr, found = ip_network(subnet.cidr), ip_address(address)
    if found.version != cidr.version or found not in cidr:
        return False
    if isinstance(cidr, IPv4Network) and cidr.prefixlen < 31:
        return found not in (cidr.network_address, cidr.broadcast_address)
    return isinstance(cidr, IPv4Network) or cidr.prefixlen >= 127 or found != cidr.network_address


def ring(pools: Iterable[tuple[int, int]], start: int) -> list[tuple[int, int]]:
    """The pools as ranges to be searched in turn, from ``start`` to the end and then from the beginning."""
    ordered = sorted(pools)
    behind = [(max(low, start), high) for low, high in ordered if high >= start]
    before = [(low, min(high, start - 1)) for low, high in ordered if low < start]
    return behind + before


class Addresses:
    def __init__(self, net: Network) -> None:
        self._net = net

    async def choose(
        self,
        tx: Transaction,
        network_id: str,
        requested: Sequence[Fixed] | None,
        *,
        mac: str,
        owner: str = "",
    ) -> list[Fixed]:
        """Addresses for a port; not written down yet. None: one of each IP version, as the subnets allow."""
        if requested is not None and not requested:
            return []
        subnets = await tx.find(store.SUBNETS, network_id=network_id)
        subnets.sort(key=lambda s: (s.created_at, s.id))
        for subnet in sorted(subnets, key=lambda s: s.id):
            await tx.lock(f"network:addresses:{subnet.id}")
        if requested is None:
            usable = [s for s in subnets if not s.service_types or owner in s.service_types]
            return await self._by_default(tx, network_id, usable, mac)
        if len(requested) > self._net.config.fixed_ips_per_port:
            raise errors.InvalidInput(reason="Exceeded maximum amount of fixed ips per port")
        chosen: list[Fixed] = []
        for one in sorted(requested, key=lambda r: "ip_address" not in r):
            chosen.append(await self._requested(tx, network_id, subnets, one, chosen, mac, owner))
        return chosen

    async def _by_default(self, tx: Transaction, network_id: str, subnets: Sequence[Subnet], mac: str) -> list[Fixed]:
        chosen: list[Fixed] = []
        for version in (4, 6):
            candidates = [s for s in subnets if s.ip_version == version and not is_auto(s)]
            if not candidates:
                continue
            for subnet in candidates:
                address = await self._next(tx, subnet, ())
                if address is not None:
                    chosen.append({"subnet_id": subnet.id, "ip_address": address})
                    break
            else:
                raise errors.IpAddressGenerationFailure(network_id=network_id)
        chosen += [{"subnet_id": s.id, "ip_address": eui64(s.cidr, mac)} for s in subnets if is_auto(s)]
        return chosen

    async def _requested(
        self,
        tx: Transaction,
        network_id: str,
        subnets: Sequence[Subnet],
        one: Fixed,
        chosen: Sequence[Fixed],
        mac: str,
        owner: str,
    ) -> Fixed:
        subnet = self._subnet(network_id, subnets, one)
        wanted = one.get("ip_address")
        routers_own = owner == ROUTER_INTERFACE
        if is_auto(subnet) and not routers_own:
            own = eui64(subnet.cidr, mac)
            if wanted not in (None, own):
                raise errors.InvalidInput(
                    reason=f"IPv6 address {wanted} can not be directly assigned to a port on subnet {subnet.id} since "
                    "the subnet is configured for automatic addresses"
                )
            wanted = own
        if wanted is None:
            found = await self._next(tx, subnet, [c["ip_address"] for c in chosen])
            if found is None:
                raise errors.IpAddressGenerationFailureForSubnet(subnet_id=subnet.id)
            return {"subnet_id": subnet.id, "ip_address": found}
        if not fits(subnet, wanted) and not (routers_own and wanted == subnet.gateway_ip):
            raise errors.InvalidIpForSubnet(ip=wanted)
        taken = await tx.get(store.ALLOCATIONS, subnet_id=subnet.id, ip_address=wanted)
        if taken is not None or any(c["ip_address"] == wanted and c["subnet_id"] == subnet.id for c in chosen):
            raise errors.IpAddressAlreadyAllocated(ip=wanted, subnet_id=subnet.id)
        return {"subnet_id": subnet.id, "ip_address": wanted}

    @staticmethod
    def _subnet(network_id: str, subnets: Sequence[Subnet], one: Fixed) -> Subnet:
        if "subnet_id" in one:
            for subnet in subnets:
                if subnet.id == one["subnet_id"]:
                    return subnet
            raise errors.InvalidInput(
                reason=f"Failed to create port on network {network_id}, because fixed_ips included invalid subnet "
                f"{one['subnet_id']}"
            )
        if "ip_address" not in one:
            raise errors.InvalidInput(reason="IP allocation requires subnet_id or ip_address")
        for subnet in subnets:
            if ip_address(one["ip_address"]) in ip_network(subnet.cidr):
                return subnet
        raise errors.InvalidIpForNetwork(ip=one["ip_address"])

    async def _next(self, tx: Transaction, subnet: Subnet, besides: Sequence[str]) -> str | None:
        """A free address of the pools, or None."""
        cidr = ip_network(subnet.cidr)
        if isinstance(cidr, IPv6Network) and cidr.max_prefixlen - cidr.prefixlen > _NUMBER_BITS:
            return await self._guess(tx, subnet, besides)
        base = int(cidr.network_address) - number(cidr.network_address)
        pools = [(number(ip_address(p["start"])), number(ip_address(p["end"]))) for p in subnet.allocation_pools]
        avoid = {number(ip_address(address)) for address in besides}
        if subnet.gateway_ip:
            avoid.add(number(ip_address(subnet.gateway_ip)))
        cursor = await tx.get(store.CURSORS, subnet_id=subnet.id)
        for low, high in ring(pools, cursor.number + 1 if cursor else 0):
            found = await self._free(tx, subnet.id, low, high, avoid)
            if found is not None:
                if not await tx.update(store.CURSORS, {"number": found}, subnet_id=subnet.id):
                    await tx.insert(store.CURSORS, Cursor(subnet.id, found))
                return str(type(cidr.network_address)(base + found))
        return None

    @staticmethod
    async def _free(tx: Transaction, subnet_id: str, low: int, high: int, avoid: set[int]) -> int | None:
        while low <= high:
            if low not in avoid and not await tx.find(store.ALLOCATIONS, subnet_id=subnet_id, number=low, limit=1):
                return low
            if low in avoid:
                low += 1
                continue
            last = await tx.rows(store.LAST_OF_RUN, subnet_id=subnet_id, low=low, high=high)
            if not last:
                return None
            low = last[0][0] + 1
        return None

    @staticmethod
    async def _guess(tx: Transaction, subnet: Subnet, besides: Sequence[str]) -> str | None:
        for _ in range(_GUESSES):
            pool = random.choice(subnet.allocation_pools)  # noqa: S311 - spreads addresses, hides nothing
            low, high = ip_address(pool["start"]), ip_address(pool["end"])
            address = str(low + random.randint(0, int(high) - int(low)))  # noqa: S311
            free = address not in besides and address != subnet.gateway_ip
            if free and not await tx.get(store.ALLOCATIONS, subnet_id=subnet.id, ip_address=address):
                return address
        return None

    async def take(self, tx: Transaction, network_id: str, port_id: str, addresses: Iterable[Fixed]) -> None:
        """Write down who has them. ``DuplicateRow`` if somebody was quicker."""
        for one in addresses:
            value = number(ip_address(one["ip_address"]))
            await tx.insert(
                store.ALLOCATIONS, Allocation(one["subnet_id"], one["ip_address"], value, network_id, port_id)
            )

    async def release(self, tx: Transaction, port_id: str, addresses: Iterable[Fixed] | None = None) -> None:
        """Give back all, or these."""
        if addresses is None:
            await tx.delete(store.ALLOCATIONS, port_id=port_id)
            return
        for one in addresses:
            await tx.delete(
                store.ALLOCATIONS, subnet_id=one["subnet_id"], ip_address=one["ip_address"], port_id=port_id
            )
