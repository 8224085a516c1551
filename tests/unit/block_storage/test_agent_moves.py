"""Volumes that move to another backend of their host while a guest has them: whoever dies, nothing that was written is lost."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.life_cloud import ADMIN, MEMBER
from tests.unit.block_storage.test_agent import Cloud, Guest, _here
from wolke.block_storage.agent import Backend
from wolke.block_storage.agent.moves import FOLDER
from wolke.block_storage.drivers.base import Layer
from wolke.block_storage.drivers.file import FileDriver
from wolke.block_storage.errors import NotSettled
from wolke.block_storage.model import Attachment, Volume
from wolke.core.db import Database, Transaction
from wolke.core.errors import CloudError

pytestmark = [
    pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
THERE = "host-1@more#pool"


class Mover(Guest):
    """It copies when it may, and tells when it has come that far."""

    def __init__(self, source: Path, source_format: str) -> None:
        super().__init__()
        self._source, self._format = source, source_format
        self.begun, self.may, self.is_ready, self.may_end = (asyncio.Event() for _ in range(4))

    async def move(self, layers: Sequence[Layer], ready: Callable[[], Awaitable[None]]) -> None:
        self.begun.set()
        await self.may.wait()
        layer = layers[0]
        argv = ["qemu-img", "convert", "-n", "-f", self._format, "-O", layer.format, str(self._source), layer.path]
        await asyncio.to_thread(subprocess.run, argv, check=True)
        await ready()
        self.is_ready.set()
        await self.may_end.wait()


class Servers:
    """Those that the volumes are of."""

    running = True

    async def changed(self, tx: Transaction, volume: Volume, attachment: Attachment, verb: str) -> None: ...

    async def runs(self, tx: Transaction, attachment: Attachment) -> bool:
        return self.running

    async def wants(self, attachment: Attachment) -> bool:
        return True


class TwoBackends(Cloud):
    servers: Servers

    def backends(self) -> list[Backend]:
        self.more = FileDriver(self.root / "host/more", host="host-1")
        return [*super().backends(), Backend("more", "file", self.more)]

    async def used(self) -> tuple[str, str]:
        """A volume with a word in it that a guest has; it and its attachment."""
        volume = await self.create(image_id=await self.image("kept"))
        attachments = self.block_storage.attachments
        made = await attachments.reserve(MEMBER, volume.id, server_id=str(uuid.uuid4()), host="host-1")
        await self.connected(made.id)
        await attachments.complete(MEMBER, made.id)
        (layer, *_) = (await self.file.connect(volume.id, _here())).layers
        self.guest = self.guests.guests[volume.id] = Mover(Path(layer.path), layer.format)
        return volume.id, made.id

    async def connected(self, attachment_id: str) -> str:
        """Where its host opens it."""
        attachments, done = self.block_storage.attachments, asyncio.Event()

        async def ask() -> Any:
            found = await attachments.connect(MEMBER, attachment_id, {"host": "host-1"})
            done.set()
            return found

        asked = asyncio.create_task(ask())
        while not done.is_set() and not asked.done():
            await self.reconciler.tasks.drain()
            for key in await self.agent.work.look():
                if key.startswith("attachment:"):
                    await self.agent.work.act(key)
            await asyncio.sleep(0)
        return str((await asked).connection["layers"][0]["path"])

    async def moving(self, volume_id: str) -> asyncio.Task[None]:
        await self.block_storage.volume_actions.migrate(ADMIN, volume_id, THERE)
        (key,) = await self.agent.work.look()
        return asyncio.create_task(self.agent.work.act(key))

    async def word_there(self, volume_id: str) -> str:
        target = self.root / "word"
        await self.more.copy_out(volume_id, None, target, "raw")
        return target.read_bytes()[:16].rstrip(b"\0").decode()


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[TwoBackends]:
    made = TwoBackends(database, tmp_path)
    await made.start()
    made.servers = made.block_storage.servers = Servers()
    yield made


async def test_a_guest_takes_its_volume_along_and_nobody_takes_the_copy_for_a_strangers(cloud: TwoBackends) -> None:
    volume_id, attachment_id = await cloud.used()
    task = await cloud.moving(volume_id)
    await cloud.guest.begun.wait()
    with pytest.raises(NotSettled, match="cannot detach while its status is"):
        await cloud.block_storage.attachments.begin_detaching(MEMBER, volume_id)
    assert "/file/" in await cloud.connected(attachment_id), "until it is all there, it is where it was"
    await cloud.agent.watch.look()
    second = asyncio.create_task(cloud.agent.watch.look())
    cloud.guest.may.set()
    await cloud.guest.is_ready.wait()
    assert "/more/" in await cloud.connected(attachment_id), "and from then on there"
    cloud.guest.may_end.set()
    await asyncio.gather(task, second)
    moved = await cloud.show(volume_id)
    assert (moved.backend, moved.status, moved.task) == (THERE, "in-use", None)
    assert await cloud.file.volumes() == [] and await cloud.word_there(volume_id) == "kept"
    await cloud.agent.watch.look()
    assert list((cloud.root / "host" / FOLDER).iterdir()) == []
    assert cloud.guest.told == []


async def test_what_was_all_there_when_we_died_is_where_the_volume_is(cloud: TwoBackends) -> None:
    """The guest may have gone over, and written there, and be off by now."""
    volume_id, attachment_id = await cloud.used()
    cloud.guest.may.set()
    task = await cloud.moving(volume_id)
    await cloud.guest.is_ready.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    cloud.guests.guests.clear()
    await cloud.restart()
    assert "/more/" in await cloud.connected(attachment_id)
    await cloud.settle()
    assert (await cloud.show(volume_id)).backend == THERE
    assert await cloud.file.volumes() == [] and await cloud.word_there(volume_id) == "kept"


async def test_half_a_copy_of_somebody_who_died_is_never_taken_for_the_volume(cloud: TwoBackends) -> None:
    volume_id, attachment_id = await cloud.used()
    task = await cloud.moving(volume_id)
    await cloud.guest.begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    cloud.guests.guests.clear()
    await cloud.restart()
    assert len(await cloud.more.volumes()) == 1
    await cloud.block_storage.attachments.delete(MEMBER, attachment_id)
    await cloud.settle()
    assert (await cloud.show(volume_id)).backend == THERE
    assert await cloud.file.volumes() == [] and await cloud.word_there(volume_id) == "kept"


async def test_a_move_that_fails_leaves_the_volume_where_it_was(cloud: TwoBackends) -> None:
    volume_id, attachment_id = await cloud.used()
    for guest, why in ((Guest(), "does not want to"), (None, "by a server that does not run")):
        cloud.guests.guests = {volume_id: guest} if guest else {}
        await cloud.block_storage.volume_actions.migrate(ADMIN, volume_id, THERE)
        await cloud.settle()
        left = await cloud.show(volume_id)
        assert (left.status, left.task, left.migration_status) == ("in-use", None, "error")
        assert why in str(left.reason) and await cloud.more.volumes() == []
        assert "/file/" in await cloud.connected(attachment_id) and await cloud.word(volume_id) == "kept"


async def test_what_nobody_can_take_along_is_refused(cloud: TwoBackends) -> None:
    volume_id, _ = await cloud.used()
    cloud.servers.running = False
    with pytest.raises(CloudError, match="by a server that does not run"):
        await cloud.block_storage.volume_actions.migrate(ADMIN, volume_id, THERE)
