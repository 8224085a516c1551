"""Rows by the thousand: as many in one statement as pay, so that a database across a socket is not asked for each of them.

Statements are made for powers of two, and a list goes in the largest that fit: seven shapes of SQL serve every length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # what it says of conflicts, SQLite understands as well

from wolke.core.db.base import Row, Transaction
from wolke.core.records import Query, Table

_SIZES = (64, 32, 16, 8, 4, 2, 1)


class Many:
    """``finish`` may add to the statement what shall be done about rows that are there already, and what shall come back. Rows that break a unique
    index in spite of it are a fault of the caller, not a ``DuplicateRow``."""

    def __init__(self, table: Table[Any], finish: Callable[[Any], Any] = lambda statement: statement) -> None:
        self._table, self._finish = table, finish
        self._queries: dict[int, Query] = {}

    async def insert(self, tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
        """``rows`` as ``Table.row`` gives them. Returns whatever ``finish`` lets come back."""
        found: list[Row] = []
        tx.written.add(self._table.name)
        start = 0
        for size in _SIZES:
            while len(rows) - start >= size:
                values = {f"{name}_{n}": v for n in range(size) for name, v in rows[start + n].items()}
                found += await tx.rows(self._query(size), **values)
                start += size
        return found

    def _query(self, size: int) -> Query:
        if size not in self._queries:
            columns = self._table.sql.c
            rows = [{c.name: sa.bindparam(f"{c.name}_{n}", type_=c.type) for c in columns} for n in range(size)]
            self._queries[size] = Query(self._finish(insert(self._table.sql).values(rows)))
        return self._queries[size]
