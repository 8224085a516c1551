"""Hosts as the wire shows them: compute services, hypervisors and availability zones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wolke.compute.model import Host, HostUse, Server, Zone, legacy_id
from wolke.core.clock import micros

BINARY = "nova-compute"
Json = dict[str, Any]


def service(host: Host, zone: str, *, up: bool, uuids: bool) -> Json:
    return {
        "id": host.id if uuids else legacy_id(host.id),
        "binary": BINARY,
        "host": host.name,
        "zone": zone,
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if up else "down",
        "updated_at": micros(host.heartbeat_at),
        "disabled_reason": host.disabled_reason,
        "forced_down": host.forced_down,
    }


def hypervisor_brief(host: Host, *, up: bool, uuids: bool) -> Json:
    return {
        "id": host.id if uuids else legacy_id(host.id),
        "hypervisor_hostname": host.name,
        "state": "up" if up else "down",
        "status": "disabled" if host.disabled else "enabled",
    }


def hypervisor(host: Host, use: HostUse, *, up: bool, uuids: bool, resources: bool) -> Json:
    """``resources``: what there is and what is used, which went away in 2.88."""
    can, has = host.capabilities, host.inventory
    shown = hypervisor_brief(host, up=up, uuids=uuids) | {
        "hypervisor_type": can.get("hypervisor_type", host.driver),
        "hypervisor_version": int(can.get("hypervisor_version") or 0),
        "host_ip": host_address(host),
        "service": {
            "id": host.id if uuids else legacy_id(host.id),
            "host": host.name,
            "disabled_reason": host.disabled_reason,
        },
    }
    if not resources:
        return {**shown, "uptime": uptime(host)}
    ram, disk = int(has.get("ram_mib") or 0), int(has.get("disk_gib") or 0)
    return {
        **shown,
        "cpu_info": cpu_info(host),
        "current_workload": use.busy,
        "disk_available_least": disk - use.disk_gib,
        "free_disk_gb": disk - use.disk_gib,
        "free_ram_mb": ram - use.ram_mib,
        "local_gb": disk,
        "local_gb_used": use.disk_gib,
        "memory_mb": ram,
        "memory_mb_used": use.ram_mib,
        "running_vms": use.servers,
        "vcpus": int(has.get("vcpus") or 0),
        "vcpus_used": use.vcpus,
    }


def statistics(hosts: Sequence[tuple[Host, HostUse]]) -> Json:
    total: dict[str, int] = {"count": len(hosts)}
    for host, use in hosts:
        one = hypervisor(host, use, up=True, uuids=True, resources=True)
        for name in _SUMMED:
            total[name] = total.get(name, 0) + int(one[name])
    return {name: total.get(name, 0) for name in ("count", *_SUMMED)}


_SUMMED = (
    "current_workload", "disk_available_least", "free_disk_gb", "free_ram_mb", "local_gb", "local_gb_used", "memory_mb",
    "memory_mb_used", "running_vms", "vcpus", "vcpus_used",
)  # fmt: skip


def cpu_info(host: Host) -> Json:
    has = host.inventory
    return {
        "arch": (host.capabilities.get("architectures") or ["x86_64"])[0],
        "model": has.get("cpu_model", ""),
        "vendor": "",
        "topology": has.get("cpu_topology", {}),
        "features": list(has.get("cpu_features", ())),
    }


def host_address(host: Host) -> str:
    return host.address.rpartition("//")[2].partition("/")[0].rpartition(":")[0] or "127.0.0.1"


def uptime(host: Host) -> str | None:
    """In the words of uptime(1)."""
    seconds = host.inventory.get("uptime_s")
    if not isinstance(seconds, int):
        return None
    days, rest = divmod(seconds, 86400)
    hours, minutes = divmod(rest // 60, 60)
    load = ", ".join(f"{float(one):.2f}" for one in host.inventory.get("load_average", (0, 0, 0)))
    return f" {host.heartbeat_at[11:19]} up {days} days, {hours}:{minutes:02d},  load average: {load}"


def servers_on(servers: Sequence[Server]) -> list[Json]:
    return [{"name": f"instance-{one.id}", "uuid": one.id} for one in servers]


def zone(one: Zone, up: dict[str, bool] | None) -> Json:
    """``up``: by host, for the detailed form."""
    hosts: Json | None = None
    if up is not None:
        hosts = {
            host.name: {
                BINARY: {
                    "active": not host.disabled,
                    "available": up[host.name],
                    "updated_at": micros(host.heartbeat_at),
                }
            }
            for host in one.hosts
        }
    return {"zoneName": one.name, "zoneState": {"available": one.available}, "hosts": hosts}
