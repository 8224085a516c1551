"""What fails its checksum: remembered on disk, told to whoever reads it, listed by ``check``.

A line of JSON for each: ``{"segment": 3, "offset": 4096, "size": 812, "at": …}`` or ``{"file": 17, …}``. Data is never removed for
being damaged: a human may know where another copy lies, and half of a film is better than none.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from wolke.core.log import get_logger
from wolke.object_store.drivers.segments.records import File, Run

log = get_logger(__name__)


class Quarantine:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: set[tuple[int, int]] = set()
        self.found: list[dict[str, int]] = []
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    self._remember(json.loads(line))
                except (ValueError, KeyError):
                    continue  # a line that was cut off
        self.count = len(self._known)

    def holds(self, piece: Run | File) -> bool:
        return _place(piece) in self._known

    def put(self, piece: Run | File) -> None:
        """For any thread."""
        with self._lock:
            if self.holds(piece):
                return
            about: dict[str, int] = {"size": piece.size, "at": int(time.time())}
            if isinstance(piece, Run):
                about |= {"segment": piece.segment, "offset": piece.offset}
            elif isinstance(piece, File):
                about |= {"file": piece.number}
            self._remember(about)
            self.count += 1
            with self._path.open("a") as file:
                file.write(json.dumps(about) + "\n")
                file.flush()
                os.fsync(file.fileno())
        log.error("damaged data was put aside", **about)

    def keep(self, is_there: Callable[[dict[str, int]], bool]) -> None:
        """Forgets what has been given back."""
        with self._lock:
            kept = [one for one in self.found if is_there(one)]
            if len(kept) == len(self.found):
                return
            self.found, self._known = kept, {_key(one) for one in kept}
            fresh = self._path.with_suffix(".new")
            fresh.write_text("".join(json.dumps(one) + "\n" for one in kept))
            fresh.replace(self._path)

    def _remember(self, about: dict[str, int]) -> None:
        self._known.add(_key(about))
        self.found.append(about)


def _key(about: dict[str, int]) -> tuple[int, int]:
    return (-1, about["file"]) if "file" in about else (about["segment"], about["offset"])


def _place(piece: Run | File) -> tuple[int, int]:
    return (-1, piece.number) if isinstance(piece, File) else (piece.segment, piece.offset)
