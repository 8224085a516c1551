"""The agent of a host with real volumes, and real controllers that it speaks to without a socket."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import stand_in_authenticate
from tests.life_cloud import ADMIN, MEMBER, InProcessClient
from tests.unit.block_storage.test_agent_backups import Client as ObjectsClient
from tests.unit.block_storage.test_agent_backups import service
from wolke.block_storage.agent import Backend, BlockStorageAgent
from wolke.block_storage.agent.swift import SwiftStore
from wolke.block_storage.api.agent import build_agent_api
from wolke.block_storage.config import BlockStorageConfig
from wolke.block_storage.drivers.base import Layer
from wolke.block_storage.drivers.file import FileDriver
from wolke.block_storage.drivers.simulated import SimulatedDriver
from wolke.block_storage.model import Volume
from wolke.block_storage.reconcile import Reconciler
from wolke.block_storage.service import BlockStorage, NewVolume
from wolke.block_storage.service.life import Life
from wolke.core.clock import Clock, HeldClock
from wolke.core.db import Database
from wolke.core.drivers import Failure
from wolke.core.errors import NotFound
from wolke.core.http import Application
from wolke.image.api import build_api as build_image_api
from wolke.image.config import ImageConfig
from wolke.image.drivers.file import FileDriver as ImageFiles
from wolke.image.service import Images, ImageWish
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.doors import build_door
from wolke.object_store.drivers.memory import Memory
from wolke.object_store.service import ObjectStore

pytestmark = [
    pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


class Guest:
    """A guest's QEMU, as far as volumes go: it notes what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def overlay(self, layer: Layer) -> None:
        self.told.append(Path(layer.path).suffix)

    async def resize(self, size_bytes: int) -> None:
        self.told.append(size_bytes)

    async def move(self, layers: Sequence[Layer], ready: Callable[[], Awaitable[None]]) -> None:
        raise Failure("it does not want to")

    async def stay(self) -> None:
        self.told.append("stay")


class Hypervisor:
    """Which guests run with which volumes."""

    def __init__(self) -> None:
        self.guests: dict[str, Guest] = {}

    async def holder(self, volume_id: str) -> Guest | None:
        return self.guests.get(volume_id)


@dataclass
class Cloud:
    """Block Storage, images and objects, and one host; ``agent`` may be made again, as after a kill."""

    db: Database
    root: Path
    clock: Clock = field(default_factory=HeldClock)
    guests: Hypervisor = field(default_factory=Hypervisor)

    async def start(self) -> Cloud:
        for name in ("images", "keys", "host"):
            (self.root / name).mkdir()
        self.images = Images(self.db, ImageConfig(), self.clock, ImageFiles(self.root / "images"))
        self.block_storage = BlockStorage(
            self.db, BlockStorageConfig(), self.clock, keys_dir=self.root / "keys", images=self.images
        )
        await self.block_storage.seed()
        self.life = Life(self.block_storage)
        self.reconciler = Reconciler(self.life)
        self.app = Application([build_agent_api(self.life), build_image_api(self.images)], stand_in_authenticate)
        objects = ObjectStore({"default": Memory(Path("/nowhere"))}, ObjectStoreConfig(), Clock())
        self.objects = SwiftStore(ObjectsClient(build_door(objects, service)), "http://objects")
        await self.restart()
        return self

    async def restart(self) -> None:
        self.file = FileDriver(self.root / "host/file", host="host-1")
        self.agent = BlockStorageAgent(
            self.backends(), InProcessClient(self.app), host="host-1", state_dir=self.root / "host", guests=self.guests,
            backups=self.objects, local_image=self.images.file_path,
        )  # fmt: skip
        await self.agent.prepare()
        await self.agent.register()

    def backends(self) -> list[Backend]:
        return [Backend("file", "file", self.file)]

    async def settle(self) -> None:
        for _ in range(20):
            await self.reconciler.tasks.drain()
            await self.agent.work.loop.drain()
            if not await self.agent.work.look() and not await self.reconciler._look():
                return
        raise AssertionError("the cloud does not come to rest")

    async def image(self, word: str) -> str:
        source = self.root / "source.raw"
        source.write_bytes(word.encode().ljust(1 << 20, b"\0"))
        wish = ImageWish(name=word, disk_format="raw", container_format="bare", visibility="public")
        return (await self.images.create_from_file(ADMIN, wish, source)).id

    async def create(self, **asked: Any) -> Volume:
        asked.setdefault("backend", "host-1@file#pool")
        volume = await self.block_storage.making.create(MEMBER, NewVolume(**{"size_gib": 1, **asked}))
        await self.settle()
        return await self.show(volume.id)

    async def show(self, volume_id: str) -> Volume:
        return await self.block_storage.volumes.show(MEMBER, volume_id)

    async def word(self, volume_id: str) -> str:
        target = self.root / "word"
        await self.file.copy_out(volume_id, None, target, "raw")
        with target.open("rb") as file:
            return file.read(16).rstrip(b"\0").decode()

    async def snapshot(self, volume_id: str, *, force: bool = False) -> str:
        made = await self.block_storage.snapshots.create(
            MEMBER, volume_id, name=None, description=None, metadata={}, force=force
        )
        await self.settle()
        return made.id

    async def write(self, volume_id: str, pattern: int) -> None:
        (layer, *_) = (await self.file.connect(volume_id, _here())).layers
        argv = ["qemu-io", "-f", layer.format, "-c", f"write -P {pattern} 0 64k", layer.path]
        await asyncio.to_thread(subprocess.run, argv, check=True, stdout=subprocess.DEVNULL)


def _here() -> Any:
    from wolke.block_storage.drivers.base import Connector

    return Connector("host-1")


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[Cloud]:
    made = await Cloud(database, tmp_path).start()
    yield made
    for found in await made.file.volumes():
        await made.file.delete(found.volume_id)


async def test_volumes_of_every_source_become_available_and_go(cloud: Cloud) -> None:
    blank = await cloud.create()
    one = await cloud.create(image_id=await cloud.image("image"))
    clone = await cloud.create(source_volume_id=one.id)
    snapshot_id = await cloud.snapshot(one.id)
    two = await cloud.create(snapshot_id=snapshot_id)
    for volume, word in ((blank, ""), (one, "image"), (clone, "image"), (two, "image")):
        assert (volume.status, volume.task, volume.reason) == ("available", None, None)
        assert await cloud.word(volume.id) == word
    await cloud.block_storage.snapshots.delete(MEMBER, snapshot_id)
    await cloud.settle()
    for volume in (one, blank, clone, two):
        await cloud.block_storage.volume_actions.delete(MEMBER, volume.id)
    await cloud.settle()
    assert list(await cloud.file.volumes()) == []
    with pytest.raises(NotFound):
        await cloud.show(one.id)


async def test_what_cannot_be_made_is_in_error_with_a_reason(cloud: Cloud) -> None:
    image_id = await cloud.image("image")
    volume = await cloud.create(image_id=image_id)
    assert volume.status == "available"
    (cloud.root / "host/images" / image_id).unlink()
    hostile = ImageWish(name="hostile", disk_format="qcow2", container_format="bare", visibility="public")
    source = cloud.root / "hostile"
    await asyncio.to_thread(source.write_bytes, b"QFI\xfb".ljust(512, b"\xff"))
    try:
        made = await cloud.images.create_from_file(ADMIN, hostile, source)
    except Exception:  # the Image service refuses it as well
        return
    broken = await cloud.create(image_id=made.id)
    assert broken.status == "error"
    assert "qcow2" in (broken.reason or "")


async def test_a_volume_grows_and_goes_back_to_its_snapshot(cloud: Cloud) -> None:
    volume = await cloud.create(image_id=await cloud.image("first"))
    snapshot_id = await cloud.snapshot(volume.id)
    await cloud.write(volume.id, 50)
    await cloud.block_storage.volume_actions.revert(MEMBER, volume.id, snapshot_id)
    await cloud.settle()
    assert await cloud.word(volume.id) == "first"
    await cloud.block_storage.volume_actions.extend(MEMBER, volume.id, 3, in_use=False)
    await cloud.settle()
    assert (await cloud.show(volume.id)).size_gib == 3
    assert [found.size_gib for found in await cloud.file.volumes()] == [3]


async def test_a_volume_becomes_an_image(cloud: Cloud) -> None:
    volume = await cloud.create(image_id=await cloud.image("content"))
    wish = ImageWish(name="copy", disk_format="qcow2", container_format="bare")
    _, image, _ = await cloud.block_storage.volume_actions.upload_image(MEMBER, volume.id, wish, force=False)
    await cloud.settle()
    path = await cloud.images.file_path(image.id)
    assert path is not None
    assert b"content" in path.read_bytes()
    assert (await cloud.show(volume.id)).task is None
    assert list((cloud.root / "host/copies").iterdir()) == []


async def test_a_volume_is_connected_for_as_long_as_it_is_attached(cloud: Cloud) -> None:
    volume = await cloud.create()
    attachments = cloud.block_storage.attachments
    made = await attachments.reserve(MEMBER, volume.id, server_id=str(uuid.uuid4()))
    connecting = asyncio.create_task(attachments.connect(MEMBER, made.id, {"host": "host-1"}))
    await asyncio.sleep(0)
    while not connecting.done():
        await cloud.settle()
        await asyncio.sleep(0.01)
    connection = (await connecting).connection
    assert connection is not None
    assert connection["type"] == "file"
    assert Path(connection["layers"][0]["path"]).exists()
    await attachments.delete(MEMBER, made.id)
    await cloud.settle()
    assert (await cloud.show(volume.id)).status == "available"


async def test_backups_go_to_objects_and_come_back(cloud: Cloud) -> None:
    volume = await cloud.create(image_id=await cloud.image("kept"))
    made = []
    for incremental in (False, True):
        asked = {"name": None, "description": None, "container": None, "snapshot_id": None, "metadata": {}}
        backup = await cloud.block_storage.backups.create(
            MEMBER, volume.id, incremental=incremental, force=False, **asked
        )
        await cloud.settle()
        made.append(await cloud.block_storage.backups.show(MEMBER, backup.id))
    assert [(one.status, one.reason, one.object_count) for one in made] == [
        ("available", None, 2),
        ("available", None, 1),
    ]
    await cloud.write(volume.id, 50)
    _, other, _ = await cloud.block_storage.backups.restore(MEMBER, made[1].id, None, None)
    await cloud.settle()
    await cloud.block_storage.backups.restore(MEMBER, made[0].id, volume.id, None)
    await cloud.settle()
    assert [await cloud.word(one) for one in (other, volume.id)] == ["kept", "kept"]
    for one in reversed(made):
        await cloud.block_storage.backups.delete(MEMBER, one.id)
        await cloud.settle()
    assert await cloud.objects.names("volumebackups", "") == {}
    assert list((cloud.root / "host/copies").iterdir()) == []


async def test_what_nobody_owns_is_removed_at_the_second_look(cloud: Cloud) -> None:
    from wolke.block_storage.drivers import base

    kept, stray, snapshot_id = await cloud.create(), str(uuid.uuid4()), str(uuid.uuid4())
    await cloud.file.create(base.Volume(stray, 1), base.Blank())
    await cloud.file.snapshot(kept.id, snapshot_id)
    await cloud.agent.watch.look()
    assert len(await cloud.file.volumes()) == 2
    await cloud.agent.watch.look()
    (left,) = await cloud.file.volumes()
    assert (left.volume_id, left.snapshots) == (kept.id, ())
    [aside] = (cloud.root / "host/file/quarantine").iterdir()
    assert aside.name.startswith(stray) and (aside / "definition.json").exists()


async def test_a_host_of_another_cloud_removes_nothing(cloud: Cloud) -> None:
    from wolke.block_storage.drivers import base

    (cloud.root / "host/host-id").write_text("somebody else")
    await cloud.restart()
    await cloud.file.create(base.Volume(str(uuid.uuid4()), 1), base.Blank())
    for _ in range(3):
        await cloud.agent.watch.look()
    assert len(await cloud.file.volumes()) == 1


async def test_what_could_be_managed_is_listed_and_managed(cloud: Cloud) -> None:
    (cloud.root / "host/file/unmanaged/disk.raw").write_bytes(b"theirs".ljust(4096, b"\0"))
    listed = await cloud.agent.asked("manageable_volumes", {"backend": "host-1@file#pool"})
    assert [(one["reference"], one["size"], one["safe_to_manage"]) for one in listed] == [
        ({"source-name": "disk.raw"}, 1, True)
    ]
    with pytest.raises(Failure):
        await cloud.agent.asked("nothing", {"backend": "host-1@file#pool"})
    volume = await cloud.block_storage.managing.manage(
        ADMIN, "host-1@file#pool", {"source-name": "disk.raw"}, name=None, description=None, type_=None,
        availability_zone=None, metadata={}, bootable=False,
    )  # fmt: skip
    await cloud.settle()
    assert (await cloud.show(volume.id)).status == "available"
    assert await cloud.word(volume.id) == "theirs"


async def test_a_volume_in_use_is_changed_by_its_guest(cloud: Cloud) -> None:
    volume, guest = await cloud.create(image_id=await cloud.image("running")), Guest()
    (layer, *_) = (await cloud.file.connect(volume.id, _here())).layers
    argv = ["qemu-io", "-f", layer.format, layer.path]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as qemu:
        assert qemu.stdin and qemu.stdout
        qemu.stdin.write(b"length\n")
        qemu.stdin.flush()
        await asyncio.to_thread(qemu.stdout.readline)
        snapshots = cloud.block_storage.snapshots
        refused = await snapshots.show(MEMBER, await cloud.snapshot(volume.id))
        assert (refused.status, refused.reason) == ("error", "The volume is in use by a server.")
        cloud.guests.guests[volume.id] = guest
        assert (await snapshots.show(MEMBER, await cloud.snapshot(volume.id))).status == "available"
        assert guest.told == [".qcow2"]
        qemu.communicate(b"quit\n")


async def test_a_step_that_is_called_off_ends_and_another_agent_goes_on(cloud: Cloud) -> None:
    made = await cloud.block_storage.making.create(MEMBER, NewVolume(size_gib=1, backend="host-1@file#pool"))
    await cloud.reconciler.tasks.drain()
    (key,) = await cloud.agent.work.look()
    doing = asyncio.create_task(cloud.agent.work.act(key))
    await asyncio.sleep(0.005)
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    await cloud.restart()
    await cloud.settle()
    assert (await cloud.show(made.id)).status == "available"
    assert [found.whole for found in await cloud.file.volumes()] == [True]


async def test_a_backend_that_cannot_be_used_is_down_and_comes_back(cloud: Cloud, tmp_path: Path) -> None:
    class Moody(SimulatedDriver):
        well = False

        async def prepare(self) -> None:
            if not self.well:
                raise Failure("the disk is not plugged in")

    agent = BlockStorageAgent(
        [Backend("moody", "simulated", Moody())],
        InProcessClient(cloud.app),
        host="host-2",
        state_dir=tmp_path / "host-2",
    )
    await agent.prepare()
    await agent.register()
    for state, reason in (("down", "the disk is not plugged in"), ("up", None)):
        hosts = {host.name: host for host in await cloud.block_storage.hosts.all()}
        assert [(one.state, one.reason) for one in hosts["host-2"].backends] == [(state, reason)]
        Moody.well = True
        await agent.register()


async def test_a_running_agent_is_woken_by_wishes(cloud: Cloud) -> None:
    running = [asyncio.create_task(cloud.agent.run()), asyncio.create_task(cloud.reconciler.run())]
    try:
        volume = await cloud.block_storage.making.create(MEMBER, NewVolume(size_gib=1, backend="host-1@file#pool"))
        async with asyncio.timeout(5):
            while (await cloud.show(volume.id)).status != "available":
                await asyncio.sleep(0.02)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
