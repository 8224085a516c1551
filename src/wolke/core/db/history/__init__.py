"""A schema's history, for SQLite and PostgreSQL alike, and the way to its newest state.

Each database has one: the cloud's, the point of purchase's. ``upgrade(url)`` runs before anything else touches the database. When that
is already at the newest revision, which is told by one query, Alembic is not even imported: a start must not wait for it.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_LOCK = 7265820  # of PostgreSQL's advisory locks


@dataclass(frozen=True)
class History:
    """``versions``: the folder of the revisions, numbered, their files beginning with the number. ``modules`` are those that declare
    the tables; a table's name begins with its module's second word."""

    versions: Path
    modules: tuple[str, ...]

    def load(self) -> None:
        """Every table is known once its module has been imported."""
        for name in self.modules:
            import_module(name)

    def tables(self) -> list[str]:
        """The tables' names, once loaded; others may be registered beside them."""
        from wolke.core.records import METADATA

        return sorted(name for name in METADATA.tables if self.holds(name))

    def holds(self, table: str) -> bool:
        return table.startswith(tuple({module.split(".")[1] + "_" for module in self.modules}))

    def head(self) -> str:
        """The newest revision; empty before the first."""
        return max((path.name.partition("_")[0] for path in self.versions.glob("[0-9]*.py")), default="")

    async def upgrade(self, url: str) -> None:
        if await _revision(url) == self.head():
            return
        if url.startswith("sqlite:///"):
            await asyncio.to_thread(self._upgrade_sqlite, url)
        else:
            await self._upgrade_postgres(url)

    def write(self, message: str) -> None:
        """The next revision, from the difference between the records and the newest."""
        import sqlalchemy as sa
        from alembic import command

        number = f"{int(self.head() or 0) + 1:04}"
        slug = re.sub(r"\W+", "_", message.lower()).strip("_")
        with tempfile.TemporaryDirectory() as folder:
            engine = sa.create_engine(f"sqlite:///{folder}/scratch.db")
            with engine.connect() as connection:
                config = self._configuration(connection)
                config.set_main_option("file_template", f"{number}_{slug}")
                if self.head():
                    command.upgrade(config, "head")
                command.revision(
                    config, message=message, autogenerate=True, rev_id=number, version_path=str(self.versions),
                    head="head" if self.head() else "base",
                )  # fmt: skip
            engine.dispose()

    def _upgrade_sqlite(self, url: str) -> None:
        import sqlalchemy as sa

        path = Path(url.removeprefix("sqlite:///"))
        path.touch(0o600)
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.commit()
            self._upgrade(connection)
            connection.commit()
        engine.dispose()

    async def _upgrade_postgres(self, url: str) -> None:
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine("postgresql+asyncpg://" + url.partition("://")[2])
        async with engine.connect() as connection:
            await connection.run_sync(self._upgrade)
            await connection.commit()
        await engine.dispose()

    def _upgrade(self, connection: Any) -> None:
        from alembic import command

        if connection.dialect.name == "postgresql":
            # Two controllers that start at once: the second waits, and finds it done.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        command.upgrade(self._configuration(connection), "head")

    def _configuration(self, connection: Any) -> Any:
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_HERE))
        config.set_main_option("version_locations", str(self.versions))
        config.set_main_option("path_separator", "os")
        config.attributes.update(connection=connection, history=self)
        return config


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
