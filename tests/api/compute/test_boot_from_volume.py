"""Servers that start from volumes: in every form that they can be asked for, and what is left when it goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import MEMBER_PROJECT, AsgiClient
from tests.disk_cloud import DiskCloud
from tests.life_cloud import ADMIN, MEMBER
from wolke.block_storage.store import SNAPSHOTS, VOLUMES
from wolke.compute.service.life.specification import specification
from wolke.compute.store import BLOCK_DEVICES, SERVER_ACTIONS
from wolke.core.clock import HeldClock
from wolke.core.db import Database
from wolke.core.drivers import Failure
from wolke.image.errors import ImageNotFound
from wolke.image.service import ImageWish
from wolke.image.store import IMAGES
from wolke.placement.store import ALLOCATIONS


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> DiskCloud:
    return await DiskCloud.whole(database, tmp_path)


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


async def told_of(cloud: DiskCloud, server_id: str) -> dict[str, Any]:
    """What its host is told of it."""
    return specification(await cloud.server(server_id), (), None)


def backend_of(cloud: DiskCloud) -> Any:
    """The simulated one with the volumes."""
    return cloud.storage_agents["host-1"]._ground.backends["disks"].driver


async def test_a_server_starts_from_a_volume_made_of_an_image(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud)])
    assert (server["status"], server["image"]) == ("ACTIVE", "")
    [attached] = server["os-extended-volumes:volumes_attached"]
    assert attached["delete_on_termination"] is False
    volume = await cloud.shown(attached["id"])
    assert (volume.status, volume.size_gib, volume.bootable, volume.image_id) == ("in-use", 2, True, cloud.image_id)
    assert volume.project_id == MEMBER_PROJECT
    assert cloud.machines().volumes(server["id"]) == (volume.id,)
    listed = (await member.get(f"/servers/{server['id']}/os-volume_attachments")).json["volumeAttachments"]
    assert [(one["volumeId"], one["device"]) for one in listed] == [(volume.id, "/dev/vda")]
    claimed = await cloud.db.find(ALLOCATIONS, consumer=server["id"])
    assert {one.resource_class for one in claimed} == {"VCPU", "MEMORY_MB"}
    assert (await cloud.compute.hosts.use())["host-1"].disk_gib == 0
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


async def test_every_source_makes_a_disk(cloud: DiskCloud, member: AsgiClient) -> None:
    source = await cloud.volume(imageRef=cloud.image_id)
    volumes = cloud.http.using("member", f"/volume/v3/{MEMBER_PROJECT}", openstack_api_version="volume latest")
    made = await volumes.post("/snapshots", {"snapshot": {"volume_id": source}})
    snapshot_id = made.json["snapshot"]["id"]
    there = await cloud.volume()
    devices = [
        {"source_type": "snapshot", "destination_type": "volume", "uuid": snapshot_id, "boot_index": 0},
        {"source_type": "blank", "destination_type": "volume", "volume_size": 3, "tag": "scratch"},
        of_volume(there, boot_index=None, device_name="vdf"),
        of_image(cloud, boot_index=-1, volume_size="1", delete_on_termination=True),
    ]
    server = await boot(cloud, member, devices)
    assert server["status"] == "ACTIVE", server
    listed = (await member.get(f"/servers/{server['id']}/os-volume_attachments")).json["volumeAttachments"]
    by_device = {one["device"]: one for one in listed}
    assert sorted(by_device) == ["/dev/vda", "/dev/vdb", "/dev/vdc", "/dev/vdf"]
    root, blank, copy = [await cloud.shown(by_device[f"/dev/vd{letter}"]["volumeId"]) for letter in "abc"]
    assert (root.snapshot_id, root.size_gib, root.bootable) == (snapshot_id, 1, True)
    assert (blank.size_gib, blank.name, by_device["/dev/vdb"]["tag"]) == (3, f"{server['id']}-blank-vol", "scratch")
    assert (copy.image_id, copy.size_gib) == (cloud.image_id, 1)
    assert by_device["/dev/vdf"]["volumeId"] == there
    assert len(cloud.machines().volumes(server["id"])) == 4
    await cloud.compute.server_actions.delete(MEMBER, server["id"])
    await cloud.settle()
    assert await cloud.db.find(VOLUMES, id=copy.id) == []
    assert [(await cloud.shown(one.id)).status for one in (root, blank)] == ["available", "available"]


async def test_the_old_mapping_still_works(cloud: DiskCloud) -> None:
    old = cloud.http.using("member", "/compute/v2.1")
    volume_id = await cloud.volume(imageRef=cloud.image_id)
    body = {"name": "old", "flavorRef": "1", "block_device_mapping": [{"volume_id": volume_id, "device_name": "vda"}]}
    answer = await old.post("/servers", {"server": body})
    assert answer.status == 202, answer.body
    await cloud.settle()
    server = await shown(old, answer.json["server"]["id"])
    assert (server["status"], server["image"]) == ("ACTIVE", "")
    assert server["os-extended-volumes:volumes_attached"] == [{"id": volume_id}]


async def test_volumes_beside_a_disk_of_an_image(cloud: DiskCloud, member: AsgiClient) -> None:
    """The root disk is the host's: it has an image, and takes the host's room."""
    device = {"source_type": "blank", "destination_type": "volume", "volume_size": 1, "delete_on_termination": True}
    server = await boot(cloud, member, [device], imageRef=cloud.image_id)
    assert (server["status"], server["image"]["id"]) == ("ACTIVE", cloud.image_id)
    assert len(server["os-extended-volumes:volumes_attached"]) == 1
    claimed = await cloud.db.find(ALLOCATIONS, consumer=server["id"])
    assert {one.resource_class for one in claimed} == {"VCPU", "MEMORY_MB", "DISK_GB"}


async def test_several_servers_each_get_a_volume(cloud: DiskCloud, member: AsgiClient) -> None:
    answer = await ask(member, [of_image(cloud)], min_count=2, max_count=2)
    assert answer.status == 202, answer.body
    await cloud.settle()
    found = (await member.get("/servers/detail")).json["servers"]
    assert [one["status"] for one in found] == ["ACTIVE", "ACTIVE"]
    assert len({one["os-extended-volumes:volumes_attached"][0]["id"] for one in found}) == 2


async def test_ephemeral_disks_are_as_they_were_asked_for(cloud: DiskCloud, member: AsgiClient) -> None:
    flavor = {"name": "roomy", "id": "roomy", "vcpus": 1, "ram": 64, "disk": 0, "OS-FLV-EXT-DATA:ephemeral": 5}
    assert (await member.using("admin").post("/flavors", {"flavor": flavor})).status == 200
    disk = {"source_type": "blank", "destination_type": "local"}
    three = [of_image(cloud), *({**disk, "volume_size": size} for size in (1, 2, 1))]
    server = await boot(cloud, member, three, flavorRef="roomy")
    assert server["status"] == "ACTIVE", server
    made = (await told_of(cloud, server["id"]))["ephemerals"]
    assert [(one["size_gib"], one["format"]) for one in made] == [(1, "ext4"), (2, "ext4"), (1, "ext4")]
    await cloud.attach(server["id"], volume_id := await cloud.volume())
    attached = await member.get(f"/servers/{server['id']}/os-volume_attachments/{volume_id}")
    assert attached.json["volumeAttachment"]["device"] == "/dev/vde", "after the root disk and three of its own"

    plain = await boot(cloud, member, [], imageRef=cloud.image_id, flavorRef="roomy")
    assert [one["size_gib"] for one in (await told_of(cloud, plain["id"]))["ephemerals"]] == [5]
    for devices, words in (
        ([*three, {**disk, "volume_size": 1}], "more local devices than the limit allows"),
        ([*three[:3], disk], "Ephemeral disks requested are larger"),
        ([three[0], {**disk, "volume_size": 1, "guest_format": "xfs"}], "formatted as one of ext4, ext3, ext2"),
    ):
        refused = await ask(member, devices, flavorRef="roomy")
        assert (refused.status, words in refused.json["badRequest"]["message"]) == (400, True), refused.body


async def test_what_is_refused(cloud: DiskCloud, member: AsgiClient) -> None:
    blank, bootable = await cloud.volume(), await cloud.volume(imageRef=cloud.image_id)
    nobody = cloud.new_id()
    invalid = "Block Device Mapping is Invalid: "
    wrong: tuple[tuple[list[dict[str, Any]], str], ...] = (
        ([], "Missing imageRef attribute"),
        ([of_volume(nobody)], f"{invalid}failed to get volume {nobody}."),
        ([of_volume(blank)], f"{invalid}Block Device {blank} is not bootable."),
        ([of_volume(bootable, boot_index=1)], f"{invalid}Boot sequence for"),
        ([of_volume(bootable), of_image(cloud)], f"{invalid}Boot sequence for"),
        ([of_volume(bootable, boot_index=None)], f"{invalid}Boot sequence for"),
        ([of_volume(bootable, destination_type="local")], f"{invalid}Mapping volume to local is not supported."),
        ([of_image(cloud, destination_type="local")], f"{invalid}Mapping image to local is not supported."),
        (
            [of_image(cloud, volume_size=None)],
            f"{invalid}Images with destination_type 'volume' need to have a non-zero",
        ),
        ([of_image(cloud, uuid=nobody)], f"{invalid}failed to get image {nobody}."),
        ([{"source_type": "snapshot", "uuid": nobody, "boot_index": 0}], f"{invalid}failed to get snapshot {nobody}."),
        ([of_volume(bootable), {"source_type": "blank", "destination_type": "volume"}], f"{invalid}Blank volumes"),
        ([of_volume(bootable), {"source_type": "blank", "uuid": nobody}], f"{invalid}Invalid device UUID."),
        ([{"source_type": "volume", "boot_index": 0}], f"{invalid}Missing device UUID."),
        ([of_image(cloud, volume_type="none")], "Volume type none could not be found."),
        ([of_image(cloud, disk_bus="warp")], f"{invalid}disk bus warp is not valid."),
        ([of_image(cloud), {"source_type": "blank", "guest_format": "swap", "volume_size": 1}], f"{invalid}Swap drive"),
        (
            [of_image(cloud), {"source_type": "blank", "volume_size": 1}],
            f"{invalid}Ephemeral disks requested are larger",
        ),
        ([of_image(cloud), of_image(cloud, boot_index=None, device_name="vda")], f"{invalid}Two devices have the same"),
        ([of_image(cloud, device_name="v d")], f"{invalid}Device name contains spaces."),
    )
    for devices, words in wrong:
        answer = await ask(member, devices)
        assert answer.status == 400, (devices, answer.body)
        assert answer.json["badRequest"]["message"].startswith(words), (devices, answer.body)
    for devices in ([{"source_type": "tape", "boot_index": 0}], [of_image(cloud, volume_size=-1)], [{"uuid": blank}]):
        assert (await ask(member, devices)).status == 400
    twice = await ask(member, [of_volume(bootable)], max_count=2)
    assert "Cannot attach one or more volumes to multiple instances" in twice.json["badRequest"]["message"]
    old = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute 2.66")
    assert (await ask(old, [of_image(cloud, volume_type="disks")])).status == 400
    both = await ask(member, [of_volume(bootable)], block_device_mapping=[{"volume_id": bootable}])
    assert both.status == 400
    foreign = await member.using("other").post(
        "/servers", {"server": {"name": "x", "flavorRef": "1", "networks": "none",
                                "block_device_mapping_v2": [of_volume(bootable)]}}
    )  # fmt: skip
    assert foreign.status == 400, foreign.body
    assert (await member.get("/servers")).json["servers"] == []
    assert await cloud.attachments() == []


async def test_a_volume_goes_to_one_server_only(cloud: DiskCloud, member: AsgiClient) -> None:
    volume_id = await cloud.volume(imageRef=cloud.image_id)
    assert (await ask(member, [of_volume(volume_id)])).status == 202
    second = await ask(member, [of_volume(volume_id)])
    assert second.status == 400
    assert second.json["badRequest"]["message"].startswith("Invalid volume: ")
    assert len((await member.get("/servers")).json["servers"]) == 1


async def test_a_root_volume_must_be_large_enough_for_its_image(cloud: DiskCloud, member: AsgiClient) -> None:
    image = await cloud.images.image(MEMBER, cloud.image_id)
    await cloud.images.update(MEMBER, image, {"min_disk": 3})
    answer = await ask(member, [of_image(cloud)])
    assert answer.status == 400
    assert "Volume is smaller than the minimum size specified in image metadata" in answer.json["badRequest"]["message"]
    image = await cloud.images.image(MEMBER, cloud.image_id)
    await cloud.images.update(MEMBER, image, {"min_disk": 0, "min_ram": 1 << 20})
    answer = await ask(member, [of_image(cloud)])
    assert "memory is too small" in answer.json["badRequest"]["message"]


async def test_a_volume_that_cannot_be_made_leaves_nothing(cloud: DiskCloud, member: AsgiClient) -> None:
    there = await cloud.volume()
    backend = backend_of(cloud)
    backend._plans["create"] = [Failure("the shelf is full")]
    devices = [of_image(cloud), of_volume(there, boot_index=None)]
    server = await boot(cloud, member, devices)
    assert (server["status"], server["os-extended-volumes:volumes_attached"]) == ("ERROR", [])
    assert "the shelf is full" in server["fault"]["message"]
    assert (await cloud.shown(there)).status == "available"
    assert [one.id for one in await cloud.db.find(VOLUMES)] == [there]
    assert await cloud.attachments() == []
    assert await cloud.db.find(BLOCK_DEVICES) == []
    assert await cloud.allocations() == set()


async def test_a_volume_that_takes_too_long_is_named(cloud: DiskCloud, member: AsgiClient) -> None:
    answer = await ask(member, [of_image(cloud)])
    await cloud.reconciler.servers.drain()
    [volume] = await cloud.db.find(VOLUMES)
    assert isinstance(cloud.clock, HeldClock)
    cloud.clock.move(cloud.config.build_deadline_s + 1)
    await cloud.hosts["host-1"].agent.register()
    await cloud.storage_agents["host-1"].register()
    await cloud.reconciler.servers.drain()
    await cloud.settle()
    server = await shown(member, answer.json["server"]["id"])
    assert server["status"] == "ERROR"
    assert f"Volume {volume.id} was still being made." in server["fault"]["message"]
    assert await cloud.db.find(VOLUMES) == []


async def test_a_guest_is_told_of_its_volumes(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud, tag="root")], config_drive=True)
    assert server["status"] == "ACTIVE"
    [port] = await cloud.ports()
    address = port["fixed_ips"][0]["ip_address"]
    told = await cloud.life.metadata(port["network_id"], address, "openstack/latest/meta_data.json")
    [device] = msgspec.json.decode(told)["devices"]
    [volume] = server["os-extended-volumes:volumes_attached"]
    assert (device["serial"], device["path"], device["tags"]) == (volume["id"], "/dev/vda", ["root"])


async def test_a_server_goes_where_its_volumes_are(cloud: DiskCloud, member: AsgiClient) -> None:
    await cloud.add_host("host-2")
    for number in range(4):
        volume_id = await cloud.volume(imageRef=cloud.image_id)
        body = [of_volume(volume_id)] if number % 2 else [of_image(cloud)]
        server = await boot(cloud, member, body)
        assert server["status"] == "ACTIVE", server
        [attached] = server["os-extended-volumes:volumes_attached"]
        assert (await cloud.shown(attached["id"])).host == (await cloud.server(server["id"])).host


async def test_old_clients_get_no_volume_that_several_may_have(cloud: DiskCloud, member: AsgiClient) -> None:
    await cloud.storage.types.create(ADMIN, "shared", None, is_public=True, extra_specs={"multiattach": "<is> True"})
    volume_id = await cloud.volume(imageRef=cloud.image_id, volume_type="shared")
    old = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute 2.59")
    answer = await ask(old, [of_volume(volume_id)])
    assert "Multiattach volumes are only supported" in answer.json["badRequest"]["message"]
    beside = of_volume(volume_id, boot_index=None)
    assert (await ask(member, [beside], imageRef=cloud.image_id, min_count=2, max_count=2)).status == 202
    assert [one.status for one in await cloud.attachments()] == ["reserved", "reserved"]


async def test_the_quota_of_volumes_is_a_reason(cloud: DiskCloud, member: AsgiClient) -> None:
    await cloud.storage.quotas.update(MEMBER, MEMBER_PROJECT, {"volumes": 0})
    server = await boot(cloud, member, [of_image(cloud)])
    assert server["status"] == "ERROR"
    assert "Maximum number of volumes allowed (0) exceeded" in server["fault"]["message"]
    assert await cloud.db.find(VOLUMES) == []


async def test_a_guest_that_cannot_be_made_leaves_no_volume(cloud: DiskCloud, member: AsgiClient) -> None:
    cloud.machines()._plans["create"] = [Failure("no guests today")]
    server = await boot(cloud, member, [of_image(cloud)])
    assert (server["status"], server["fault"]["message"]) == ("ERROR", "no guests today")
    assert await cloud.db.find(VOLUMES) == []
    assert await cloud.attachments() == []


async def test_delete_wins_over_a_volume_that_is_being_made(cloud: DiskCloud, member: AsgiClient) -> None:
    answer = await ask(member, [of_image(cloud)])
    server_id = answer.json["server"]["id"]
    await cloud.reconciler.servers.drain()
    assert (await cloud.server(server_id)).task == "block_device_mapping"
    assert len(await cloud.db.find(VOLUMES)) == 1
    assert (await member.delete(f"/servers/{server_id}")).status == 204
    await cloud.settle()
    assert await cloud.db.find(VOLUMES) == []
    assert (await member.get(f"/servers/{server_id}")).status == 404


async def test_a_flavor_without_a_disk_needs_a_volume(cloud: DiskCloud, member: AsgiClient) -> None:
    admin = member.using("admin")
    flavor = {"name": "diskless", "vcpus": 1, "ram": 64, "disk": 0, "id": "d0"}
    assert (await admin.post("/flavors", {"flavor": flavor})).status == 200
    server = await boot(cloud, member, [of_image(cloud)], flavorRef="d0")
    assert server["status"] == "ACTIVE"


async def test_the_root_volume_stays_with_its_server(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud)])
    [volume] = server["os-extended-volumes:volumes_attached"]
    path = f"/servers/{server['id']}/os-volume_attachments/{volume['id']}"
    assert (await member.delete(path)).status == 400
    later = await cloud.volume()
    await cloud.attach(server["id"], later)
    await cloud.settle()
    for verb, action in (("stop", "stop"), ("start", "start"), ("reboot_hard", "reboot"), ("suspend", "suspend"),
                         ("resume", "resume")):  # fmt: skip
        await cloud.compute.server_actions.begin(MEMBER, server["id"], verb, action)
        await cloud.settle()
        assert cloud.machines().volumes(server["id"]) == (volume["id"], later), verb
    assert (await shown(member, server["id"]))["status"] == "ACTIVE"


async def test_an_image_of_a_server_with_volumes_makes_another(cloud: DiskCloud, member: AsgiClient) -> None:
    device = {"source_type": "blank", "destination_type": "volume", "volume_size": 1, "tag": "data"}
    server = await boot(cloud, member, [of_image(cloud), device])
    made = await member.post(f"/servers/{server['id']}/action", {"createImage": {"name": "both"}})
    assert made.status == 202, made.body
    image_id = made.json["image_id"]
    assert (await shown(member, server["id"]))["OS-EXT-STS:task_state"] == "image_snapshot_pending"
    assert (await cloud.images.image(MEMBER, image_id)).status == "queued"
    await cloud.settle()
    image = await cloud.images.image(MEMBER, image_id)
    assert (image.status, image.size, image.properties["bdm_v2"]) == ("active", 0, "True")
    again = await boot(cloud, member, [], imageRef=image_id)
    assert (again["status"], again["image"]) == ("ACTIVE", "")
    listed = (await member.get(f"/servers/{again['id']}/os-volume_attachments")).json["volumeAttachments"]
    assert [(one["device"], one["tag"]) for one in listed] == [("/dev/vda", None), ("/dev/vdb", "data")]
    assert {one["volumeId"] for one in listed}.isdisjoint(
        one["id"] for one in server["os-extended-volumes:volumes_attached"]
    )
    backup = {"createBackup": {"name": "b", "backup_type": "daily", "rotation": 1}}
    refused = await member.post(f"/servers/{server['id']}/action", backup)
    assert refused.json["badRequest"]["message"] == "Backup is not supported for volume-backed instances."


async def test_an_image_that_says_nonsense_of_disks_is_refused(cloud: DiskCloud, member: AsgiClient) -> None:
    nonsense: tuple[Any, ...] = (
        "{", 5, {"a": 1}, [5], [{"source_type": []}], [{"source_type": "blank", "boot_index": "x"}],
        [{"source_type": "volume", "volume_id": {}}], [{"source_type": "image", "image_id": "\0", "boot_index": 0}],
        [{"source_type": "blank", "destination_type": "tape"}], [{"source_type": "blank", "device_name": 5}],
        [{"source_type": "blank", "volume_size": "many"}], [{"source_type": "blank", "disk_bus": ["scsi"]}],
        [{"source_type": "volume", "volume_id": "../etc", "boot_index": 0}],
    )  # fmt: skip
    for said in nonsense:
        text = said if isinstance(said, str) else msgspec.json.encode(said).decode()
        image = await cloud.images.image(MEMBER, cloud.image_id)
        await cloud.images.update(MEMBER, image, {"properties": {"block_device_mapping": text}})
        answer = await ask(member, [], imageRef=cloud.image_id)
        assert answer.status == 400, (said, answer.body)
    for old in ({"volume_id": 5}, {"device_name": "vda"}, {"snapshot_id": "x", "volume_size": []}, {"volume_id": "\0"}):
        body = {"name": "x", "flavorRef": "1", "block_device_mapping": [old]}
        refused = await cloud.http.using("member", "/compute/v2.1").post("/servers", {"server": body})
        assert refused.status == 400, (old, refused.body)


async def test_an_image_whose_snapshots_fail_is_none(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud)])
    backend = backend_of(cloud)
    backend._plans["snapshot"] = [Failure("out of film")]
    made = await member.post(f"/servers/{server['id']}/action", {"createImage": {"name": "none"}})
    await cloud.settle()
    assert await cloud.db.find(SNAPSHOTS) == []
    assert (await shown(member, server["id"]))["status"] == "ACTIVE"
    with pytest.raises(ImageNotFound):
        await cloud.images.image(MEMBER, made.json["image_id"])
    actions = await cloud.db.find(SERVER_ACTIONS, server_id=server["id"], action="createImage")
    assert "out of film" in actions[0].events[0]["details"]


async def test_a_rebuild_makes_the_root_volume_anew(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud)])
    [volume] = server["os-extended-volumes:volumes_attached"]
    source = cloud.root / "other.raw"
    source.write_bytes(b"other".ljust(4096, b"\0"))
    wish = ImageWish(name="other", disk_format="raw", container_format="bare", visibility="public")
    other_id = (await cloud.images.create_from_file(ADMIN, wish, source)).id
    before = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute 2.92")
    path = f"/servers/{server['id']}/action"
    refused = await before.post(path, {"rebuild": {"imageRef": other_id}})
    words = "Unable to rebuild with a different image for a volume-backed server."
    assert refused.json["badRequest"]["message"] == words
    assert (await before.post(path, {"rebuild": {"imageRef": cloud.image_id}})).status == 202
    await cloud.settle()
    answer = await member.post(path, {"rebuild": {"imageRef": other_id}})
    assert answer.status == 202, answer.body
    assert answer.json["server"]["status"] == "REBUILD"
    await cloud.settle()
    again = await shown(member, server["id"])
    assert (again["status"], again["image"]) == ("ACTIVE", "")
    assert again["os-extended-volumes:volumes_attached"] == [volume]
    found = await cloud.shown(volume["id"])
    assert (found.status, found.image_id, found.image_metadata["image_id"]) == ("in-use", other_id, other_id)
    backend = backend_of(cloud)
    assert backend._volumes[volume["id"]].content.startswith(b"other")
    assert cloud.machines().volumes(server["id"]) == (volume["id"],)


async def test_a_rebuild_that_fails_can_be_tried_again(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud)])
    backend = backend_of(cloud)
    backend._plans["fill"] = [Failure("the pen is dry")]
    path = f"/servers/{server['id']}/action"
    assert (await member.post(path, {"rebuild": {"imageRef": cloud.image_id}})).status == 202
    await cloud.settle()
    found = await shown(member, server["id"])
    assert found["status"] == "ERROR"
    assert "the pen is dry" in found["fault"]["message"]
    assert (await member.post(path, {"rebuild": {"imageRef": cloud.image_id}})).status == 202
    await cloud.settle()
    found = await shown(member, server["id"])
    assert found["status"] == "ACTIVE"
    assert (await cloud.shown(found["os-extended-volumes:volumes_attached"][0]["id"])).status == "in-use"


async def test_a_volume_backed_server_is_rescued(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud)])
    path = f"/servers/{server['id']}/action"
    before = cloud.http.using("member", "/compute/v2.1", openstack_api_version="compute 2.86")
    refused = await before.post(path, {"rescue": {}})
    assert refused.status == 400
    assert "Cannot rescue a volume-backed instance" in refused.json["badRequest"]["message"]
    assert (await member.post(path, {"rescue": None})).status == 200
    await cloud.settle()
    assert (await shown(member, server["id"]))["status"] == "RESCUE"
    assert cloud.machines().rescued(server["id"])
    assert (await member.post(path, {"unrescue": None})).status == 202
    await cloud.settle()
    assert (await shown(member, server["id"]))["status"] == "ACTIVE"
    assert len(cloud.machines().volumes(server["id"])) == 1


async def test_a_volume_backed_server_is_shelved_without_an_image(cloud: DiskCloud, member: AsgiClient) -> None:
    server = await boot(cloud, member, [of_image(cloud)])
    images = len(await cloud.db.find(IMAGES))
    path = f"/servers/{server['id']}/action"
    assert (await member.post(path, {"shelve": None})).status == 202
    await cloud.settle()
    assert (await shown(member, server["id"]))["status"] == "SHELVED_OFFLOADED"
    assert len(await cloud.db.find(IMAGES)) == images
    assert await cloud.guests() == {}
    assert (await member.post(path, {"unshelve": None})).status == 202
    await cloud.settle()
    again = await shown(member, server["id"])
    assert again["status"] == "ACTIVE"
    [volume] = again["os-extended-volumes:volumes_attached"]
    assert cloud.machines().volumes(server["id"]) == (volume["id"],)
    assert (await cloud.shown(volume["id"])).status == "in-use"


async def test_a_volume_backed_server_is_resized_to_a_flavor_with_less_disk(
    cloud: DiskCloud, member: AsgiClient
) -> None:
    server = await boot(cloud, member, [of_image(cloud)], flavorRef="2")
    path = f"/servers/{server['id']}/action"
    answer = await member.post(path, {"resize": {"flavorRef": "1"}})
    assert answer.status == 202, answer.body
    await cloud.settle()
    assert (await shown(member, server["id"]))["status"] == "VERIFY_RESIZE"
    assert (await member.post(path, {"confirmResize": None})).status == 204
    await cloud.settle()
    again = await shown(member, server["id"])
    assert (again["status"], len(cloud.machines().volumes(server["id"]))) == ("ACTIVE", 1)
    claimed = await cloud.db.find(ALLOCATIONS, consumer=server["id"])
    assert {one.resource_class for one in claimed} == {"VCPU", "MEMORY_MB"}
