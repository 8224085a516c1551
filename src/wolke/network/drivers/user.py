"""Networking without any privilege: each card is a network of its own inside QEMU, which opens ordinary sockets.

The guest gets its fixed address by DHCP, its subnet's gateway and the names the host can look up, and reaches whatever
the host reaches. It does not reach other guests, and nobody reaches it: there are no security groups because there is
nothing to filter, no routers, no floating IPs and no metadata address (a config drive takes its place).

There is nothing outside QEMU, so what was applied lives in memory only and is applied again after a restart.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

from wolke.core.drivers import Unsupported
from wolke.network.drivers.base import Attachment, Capabilities, Network, Port, Router, Subnet


class UserDataplane:
    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            "user", security_groups=False, routers=False, floating_ips=False, ipv6=False, metadata=False
        )

    async def prepare(self) -> None:
        """Nothing is needed beyond QEMU itself."""

    async def close(self) -> None:
        """There are no handles."""

    async def teardown(self) -> None:
        self._networks.clear()

    async def differences(self, thing: Network | Router) -> Sequence[str]:
        """There is nothing in the kernel that could differ."""
        return ()

    async def networks(self) -> Sequence[str]:
        return sorted(self._networks)

    async def apply_network(self, network: Network) -> None:
        self._networks[network.id] = network

    async def remove_network(self, network_id: str) -> None:
        self._networks.pop(network_id, None)

    async def routers(self) -> Sequence[str]:
        return ()

    async def apply_router(self, router: Router) -> None:
        raise Unsupported("the dataplane 'user' has no routers: start the host agent as root to use 'linux'")

    async def remove_router(self, router_id: str) -> None:
        """There never was one."""

    async def attachment(self, network_id: str, port_id: str) -> Attachment:
        network = self._networks.get(network_id)
        port = next((port for port in network.ports if port.id == port_id), None) if network else None
        if network is None or port is None:
            raise RuntimeError(f"port {port_id} of network {network_id} has not been applied yet")
        return Attachment("user", options=tuple(options(network, port)))

    async def metadata_socket(self, network_id: str) -> socket.socket | None:
        return None


def options(network: Network, port: Port) -> list[tuple[str, str]]:
    """What to write after ``-netdev user,``. Pure."""
    found = _first_fixed(network, port)
    if found is None:
        return [("ipv6", "off")]
    subnet, cidr, address = found
    # QEMU itself sits at two addresses of the subnet, which must differ from each other and from the guest's.
    gateway = ip_address(subnet.gateway_ip) if subnet.gateway_ip else None
    host = gateway if isinstance(gateway, IPv4Address) and gateway in cidr else _free(cidr, {address})
    result = [("net", str(cidr)), ("host", str(host)), ("dhcpstart", str(address))]
    result.append(("dns", str(_free(cidr, {address, host}))))
    return [*result, ("ipv6", "off")]


def _first_fixed(network: Network, port: Port) -> tuple[Subnet, IPv4Network, IPv4Address] | None:
    for text in port.fixed_ips:
        address = ip_address(text)
        for subnet in network.subnets:
            cidr = ip_network(subnet.cidr, strict=False)
            if isinstance(address, IPv4Address) and isinstance(cidr, IPv4Network) and address in cidr:
                return subnet, cidr, address
    return None


def _free(cidr: IPv4Network, taken: set[IPv4Address]) -> IPv4Address:
    """The highest address of the subnet that nobody here has."""
    last = int(cidr.broadcast_address)
    candidates = (IPv4Address(last - step) for step in range(1, len(taken) + 2))
    return next(address for address in candidates if address not in taken)
