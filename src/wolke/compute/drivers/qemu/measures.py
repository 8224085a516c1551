"""What a running guest has used: QEMU counts its disks' traffic, the kernel the time of the threads that are its processors."""

from __future__ import annotations

import os
import time
from pathlib import Path

from wolke.compute.drivers.base import DiskTraffic, Measures
from wolke.compute.drivers.qemu.definition import Definition
from wolke.compute.drivers.qemu.qmp import Session

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


async def measure(qmp: Session, pid: int, definition: Definition) -> Measures:
    threads = sorted(await qmp.execute("query-cpus-fast"), key=lambda one: int(one["cpu-index"]))
    disks = tuple(
        DiskTraffic(
            stats["rd_bytes"],
            stats["rd_operations"],
            stats["wr_bytes"],
            stats["wr_operations"],
            stats["failed_rd_operations"] + stats["failed_wr_operations"],
        )
        for one in await qmp.execute("query-blockstats")
        if one.get("qdev")
        for stats in (one["stats"],)
    )
    return Measures(
        uptime_s=_age_s(pid),
        cpu_times_ns=tuple(_cpu_ns(pid, int(one["thread-id"])) for one in threads),
        disks=disks,
        nics=tuple(nic.mac_address for nic in definition.spec.nics),
    )


def still(definition: Definition) -> Measures:
    """Of a guest that is off."""
    return Measures(None, (), (), tuple(nic.mac_address for nic in definition.spec.nics))


def _fields(path: Path) -> list[str]:
    """Of a stat file, from the state on."""
    return path.read_text().rpartition(")")[2].split()


def _cpu_ns(pid: int, thread: int) -> int:
    found = _fields(Path(f"/proc/{pid}/task/{thread}/stat"))
    return (int(found[11]) + int(found[12])) * _TICK_NS


def _age_s(pid: int) -> int:
    started_s = int(_fields(Path(f"/proc/{pid}/stat"))[19]) * _TICK_NS // 1_000_000_000
    return max(0, int(time.clock_gettime(time.CLOCK_BOOTTIME)) - started_s)
