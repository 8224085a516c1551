"""From what QEMU says when it does not start to what a user should read.

Nothing of the host's paths or versions passes through; what is not in the table is told in general and logged in full.
"""

from __future__ import annotations

import re

from wolke.core.drivers import Failure

KNOWN = (
    (r"cannot set up guest memory|Cannot allocate memory", "this host has not enough free memory for the server"),
    (r"is not in qcow2 format|Image is corrupt|Unknown QCow2|Invalid .*table", "the image is not a valid qcow2"),
    (r"invalid kernel header|could not load kernel|linux kernel too old", "the kernel image cannot be booted"),
    (r"error reading initrd|could not open initrd", "the ramdisk image cannot be read"),
    (r"initrd is too large", "the ramdisk does not fit into the server's memory"),
    (r"host forwarding rule", "a host port that should be forwarded to the server is in use"),
    (r"No space left on device", "this host's disk is full"),
    (r"Failed to connect to|Unable to (read|write) .*(server|socket)|TLS handshake|[Ss]erver (dropped|requires|refused)"
     r"|[Ee]xport\b.* not (present|available)",
     "the host that serves a volume cannot be reached, or does not serve it any more"),
    (r"Unknown savevm section|Missing section|load of migration failed|Length mismatch",
     "the saved memory cannot be restored on this host; a hard reboot starts the server afresh from its disk"),
    (r"Invalid SMP CPUs|[Mm]aximum (number of )?CPUs|smp", "this host cannot give a server so many vCPUs"),
    (r"Could not access KVM|failed to initialize kvm", "KVM is configured but does not work on this host"),
)  # fmt: skip


def explain(words: str) -> Failure | None:
    """The failure that QEMU's last words mean for a user; None if they are not known to be terminal."""
    for pattern, meaning in KNOWN:
        if re.search(pattern, words):
            return Failure(meaning)
    return None


def last_line(words: str) -> str:
    """The last line of a log, without its time stamp and the program's name."""
    lines = [line for line in words.splitlines() if line.strip()]
    return re.sub(r"^\S+Z qemu-system-\S+: |^qemu-system-\S+: ", "", lines[-1]) if lines else ""
