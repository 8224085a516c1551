"""What is read again and again and seldom written: worked out once, until one of its tables is written to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from wolke.core.db.base import Database
from wolke.core.records import Table

T = TypeVar("T")


class Kept(Generic[T]):
    """``await kept()`` gives what ``work_out`` read from ``tables``. Nobody may change it. Where others write to the database as
    well, nothing is kept."""

    def __init__(self, db: Database, tables: tuple[Table[Any], ...], work_out: Callable[[], Awaitable[T]]) -> None:
        self._db = db
        self._tables = tables
        self._work_out = work_out
        self._kept: tuple[tuple[int, ...], T] | None = None

    async def __call__(self) -> T:
        seen = self._db.commits(*self._tables)
        kept = self._kept
        if kept is not None and kept[0] == seen:
            return kept[1]
        value = await self._work_out()
        self._kept = None if seen is None else (seen, value)
        return value
