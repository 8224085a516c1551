"""Servers that start from volumes: in every form that they can be asked for, and what is left when it goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MEMBER_PROJECT, AsgiClient
from tests.disk_cloud import DiskCloud
from tests.life_cloud import MEMBER
from wolke.block_storage.store import VOLUMES
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import BLOCK_DEVICES
from wolke.core.db import Database
from wolke.placement.store import ALLOCATIONS


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[DiskCloud]:
    made = DiskCloud(database, tmp_path)
    made.start()
    await made.add_host()
    await made.furnish()
    yield made


@pytest.fixture
def member(cloud: DiskCloud) -> AsgiClient:
    return cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute latest")


async def ask(member: AsgiClient, devices: list[dict[str, Any]], **more: Any) -> Any:
    body = {"name": "one", "flavorRef": "1", "networks": "auto", "block_device_mapping_v2": devices, **more}
    return await member.post("/servers", {"server": body})


async def boot(cloud: DiskCloud, member: AsgiClient, devices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answer = await ask(member, devices, **more)
    assert answer.status == 202, answer.body
    await cloud.settle()
    return await shown(member, answer.json["server"]["id"])


async def shown(member: AsgiClient, server_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await member.get(f"/servers/{server_id}")).json["server"]
    return found


def of_image(cloud: DiskCloud, **more: Any) -> dict[str, Any]:
    device = {"source_type": "image", "destination_type": "volume", "uuid": cloud.image_id, "boot_index": 0}
    return device | {"volume_size": 2, **more}


def of_volume(volume_id: str, **more: Any) -> dict[str, Any]:
    return {"source_type": "volume", "destination_type": "volume", "uuid": volume_id, "boot_index": 0, **more}


def driver(cloud: DiskCloud) -> SimulatedDriver:
    found = cloud.hosts["host-1"].driver
    assert isinstance(found, SimulatedDriver)
    return found


async def test_a_server_starts_from_a_volume_made_of_an_image(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud)])
    assert (server["status"], server["image"]) == ("ACTIVE", "")
    [attached] = server["os-extended-volumes:volumes_attached"]
    assert attached["delete_on_termination"] is False
    volume = await cloud.shown(attached["id"])
    assert (volume.status, volume.size_gib, volume.bootable, volume.image_id) == ("in-use", 2, True, cloud.image_id)
    assert volume.project_id == MEMBER_PROJECT
    assert driver(cloud).volumes(server["id"]) == (volume.id,)
    listed = (await member.get(f"/servers/{server['id']}/os-volume_attachments")).json["volumeAttachments"]
    assert [(one["volumeId"], one["device"]) for one in listed] == [(volume.id, "/dev/vda")]
    claimed = await cloud.db.find(ALLOCATIONS, consumer=server["id"])
    assert {one.resource_class for one in claimed} == {"VCPU", "MEMORY_MB"}
    await cloud.compute.server_actions.delete(MEMBER, server["id"])
    await cloud.settle()
    assert (await cloud.shown(volume.id)).status == "available"
    assert await cloud.attachments() == []


async def test_a_server_starts_from_a_volume_that_is_there(cloud: DiskCloud, member: AsgiClient) -> None:
    volume_id = await cloud.volume(imageRef=cloud.image_id)
    answer = await ask(member, [of_volume(volume_id, delete_on_termination=True, tag="root")])
    assert answer.status == 202, answer.body
    assert (await cloud.shown(volume_id)).status == "reserved"
    await cloud.settle()
    server = await shown(member, answer.json["server"]["id"])
    assert server["status"] == "ACTIVE"
    assert (await cloud.shown(volume_id)).status == "in-use"
    await cloud.compute.server_actions.delete(MEMBER, server["id"])
    await cloud.settle()
    assert await cloud.db.find(VOLUMES) == []
    assert await cloud.db.find(BLOCK_DEVICES) == []
