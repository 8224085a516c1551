from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.checking.street import Street, furnished
from tests.conftest import create_tables
from wolke.core.db import open_database


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    url = f"sqlite:///{tmp_path}/wolke.db"
    await create_tables(url)
    database = await open_database(url)
    yield await furnished(database, tmp_path)
    await database.close()
