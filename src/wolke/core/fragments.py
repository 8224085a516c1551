"""Parts of answers, rendered once: JSON as bytes, good as long as what it was made from stands.

A *variant* is all that makes one caller's fragment of a thing differ from another's: microversion, address, what they may see.
A *stamp* is all of the thing itself that shows. Whoever asks brings both, so that a fragment can never be out of date: it is
found under an equal stamp, or not at all.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

Shelf = dict[str, tuple[Any, bytes]]


class Fragments:
    """By variant, the one asked for least recently goes first when there are more than ``most_bytes``."""

    def __init__(self, most_bytes: int = 32 << 20) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._shelves: dict[Hashable, Shelf] = {}

    def shelf(self, variant: Hashable) -> Shelf:
        """id → (stamp, fragment). For looking only; ``keep`` puts there."""
        found = self._shelves.pop(variant, None)
        if found is None:
            found = {}
        self._shelves[variant] = found
        return found

    def keep(self, variant: Hashable, key: str, stamp: Any, fragment: bytes) -> None:
        shelf = self._shelves.setdefault(variant, {})
        old = shelf.get(key)
        shelf[key] = (stamp, fragment)
        self._bytes += _OVERHEAD + len(fragment) if old is None else len(fragment) - len(old[1])
        while self._bytes > self._most_bytes:
            gone = self._shelves.pop(next(iter(self._shelves)))
            self._bytes -= sum(_OVERHEAD + len(text) for _, text in gone.values())


_OVERHEAD = 300  # keys and stamps, about
