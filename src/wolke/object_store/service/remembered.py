"""What every request asks for and hardly anything changes: accounts and containers, read once and remembered.

Only where nobody else can write to the place. Whoever changes one forgets it after the commit; what was read before that, and
arrives later, is not kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_KEPT = 10_000


class Remembered(Generic[K, V]):
    def __init__(self, allowed: bool) -> None:
        self._allowed = allowed
        self._values: dict[K, V] = {}
        self._changes = 0

    def here(self, key: K) -> V | None:
        """What is remembered, for those who would not wait."""
        return self._values.get(key)

    async def get(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """What ``read`` gave, or gives now. What it raises is not remembered."""
        if (value := self.here(key)) is not None:
            return value
        before = self._changes
        value = await read()
        if self._allowed and before == self._changes:
            if len(self._values) >= _KEPT:
                self._values.clear()
            self._values[key] = value
        return value

    def forget(self, key: K) -> None:
        self._changes += 1
        self._values.pop(key, None)
