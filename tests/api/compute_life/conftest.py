from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.life_cloud import LifeCloud
from wolke.core.db import Database


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[LifeCloud]:
    """One host, one network, one image."""
    made = LifeCloud(database, tmp_path).start()
    await made.furnish()
    await made.add_host()
    yield made
