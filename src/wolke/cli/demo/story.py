"""What the demo shows on the screen: one line a step, with how long it took."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator


class StoryError(Exception):
    """Why the demo cannot go on, in words for the person who watches."""


class Story:
    def __init__(self, *, quiet: bool) -> None:
        self.seconds: dict[str, float] = {}
        self._quiet = quiet
        self._started = time.monotonic()
        self._before = 0.0  # what the bootstrap took
        self._live = sys.stderr.isatty()

    def add_bootstrap(self, times: str) -> None:
        """``packages=12.3 environment=6.1``, as the bootstrap measured them."""
        for part in times.split():
            name, _, value = part.partition("=")
            with contextlib.suppress(ValueError):
                self.seconds[name] = float(value)
                self._before += float(value)

    @contextlib.contextmanager
    def step(self, name: str, text: str, *, timed: bool = True) -> Iterator[None]:
        started = time.monotonic()
        if self._live and not self._quiet:
            print(f"  … {text}", end="\r", file=sys.stderr, flush=True)
        try:
            yield
        except BaseException:
            self.say(f"  ✗ {text}")
            raise
        took = time.monotonic() - started
        if timed:
            self.took(name, took)
        self.say(f"  ✓ {text}{'.' * max(2, 62 - len(text))} {took:5.1f} s")

    def took(self, name: str, seconds: float) -> None:
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 2)

    def say(self, text: str) -> None:
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def fail(self, text: str) -> None:
        print(f"wolke: {text}", file=sys.stderr)

    def quote(self, text: str) -> None:
        self.say("\nThe guest says:\n")
        for line in text.strip().splitlines():
            self.say(f"    {line}")

    def times(self) -> None:
        parts = ", ".join(f"{name} {took:.1f}" for name, took in self.seconds.items() if took >= 0.05)
        total = self._before + time.monotonic() - self._started
        self.say(f"\n{total:.1f} s from the command to the answer ({parts}).")
