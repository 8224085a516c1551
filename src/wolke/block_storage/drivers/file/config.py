"""What an operator may set of a backend of files. Every option has a default that works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wolke.core.config import option


@dataclass(frozen=True)
class FileConfig:
    format: Literal["qcow2", "raw"] = option(
        "qcow2", "What new volumes are; of raw, those of images are full copies where the file system cannot share."
    )
    export_address: str = option(
        "", "This host's address for guests on other hosts; empty: volumes are only for guests on this host."
    )
    serve_own_guests: bool = option(
        False,
        "Serve volumes also to guests on this host, rather than open files: so these need not stand still before they move.",
    )
    export_ports: str = option("10810-11809", "The ports for them, each volume has one of its own: first-last.")
    image_check_timeout_s: float = option(10.0, "For qemu-img to look at an image.")
    lock_timeout_s: float = option(120.0, "For another operation on the same volume to end.")
    most_layers: int = option(64, "How deep snapshots and clones may lie on one another before they are copied.")
