"""Keys as files, so that rotating them is moving files and several controllers share them by copying a directory.

File ``0`` is the *staged* key: it opens tokens and seals none. The highest number is the *primary*, which seals. All
between are *secondary* and only open what was sealed before. A rotation makes the staged key the primary and stages a
new one: every controller thus knew the new primary one rotation ahead, and tokens survive until their key is pruned.
"""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

STAGED = 0
_LOOK_AGAIN_S = 1.0


class KeysMissing(Exception):
    """The directory of keys cannot be read or holds none that are well-formed."""


class KeyRing:
    """Seals and opens short texts. ``max_active`` counts the staged key too."""

    def __init__(self, directory: Path, *, max_active: int = 3) -> None:
        self.directory = directory
        self.max_active = max(2, max_active)
        self._fernet: MultiFernet | None = None
        self._loaded: tuple[tuple[int, int], ...] = ()
        self._looked_at = 0.0

    def load(self) -> None:
        """Read the keys, making the first two if there are none."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._numbers():
            for number in (STAGED, 1):
                self._write(number)
        self._read()

    def rotate(self) -> None:
        """The staged key becomes the primary, a new one is staged, the oldest are forgotten."""
        if STAGED not in self._numbers():  # a rotation was cut short
            self._write(STAGED)
        (self.directory / str(STAGED)).rename(self.directory / str(max(self._numbers()) + 1))
        self._write(STAGED)
        secondary = sorted(n for n in self._numbers() if n != STAGED)
        for number in secondary[: max(0, len(secondary) - (self.max_active - 1))]:
            (self.directory / str(number)).unlink()
        self._read()

    def seal(self, payload: bytes) -> str:
        assert self._fernet is not None, "load() comes first"
        return self._fernet.encrypt(payload).decode().rstrip("=")

    def open(self, sealed: str) -> bytes | None:
        """What was sealed; None if no key opens it. Looks for new keys first, at most once a second."""
        from cryptography.fernet import InvalidToken

        raw = (sealed + "=" * (-len(sealed) % 4)).encode("ascii", "replace")
        for attempt in range(2):
            assert self._fernet is not None, "load() comes first"
            try:
                return self._fernet.decrypt(raw)
            except InvalidToken:
                if attempt or not self._changed():
                    return None
                self._read()
        return None

    def _numbers(self) -> list[int]:
        return sorted(int(p.name) for p in self.directory.iterdir() if p.name.isascii() and p.name.isdecimal())

    def _state(self) -> tuple[tuple[int, int], ...]:
        return tuple((n, (self.directory / str(n)).stat().st_mtime_ns) for n in self._numbers())

    def _changed(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_AGAIN_S:
            return False
        self._looked_at = now
        try:
            return self._state() != self._loaded
        except OSError:
            return False

    def _write(self, number: int) -> None:
        key = base64.urlsafe_b64encode(os.urandom(32))
        path = self.directory / str(number)
        partial = path.with_name(f".{number}.{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)

    def _read(self) -> None:
        from cryptography.fernet import Fernet, MultiFernet

        numbers = self._numbers()
        order = sorted((n for n in numbers if n != STAGED), reverse=True) + [n for n in numbers if n == STAGED]
        try:
            keys = [Fernet((self.directory / str(n)).read_bytes().strip()) for n in order]
        except (OSError, ValueError):
            raise KeysMissing(f"a key in {self.directory} cannot be read or is not 32 bytes in base64") from None
        if not keys:
            raise KeysMissing(f"there are no keys in {self.directory}")
        self._fernet = MultiFernet(keys)
        self._loaded = self._state()
