"""A server's diagnostics: in one form for all hypervisors since 2.48, and before in the words of Nova's libvirt driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.compute.model import Server

Json = dict[str, Any]
_STATES = {"running": "running", "paused": "paused", "suspended": "suspended", "crashed": "crashed"}
_NIC = ("octets", "errors", "drop", "packets", "rate")
_DISK = ("read_bytes", "read_requests", "write_bytes", "write_requests", "errors_count")


def diagnostics(server: Server, said: Mapping[str, Any]) -> Json:
    """The driver is one of five names that clients know; ours is to libvirt's guests what its own is."""
    ram_mib = server.flavor.ram_mib
    disks = [{name: disk.get(name) for name in _DISK} for disk in said["disks"]]
    nics = [_nic(one) for one in said["nics"]]
    cpus = [{"id": at, "time": time_ns, "utilisation": None} for at, time_ns in enumerate(said["cpu_times_ns"])]
    return {
        "state": _STATES.get(said["state"], "shutdown"),
        "driver": "libvirt",
        "hypervisor": said["hypervisor"],
        "hypervisor_os": "linux",
        "uptime": said["uptime_s"],
        "config_drive": server.config_drive,
        "num_cpus": len(cpus),
        "num_nics": len(nics),
        "num_disks": len(disks),
        "cpu_details": cpus,
        "nic_details": nics,
        "disk_details": disks,
        "memory_details": {"maximum": ram_mib, "used": ram_mib if cpus else 0},
    }


def _nic(mac_address: str | None) -> Json:
    """The traffic is counted by the host's network, not by its hypervisor."""
    return {"mac_address": mac_address, **{f"{way}_{what}": None for way in ("rx", "tx") for what in _NIC}}


def old(server: Server, said: Mapping[str, Any]) -> Json:
    shown: Json = {f"cpu{at}_time": time_ns for at, time_ns in enumerate(said["cpu_times_ns"])}
    shown["memory"] = server.flavor.ram_mib << 10
    for at, disk in enumerate(said["disks"]):
        name = f"vd{chr(ord('a') + at % 26)}"
        shown |= {
            f"{name}_read": disk["read_bytes"], f"{name}_read_req": disk["read_requests"],
            f"{name}_write": disk["write_bytes"], f"{name}_write_req": disk["write_requests"],
            f"{name}_errors": disk["errors_count"],
        }  # fmt: skip
    return shown
