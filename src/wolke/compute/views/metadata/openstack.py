"""``/openstack/<version>/…``: one table of files, each with the version in which it came, so that old clients see what they know."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import msgspec

from wolke.compute.views.metadata.facts import AddressFacts, DiskFacts, Facts, NicFacts

VERSIONS = (
    "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27",
    "2020-10-14", "latest",
)  # fmt: skip
_DRIVE_VERSIONS = ("2018-08-27", "latest")
_RANDOM_BYTES = 512
_MARKED_LINKS = "ovs"  # what Neutron's mechanism calls a plain tap


def meta_data(facts: Facts, version: str) -> bytes:
    server = facts.server
    known: dict[str, Any] = {
        "uuid": server.id,
        "name": server.name,
        "hostname": server.hostname,
        "availability_zone": facts.zone,
        "launch_index": server.launch_index,
        "meta": server.metadata,
    }
    if server.key is not None:
        key = server.key
        known["public_keys"] = {key["name"]: key["public_key"]}
        known["keys"] = [{"name": key["name"], "type": key.get("type", "ssh"), "data": key["public_key"]}]
    if server.personality:
        known["files"] = [
            {"path": file["path"], "content_path": _content_path(index)}
            for index, file in enumerate(server.personality)
        ]
    if version >= "2013-04-04":
        known["random_seed"] = base64.b64encode(os.urandom(_RANDOM_BYTES)).decode()
    if version >= "2015-10-15":
        known["project_id"] = server.project_id
    if version >= "2016-06-30":
        known["devices"] = [_disk(disk) for disk in facts.disks if disk.tag is not None]
    if version >= "2020-10-14":
        known["dedicated_cpus"] = []
    return msgspec.json.encode(known)


def _disk(disk: DiskFacts) -> dict[str, Any]:
    """A volume that has a tag. Where it is on which bus is its host's affair, and nothing to rely on."""
    return {
        "type": "disk", "bus": "none", "address": "none", "serial": disk.volume_id, "path": disk.path,
        "tags": [disk.tag],
    }  # fmt: skip


def network_data(facts: Facts, version: str = "latest") -> bytes:
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: list[dict[str, Any]] = []
    for index, nic in enumerate(facts.nics):
        link = f"tap{nic.port_id[:11]}"
        links.append(
            {
                "id": link,
                "vif_id": nic.port_id,
                "type": _MARKED_LINKS,
                "mtu": nic.mtu,
                "ethernet_mac_address": nic.mac_address,
            }
        )
        for address in nic.addresses:
            networks.append(_network(f"network{len(networks)}", link, nic, address))
            services += [{"type": "dns", "address": dns} for dns in address.dns]
        if not nic.addresses:
            kind = "ipv4_dhcp"
            networks.append({"id": f"network{index}", "type": kind, "link": link, "network_id": nic.network_id})
    unique = [service for at, service in enumerate(services) if service not in services[:at]]
    return msgspec.json.encode({"links": links, "networks": networks, "services": unique})


def _network(name: str, link: str, nic: NicFacts, address: AddressFacts) -> dict[str, Any]:
    common = {"id": name, "link": link, "network_id": nic.network_id}
    if address.by_dhcp and address.version == 4:
        return common | {"type": "ipv4_dhcp"}
    if address.by_dhcp:
        return common | {"type": "ipv6_slaac" if address.slaac else "ipv6_dhcp"}
    every = "0.0.0.0" if address.version == 4 else "::"  # noqa: S104 - a destination
    routes = [_route(destination, gateway) for destination, gateway in address.routes]
    if address.gateway:
        routes.insert(0, {"network": every, "netmask": every, "gateway": address.gateway})
    return common | {
        "type": f"ipv{address.version}",
        "ip_address": address.address,
        "netmask": str(ip_network((every, address.prefix)).netmask),
        "routes": routes,
        "services": [{"type": "dns", "address": dns} for dns in address.dns],
    }


def _route(destination: str, gateway: str) -> dict[str, str]:
    network = ip_network(destination, strict=False)
    return {"network": str(network.network_address), "netmask": str(network.netmask), "gateway": gateway}


def user_data(facts: Facts) -> bytes | None:
    return None if facts.server.user_data is None else base64.b64decode(facts.server.user_data)


# name, since, what it says; None: it is not there for this server
_FILES: tuple[tuple[str, str, Callable[[Facts, str], bytes | None]], ...] = (
    ("meta_data.json", "2012-08-10", meta_data),
    ("user_data", "2012-08-10", lambda facts, version: user_data(facts)),
    ("password", "2013-04-04", lambda facts, version: facts.password.encode()),
    ("vendor_data.json", "2013-10-17", lambda facts, version: b"{}"),
    ("network_data.json", "2015-10-15", network_data),
    ("vendor_data2.json", "2016-10-06", lambda facts, version: b"{}"),
)


def openstack_answer(facts: Facts, words: list[str]) -> bytes | None:
    if not words:
        return "\n".join(VERSIONS).encode()
    version, rest = words[0], words[1:]
    if version == "content" and len(rest) == 1:
        return _content(facts, rest[0])
    if version not in VERSIONS:
        return None
    there = [(name, render) for name, since, render in _FILES if version >= since]
    if not rest:
        return "\n".join(name for name, _ in there if name != "user_data" or facts.server.user_data).encode()
    return next((render(facts, version) for name, render in there if rest == [name]), None)


def openstack_files(facts: Facts) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for version in _DRIVE_VERSIONS:
        for name, _, render in _FILES:
            content = render(facts, version)
            if content is not None and name != "password":
                files[f"openstack/{version}/{name}"] = content
    for index in range(len(facts.server.personality)):
        files["openstack" + _content_path(index)] = _content(facts, f"{index:04}") or b""
    return files


def _content_path(index: int) -> str:
    return f"/content/{index:04}"


def _content(facts: Facts, name: str) -> bytes | None:
    files = facts.server.personality
    if not name.isdecimal() or len(name) != 4 or int(name) >= len(files):
        return None
    return base64.b64decode(files[int(name)]["contents"])
