"""What a guest wrote to its serial port, bounded: a guest must not fill the host's disk by talking.

QEMU appends to ``console.log``. When that grows beyond half of what is kept, its end moves to ``console.old`` and it is cut to
nothing; QEMU goes on at the new end, because it appends. The driver looks every few seconds and at every read. While
no control plane runs nobody trims, and only the limit on the size of a file holds (``command.confined``): as much again as the
guest's largest disk. A process per guest that does nothing but rotate would be exact, and was not worth its memory.
"""

from __future__ import annotations

import os
from pathlib import Path

from wolke.compute.drivers.base import last_lines
from wolke.compute.drivers.qemu.home import Home
from wolke.core.files import write_whole


def trim(home: Home, keep_bytes: int) -> None:
    """At most ``keep_bytes`` in both files afterwards. What is written meanwhile may be lost."""
    live = home.file("console.log")
    try:
        if live.stat().st_size <= keep_bytes // 2:
            return
        write_whole(home.file("console.old"), _tail(live, keep_bytes // 2))
        os.truncate(live, 0)
    except FileNotFoundError:
        return  # not started yet, or destroyed meanwhile


def read(home: Home, length_lines: int | None) -> str:
    """The last lines that are kept; all of them if None."""
    data = b"".join(_tail(home.file(name)) for name in ("console.old", "console.log"))
    return last_lines(data.decode(errors="replace"), length_lines)


def _tail(path: Path, length: int | None = None) -> bytes:
    try:
        with path.open("rb") as file:
            if length is not None:
                file.seek(max(0, os.fstat(file.fileno()).st_size - length))
            return file.read(length if length is not None else -1)
    except FileNotFoundError:
        return b""
