from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import AsgiClient
from tests.life_cloud import LifeCloud
from wolke.core.db import Database

LATEST = "compute latest"


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[LifeCloud]:
    """Real services below, one simulated host; nothing happens but by ``cloud.settle()``."""
    made = LifeCloud(database, tmp_path).start()
    await made.furnish()
    await made.add_host()
    yield made


@pytest.fixture
def member(cloud: LifeCloud) -> AsgiClient:
    """Speaks the newest version."""
    return cloud.http.using("member", "/compute/v2.1", openstack_api_version=LATEST)


@pytest.fixture
def admin(member: AsgiClient) -> AsgiClient:
    return member.using("admin")


@pytest.fixture
def other(member: AsgiClient) -> AsgiClient:
    """A member of another project."""
    return member.using("other")


@pytest.fixture
def old(cloud: LifeCloud) -> AsgiClient:
    """A member who says no version: 2.1."""
    return cloud.http.using("member", "/compute/v2.1")
