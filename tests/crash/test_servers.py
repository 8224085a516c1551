"""Die before and after every call of every step; start again; it must settle, with nothing twice and nothing orphaned."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.crash.points import Points, Story, copy
from tests.crash.scenes import SCENES, open_cloud, open_in, play, prepare
from tests.life_cloud import LifeCloud
from wolke.compute.states import MOVES_UNDER_WAY
from wolke.compute.store import MIGRATIONS, SERVER_ACTIONS, SERVERS
from wolke.image.store import IMAGES
from wolke.placement.store import INVENTORIES

_THERE = ("ACTIVE", "SHUTOFF", "RESIZED", "RESCUED")
_MAY_STAY = {
    "confirm": {"RESIZED"}, "revert": {"RESIZED"}, "delete moving": {"RESIZED"}, "unrescue": {"RESCUED"},
    "unshelve": {"SHELVED_OFFLOADED"},
}  # fmt: skip
LEAST_POINTS = 20  # of any scene; fewer would mean that calls are not wrapped any more


async def settled(root: Path, scene: str) -> list[str]:
    """Start again, let everything come to rest, and say what is wrong."""
    db = await open_in(root)
    try:
        cloud = await open_cloud(root, db, scene)
        await cloud.settle()
        for host in cloud.hosts.values():
            await host.agent.watch.look()
        await cloud.settle()
        return await wrongs(cloud, scene, SCENES[scene][2])
    finally:
        await db.close()


async def wrongs(cloud: LifeCloud, scene: str, expected: str) -> list[str]:
    """Empty if all is well. A wish that died before it was recorded never was."""
    found = []
    servers = await cloud.db.find(SERVERS)
    there = {server.id for server in servers if server.status in _THERE}
    moved = {server.id for server in servers if server.status == "RESIZED"}
    allowed = {expected, "ACTIVE"} if expected != "ERROR" else {expected}
    allowed |= _MAY_STAY.get(scene, frozenset())
    found += [f"server is {server.status}/{server.task}" for server in servers if server.status not in allowed]
    found += [f"task {server.task}" for server in servers if server.task is not None]
    if set(await cloud.guests()) != there:
        found.append(f"guests {await cloud.guests()} of {there}")
    powers = {server.id: ("shutdown" if server.status == "SHUTOFF" else "running") for server in servers}
    found += [f"power {power}" for server_id, power in (await cloud.guests()).items() if powers.get(server_id) != power]
    moves = [move for move in await cloud.db.find(MIGRATIONS) if move.status in MOVES_UNDER_WAY]
    if {move.server_id for move in moves} != moved or any(move.key and move not in moves for move in moves):
        found.append(f"moves {moves} of {moved}")
    asides = {one for host in cloud.hosts.values() for one in await host.driver.asides()}
    if asides != moved:
        found.append(f"set aside is {asides} of {moved}")
    if any((server.other_host is not None) != (server.id in moved) for server in servers):
        found.append("a server has another host without being moved")
    claims = there | {move.uuid for move in moves}
    if await cloud.allocations() != claims:
        found.append(f"allocations {await cloud.allocations()} of {claims}")
    known = there | {server.id for server in servers if server.status == "SHELVED_OFFLOADED"}
    ports = [port["device_id"] for port in await cloud.ports()]
    if sorted(ports) != sorted(known):
        found.append(f"ports of {ports}, servers {known}")
    if {server.id for server in servers if server.counted} != known:
        found.append("quota is wrong")
    used = [one.used for one in await cloud.db.find(INVENTORIES) if one.resource_class == "VCPU"]
    if sum(used) != len(claims):
        found.append(f"used {used}")
    if any(server.status == "ERROR" and (server.fault is None or not server.fault.message) for server in servers):
        found.append("no fault")
    actions = await cloud.db.find(SERVER_ACTIONS)
    found += [
        f"action {action.action} has {len(action.events)} events" for action in actions if len(action.events) != 1
    ]
    found += [f"image is {image.status}" for image in await cloud.db.find(IMAGES) if image.status != "active"]
    names = sorted(image.name or "" for image in await cloud.db.find(IMAGES))
    shelved = [f"{server.name}-shelved" for server in servers if server.status == "SHELVED_OFFLOADED"]
    if scene in ("shelve", "unshelve") and names != ["disk", *shelved]:
        found.append(f"images {names}")
    if scene == "backup" and names != ["copy", "disk"]:
        found.append(f"backups {names}")
    for name in ("snapshots", "config-drives"):
        for host in cloud.hosts:
            found += [str(path) for path in (cloud.root / host / name).iterdir() if path.suffix != ".part"]
    found += [str(path) for path in cloud.root.glob("host-*/guests/*.incoming")]
    return found


# What a process that was killed had open, the kernel would have closed.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("scene", sorted(SCENES))
async def test_dying_anywhere_leaves_nothing_half_done(scene: str, tmp_path: Path) -> None:
    story = Story(prepare, play, settled, LEAST_POINTS)
    assert await story.wrong_after_deaths(scene, tmp_path) == []


async def test_a_process_that_is_really_killed(tmp_path: Path) -> None:
    """A few of the points again with SIGKILL, in a process of its own."""
    base = tmp_path / "base"
    await prepare(base, "create")
    whole = Points()
    await play(copy(base, tmp_path / "whole"), "create", whole)
    step = len(whole.names) // 4
    numbers = range(step, len(whole.names), step)
    for number in numbers:
        root = copy(base, tmp_path / str(number))
        command = (sys.executable, "-m", "tests.crash.scenes", str(root), "create", str(number))
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        assert await process.wait() == -signal.SIGKILL
        assert await settled(root, "create") == [], whole.names[number - 1]
