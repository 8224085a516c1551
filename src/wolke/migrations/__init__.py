"""The schema's history, for SQLite and PostgreSQL alike, and the way to its newest state.

``upgrade(url)`` runs before anything else touches a database. When the database is already at the newest revision, which is told
by one query, Alembic is not even imported: a start must not wait for it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def head() -> str:
    """The newest revision: revisions are numbered, and their files begin with the number."""
    return max(path.name.partition("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py"))


async def upgrade(url: str) -> None:
    if await _revision(url) == head():
        return
    if url.startswith("sqlite:///"):
        await asyncio.to_thread(_upgrade_sqlite, url)
    else:
        await _upgrade_postgres(url)


async def _revision(url: str) -> str | None:
    if url.startswith("sqlite:///"):
        return await asyncio.to_thread(_sqlite_revision, url.removeprefix("sqlite:///"))
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    finally:
        await connection.close()


def _sqlite_revision(path: str) -> str | None:
    if not Path(path).exists():
        return None
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()
    return row[0] if row else None


def _upgrade_sqlite(url: str) -> None:
    import sqlalchemy as sa

    path = Path(url.removeprefix("sqlite:///"))
    path.touch(0o600)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.commit()
        _upgrade(connection)
        connection.commit()
    engine.dispose()


async def _upgrade_postgres(url: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://" + url.partition("://")[2])
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade)
        await connection.commit()
    await engine.dispose()


def configuration(connection: Any) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Any) -> None:
    from alembic import command

    if connection.dialect.name == "postgresql":
        # Two controllers that start at once: the second waits, and finds it done.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7265820)")
    command.upgrade(configuration(connection), "head")
