"""One network on this host: its namespace (or, if it is external, a bridge in the host's own), taps, filter, dnsmasq."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from wolke.network.drivers.base import Attachment, Network, Subnet
from wolke.network.drivers.linux import conntrack, daemons, dnsmasq, links, nat, rules, tables
from wolke.network.drivers.linux.host import HostSwitches
from wolke.network.drivers.linux.names import Names, stable_mac
from wolke.network.drivers.linux.namespaces import Namespaces, set_switch

_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Networks:
    """Blocking; every method may be called from any thread, one network at a time."""

    names: Names
    namespaces: Namespaces
    switches: HostSwitches
    run_dir: Path
    masquerade: bool

    def ids(self) -> list[str]:
        found = {self.names.network_of(name) for name in self.namespaces.names()}
        with self.namespaces.inside(""):
            found |= {self.names.network_in_alias(link.alias) for link in links.look().values()}
        with contextlib.suppress(FileNotFoundError):
            found |= {path.name for path in (self.run_dir / "networks").iterdir()}
        return sorted(name for name in found if name)

    def apply(self, network: Network) -> None:
        directory = self._directory(network.id)
        directory.mkdir(parents=True, exist_ok=True)
        place = "" if network.external else self.names.network_ns(network.id)
        if place and self.namespaces.create(place):
            self._settle(place)
        with self.namespaces.inside(place):
            if network.external:
                self.switches.forward(ipv6=self.masquerade and any(":" in subnet.cidr for subnet in network.subnets))
            self._apply_here(network)

    def differences(self, network: Network) -> list[str]:
        place = "" if network.external else self.names.network_ns(network.id)
        if place and not self.namespaces.exists(place):
            return [f"there is no namespace {place}"]
        with self.namespaces.inside(place):
            found = links.look()
            wanted = self._links(network, found)
            keep = [link.name for link in wanted]
            bridge = self.names.bridge(network.id)
            strange = links.unwanted(found, self.names.taps, keep, bridge if network.external else None)
            said = [f"tap {name} belongs to no port" for name in strange]
            said += [f"there is no {link.kind} {link.name}" for link in wanted if link.name not in found]
            there = [link for link in wanted if link.name in found]
            said += [f"ip {command} is wanting" for command in links.plan(there, found)]
            if not tables.are_there(self._tables(network)):
                said.append(f"nftables rules of {self.names.table(network.id)} are not as they should be")
        return said

    def remove(self, network_id: str) -> None:
        directory = self._directory(network_id)
        daemons.remove(directory / "dhcp")
        with self.namespaces.inside(""):
            self._remove_from_host(network_id)
        self.namespaces.delete(self.names.network_ns(network_id))
        daemons.remove(directory)

    def attachment(self, network_id: str, port_id: str) -> Attachment:
        netns = self.names.network_ns(network_id)
        place = netns if self.namespaces.exists(netns) else ""
        return Attachment("tap", self.names.tap(port_id), place)

    def metadata_socket(self, network_id: str) -> socket.socket:
        """Made inside the namespace, where it stays whoever accepts from it."""
        netns = self.names.network_ns(network_id)
        if self.namespaces.exists(netns):
            with self.namespaces.inside(netns):
                return _listening(rules.METADATA_ADDRESS, 80)
        with self.namespaces.inside(""):
            bridge = links.look().get(self.names.bridge(network_id))
            addresses = sorted(bridge.addresses) if bridge else []
            four = [address.split("/")[0] for address in addresses if ":" not in address]
            if not four:
                raise RuntimeError(f"network {network_id} is not on this host")
            return _listening(four[0], nat.METADATA_PORT)

    def _directory(self, network_id: str) -> Path:
        return self.run_dir / "networks" / network_id

    def _settle(self, place: str) -> None:
        """Once, in a new namespace: it routes nothing and gives itself no addresses."""
        with self.namespaces.inside(place):
            set_switch("net/ipv4/conf/all/promote_secondaries", "1")
            set_switch("net/ipv6/conf/default/accept_ra", "0")
            links.apply(["link set lo up"])

    def _apply_here(self, network: Network) -> None:
        found = links.look()
        bridge = self.names.bridge(network.id)
        wanted = self._links(network, found)
        keep = [link.name for link in wanted]
        links.delete(links.unwanted(found, self.names.taps, keep, bridge if network.external else None))
        tables.apply(self._tables(network), lambda: conntrack.sweep(network.ports))
        links.apply(links.plan(wanted, found))
        self._serve(network)

    def _links(self, network: Network, found: dict[str, links.Found]) -> list[links.Link]:
        name = self.names.bridge(network.id)
        alias = self.names.alias(network.id) if network.external else ""
        wanted = [links.bridge(name, network.mtu, stable_mac(name), _addresses(network), alias)]
        wanted += [links.tap(self.names.tap(port.id), network.mtu, name, port.admin_up) for port in network.ports]
        if not network.external:
            plugs = [plug for plug in found if plug.startswith(self.names.plugs)]
            wanted += [links.Link(plug, "veth", network.mtu, master=name) for plug in plugs]
        return wanted

    def _tables(self, network: Network) -> list[tables.Table]:
        bridge = rules.Bridge(self.names.table(network.id), self.names.bridge(network.id), network.external)
        if network.external:
            extra = nat.host_table(bridge.table, network, bridge.name, masquerade=self.masquerade)
        else:
            extra = [rules.tenant_input()]
        return [
            tables.Table("bridge", bridge.table, rules.spoof_table(bridge, self.names, network.ports)),
            tables.Table("inet", bridge.table, rules.filter_table(bridge, network.ports, extra)),
        ]

    def _serve(self, network: Network) -> None:
        directory = self._directory(network.id) / "dhcp"
        files = dnsmasq.for_network(network, self.names.bridge(network.id), names=not network.external)
        if files is None:
            daemons.remove(directory)
        else:
            daemons.ensure(directory, files, network.dhcp_hosts)

    def _remove_from_host(self, network_id: str) -> None:
        found = links.look()
        bridge = self.names.bridge(network_id)
        if bridge in found:
            mine = [name for name, link in found.items() if link.master == bridge]
            links.delete([*mine, bridge])
        tables.drop(self.names.table(network_id))


def _addresses(network: Network) -> list[str]:
    """The bridge's own addresses: it answers DHCP, DNS and metadata; on an external network it is the gateway."""
    addresses = []
    for subnet in network.subnets:
        length = ip_network(subnet.cidr, strict=False).prefixlen
        addresses += [f"{address}/{length}" for address in _own(network, subnet)]
    if not network.external:
        addresses.append(f"{rules.METADATA_ADDRESS}/32")
    return list(dict.fromkeys(addresses))


def _own(network: Network, subnet: Subnet) -> Sequence[str]:
    own = (subnet.gateway_ip, subnet.dhcp_ip) if network.external else (subnet.dhcp_ip,)
    return [address for address in own if address]


def _listening(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
