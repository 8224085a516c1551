"""One router on this host: a namespace with a leg in each of its networks, and one into the world outside."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from wolke.network.drivers.base import Interface, Router
from wolke.network.drivers.linux import conntrack, daemons, dnsmasq, links, nat, tables
from wolke.network.drivers.linux.names import Names
from wolke.network.drivers.linux.namespaces import Namespaces, run, set_switch

_ROUTE_PROTOCOL = "static"


@dataclass(frozen=True, slots=True)
class Routers:
    """Blocking; every method may be called from any thread, one router at a time."""

    names: Names
    namespaces: Namespaces
    run_dir: Path

    def ids(self) -> list[str]:
        found = (self.names.router_of(name) for name in self.namespaces.names())
        return [name for name in found if name]

    def apply(self, router: Router) -> None:
        place = self.names.router_ns(router.id)
        if self.namespaces.create(place):
            self._settle(place)
        legs = [*router.interfaces, *((router.gateway,) if router.gateway else ())]
        found = self._plug(place, legs)
        with self.namespaces.inside(place):
            gate = self.names.leg(router.gateway.port_id) if router.gateway else ""
            table = self.names.table(router.id)
            outside = nat.outside(router, gate)
            own = [outside.address] if outside else []
            text = nat.router_table(table, router, gate)
            tables.apply([tables.Table("inet", table, text)], lambda: conntrack.sweep_translated(router, own))
            announced = self._address(router, found)
            self._route(router)
        if router.admin_up:
            self._open([leg for leg in legs if not found[self.names.leg(leg.port_id)].up])
        with self.namespaces.inside(place):
            self._advertise(router)
            for link, mac, address in announced:
                announce(link, mac, address)

    def differences(self, router: Router) -> list[str]:
        place = self.names.router_ns(router.id)
        if not self.namespaces.exists(place):
            return [f"there is no namespace {place}"]
        legs = [*router.interfaces, *((router.gateway,) if router.gateway else ())]
        gate = self.names.leg(router.gateway.port_id) if router.gateway else ""
        table = self.names.table(router.id)
        with self.namespaces.inside(place):
            found = links.look()
            wanted = self._wanted(router)
            said = [f"there is no leg {link.name}" for link in wanted if link.name not in found]
            strange = links.unwanted(found, f"r{self.names.tag}", [self.names.leg(leg.port_id) for leg in legs])
            said += [f"leg {name} belongs to no port" for name in strange]
            said += [f"ip {one} is wanting" for one in links.plan([w for w in wanted if w.name in found], found)]
            if not tables.are_there([tables.Table("inet", table, nat.router_table(table, router, gate))]):
                said.append(f"nftables rules of {table} are not as they should be")
            said += [f"ip {one} is wanting" for one in _route_changes(router, self.names)]
        return said

    def remove(self, router_id: str) -> None:
        daemons.remove(self._directory(router_id))
        self.namespaces.delete(self.names.router_ns(router_id))

    def _directory(self, router_id: str) -> Path:
        return self.run_dir / "routers" / router_id

    def _settle(self, place: str) -> None:
        with self.namespaces.inside(place):
            set_switch("net/ipv4/conf/all/promote_secondaries", "1")
            set_switch("net/ipv6/conf/default/accept_ra", "0")
            set_switch("net/ipv6/conf/all/accept_dad", "0")
            set_switch("net/ipv6/conf/default/accept_dad", "0")
            links.apply(["link set lo up"])

    def _plug(self, place: str, legs: Sequence[Interface]) -> dict[str, links.Found]:
        """Every leg is a pair of links: one end here, the other on the bridge of its network. What is here then."""
        wanted = [self.names.leg(leg.port_id) for leg in legs]
        with self.namespaces.inside(place):
            found = links.look()
            links.delete(links.unwanted(found, f"r{self.names.tag}", wanted))
        changed = False
        for where, mine in self._places(legs).items():
            with self.namespaces.inside(where):
                changed |= self._plug_in(place, mine, found)
        if changed:
            with self.namespaces.inside(place):
                found = links.look()
        return found

    def _places(self, legs: Sequence[Interface]) -> dict[str, list[Interface]]:
        places: dict[str, list[Interface]] = {}
        for leg in legs:
            netns = self.names.network_ns(leg.network_id)
            places.setdefault(netns if self.namespaces.exists(netns) else "", []).append(leg)
        return places

    def _open(self, legs: Sequence[Interface]) -> None:
        """Let the bridges forward to legs that have just come up.

        By itself a bridge learns of it from a work queue, up to a second later, and the first packets would be lost.
        """
        for where, mine in self._places(legs).items():
            with self.namespaces.inside(where):
                links.apply([f"link set {self.names.plug(leg.port_id)} type bridge_slave state 3" for leg in mine])

    def _plug_in(self, place: str, legs: Sequence[Interface], ends: Mapping[str, links.Found]) -> bool:
        """The other ends, in the namespace this thread is in; whether anything had to be done."""
        found = links.look()
        wanted, stale, stale_ends = [], [], []
        for leg in legs:
            plug, end = self.names.plug(leg.port_id), self.names.leg(leg.port_id)
            bridge = self.names.bridge(leg.network_id)
            if bridge not in found:
                raise RuntimeError(f"network {leg.network_id} is not on this host yet")
            # Halves of a pair whose other half is in a namespace that somebody removed, and that is still dying.
            if plug in found and end not in ends:
                stale.append(plug)
            if end in ends and plug not in found:
                stale_ends.append(end)
            make = (
                f"link add {plug} mtu {leg.mtu} type veth "
                f"peer name {end} mtu {leg.mtu} address {leg.mac_address} netns {place}"
            )
            wanted.append(links.Link(plug, "veth", leg.mtu, master=bridge, make=make))
        links.delete(stale)
        with self.namespaces.inside(place):
            links.delete(stale_ends)
        commands = links.plan(wanted, {name: link for name, link in found.items() if name not in stale})
        links.apply(commands)
        return bool(commands)

    def _address(self, router: Router, found: Mapping[str, links.Found]) -> list[tuple[str, str, str]]:
        """Give the legs their addresses; those that are new on the outside, to be announced there."""
        wanted = self._wanted(router)
        fresh: list[tuple[str, str, str]] = []
        if router.gateway:
            outer = wanted[-1]
            before = found[outer.name].addresses if outer.name in found and found[outer.name].up else frozenset()
            fresh = [
                (outer.name, router.gateway.mac_address, address.split("/")[0])
                for address in outer.addresses or ()
                if ":" not in address and address not in before
            ]
        links.apply(links.plan(wanted, found))
        for family in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            set_switch(family, "1" if router.admin_up else "0")
        return fresh if router.admin_up else []

    def _wanted(self, router: Router) -> list[links.Link]:
        """The legs, that of the gateway last."""
        wanted = [self._leg(leg, leg.addresses, up=router.admin_up) for leg in router.interfaces]
        if router.gateway:
            outside = nat.gateway_record(router.gateway, nat.floating_addresses(router))
            wanted.append(self._leg(router.gateway, outside, up=router.admin_up))
        return wanted

    def _leg(self, leg: Interface, addresses: Sequence[str], *, up: bool) -> links.Link:
        name = self.names.leg(leg.port_id)
        return links.Link(name, "veth", leg.mtu, up, mac=leg.mac_address.lower(), addresses=tuple(addresses))

    def _route(self, router: Router) -> None:
        links.apply(_route_changes(router, self.names))

    def _advertise(self, router: Router) -> None:
        legs = [(self.names.leg(leg.port_id), leg) for leg in router.interfaces if leg.advertise]
        files = dnsmasq.for_router(legs) if router.admin_up else None
        if files is None:
            daemons.remove(self._directory(router.id))
        else:
            daemons.ensure(self._directory(router.id), files)


def _route_changes(router: Router, names: Names) -> list[str]:
    """The `ip` commands after which the routes are what they should be, in the namespace this thread is in."""
    wanted = {} if not router.admin_up else _routes(router, names)
    found = _routes_found(six=any(":" in destination for destination in wanted) or _six(router))
    commands = [f"route del {destination}" for destination in found if destination not in wanted]
    replaced = (
        f"route replace {to} {way} proto {_ROUTE_PROTOCOL}" for to, way in wanted.items() if found.get(to) != way
    )
    return [*commands, *replaced]


def _routes(router: Router, names: Names) -> dict[str, str]:
    """Destination -> the rest of the command."""
    routes: dict[str, str] = {}
    if router.gateway:
        link = names.leg(router.gateway.port_id)
        for nexthop in router.gateway_nexthops:
            routes.setdefault("default" if ":" not in nexthop else "::/0", f"via {nexthop} dev {link} onlink")
    for route in router.routes:
        link = _link_towards(route.nexthop, router, names)
        if link:
            routes[_destination(route.destination)] = f"via {route.nexthop} dev {link}"
    return routes


def _destination(text: str) -> str:
    network = ip_network(text, strict=False)
    if network.prefixlen == 0:
        return "default" if network.version == 4 else "::/0"
    whole = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if whole else str(network)


def _link_towards(nexthop: str, router: Router, names: Names) -> str:
    where = ip_address(nexthop)
    for leg in (*router.interfaces, *((router.gateway,) if router.gateway else ())):
        if any(where in ip_interface(address).network for address in leg.addresses):
            return names.leg(leg.port_id)
    return ""


def _six(router: Router) -> bool:
    legs = (*router.interfaces, *((router.gateway,) if router.gateway else ()))
    return any(":" in address for leg in legs for address in leg.addresses)


def _routes_found(*, six: bool) -> dict[str, str]:
    found = {}
    for family in ("-4", "-6") if six else ("-4",):
        rows = json.loads(run(["ip", "-j", family, "route", "show", "proto", _ROUTE_PROTOCOL]) or "[]")
        for row in rows:
            to = "::/0" if family == "-6" and row["dst"] == "default" else row["dst"]
            flags = " onlink" if "onlink" in row.get("flags", ()) else ""
            found[to] = f"via {row.get('gateway', '')} dev {row.get('dev', '')}{flags}"
    return found


def announce(link: str, mac_address: str, address: str) -> None:
    """A gratuitous ARP: neighbours that knew this address by another card learn the new one now."""
    mac = bytes.fromhex(mac_address.replace(":", ""))
    ip = ip_address(address).packed
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + b"\0" * 6 + ip
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((link, 0x0806))
        sender.send(b"\xff" * 6 + mac + b"\x08\x06" + body)
