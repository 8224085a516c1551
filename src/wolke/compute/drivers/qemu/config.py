"""What an operator may set of the QEMU driver. Every option has a default that works."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wolke.core.config import option


@dataclass(frozen=True)
class QemuConfig:
    accelerator: Literal["auto", "kvm", "tcg"] = option(
        "auto", "auto: KVM if a trial guest really ran on it, else TCG."
    )
    emulator: str = option("qemu-system-x86_64", "The program that runs guests.")
    run_dir: Path | None = option(
        None, "Where sockets are, at most 60 characters; null: beside the guests, if that is short."
    )
    disk_dir: Path | None = option(
        None,
        "Where guests' disks are, if several hosts see it: then running servers move without their disks being copied.",
    )
    machine: str = option("pc", "The machine type where the image asks for no other.")
    isolate: bool = option(True, "As root: every guest runs under a user id of its own.")
    uid_base: int = option(1_900_000_000, "The first of those ids, above the ranges that distributions hand out.")
    uid_count: int = option(65_536, "How many such ids there are, and so how many guests.")
    console_log_kib: int = option(1024, "How much is kept of what a guest writes to its serial port.")
    console_trim_period_s: float = option(5.0, "How often that is cut to size.")
    tcg_cache_mib: int = option(256, "Memory for translated code per guest, where there is no KVM.")
    answer_timeout_s: float = option(5.0, "For QEMU to say how it is.")
    start_timeout_s: float = option(30.0, "For QEMU to come up.")
    quit_timeout_s: float = option(10.0, "For QEMU to end when told to.")
    image_check_timeout_s: float = option(10.0, "For qemu-img to look at an image.")
    suspend_timeout_s: float = option(300.0, "For a guest's memory to be saved.")
    snapshot_timeout_s: float = option(3600.0, "For a disk to be copied.")
    soft_reboot_timeout_s: float = option(30.0, "For a guest to shut down before it is restarted the hard way.")
    unplug_timeout_s: float = option(10.0, "For a guest to let go of a card.")
