"""What is known of one server when its metadata is rendered."""

from __future__ import annotations

from dataclasses import dataclass

from wolke.compute.model import Server


@dataclass(frozen=True, slots=True)
class AddressFacts:
    """``by_dhcp``: the address is given out by DHCP or router advertisement and need not be set by hand."""

    address: str
    version: int
    prefix: int
    gateway: str | None
    dns: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()  # destination, next hop
    by_dhcp: bool = True
    slaac: bool = False


@dataclass(frozen=True, slots=True)
class NicFacts:
    port_id: str
    network_id: str
    mac_address: str
    mtu: int
    addresses: tuple[AddressFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """A volume. A guest finds it by its serial number; ``path`` is how its owner calls it."""

    volume_id: str
    path: str
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    server: Server
    zone: str
    nics: tuple[NicFacts, ...] = ()
    security_groups: tuple[str, ...] = ()
    public_ip: str = ""
    disks: tuple[DiskFacts, ...] = ()
    password: str = ""  # as the guest gave it, sealed

    @property
    def fixed_ip(self) -> str:
        """The first IPv4 address, "" if there is none."""
        return next((a.address for nic in self.nics for a in nic.addresses if a.version == 4), "")
