"""What is found of files that are really there: volumes of the back end ``file``, with layers, snapshots and clones."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.checked_cloud import check, wrongs
from tests.conftest import MEMBER_PROJECT, create_tables
from tests.disk_cloud import DiskCloud
from wolke.block_storage.drivers.file import FileDriver
from wolke.block_storage.store import SNAPSHOTS
from wolke.core.db import open_database
from wolke.core.ids import uuid

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="the host lacks qemu-img")


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[DiskCloud]:
    url = f"sqlite:///{tmp_path}/wolke.db"
    await create_tables(url)
    database = await open_database(url)
    made = DiskCloud(database, tmp_path, wrap_storage=lambda driver: FileDriver(tmp_path / "files", host="host-1"))
    made.start()
    await made.add_host()
    await made.furnish()
    yield made
    await database.close()


def folder(cloud: DiskCloud, volume_id: str) -> Path:
    return cloud.root / "files/volumes" / volume_id


async def snapshot_of(cloud: DiskCloud, volume_id: str) -> str:
    http = cloud.http.using("member", f"/volume/v3/{MEMBER_PROJECT}", openstack_api_version="volume latest")
    answer = await http.post("/snapshots", {"snapshot": {"volume_id": volume_id}})
    assert answer.status == 202, answer.body
    await cloud.settle()
    return str(answer.json["snapshot"]["id"])


async def test_volumes_with_snapshots_and_clones_are_clean(cloud: DiskCloud) -> None:
    volume_id = await cloud.volume()
    await snapshot_of(cloud, volume_id)
    await cloud.volume(source_volid=volume_id)
    assert await wrongs(cloud) == []


async def test_a_chain_that_lost_a_layer_is_told_and_not_touched(cloud: DiskCloud) -> None:
    volume_id = await cloud.volume()
    await snapshot_of(cloud, volume_id)
    definition = folder(cloud, volume_id) / "definition.json"
    before = definition.read_bytes()
    layers = sorted(folder(cloud, volume_id).glob("*.qcow2"), key=lambda path: path.stat().st_mtime_ns)
    layers[0].unlink()
    report = await check(cloud, repair=True)
    assert [one.check for one in report.left] == ["volume-broken"]
    assert f"its layer {layers[0].name} is not there" in report.left[0].says
    assert definition.read_bytes() == before


async def test_a_volume_whose_folder_is_gone_is_put_in_error(cloud: DiskCloud) -> None:
    volume_id = await cloud.volume()
    shutil.rmtree(folder(cloud, volume_id))
    assert [one.split(":")[0] for one in await wrongs(cloud)] == ["volume-without-data"]
    assert (await check(cloud, repair=True)).left == []
    found = await cloud.shown(volume_id)
    assert (found.status, found.reason) == ("error", "Its data is not on its backend.")
    assert await wrongs(cloud) == []


async def test_a_folder_that_no_row_names_is_kept_in_quarantine(cloud: DiskCloud) -> None:
    volume_id, stranger = await cloud.volume(), uuid()
    shutil.copytree(folder(cloud, volume_id), folder(cloud, stranger))
    assert [one.split(":")[0] for one in await wrongs(cloud)] == ["data-without-volume"]
    assert (await check(cloud, repair=True)).left == []
    assert await wrongs(cloud) == []
    [kept] = (cloud.root / "files/quarantine").iterdir()
    assert kept.name.startswith(stranger)
    assert (kept / "definition.json").exists()
    assert folder(cloud, volume_id).exists()


async def test_half_a_volume_is_no_volume(cloud: DiskCloud) -> None:
    volume_id = await cloud.volume()
    (folder(cloud, volume_id) / "definition.json").unlink()
    [said] = await wrongs(cloud)
    assert "only half of it is on backend" in said


async def test_a_snapshot_that_the_file_does_not_know_is_put_in_error(cloud: DiskCloud) -> None:
    volume_id = await cloud.volume()
    snapshot_id = await snapshot_of(cloud, volume_id)
    [agent] = cloud.storage_agents.values()
    await agent._ground.driver("host-1@disks").delete_snapshot(volume_id, snapshot_id)
    assert [one.split(":")[0] for one in await wrongs(cloud)] == ["snapshot-without-data"]
    assert (await check(cloud, repair=True)).left == []
    found = await cloud.db.get(SNAPSHOTS, id=snapshot_id)
    assert found is not None and found.status == "error"
    assert await wrongs(cloud) == []
