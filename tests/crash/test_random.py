"""Operations at random on servers and volumes, in a cloud whose process, or whose agents, die at random moments.

After each death everything starts again, comes to rest within a minute, and is clean as ``wolke check`` sees it; and whatever was
acknowledged has come about. The long form (``CI_FULL=1``) makes 2,000 operations; ``WOLKE_OPERATIONS=n``
says another number. A failure names its seed and tells all that was asked: ``WOLKE_SEED=n`` asks the same again (what runs in
threads may still come in another order).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.checked_cloud import wrongs
from tests.crash.operations import GONE
from tests.crash.points import Killed, bury
from tests.crash.walk import Fate, Promises, Walk, WalkedCloud, left_alone, opened, prepared, work_a_little
from wolke.block_storage.store import BY_KIND, VOLUMES
from wolke.compute.agent.lines import Cut
from wolke.compute.store import BLOCK_DEVICES, SERVERS
from wolke.core.clock import HeldClock, instant, moment

OPERATIONS = int(os.environ.get("WOLKE_OPERATIONS") or (2000 if os.environ.get("CI_FULL") else 200))
MOST_S = 35.0  # of the short form
KILLS = int(os.environ.get("WOLKE_KILLS") or (40 if os.environ.get("CI_FULL") else 3))
PER_LIFE = (4, 24)
ACCUSED_AT = 0.7  # of chance: what is under way is looked at, too
LATEST = 250  # calls into a life, when it ends
SETTLED_S = 60.0
_PASSING = frozenset({"attaching", "detaching", "reserved", "creating", "deleting", "error_deleting"})


class Lives:
    """One cloud, as often as it dies."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.seed, self.chance, self.promises = root, seed, random.Random(seed), Promises()
        self.now = "2026-01-01T00:00:01.000000Z"
        self.asked: list[str] = []
        self.counts: Counter[str] = Counter()
        self.deaths = 0

    @classmethod
    async def begun(cls, root: Path) -> Lives:
        await prepared(root)
        return cls(root, int(os.environ.get("WOLKE_SEED") or random.randrange(1 << 32)))

    async def live(self, most: int) -> int:
        """Until it dies, or ``most`` operations have been asked for; how many were."""
        fate = Fate()
        cloud = await opened(self.root, fate, self.now)
        walk = Walk(cloud, self.chance, self.promises)
        agents_only = self.chance.random() < 0.3
        fate.draw(self.chance.randrange(LATEST), agents_only=agents_only)
        before = len(walk.asked)
        try:
            while len(walk.asked) - before < most:
                try:
                    await self._go_on(walk)
                except (Killed, BaseExceptionGroup, Cut) as end:
                    if not fate.dead:
                        raise
                    self.deaths += 1
                    walk.asked.append(f"-- {'agents' if agents_only else 'all'} died: {_where(end)}")
                    if not agents_only:
                        break
                    fate.spare()
                    await bury("Work.", "Batch.", "Agent.", "Lines.")
                    await left_alone()
                    await cloud.add_agents()
        finally:
            fate.dead = True
            await cloud.db.close()
            await bury()
            cloud.image_driver.let_go()
            self.asked += walk.asked
            self.counts.update(walk.counts)
        return sum(not one.startswith("--") for one in walk.asked)

    async def _go_on(self, walk: Walk) -> None:
        await walk.step()
        what = self.chance.random()
        if what < 0.45:
            await walk.cloud.settle()
        elif what < 0.8:
            await work_a_little(walk.cloud, self.chance)
        if what > ACCUSED_AT:
            assert await wrongs(walk.cloud) == [], "what is under way was accused"

    async def begin_again(self, after: str) -> None:
        """Nothing is wrong when it has come to rest. ``after`` is told if something is."""
        found = await self.found()
        assert found == [], "\n".join([*found, "--", self.told(after)])

    def told(self, after: str) -> str:
        return "\n".join([*self.asked[-60:], f"seed {self.seed}, after {after}"])

    async def found(self) -> list[str]:
        """What is wrong when it has come to rest, a minute after it was started again."""
        cloud = await opened(self.root, Fate(), self._later(1.0))
        try:
            await cloud.settle()
            for _ in range(2):
                await _look_round(cloud)
            found = await self._wrongs(cloud)
            if found:
                assert isinstance(cloud.clock, HeldClock)
                cloud.clock.move(SETTLED_S)
                for agent in (*cloud.storage_agents.values(), *(parts.agent for parts in cloud.hosts.values())):
                    await agent.register()
                await cloud.settle()
                await _look_round(cloud)
                found = await self._wrongs(cloud)
            self.now = cloud.clock.now()
            return found
        finally:
            await cloud.db.close()
            await bury()

    def _later(self, by_s: float) -> str:
        from datetime import timedelta

        self.now = instant(moment(self.now) + timedelta(seconds=by_s))
        return self.now

    async def _wrongs(self, cloud: WalkedCloud) -> list[str]:
        found = await wrongs(cloud)
        db = cloud.db
        servers = {one.id: one for one in await db.find(SERVERS)}
        found += [f"server {one.id} is {one.task}" for one in servers.values() if one.task is not None]
        for kind, table in BY_KIND.items():
            for row in await db.find(table):
                if row.task is not None or row.status in _PASSING:
                    found.append(f"{kind} {row.id} is {row.status}/{row.task}: {getattr(row, 'reason', '')}")
        for server_id, sure in self.promises.servers.items():
            status = servers[server_id].status if server_id in servers else "DELETED"
            if sure is not None and status not in sure:
                fault = servers[server_id].fault if server_id in servers else None
                found.append(f"server {server_id} is {status} ({fault}), and {sorted(sure)} was promised")
        for table, kept in self.promises.by_table():
            found += _broken(kept, {one.id: one for one in await db.find(table)}, table.name)
        volumes = {one.id: one.size_gib for one in await db.find(VOLUMES)}
        for volume_id, size in self.promises.sizes.items():
            if volume_id in volumes and volumes[volume_id] != size:
                found.append(f"volume {volume_id} has {volumes[volume_id]} GiB, and {size} were promised")
        return found + await self._uses(cloud, servers)

    async def _uses(self, cloud: WalkedCloud, servers: dict[str, Any]) -> list[str]:
        found = []
        devices = {(one.server_id, one.volume_id) for one in await cloud.db.find(BLOCK_DEVICES)}
        for (server_id, volume_id), sure in self.promises.uses.items():
            alive = server_id in servers and servers[server_id].status != "DELETED"
            if sure is not None and alive and ((server_id, volume_id) in devices) != sure:
                found.append(f"volume {volume_id} of server {server_id}: attached {not sure}, promised {sure}")
        for server in servers.values():
            if server.host is not None and server.status in ("ACTIVE", "SHUTOFF", "PAUSED"):
                has = set(cloud.hosts[server.host].driver.volumes(server.id))
                should = {volume_id for server_id, volume_id in devices if server_id == server.id}
                if has != should:
                    found.append(f"server {server.id}: its guest has volumes {has}, its row {should}")
        return found


def _broken(kept: dict[str, Any], rows: dict[str, Any], what: str) -> list[str]:
    found = []
    for one_id, sure in kept.items():
        status = rows[one_id].status if one_id in rows else GONE
        if sure is not None and status not in sure:
            reason = getattr(rows.get(one_id), "reason", None)
            found.append(f"{what} {one_id} is {status} ({reason}), and {sorted(sure)} was promised")
    return found


async def _look_round(cloud: WalkedCloud) -> None:
    for parts in cloud.hosts.values():
        await parts.agent.watch.look()
    for agent in cloud.storage_agents.values():
        await agent.watch.look()
    await cloud.settle()


def _where(end: BaseException) -> str:
    while isinstance(end, BaseExceptionGroup):
        end = end.exceptions[0]
    return f"{end!r}"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_cloud_used_and_killed_at_random_is_clean(tmp_path: Path) -> None:
    lives = await Lives.begun(tmp_path / "cloud")
    began, done = time.monotonic(), 0
    while done < OPERATIONS:
        try:
            done += await lives.live(lives.chance.randint(*PER_LIFE))
            await lives.begin_again(f"{done} operations")
        except BaseException:
            print(lives.told(f"{done} operations"))
            raise
        if not os.environ.get("CI_FULL") and time.monotonic() - began > MOST_S:
            break
    assert lives.deaths > 5
    took = time.monotonic() - began
    print(f"seed {lives.seed}: {done} operations, {lives.deaths} deaths, {took:.1f} s; {dict(lives.counts)}")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_processes_that_are_really_killed_leave_it_clean(tmp_path: Path) -> None:
    """SIGKILL, at a moment that nobody chose, while operations come in."""
    root = tmp_path / "cloud"
    lives = await Lives.begun(root)
    for number in range(KILLS):
        command = (sys.executable, "-m", "tests.crash.walk", str(root), str(lives.chance.randrange(1 << 32)), lives.now)
        log = (tmp_path / f"{number}.log").open("wb")
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        said = [await process.stdout.readline()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(lives.chance.uniform(0.0, 1.5)):
                while line := await process.stdout.readline():
                    said.append(line)
        process.kill()
        rest = await process.stdout.read()
        assert await process.wait() == -signal.SIGKILL, (tmp_path / f"{number}.log").read_text()[-3000:]
        log.close()
        lives.asked += [line.decode().strip() for line in [*said, *rest.splitlines()]] + ["-- killed"]
        lives.promises = Promises.written(root / "promises")
        await lives.begin_again(f"{number + 1} kills")
    print(f"seed {lives.seed}: killed {KILLS} times, {len(lives.asked) - KILLS} operations")
