"""What a server may know of itself, gathered for ``metadata`` from its row and the network service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from wolke.compute.model import Server
from wolke.compute.service.life.disks import Disks
from wolke.compute.service.life.ground import Ground
from wolke.compute.service.life.places import zone_of
from wolke.compute.store import AGGREGATES
from wolke.compute.views.metadata import AddressFacts, DiskFacts, Facts, NicFacts
from wolke.network.model import ServerPort, Subnet


async def facts_of(
    ground: Ground, servers: Sequence[Server], ports: Mapping[str, Sequence[ServerPort]]
) -> dict[str, Facts]:
    """By server id; a handful of queries however many there are."""
    aggregates = await ground.db.find(AGGREGATES)
    wanted = {f[2] for mine in ports.values() for port in mine for f in port.fixed_ips}
    subnets = await ground.network.subnets_by_id(sorted(wanted)) if wanted else {}
    devices = await Disks(ground).of_servers([server.id for server in servers])
    default = ground.config.default_availability_zone
    found = {}
    for server in servers:
        mine = ports.get(server.id, ())
        names = {group for port in mine for group in port.security_groups}
        floating = [address for port in mine for address, _ in port.floating_ips]
        found[server.id] = Facts(
            server=server,
            zone=zone_of(server.host or "", aggregates, default),
            nics=tuple(_nic(port, subnets) for port in mine),
            security_groups=tuple(sorted(names)),
            public_ip=floating[0] if floating else "",
            disks=tuple(
                DiskFacts(one.volume_id, one.device_name or "", one.tag)
                for one in devices.get(server.id, ())
                if one.volume_id is not None
            ),
        )
    return found


def _nic(port: ServerPort, subnets: Mapping[str, Subnet]) -> NicFacts:
    addresses = []
    for address, version, subnet_id in port.fixed_ips:
        subnet = subnets.get(subnet_id)
        if subnet is None:
            continue
        addresses.append(
            AddressFacts(
                address=address,
                version=version,
                prefix=ip_network(subnet.cidr).prefixlen,
                gateway=subnet.gateway_ip,
                dns=tuple(subnet.dns_nameservers),
                routes=tuple((route["destination"], route["nexthop"]) for route in subnet.host_routes),
                by_dhcp=subnet.enable_dhcp,
                slaac=subnet.ipv6_address_mode == "slaac",
            )
        )
    return NicFacts(port.id, port.network_id, port.mac_address, port.mtu, tuple(addresses))
