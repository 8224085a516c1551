"""Links and addresses of one namespace: what should be, what is, and the `ip` commands that lead from one to the other.

The difference is a pure function, so that an unchanged namespace costs one look and a tap in use is never touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from wolke.network.drivers.linux.namespaces import CommandError, run

_BRIDGE = {"nf_call_iptables": 1, "nf_call_ip6tables": 1, "forward_delay": 0, "mcast_snooping": 0, "stp_state": 0}


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it should be. ``make`` is how it comes to be; "" if somebody else makes it."""

    name: str
    kind: str  # bridge | tap | veth
    mtu: int
    up: bool = True
    master: str = ""
    mac: str = ""  # "" leaves it alone
    alias: str = ""
    addresses: tuple[str, ...] | None = None  # with prefix length; None leaves them alone
    make: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    name: str
    kind: str
    mtu: int
    up: bool
    master: str
    mac: str
    alias: str
    addresses: frozenset[str]
    settings: Mapping[str, Any]


def bridge(name: str, mtu: int, mac: str, addresses: Sequence[str], alias: str = "") -> Link:
    """Filters apply through the bridge's own switch, not the namespace's: other bridges of the host stay as they are."""
    make = (
        f"link add {name} address {mac} type bridge forward_delay 0 stp_state 0 mcast_snooping 0 "
        "nf_call_iptables 1 nf_call_ip6tables 1"
    )
    return Link(name, "bridge", mtu, mac=mac, addresses=tuple(addresses), alias=alias, make=make)


def tap(name: str, mtu: int, master: str, up: bool) -> Link:
    return Link(name, "tap", mtu, up, master, make=f"tuntap add dev {name} mode tap vnet_hdr")


def look() -> dict[str, Found]:
    """Every link of the namespace this thread is in."""
    rows = json.loads(run(["ip", "-j", "-d", "addr", "show"]) or "[]")
    return {row["ifname"]: _found(row) for row in rows if row.get("ifname")}


def apply(commands: Sequence[str]) -> None:
    if commands:
        run(["ip", "-batch", "-"], "\n".join(commands) + "\n")


def plan(wanted: Iterable[Link], found: Mapping[str, Found]) -> list[str]:
    """The `ip` commands that make every wanted link what it should be; none if all is well."""
    return [command for link in wanted for command in _one(link, found.get(link.name))]


def unwanted(found: Mapping[str, Found], prefix: str, wanted: Iterable[str], master: str | None = None) -> list[str]:
    """The links so called that nobody wants (of one bridge, if ``master`` is given)."""
    keep = set(wanted)
    return [
        name
        for name, link in found.items()
        if name.startswith(prefix) and name not in keep and (master is None or link.master == master)
    ]


def delete(names: Sequence[str]) -> None:
    """Gone afterwards, also if some went by themselves meanwhile: a veth whose other end's namespace ended."""
    if not names:
        return
    try:
        run(["ip", "-force", "-batch", "-"], "".join(f"link del {name}\n" for name in names))
    except CommandError:
        if look().keys() & set(names):
            raise


def _one(link: Link, found: Found | None) -> list[str]:
    commands = []
    if found is not None and found.kind != link.kind:
        commands.append(f"link del {link.name}")
        found = None
    if found is None:
        if not link.make:
            return commands
        commands.append(link.make)
        if link.kind != "bridge":
            commands.append(f"link set {link.name} addrgenmode none")
        found = Found(link.name, link.kind, 0, False, "", "", "", frozenset(), _BRIDGE)
    changes = _changes(link, found)
    if changes:
        commands.append(f"link set {link.name} {' '.join(changes)}")
    if link.alias and link.alias != found.alias:
        commands.append(f"link set {link.name} alias {link.alias}")
    if link.kind == "bridge" and any(found.settings.get(key) != value for key, value in _BRIDGE.items()):
        settings = " ".join(f"{key} {value}" for key, value in _BRIDGE.items())
        commands.append(f"link set {link.name} type bridge {settings}")
    return commands + _address_changes(link, found)


def _changes(link: Link, found: Found) -> list[str]:
    changes = []
    if link.mac and link.mac.lower() != found.mac:
        changes.append(f"address {link.mac}")
    if link.mtu != found.mtu:
        changes.append(f"mtu {link.mtu}")
    if link.master != found.master:
        changes.append(f"master {link.master}" if link.master else "nomaster")
    if link.up != found.up:
        changes.append("up" if link.up else "down")
    return changes


def _address_changes(link: Link, found: Found) -> list[str]:
    if link.addresses is None:
        return []
    wanted = {str(ip_interface(address)): None for address in link.addresses}
    commands = [f"addr del {address} dev {link.name}" for address in sorted(found.addresses - wanted.keys())]
    for address in wanted:
        if address not in found.addresses:
            commands.append(f"addr add {address} dev {link.name}{' nodad' if ':' in address else ''}")
    return commands


def _found(row: Mapping[str, Any]) -> Found:
    info = row.get("linkinfo", {})
    data = info.get("info_data", {})
    kind = info.get("info_kind", "")
    if kind == "tun":
        kind = str(data.get("type", "tun"))
    addresses = frozenset(
        f"{item['local']}/{item['prefixlen']}"
        for item in row.get("addr_info", ())
        if "local" in item and not item["local"].startswith("fe80:")  # the kernel's own affair
    )
    return Found(
        name=row["ifname"],
        kind=kind,
        mtu=row.get("mtu", 0),
        up="UP" in row.get("flags", ()),
        master=row.get("master", ""),
        mac=row.get("address", ""),
        alias=row.get("ifalias", ""),
        addresses=addresses,
        settings=data,
    )
