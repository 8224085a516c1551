"""Servers as the wire shows them. A list of 1,000 goes through here, so this is plain code over what was fetched before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wolke.compute.model import Fault, Server, ShownServer
from wolke.compute.states import POWER_STATES, VM_STATES, status_of, task_state_of
from wolke.compute.views.links import bookmark, links
from wolke.core.clock import micros, seconds
from wolke.network.model import ServerPort

_WITH_PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD"})
_WITH_FAULT = frozenset({"ERROR", "DELETED"})
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """What the servers of one answer have in common: who looks, from where, and what was fetched for all of them.

    ``host_up``: host → UP, DOWN or MAINTENANCE, only for those who may see it. ``zones``: host → zone.
    ``embedded_flavor``: the flavor's details, else its id and a link (before 2.47)."""

    base: str
    ports: Mapping[str, Sequence[ServerPort]] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    default_zone: str = "nova"
    host_up: Mapping[str, str] | None = None
    for_admin: bool = False
    extra_specs: bool = True
    embedded_flavor: bool = True
    groups: bool = False
    volumes: Mapping[str, Sequence[tuple[str, bool]]] = field(
        default_factory=dict
    )  # ids; whether they go with the server


def brief(server: ShownServer, base: str) -> Json:
    return {"id": server.id, "name": server.name, "links": links(base, "servers", server.id)}


def created(server: Server, base: str, password: str | None) -> Json:
    found: Json = {
        "id": server.id,
        "links": links(base, "servers", server.id),
        "OS-DCF:diskConfig": server.disk_config,
        "security_groups": [{"name": name} for name in server.security_groups],
    }
    return found if password is None else {**found, "adminPass": password}


def server(one: ShownServer, scene: Scene) -> Json:
    base, host = scene.base, one.host
    status = status_of(one.status, one.task)
    ports = scene.ports.get(one.id, ())
    asked_zone = (one.availability_zone or "").partition(":")[0]
    zone = asked_zone if host is None else scene.zones.get(host, scene.default_zone)
    shown: Json = {
        "id": one.id,
        "name": one.name,
        "status": status,
        "tenant_id": one.project_id,
        "user_id": one.user_id,
        "metadata": one.metadata,
        "hostId": host_id(one.project_id, host),
        "image": image(one, base),
        "flavor": flavor(one, scene),
        "created": seconds(one.created_at),
        "updated": seconds(one.updated_at),
        "addresses": addresses(ports),
        "accessIPv4": one.access_ip_v4 or "",
        "accessIPv6": one.access_ip_v6 or "",
        "links": links(base, "servers", one.id),
        "OS-DCF:diskConfig": one.disk_config,
        "OS-EXT-AZ:availability_zone": zone,
        "config_drive": "True" if one.config_drive else "",
        "key_name": one.key_name,
        "OS-SRV-USG:launched_at": micros(one.launched_at) if one.launched_at else None,
        "OS-SRV-USG:terminated_at": micros(one.deleted_at) if one.deleted_at else None,
        "OS-EXT-STS:task_state": task_state_of(one.task),
        "OS-EXT-STS:vm_state": VM_STATES[one.status],
        "OS-EXT-STS:power_state": POWER_STATES.get(one.power, 0),
        "os-extended-volumes:volumes_attached": [
            {"id": volume_id, "delete_on_termination": goes} for volume_id, goes in scene.volumes.get(one.id, ())
        ],
        "OS-EXT-SRV-ATTR:hostname": one.hostname,
        "locked": one.locked,
        "locked_reason": one.locked_reason,
        "description": one.description,
        "tags": one.tags,
        "trusted_image_certificates": one.trusted_image_certificates,
        "pinned_availability_zone": asked_zone or None,
        "scheduler_hints": one.scheduler_hints,
    }
    groups = security_groups(one, ports)
    if groups:
        shown["security_groups"] = groups
    if status in _WITH_PROGRESS:
        shown["progress"] = 0
    if one.fault is not None and one.status in _WITH_FAULT:
        shown["fault"] = fault(one.fault, with_details=scene.for_admin)
    if scene.for_admin:
        shown |= _for_admin(one)
    if scene.host_up is not None:
        shown["host_status"] = scene.host_up.get(host, "UNKNOWN") if host else ""
    if scene.groups:
        shown["server_groups"] = [one.server_group_id] if one.server_group_id else []
    return shown


def _for_admin(one: ShownServer) -> Json:
    properties = msgspec.json.decode(one.image.properties)
    return {
        "OS-EXT-SRV-ATTR:host": one.host,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": one.host,
        "OS-EXT-SRV-ATTR:instance_name": instance_name(one.id),
        "OS-EXT-SRV-ATTR:reservation_id": one.reservation_id,
        "OS-EXT-SRV-ATTR:launch_index": one.launch_index,
        "OS-EXT-SRV-ATTR:kernel_id": properties.get("kernel_id", ""),
        "OS-EXT-SRV-ATTR:ramdisk_id": properties.get("ramdisk_id", ""),
        "OS-EXT-SRV-ATTR:root_device_name": one.root_device_name,
        "OS-EXT-SRV-ATTR:user_data": one.user_data,
    }


def instance_name(server_id: str) -> str:
    return f"instance-{server_id}"


_host_ids: dict[tuple[str, str], str] = {}
_MOST_HOST_IDS = 65536


def host_id(project_id: str, host: str | None) -> str:
    """The same for servers of one project on one host, and tells nothing else."""
    if host is None:
        return ""
    found = _host_ids.get((project_id, host))
    if found is None:
        if len(_host_ids) >= _MOST_HOST_IDS:
            _host_ids.clear()
        found = _host_ids[project_id, host] = hashlib.sha224(f"{project_id}{host}".encode()).hexdigest()
    return found


def image(one: ShownServer, base: str) -> Json | str:
    if one.image_id is None:
        return ""
    return {
        "id": one.image_id,
        "links": bookmark(base, "images", one.image_id),
        "properties": one.image.properties,
    }


def flavor(one: ShownServer, scene: Scene) -> Json:
    copy = one.flavor
    if not scene.embedded_flavor:
        return {"id": copy.id, "links": bookmark(scene.base, "flavors", copy.id)}
    shown: Json = {
        "vcpus": copy.vcpus,
        "ram": copy.ram_mib,
        "disk": copy.disk_gib,
        "ephemeral": copy.ephemeral_gib,
        "swap": copy.swap_mib,
        "original_name": copy.name,
    }
    if scene.extra_specs:
        shown["extra_specs"] = copy.extra_specs
    return shown


def addresses(ports: Sequence[ServerPort], *, plain: bool = False) -> dict[str, list[Json]]:
    """By network name. ``plain``: only address and version, as the ips resource shows them."""
    found: dict[str, list[Json]] = {}
    for port in ports:
        listed = found.setdefault(port.network_name, [])
        for address, version, _ in port.fixed_ips:
            listed.append(_address(address, version, "fixed", port, plain=plain))
        for floating, _ in port.floating_ips:
            listed.append(_address(floating, 4, "floating", port, plain=plain))
    return found


def _address(address: str, version: int, kind: str, port: ServerPort, *, plain: bool) -> Json:
    if plain:
        return {"version": version, "addr": address}
    return {
        "version": version,
        "addr": address,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": port.mac_address,
    }


def security_groups(one: ShownServer, ports: Sequence[ServerPort]) -> list[Json]:
    """Of its ports; before it has any, those that were asked for."""
    if not ports:
        return [{"name": name} for name in msgspec.json.decode(one.security_groups)] if one.launched_at is None else []
    if len(ports) == 1:
        return [{"name": name} for name in ports[0].security_groups]
    return [{"name": name} for name in dict.fromkeys(name for port in ports for name in port.security_groups)]


def fault(one: Fault, *, with_details: bool) -> Json:
    shown = {"code": one.code, "created": seconds(one.created_at), "message": one.message}
    if with_details and one.details:
        shown["details"] = one.details
    return shown
