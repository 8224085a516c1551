"""The switches of the host's own namespace that an external network needs, and how they were before.

What they were is written to a file before they are touched, and put back at teardown; a crash in between loses nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from threading import Lock

from wolke.network.drivers.linux.namespaces import read_switch, set_switch

FORWARD_4 = "net/ipv4/ip_forward"
FORWARD_6 = "net/ipv6/conf/all/forwarding"


class HostSwitches:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = Lock()

    def forward(self, *, ipv6: bool) -> None:
        """Let this host route. For IPv6, interfaces that learn their way out from advertisements shall go on doing so."""
        wanted = {FORWARD_4: "1"}
        if ipv6:
            wanted |= dict.fromkeys(_accepting(), "2")
            wanted[FORWARD_6] = "1"
        with self._lock:
            self._turn(wanted)

    def _turn(self, wanted: dict[str, str]) -> None:
        before = self._before()
        fresh = {switch: read_switch(switch) for switch in wanted if switch not in before}
        if fresh:
            self._remember({**before, **fresh})
        for switch, value in wanted.items():
            set_switch(switch, value)

    def restore(self) -> None:
        for switch, value in self._before().items():
            with contextlib.suppress(FileNotFoundError):  # an interface that has gone since
                set_switch(switch, value)
        self._file.unlink(missing_ok=True)

    def _before(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._file.read_text()))
        except (FileNotFoundError, ValueError):
            return {}

    def _remember(self, values: dict[str, str]) -> None:
        draft = self._file.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(values, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)


def _accepting() -> list[str]:
    switches = [f"net/ipv6/conf/{path.name}/accept_ra" for path in Path("/proc/sys/net/ipv6/conf").iterdir()]
    return [switch for switch in switches if read_switch(switch) == "1"]
