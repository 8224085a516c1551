"""``wolke down``: ask the process that holds a state directory to stop, and wait until it has."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from wolke.state import StateDirectory, default_directory

_PATIENCE_S = 120.0


def run(state: Path | None, *, keep_guests: bool) -> int:
    directory = StateDirectory(state or default_directory())
    running = directory.running()
    if running is None:
        print(f"wolke: no cloud runs in {directory.path}.", file=sys.stderr)
        return 1
    # SIGTERM stops guests too; SIGHUP leaves them to the next `up`.
    os.kill(running.pid, signal.SIGHUP if keep_guests else signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_S
    while directory.running() is not None:
        if time.monotonic() > deadline:
            print(f"wolke: process {running.pid} has not stopped within {_PATIENCE_S:.0f} s.", file=sys.stderr)
            return 1
        time.sleep(0.05)
    print(f"The cloud in {directory.path} has stopped." + (" Its guests run on." if keep_guests else ""))
    return 0
