"""Die before and after every call while a server that starts from a volume is made, pictured, rebuilt or deleted; start again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.conftest import create_tables
from tests.crash.points import Killed, Points, Story, bury
from tests.crash.scenes import only, open_in
from tests.disk_cloud import DiskCloud
from tests.life_cloud import MEMBER
from wolke.block_storage.store import SNAPSHOTS, VOLUMES
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.service.block_devices import NewDevice
from wolke.compute.store import BLOCK_DEVICES, SERVER_ACTIONS, SERVERS
from wolke.core.clock import HeldClock
from wolke.core.db import Database
from wolke.core.drivers import Failure
from wolke.image.store import IMAGES
from wolke.placement.store import ALLOCATIONS

_DRIVER = ("create", "start", "stop", "destroy", "look", "connect_volumes")
_CLIENT = ("get_json", "put_json", "post_json")
_STORAGE = ("create", "delete", "fill", "snapshot", "connect")
LEAST_POINTS = 15


class Unlucky(SimulatedDriver):
    async def start(self, server_id: str) -> None:
        raise Failure("simulated: it does not start")


async def create(cloud: DiskCloud) -> None:
    """From a volume that is made of an image, with one beside it that is there."""
    [there] = await cloud.db.find(VOLUMES)
    root = NewDevice(
        source="image", source_id=cloud.image_id, target="volume", boot_index=0, size=1, delete_on_termination=True
    )
    beside = NewDevice(source="volume", source_id=there.id, target="volume")
    await cloud.create("new", image_id=None, block_devices=[root, beside])


async def create_and_delete(cloud: DiskCloud) -> None:
    await create(cloud)
    await cloud.reconciler.servers.drain()
    await delete(cloud)


async def delete(cloud: DiskCloud) -> None:
    await cloud.compute.server_actions.delete(MEMBER, await only(cloud))


async def picture(cloud: DiskCloud) -> None:
    await cloud.compute.server_images.create_image(MEMBER, await only(cloud), "picture", {})


async def picture_and_delete(cloud: DiskCloud) -> None:
    await picture(cloud)
    await cloud.reconciler.servers.drain()
    await delete(cloud)


async def rebuild(cloud: DiskCloud) -> None:
    await cloud.compute.server_actions.rebuild(MEMBER, await only(cloud), cloud.image_id, {})


async def shelve(cloud: DiskCloud) -> None:
    await cloud.compute.shelves.shelve(MEMBER, await only(cloud))


#: scene: what the user wishes, whether the server is there before, and what it may be afterwards
SCENES: dict[str, tuple[Callable[[DiskCloud], Awaitable[None]], bool, str]] = {
    "create": (create, False, "ACTIVE"),
    "create in vain": (create, False, "ERROR"),
    "create and delete": (create_and_delete, False, "DELETED"),
    "delete": (delete, True, "DELETED"),
    "picture": (picture, True, "ACTIVE"),
    "picture and delete": (picture_and_delete, True, "DELETED"),
    "rebuild": (rebuild, True, "ACTIVE"),
    "shelve": (shelve, True, "SHELVED_OFFLOADED"),
}


async def open_cloud(root: Path, db: Database, scene: str, points: Points | None = None) -> DiskCloud:
    if points:
        points.around_transactions(db)
    cloud = DiskCloud(db, root, HeldClock("2026-01-01T00:00:00.000000Z"))
    if points:
        cloud.wrap_storage = lambda driver: points.around(driver, *_STORAGE)
    cloud.start()
    (root / "host-1").mkdir(exist_ok=True)
    driver = (Unlucky if scene == "create in vain" else SimulatedDriver)(root / "host-1")
    await cloud.add_host(
        driver=points.around(driver, *_DRIVER) if points else driver,
        wrap_client=(lambda client: points.around(client, *_CLIENT)) if points else None,
    )
    images = await db.find(IMAGES, name="disk")
    cloud.image_id = images[0].id if images else ""
    return cloud


async def prepare(root: Path, scene: str) -> None:
    root.mkdir()
    await create_tables(f"sqlite:///{root}/wolke.db")
    db = await open_in(root)
    cloud = await open_cloud(root, db, scene)
    await cloud.furnish()
    await cloud.volume()
    if SCENES[scene][1]:
        await create(cloud)
        await cloud.settle()
    await db.close()


async def play(root: Path, scene: str, points: Points) -> None:
    db = await open_in(root)
    try:
        cloud = await open_cloud(root, db, scene, points)
        await SCENES[scene][0](cloud)
        await cloud.settle()
    except* Killed:
        pass
    finally:
        await db.close()
        await bury()


async def settled(root: Path, scene: str) -> list[str]:
    """Start again, let everything come to rest, and say what is wrong."""
    db = await open_in(root)
    try:
        cloud = await open_cloud(root, db, scene)
        await cloud.settle()
        return await wrongs(cloud, scene)
    finally:
        await db.close()


async def wrongs(cloud: DiskCloud, scene: str) -> list[str]:
    """Whatever the user's wish came to: nothing is on its way, all sides agree, and nothing is left that nobody asked for."""
    found = []
    server = next(iter(await cloud.db.find(SERVERS)), None)
    volumes, attachments = await cloud.db.find(VOLUMES), await cloud.attachments()
    devices = {one.volume_id: one for one in await cloud.db.find(BLOCK_DEVICES)}
    before = "ACTIVE" if SCENES[scene][1] else None
    if server is not None and (server.task is not None or server.status not in (SCENES[scene][2], before, "ACTIVE")):
        found.append(f"server is {server.status}/{server.task}: {server.fault}")
    there = server is not None and server.status in ("ACTIVE", "SHELVED_OFFLOADED")
    if len(volumes) != 1 + there or set(devices) != ({one.id for one in volumes} if there else set()):
        found.append(f"{len(volumes)} volumes, devices {sorted(map(str, devices))}")
    if any((one.status, one.task) != ("in-use" if there else "available", None) for one in volumes):
        found.append(f"volumes {[(one.status, one.task) for one in volumes]}")
    if sorted(one.id for one in attachments) != sorted(str(one.attachment_id) for one in devices.values()):
        found.append(f"attachments {attachments}")
    if any((one.status, one.task) != ("attached", None) for one in attachments):
        found.append(f"attachments {attachments}")
    if server is not None and server.status == "ACTIVE":
        if set(cloud.hosts["host-1"].driver.volumes(server.id)) != set(devices):
            found.append("the guest has other volumes")
    elif await cloud.guests() or await cloud.db.find(ALLOCATIONS):
        found.append("something of the server is left on its host")
    return found + await _unfinished(cloud)


async def _unfinished(cloud: DiskCloud) -> list[str]:
    snapshots, images = await cloud.db.find(SNAPSHOTS), await cloud.db.find(IMAGES, name="picture")
    found = [f"image is {one.status}" for one in images if one.status != "active"]
    found += [f"snapshot is {one.status}/{one.task}" for one in snapshots if one.status != "available" or one.task]
    if len(snapshots) != 2 * len(images):
        found.append(f"{len(snapshots)} snapshots of {len(images)} images")
    actions = await cloud.db.find(SERVER_ACTIONS)
    return found + [f"{one.action} has {len(one.events)} events" for one in actions if len(one.events) != 1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("scene", sorted(SCENES))
async def test_dying_anywhere_leaves_no_volume_behind(scene: str, tmp_path: Path) -> None:
    story = Story(prepare, play, settled, LEAST_POINTS)
    assert await story.wrong_after_deaths(scene, tmp_path, all_reached=False) == []
