"""What an agent remembers between two lives: which cloud it belongs to, the host's boot, and the guests it took down itself.

Small files in the state directory, each whole or not there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Memory:
    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def belongs_to(self, host_id: str) -> bool:
        """Whether ``host_id`` is who this host was before; a host that was nobody becomes it. If it is another, the guests here
        are of another cloud, whose database this is not, and must not be touched."""
        known = self._read("host-id")
        if known is None:
            self._write("host-id", host_id)
        return known in (None, host_id)

    def rebooted(self) -> bool:
        """Whether the host started anew since ``note_boot``."""
        known = self._read("boot-id")
        return known is not None and known != _boot_id()

    def note_boot(self) -> None:
        if self._read("boot-id") != _boot_id():
            self._write("boot-id", _boot_id())

    def taken_down(self) -> frozenset[str]:
        """Guests that ``take_down`` named: they were switched off with the cloud and come back with it."""
        text = self._read("taken-down")
        return frozenset(json.loads(text)) if text else frozenset()

    def take_down(self, server_ids: Collection[str]) -> None:
        self._write("taken-down", json.dumps(sorted(self.taken_down().union(server_ids))))

    def brought_back(self) -> None:
        (self._state_dir / "taken-down").unlink(missing_ok=True)

    def _read(self, name: str) -> str | None:
        try:
            return (self._state_dir / name).read_text().strip()
        except FileNotFoundError:
            return None

    def _write(self, name: str, text: str) -> None:
        part = self._state_dir / f"{name}.part"
        with part.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._state_dir / name)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
