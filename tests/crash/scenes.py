"""What is going on when the process dies: each scene is a wish of a user, fulfilled until nothing is due."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.conftest import create_tables
from tests.crash.points import Killed, Points, die_for_real
from tests.life_cloud import ADMIN, MEMBER, LifeCloud
from wolke.compute.agent.lines import Cut
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVERS
from wolke.core.clock import HeldClock
from wolke.core.db import Database, open_database
from wolke.core.drivers import Failure

_DRIVER = (
    "create", "start", "stop", "reboot", "destroy", "look", "list", "snapshot", "pause", "unpause", "set_aside", "take_back",
    "forget_aside", "parts", "adopt", "rescue", "unrescue",
    "shape", "receive", "channel", "send", "settle",
)  # fmt: skip
_CLIENT = ("get_json", "put_json", "post_json", "upload", "download")


async def create(cloud: LifeCloud) -> None:
    await cloud.create("new")


async def delete(cloud: LifeCloud) -> None:
    await cloud.compute.server_actions.delete(MEMBER, await only(cloud))


async def reboot(cloud: LifeCloud) -> None:
    await cloud.compute.server_actions.begin(MEMBER, await only(cloud), "reboot_hard", "reboot")


async def stop(cloud: LifeCloud) -> None:
    await cloud.compute.server_actions.begin(MEMBER, await only(cloud), "stop", "stop")


async def rebuild(cloud: LifeCloud) -> None:
    server = await cloud.server(await only(cloud))
    await cloud.compute.server_actions.rebuild(MEMBER, server.id, str(server.image_id), {})


async def snapshot(cloud: LifeCloud) -> None:
    await cloud.compute.server_actions.create_image(MEMBER, await only(cloud), "picture", {})


async def delete_early(cloud: LifeCloud) -> None:
    """While it is being built."""
    server = await cloud.create("unwanted")
    await cloud.reconciler.servers.drain()
    await cloud.compute.server_actions.delete(MEMBER, server.id)


async def delete_pictured(cloud: LifeCloud) -> None:
    """While an image is being made of it."""
    await snapshot(cloud)
    await cloud.reconciler.servers.drain()
    await delete(cloud)


async def fail(cloud: LifeCloud) -> None:
    await cloud.create("unlucky")


async def resize(cloud: LifeCloud) -> None:
    await cloud.compute.moves.resize(MEMBER, await only(cloud), "2", {})


async def migrate(cloud: LifeCloud) -> None:
    await cloud.compute.moves.migrate(ADMIN, await only(cloud), None)


async def confirm(cloud: LifeCloud) -> None:
    await cloud.compute.moves.confirm(MEMBER, await only(cloud))


async def revert(cloud: LifeCloud) -> None:
    await cloud.compute.moves.revert(MEMBER, await only(cloud))


async def delete_moving(cloud: LifeCloud) -> None:
    """While it is on its way to another host."""
    await migrate(cloud)
    await cloud.reconciler.servers.drain()
    await delete(cloud)


async def rescue(cloud: LifeCloud) -> None:
    await cloud.compute.rescues.rescue(MEMBER, await only(cloud), None)


async def unrescue(cloud: LifeCloud) -> None:
    await cloud.compute.rescues.unrescue(MEMBER, await only(cloud))


async def shelve(cloud: LifeCloud) -> None:
    await cloud.compute.shelves.shelve(MEMBER, await only(cloud))


async def unshelve(cloud: LifeCloud) -> None:
    await cloud.compute.shelves.unshelve(MEMBER, await only(cloud))


async def backup(cloud: LifeCloud) -> None:
    await cloud.compute.server_actions.create_backup(MEMBER, await only(cloud), "copy", "daily", 1, {})


async def migrate_live(cloud: LifeCloud) -> None:
    await cloud.compute.moves.migrate_live(ADMIN, await only(cloud), None, copies_disks=None)


# scene: what the user wishes, whether a server is there before, and what the server may be afterwards
SCENES: dict[str, tuple[Callable[[LifeCloud], Awaitable[None]], bool, str]] = {
    "create": (create, False, "ACTIVE"),
    "delete": (delete, True, "DELETED"),
    "reboot": (reboot, True, "ACTIVE"),
    "stop": (stop, True, "SHUTOFF"),
    "rebuild": (rebuild, True, "ACTIVE"),
    "snapshot": (snapshot, True, "ACTIVE"),
    "delete early": (delete_early, False, "DELETED"),
    "delete pictured": (delete_pictured, True, "DELETED"),
    "fail": (fail, False, "ERROR"),
    "resize": (resize, True, "RESIZED"),
    "migrate": (migrate, True, "RESIZED"),
    "confirm": (confirm, True, "ACTIVE"),
    "revert": (revert, True, "ACTIVE"),
    "rescue": (rescue, True, "RESCUED"),
    "unrescue": (unrescue, True, "ACTIVE"),
    "shelve": (shelve, True, "SHELVED_OFFLOADED"),
    "unshelve": (unshelve, True, "ACTIVE"),
    "backup": (backup, True, "ACTIVE"),
    "migrate live": (migrate_live, True, "ACTIVE"),
    "migrate live in vain": (migrate_live, True, "ACTIVE"),
    "delete moving": (delete_moving, True, "DELETED"),
}

#: What has happened to the server that is there before, and scenes in which there is another host.
BEFORE = {"confirm": migrate, "revert": migrate, "unrescue": rescue, "unshelve": shelve, "backup": backup}
TWO_HOSTS = frozenset({"migrate live", "migrate live in vain", "migrate", "confirm", "revert", "delete moving"})


async def only(cloud: LifeCloud) -> str:
    [server] = await cloud.db.find(SERVERS)
    return server.id


class Unlucky(SimulatedDriver):
    """Makes the disk, and then never starts."""

    async def start(self, server_id: str) -> None:
        raise Failure("simulated: it does not boot")


class Stays(SimulatedDriver):
    """Never goes anywhere while it runs."""

    async def send(self, server_id: str, connect: Any, watch: Any) -> None:
        raise Failure("simulated: it writes too fast")


_UNLUCKY = {"fail": Unlucky, "migrate live in vain": Stays}


async def open_in(root: Path) -> Database:
    return await open_database(f"sqlite:///{root}/wolke.db")


async def open_cloud(root: Path, db: Database, scene: str, points: Points | None = None) -> LifeCloud:
    """The cloud in ``root`` as a new process finds it."""
    if points:
        points.around_transactions(db)
    cloud = LifeCloud(db, root, HeldClock("2026-01-01T00:00:00.000000Z")).start()
    kind = _UNLUCKY.get(scene, SimulatedDriver)
    for name in ("host-1", "host-2") if scene in TWO_HOSTS else ("host-1",):
        (root / name).mkdir(exist_ok=True)
        driver = kind(root / name)
        await cloud.add_host(
            name,
            driver=points.around(driver, *_DRIVER) if points else driver,
            wrap_client=(lambda client: points.around(client, *_CLIENT)) if points else None,
        )
    return cloud


async def prepare(root: Path, scene: str) -> None:
    """What there is before the scene begins."""
    root.mkdir()
    await create_tables(f"sqlite:///{root}/wolke.db")
    cloud = await open_cloud(root, await open_in(root), scene)
    await cloud.furnish()
    if SCENES[scene][1]:
        await cloud.create("old")
        await cloud.settle()
    if scene in BEFORE:
        await BEFORE[scene](cloud)
        await cloud.settle()
    (root / "image-id").write_text(cloud.image_id)
    await cloud.db.close()


async def play(root: Path, scene: str, points: Points) -> None:
    """One process: it starts, the user wishes, it works; it may die at any point."""
    db = await open_in(root)
    try:
        cloud = await open_cloud(root, db, scene, points)
        cloud.image_id = (root / "image-id").read_text()
        await SCENES[scene][0](cloud)
        await cloud.settle()
    except Killed:
        pass
    except Cut:
        if not points.dead:  # or it was the other host that died
            raise
    finally:
        await db.close()


if __name__ == "__main__":
    asyncio.run(play(Path(sys.argv[1]), sys.argv[2], Points(int(sys.argv[3]), die_for_real)))
