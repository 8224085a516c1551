"""PostgreSQL through asyncpg: many controllers on one database. Wakes travel by NOTIFY, locks are advisory ones."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

from wolke.core.db.base import Database, DuplicateRow, Row, Transaction
from wolke.core.records import Statement

_CHANNEL = "wolke_wake"
_RETRIES = 5
_LOCK_S = 30.0


class PostgresDatabase(Database):
    """``pool_size`` connections, of which one more listens for wakes."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        super().__init__()
        self.dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
        self.url = url
        self.pool_size = pool_size

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self.url, min_size=1, max_size=self.pool_size, command_timeout=60, server_settings={"jit": "off"}
        )
        self._ear = await asyncpg.connect(self.url)
        await self._ear.add_listener(_CHANNEL, lambda *said: self.wake(*said[3].split(" ")))

    async def close(self) -> None:
        await self._ear.close()
        await self._pool.close()

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Row]:
        rows: Sequence[Row] = await self._pool.fetch(statement.sql, *statement.bind(values))
        return rows

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._pool.acquire() as connection, connection.transaction():
            transaction = _PostgresTransaction(self.dialect, connection)
            yield transaction
            if transaction.wakes:
                await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, " ".join(sorted(transaction.wakes)))


class _PostgresTransaction(Transaction):
    def __init__(self, dialect: Any, connection: Any) -> None:
        super().__init__()
        self.dialect = dialect
        self._connection = connection

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Row]:
        rows: Sequence[Row] = await self._connection.fetch(statement.sql, *statement.bind(values))
        return rows

    async def execute(self, statement: Statement, values: Mapping[str, Any]) -> int:
        try:
            done: str = await self._connection.execute(statement.sql, *statement.bind(values))
        except asyncpg.UniqueViolationError as error:
            raise DuplicateRow(error.constraint_name or "") from None
        return int(done.rpartition(" ")[2])

    async def lock(self, name: str) -> None:
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big", signed=True)
        async with asyncio.timeout(_LOCK_S):
            await self._connection.execute("SELECT pg_advisory_xact_lock($1)", number)
