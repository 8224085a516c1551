"""Bringing a database's schema up to date, before anything else touches it."""

from __future__ import annotations

import sqlalchemy as sa

from wolke.core.records import METADATA


def upgrade_sqlite(path: str) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    METADATA.create_all(engine)
    engine.dispose()


async def upgrade_postgres(url: str) -> None:
    import asyncpg
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateIndex, CreateTable

    connection = await asyncpg.connect(url)
    try:
        for table in METADATA.sorted_tables:
            if not await connection.fetchval("SELECT to_regclass($1)", table.name):
                await connection.execute(str(CreateTable(table).compile(dialect=postgresql.dialect())))
                for index in table.indexes:
                    await connection.execute(str(CreateIndex(index).compile(dialect=postgresql.dialect())))
    finally:
        await connection.close()
