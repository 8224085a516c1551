"""Die before and after every call while a volume comes to a server or goes; start again; both sides must say the same."""

from __future__ import annotations

import functools
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import create_tables
from tests.crash.points import Killed, Points, Story, bury, chosen
from tests.crash.scenes import only, open_in
from tests.disk_cloud import DiskCloud
from tests.life_cloud import ADMIN, MEMBER
from wolke.block_storage.store import VOLUMES
from wolke.compute.agent.lines import Cut
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import BLOCK_DEVICES, SERVER_ACTIONS, SERVERS
from wolke.core.clock import HeldClock
from wolke.core.db import Database
from wolke.core.drivers import Failure

_DRIVER = (
    "attach_volume", "detach_volume", "swap_volume", "connect_volumes", "destroy", "look", "let_go", "take_up", "receive",
    "send", "settle",
)  # fmt: skip
_CLIENT = ("get_json", "put_json", "post_json")
LEAST_POINTS = 15


class Unlucky(SimulatedDriver):
    async def attach_volume(self, *args: object) -> None:
        raise Failure("simulated: there is no room")


class Unswapping(SimulatedDriver):
    async def swap_volume(self, server_id: str, volume_id: str, new: Any) -> None:
        if volume_id in self.volumes(server_id):
            raise Failure("simulated: the disk is broken")


class Stays(SimulatedDriver):
    async def send(self, server_id: str, connect: Any, watch: Any) -> None:
        raise Failure("simulated: it writes too fast")


async def _volume_id(cloud: DiskCloud) -> str:
    [volume] = await cloud.db.find(VOLUMES)
    return volume.id


async def attach(cloud: DiskCloud) -> None:
    await cloud.attach(await only(cloud), await _volume_id(cloud))


async def detach(cloud: DiskCloud) -> None:
    await cloud.compute.volumes.detach(MEMBER, await only(cloud), await _volume_id(cloud))


async def delete(cloud: DiskCloud) -> None:
    await cloud.compute.server_actions.delete(MEMBER, await only(cloud))


async def delete_attaching(cloud: DiskCloud) -> None:
    await attach(cloud)
    await delete(cloud)


async def swap(cloud: DiskCloud) -> None:
    old, new = sorted(await cloud.db.find(VOLUMES), key=lambda one: one.status != "in-use")
    await cloud.compute.volumes.swap(ADMIN, await only(cloud), old.id, new.id)


async def delete_swapping(cloud: DiskCloud) -> None:
    await swap(cloud)
    await delete(cloud)


async def migrate_live(cloud: DiskCloud) -> None:
    await cloud.compute.moves.migrate_live(ADMIN, await only(cloud), None, copies_disks=None)


#: scene: what the user wishes, whether the volume is attached before
SCENES: dict[str, tuple[Callable[[DiskCloud], Awaitable[None]], bool]] = {
    "attach": (attach, False),
    "attach in vain": (attach, False),
    "detach": (detach, True),
    "delete": (delete, True),
    "delete attaching": (delete_attaching, False),
    "swap": (swap, True),
    "swap in vain": (swap, True),
    "delete swapping": (delete_swapping, True),
    "migrate live": (migrate_live, True),
    "migrate live in vain": (migrate_live, True),
}
_KINDS: dict[str, type[SimulatedDriver]] = {
    "attach in vain": Unlucky,
    "swap in vain": Unswapping,
    "migrate live in vain": Stays,
}


async def open_cloud(root: Path, db: Database, scene: str, points: Points | None = None) -> DiskCloud:
    if points:
        points.around_transactions(db)
    cloud = DiskCloud(db, root, HeldClock("2026-01-01T00:00:00.000000Z"))
    cloud.start()
    for name in ("host-1", "host-2") if "live" in scene else ("host-1",):
        (root / name).mkdir(exist_ok=True)
        driver = _KINDS.get(scene, SimulatedDriver)(root / name)
        await cloud.add_host(
            name,
            driver=points.around(driver, *_DRIVER) if points else driver,
            wrap_client=(lambda client: points.around(client, *_CLIENT)) if points else None,
        )
    return cloud


async def prepare(root: Path, scene: str) -> None:
    root.mkdir()
    await create_tables(f"sqlite:///{root}/wolke.db")
    db = await open_in(root)
    cloud = await open_cloud(root, db, scene)
    await cloud.furnish()
    server = await cloud.create("old")
    volume_id = await cloud.volume()
    if SCENES[scene][1]:
        await cloud.attach(server.id, volume_id)
        await cloud.settle()
    if "swap" in scene:
        await cloud.volume()
    await db.close()


async def play(root: Path, scene: str, points: Points) -> None:
    db = await open_in(root)
    try:
        cloud = await open_cloud(root, db, scene, points)
        await SCENES[scene][0](cloud)
        await cloud.settle()
    except* Killed:
        pass
    except* Cut:
        if not points.dead:  # or it was the other host that died
            raise
    finally:
        await db.close()
        await bury()


async def settled(root: Path, scene: str) -> list[str]:
    """Start again, let everything come to rest, and say what is wrong."""
    db = await open_in(root)
    try:
        cloud = await open_cloud(root, db, scene)
        await cloud.settle()
        return await wrongs(cloud)
    finally:
        await db.close()


async def wrongs(cloud: DiskCloud) -> list[str]:
    """Whatever the user's wish came to: the guest, the rows and Block Storage agree, and nothing is on its way."""
    [server], volumes = await cloud.db.find(SERVERS), await cloud.db.find(VOLUMES)
    devices, attachments = await cloud.db.find(BLOCK_DEVICES), await cloud.attachments()
    driver = cloud.hosts[server.host or "host-1"].driver
    has = driver.volumes(server.id) if server.status == "ACTIVE" else ()
    found = [f"{at}: {power}" for at, power in (await cloud.guests()).items() if at == server.id and power != "running"]
    if server.status not in ("ACTIVE", "DELETED") or server.task is not None:
        found.append(f"server is {server.status}/{server.task}")
    for volume in volumes:
        if volume.task is not None or volume.status != ("in-use" if volume.id in has else "available"):
            found.append(f"volume is {volume.status}/{volume.task}, the guest has {has}")
    if [device.volume_id for device in devices] != list(has):
        found.append(f"devices {devices}, the guest has {has}")
    if [(one.id, one.status, one.task) for one in attachments] != [
        (device.attachment_id, "attached", None) for device in devices
    ]:
        found.append(f"attachments {attachments}")
    found += [f"attached to {one.instance_host}" for one in attachments if one.instance_host != server.host]
    elsewhere = [parts.driver for name, parts in cloud.hosts.items() if name != server.host]
    found += ["a guest elsewhere" for other in elsewhere if server.host and await other.look(server.id)]
    actions = await cloud.db.find(SERVER_ACTIONS, server_id=server.id)
    found += [f"{one.action} has {len(one.events)} events" for one in actions if len(one.events) != 1]
    return found


def few(scene: str, names: Sequence[str]) -> list[int]:
    """Between two hosts there are many points, and each takes long: of those some, but for ``CI_FULL``."""
    points = chosen(names)
    return points[::4] if "live" in scene and not os.environ.get("CI_FULL") else points


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("scene", sorted(SCENES))
async def test_dying_anywhere_leaves_no_volume_half_attached(scene: str, tmp_path: Path) -> None:
    story = Story(prepare, play, settled, LEAST_POINTS)
    which = functools.partial(few, scene)
    assert await story.wrong_after_deaths(scene, tmp_path, which=which, all_reached=False) == []
