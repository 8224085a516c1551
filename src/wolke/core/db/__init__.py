"""One database under all services: SQLite on a laptop, PostgreSQL in a data centre, the same verbs for both.

    db = await open_database("sqlite:///…/wolke.db")
    flavor = await db.get(FLAVORS, id="42")                 # a read: indexed, short, sees what is committed
    async with db.transaction() as tx:                      # all or nothing; durable when the block has ended
        await tx.insert(SERVERS, server)
        tx.wake("compute.servers")                          # told to the loops after the commit, not before

Inside a transaction only the database is awaited, never the network or a driver. Whoever writes to a row that others
write to as well guards the write with a condition (``where`` on a generation) and looks at the count that comes back.
"""

from __future__ import annotations

from wolke.core.db.base import Database, DuplicateRow, Reader, Transaction
from wolke.core.records import METADATA, Order, Query, Related, Table, Where, equalities, escape_like

__all__ = [
    "METADATA",
    "Database",
    "DuplicateRow",
    "Order",
    "Query",
    "Reader",
    "Related",
    "Table",
    "Transaction",
    "Where",
    "equalities",
    "escape_like",
    "open_database",
]


async def open_database(url: str, *, alone: bool = True) -> Database:
    """The schema is up to date already (see ``core.db.history``). ``url``: ``sqlite:///path`` or ``postgresql://user:password@host/name``.
    ``alone``: no other process writes to a SQLite file."""
    if url.startswith("sqlite:///"):
        from wolke.core.db.sqlite import SqliteDatabase

        database: Database = SqliteDatabase(url.removeprefix("sqlite:///"), alone=alone)
    elif url.startswith(("postgresql://", "postgres://")):
        from wolke.core.db.postgres import PostgresDatabase

        database = PostgresDatabase(url)
    else:
        raise ValueError("the database URL must start with sqlite:/// or postgresql://")
    await database.open()
    return database
