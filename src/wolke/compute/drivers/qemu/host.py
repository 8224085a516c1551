"""What this machine has to give."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from wolke.compute.drivers.base import Inventory

GIB = 1 << 30


def inventory(state_dir: Path) -> Inventory:
    processors = _processors(Path("/proc/cpuinfo").read_text())
    memory = _memory(Path("/proc/meminfo").read_text())
    disk = shutil.disk_usage(state_dir)
    first = processors[0] if processors else {}
    return Inventory(
        vcpus=len(os.sched_getaffinity(0)),
        ram_mib=memory["MemTotal"] // 1024,
        disk_gib=disk.total // GIB,
        cpu_model=first.get("model name", "unknown"),
        cpu_topology=topology(processors),
        cpu_features=tuple(sorted(first.get("flags", "").split())),
        ram_used_mib=(memory["MemTotal"] - memory["MemAvailable"]) // 1024,
        disk_used_gib=disk.used // GIB,
        load_average=os.getloadavg(),
        uptime_s=int(float(Path("/proc/uptime").read_text().split()[0])),
    )


def topology(processors: list[dict[str, str]]) -> dict[str, int]:
    """Sockets, cores of a socket, threads of a core. A kernel that hides them shows one socket."""
    sockets = {processor.get("physical id", "0") for processor in processors}
    cores = {
        (processor.get("physical id", "0"), processor.get("core id", str(n))) for n, processor in enumerate(processors)
    }
    count = max(1, len(processors))
    return {
        "sockets": max(1, len(sockets)),
        "cores": max(1, len(cores) // max(1, len(sockets))),
        "threads": max(1, count // max(1, len(cores))),
    }


def _processors(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block.strip()]
    pairs = ([line.partition(":") for line in block.splitlines()] for block in blocks)
    return [{name.strip(): value.strip() for name, _, value in block} for block in pairs]


def _memory(text: str) -> dict[str, int]:
    """Names to KiB."""
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in text.splitlines())}
