"""What an operator may set of the QEMU driver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class QemuConfig:
    """Every option has a default that works; ``uid_base`` and ``uid_count`` only matter when the host runs as root."""

    accelerator: Literal["auto", "kvm", "tcg"] = "auto"  # auto: KVM if a trial guest really ran on it
    emulator: str = "qemu-system-x86_64"
    run_dir: Path | None = None  # sockets; at most 60 characters. None: under the state directory if that is short
    machine: str = "pc"  # where the image does not ask for another
    isolate: bool = True  # as root: every guest runs as a user id of its own
    uid_base: int = 1_900_000_000  # above the ranges that distributions, systemd and podman hand out
    uid_count: int = 65_536
    console_log_kib: int = 1024  # kept of what a guest writes to its serial port
    console_trim_period_s: float = 5.0
    tcg_cache_mib: int = 256  # translated code per guest, where there is no KVM
    answer_timeout_s: float = 5.0  # for QEMU to say how it is, and to let us in
    start_timeout_s: float = 30.0
    quit_timeout_s: float = 10.0
    image_check_timeout_s: float = 10.0
    suspend_timeout_s: float = 300.0
    snapshot_timeout_s: float = 3600.0
    soft_reboot_timeout_s: float = 30.0
    unplug_timeout_s: float = 10.0
