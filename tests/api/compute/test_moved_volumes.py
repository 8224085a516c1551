"""What becomes of a server's volumes when it goes to a host that cannot open them: nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.disk_cloud import DiskCloud
from wolke.compute.store import MIGRATIONS
from wolke.core.db import Database


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[DiskCloud]:
    made = DiskCloud(database, tmp_path)
    made.start()
    await made.add_host()
    await made.furnish()
    yield made


@pytest.mark.parametrize("verb", [{"migrate": None}, {"os-migrateLive": {"host": None, "block_migration": "auto"}}])
async def test_a_server_whose_volumes_cannot_follow_stays_with_them(cloud: DiskCloud, verb: dict[str, Any]) -> None:
    server, volume_id = await cloud.create(), await cloud.volume()
    await cloud.settle()
    await cloud.attach(server.id, volume_id)
    await cloud.settle()
    before = await cloud.attachments()
    await cloud.add_host("host-2")
    admin: AsgiClient = cloud.http.using("admin", "/compute/v2.1", openstack_api_version="compute latest")
    answer = await admin.post(f"/servers/{server.id}/action", verb)
    assert answer.status == 202, answer.body
    await cloud.settle()
    now = await cloud.server(server.id)
    assert (now.status, now.task, now.host, now.other_host) == ("ACTIVE", None, "host-1", None)
    assert cloud.hosts["host-1"].driver.volumes(server.id) == (volume_id,)
    assert await cloud.hosts["host-2"].driver.look(server.id) is None
    after = await cloud.attachments()
    assert [(one.id, one.status, one.instance_host) for one in after] == [(before[0].id, "attached", "host-1")]
    assert after[0].connection == before[0].connection
    [move] = await cloud.db.find(MIGRATIONS)
    assert move.status == "error"
    actions = (await admin.get(f"/servers/{server.id}/os-instance-actions")).json["instanceActions"]
    shown = await admin.get(f"/servers/{server.id}/os-instance-actions/{actions[0]['request_id']}")
    assert "another host" in shown.json["instanceAction"]["events"][0]["details"]
