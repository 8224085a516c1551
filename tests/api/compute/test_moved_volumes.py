"""A server's volumes when it goes to another host: they go along if that can open them; else they stay, and so does the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.compute.test_boot_from_volume import boot, of_image
from tests.conftest import AsgiClient
from tests.disk_cloud import DiskCloud
from tests.life_cloud import ADMIN, MEMBER
from wolke.block_storage.drivers.base import Connection, Connector
from wolke.block_storage.store import HOSTS
from wolke.compute.store import MIGRATIONS, SERVER_ACTIONS
from wolke.core.db import Database
from wolke.core.drivers import Failure


class Reachable:
    """A back end for volumes, which serves them to other hosts until ``alone`` is set."""

    alone = False

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._host = driver._host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    async def connect(self, volume_id: str, connector: Connector) -> Connection:
        if self.alone and (connector.host != self._host or connector.served):
            raise Failure("There is no way to another host.")
        found: Connection = await self._driver.connect(volume_id, connector)
        return found


def keep_to_themselves(cloud: DiskCloud) -> None:
    for agent in cloud.storage_agents.values():
        driver: Any = agent._ground.backends["disks"].driver
        driver.alone = True


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> DiskCloud:
    return await DiskCloud.whole(database, tmp_path, wrap_storage=Reachable)


@pytest.mark.parametrize("verb", [{"migrate": None}, {"os-migrateLive": {"host": None, "block_migration": "auto"}}])
async def test_a_server_whose_volumes_cannot_follow_stays_with_them(cloud: DiskCloud, verb: dict[str, Any]) -> None:
    server, volume_id = await cloud.create(), await cloud.volume()
    await cloud.settle()
    await cloud.attach(server.id, volume_id)
    await cloud.settle()
    before = await cloud.attachments()
    await cloud.add_host("host-2")
    keep_to_themselves(cloud)
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
    assert "host" in shown.json["instanceAction"]["events"][0]["details"]


async def with_a_file(cloud: DiskCloud) -> tuple[str, str]:
    """A server on host-1 that has a volume of host-1 open as a file; host-2 is there. The server and the volume."""
    server, volume_id = await cloud.create(), await cloud.volume()
    await cloud.settle()
    await cloud.attach(server.id, volume_id)
    await cloud.settle()
    await cloud.add_host("host-2")
    [attachment] = await cloud.attachments()
    assert (attachment.instance_host, (attachment.connection or {})["type"]) == ("host-1", "file")
    return server.id, volume_id


async def test_a_volume_that_is_a_file_is_served_so_that_its_server_can_go_live(cloud: DiskCloud) -> None:
    server_id, volume_id = await with_a_file(cloud)
    await cloud.compute.moves.migrate_live(ADMIN, server_id, None, copies_disks=None)
    await cloud.settle()
    now = await cloud.server(server_id)
    assert (now.status, now.task, now.host, now.power) == ("ACTIVE", None, "host-2", "running")
    assert cloud.hosts["host-2"].driver.volumes(server_id) == (volume_id,)
    [attachment] = await cloud.attachments()
    assert (attachment.instance_host, (attachment.connection or {})["type"]) == ("host-2", "nbd")
    assert (await cloud.shown(volume_id)).host == "host-1", "what is in it is where it was"


@pytest.mark.parametrize("trouble", ["send", "receive", "take_up"])
async def test_a_migration_in_vain_leaves_the_server_running_with_its_volume(cloud: DiskCloud, trouble: str) -> None:
    server_id, volume_id = await with_a_file(cloud)
    driver: Any = cloud.hosts["host-2" if trouble == "receive" else "host-1"].driver
    driver._plans[trouble] = [Failure("simulated: no")]
    await cloud.compute.moves.migrate_live(ADMIN, server_id, None, copies_disks=None)
    await cloud.settle()
    now = await cloud.server(server_id)
    assert (now.status, now.task, now.host, now.other_host) == ("ACTIVE", None, "host-1", None)
    assert await cloud.guests() == {server_id: "running"}
    assert cloud.hosts["host-1"].driver.volumes(server_id) == (volume_id,)
    await cloud.compute.moves.migrate_live(ADMIN, server_id, None, copies_disks=None)
    await cloud.settle()
    assert (await cloud.server(server_id)).host == "host-2"


async def test_what_its_back_end_cannot_serve_is_refused_before_the_server_stands_still(cloud: DiskCloud) -> None:
    server_id, _ = await with_a_file(cloud)
    [host] = await cloud.db.find(HOSTS, name="host-1")
    for backend in host.backends:
        backend.capabilities["remote"] = False
    async with cloud.db.transaction() as tx:
        await tx.update(HOSTS, {"backends": host.backends}, id=host.id)
    driver: Any = cloud.hosts["host-1"].driver
    driver._plans["let_go"] = [AssertionError("it was made to stand still")]
    await cloud.compute.moves.migrate_live(ADMIN, server_id, None, copies_disks=None)
    await cloud.settle()
    [action] = await cloud.db.find(SERVER_ACTIONS, server_id=server_id, action="live-migration")
    assert "its back end cannot" in action.events[0]["details"]
    assert await cloud.guests() == {server_id: "running"}


async def test_a_server_goes_live_with_volumes_that_both_hosts_can_open(cloud: DiskCloud) -> None:
    """Of which it has none of its own host's; and comes to the host of its volume, where that is opened as before."""
    server, volume_id = await cloud.create(), await cloud.volume()
    await cloud.settle()
    await cloud.add_host("host-2")
    await cloud.compute.moves.migrate(ADMIN, server.id, None)
    await cloud.settle()
    await cloud.compute.moves.confirm(ADMIN, server.id)
    await cloud.settle()
    await cloud.attach(server.id, volume_id)
    await cloud.settle()
    [before] = await cloud.attachments()
    assert before.instance_host == "host-2"
    there: Any = cloud.hosts["host-1"].driver
    there._plans["receive"] = [Failure("no room for it")]
    await cloud.compute.moves.migrate_live(ADMIN, server.id, None, copies_disks=None)
    await cloud.settle()
    [after] = await cloud.attachments()
    assert (await cloud.server(server.id)).host == "host-2"
    assert (after.instance_host, after.connector, after.connection) == ("host-2", before.connector, before.connection)
    await cloud.compute.moves.migrate_live(ADMIN, server.id, None, copies_disks=None)
    await cloud.settle()
    now = await cloud.server(server.id)
    assert (now.status, now.task, now.host, now.other_host) == ("ACTIVE", None, "host-1", None)
    assert there.volumes(server.id) == (volume_id,)
    assert await cloud.hosts["host-2"].driver.look(server.id) is None
    [after] = await cloud.attachments()
    assert (after.id, after.status, after.instance_host) == (before.id, "attached", "host-1")
    assert after.connection == before.connection
    await cloud.compute.volumes.detach(MEMBER, server.id, volume_id)
    await cloud.settle()
    assert (await cloud.attachments(), (await cloud.shown(volume_id)).status) == ([], "available")


async def test_a_server_that_is_migrated_takes_its_volumes_along_and_back(cloud: DiskCloud) -> None:
    server, volume_id = await cloud.create(), await cloud.volume()
    await cloud.settle()
    await cloud.attach(server.id, volume_id)
    await cloud.settle()
    await cloud.add_host("host-2")
    for verb, host in (("migrate", "host-2"), ("revert", "host-1"), ("migrate", "host-2")):
        await (
            cloud.compute.moves.migrate(ADMIN, server.id, None)
            if verb == "migrate"
            else cloud.compute.moves.revert(ADMIN, server.id)
        )
        await cloud.settle()
        assert cloud.hosts[host].driver.volumes(server.id) == (volume_id,)
        [attachment] = await cloud.attachments()
        assert (attachment.status, attachment.instance_host) == ("attached", host)
    await cloud.compute.moves.confirm(ADMIN, server.id)
    await cloud.settle()
    assert (await cloud.server(server.id)).status == "ACTIVE"


async def test_a_server_that_comes_back_has_no_volume_that_was_taken_meanwhile(
    cloud: DiskCloud, member: AsgiClient
) -> None:
    server, gone, kept = await cloud.create(), await cloud.volume(), await cloud.volume()
    await cloud.settle()
    for volume_id in (gone, kept):
        await cloud.attach(server.id, volume_id)
        await cloud.settle()
    await cloud.add_host("host-2")
    for body in ({"os-stop": None}, {"resize": {"flavorRef": "2"}}):
        assert (await member.post(f"/servers/{server.id}/action", body)).status == 202
        await cloud.settle()
    assert (await cloud.server(server.id)).status == "RESIZED"
    assert (await member.delete(f"/servers/{server.id}/os-volume_attachments/{gone}")).status == 202
    await cloud.settle()
    assert (await member.post(f"/servers/{server.id}/action", {"revertResize": None})).status == 202
    await cloud.settle()
    now = await cloud.server(server.id)
    assert (now.status, now.task) == ("SHUTOFF", None)
    assert now.host is not None and cloud.machines(now.host).volumes(server.id) == (kept,)


async def test_a_server_without_disks_of_its_own_has_none_to_copy(cloud: DiskCloud) -> None:
    member = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")
    admin = cloud.http.using("admin", "/compute/v2.1", openstack_api_version="compute latest")
    wish = {"os-migrateLive": {"host": None, "block_migration": False}}
    image_backed, volume_backed = await cloud.create(), await boot(cloud, member, [of_image(cloud)])
    await cloud.settle()
    assert (await admin.post(f"/servers/{image_backed.id}/action", wish)).status == 400
    assert (await admin.post(f"/servers/{volume_backed['id']}/action", wish)).status == 202
