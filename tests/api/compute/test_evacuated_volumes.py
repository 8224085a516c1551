"""Servers whose host is down are made anew with the volumes that are elsewhere: in real files, really served."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import AsgiClient
from tests.disk_cloud import DiskCloud
from tests.life_cloud import ADMIN, MEMBER
from wolke.block_storage.drivers.file import FileConfig, FileDriver
from wolke.compute.store import MIGRATIONS, SERVER_ACTIONS
from wolke.core.clock import HeldClock
from wolke.core.db import Database

_DOWN_S = 120.0


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[DiskCloud]:
    first = 41000 + os.getpid() % 20000
    config = FileConfig(export_address="127.0.0.1", export_ports=f"{first}-{first + 20}")

    def in_files(simulated: Any) -> FileDriver:
        return FileDriver(tmp_path / f"{simulated._host}-files", host=simulated._host, config=config)

    made = await DiskCloud.whole(database, tmp_path, wrap_storage=in_files)
    yield made
    for agent in made.storage_agents.values():
        for attachment in await made.attachments():
            await agent._ground.backends["disks"].driver.disconnect(attachment.volume_id, attachment.id)


async def go_down(cloud: DiskCloud, name: str) -> None:
    """The machine, with all that is on it."""
    del cloud.hosts[name], cloud.storage_agents[name]
    assert isinstance(cloud.clock, HeldClock)
    cloud.clock.move(_DOWN_S)
    for parts in cloud.hosts.values():
        await parts.agent.register()
    for agent in cloud.storage_agents.values():
        await agent.register()


async def evacuate(cloud: DiskCloud, server_id: str) -> None:
    admin: AsgiClient = cloud.http.using("admin", "/compute/v2.1", openstack_api_version="compute 2.94")
    answer = await admin.post(f"/servers/{server_id}/action", {"evacuate": {}})
    assert answer.status == 200, answer.body
    await cloud.settle()


async def with_volume(cloud: DiskCloud) -> tuple[str, str]:
    server, volume_id = await cloud.create(), await cloud.volume()
    await cloud.settle()
    await cloud.attach(server.id, volume_id)
    await cloud.settle()
    await cloud.add_host("host-2")
    return server.id, volume_id


async def test_an_evacuated_server_has_the_volumes_of_a_host_that_is_up(cloud: DiskCloud) -> None:
    server_id, volume_id = await with_volume(cloud)
    await cloud.compute.moves.migrate_live(ADMIN, server_id, None, copies_disks=None)
    await cloud.settle()
    [before] = await cloud.attachments()
    assert before.instance_host == "host-2" and before.connection is not None
    await go_down(cloud, "host-2")
    await evacuate(cloud, server_id)
    now = await cloud.server(server_id)
    assert (now.status, now.task, now.host, now.fault) == ("ACTIVE", None, "host-1", None)
    assert cloud.hosts["host-1"].driver.volumes(server_id) == (volume_id,)
    [after] = await cloud.attachments()
    assert (after.id, after.status, after.instance_host) == (before.id, "attached", "host-1")
    assert after.connection == before.connection, (
        "it is served as before: who was down has the same disk if he comes back"
    )
    await cloud.compute.volumes.detach(MEMBER, server_id, volume_id)
    await cloud.settle()
    assert (await cloud.attachments(), (await cloud.shown(volume_id)).status) == ([], "available")


async def test_a_server_whose_volumes_are_on_the_host_that_is_down_stays_and_says_why(cloud: DiskCloud) -> None:
    server_id, volume_id = await with_volume(cloud)
    before = await cloud.server(server_id)
    await go_down(cloud, "host-1")
    await evacuate(cloud, server_id)
    now = await cloud.server(server_id)
    assert (now.status, now.task, now.host) == (before.status, None, "host-1")
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="evacuate")
    assert f"without volume {volume_id}, which is on a host that is down" in action.events[0]["details"]
    [move] = await cloud.db.find(MIGRATIONS)
    assert (move.status, move.key) == ("error", "")
    [attachment] = await cloud.attachments()
    assert (attachment.status, attachment.instance_host) == ("attached", "host-1")
    assert await cloud.hosts["host-2"].driver.look(server_id) is None
