from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.checking.street import Street, found, furnish
from tests.conftest import create_tables
from wolke.core.db import open_database


async def _furnish(root: Path) -> None:
    await create_tables(f"sqlite:///{root}/wolke.db")
    database = await open_database(f"sqlite:///{root}/wolke.db")
    await furnish(database, root)
    await database.close()


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each test has a copy."""
    root = tmp_path_factory.mktemp("street")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_furnish(root))
    loop.close()
    return root


@pytest.fixture
async def street(furnished: Path, tmp_path: Path) -> AsyncIterator[Street]:
    root = tmp_path / "street"
    shutil.copytree(furnished, root)
    database = await open_database(f"sqlite:///{root}/wolke.db")
    yield await found(database, root)
    await database.close()
