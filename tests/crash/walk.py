"""A cloud that is used at random and killed at random: what was asked of it, and what was promised.

``Walk`` asks for one thing after the other through the public API. Whatever is acknowledged is a promise, kept in
``Promises`` outside the cloud; a refusal promises nothing, and what was under way when the process died may have been heard or
not. After each death everything is started again from what is on the disk.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import random
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

from tests.conftest import ADMIN_PROJECT, MEMBER_PROJECT, OTHER_PROJECT, Answer, create_tables
from tests.crash.operations import BACKENDS, ELSEWHERE_TYPE, GROUP_TYPE, OPERATIONS, OTHER_TYPE, SHARED_TYPE
from tests.crash.points import Killed, Points
from tests.crash.scenes import open_in
from tests.disk_cloud import DiskCloud
from tests.life_cloud import InProcessClient
from wolke.block_storage.agent import Backend, BlockStorageAgent
from wolke.block_storage.drivers.simulated import SimulatedDriver as SimulatedVolumes
from wolke.block_storage.store import BACKUPS, GROUP_SNAPSHOTS, GROUPS, SNAPSHOTS, VOLUMES
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import SERVERS
from wolke.core.clock import HeldClock
from wolke.core.db import Table, Where
from wolke.core.files import write_whole
from wolke.image.drivers.file import FileDriver, FileWriter

HOSTS = ("host-1", "host-2")
_GUESTS = (
    "create", "start", "stop", "reboot", "destroy", "pause", "unpause", "suspend", "snapshot", "set_aside", "take_back",
    "forget_aside", "adopt", "rescue", "unrescue", "receive", "send", "settle", "attach_volume", "detach_volume",
    "connect_volumes", "swap_volume", "holder", "attach_nic", "detach_nic",
)  # fmt: skip
_VOLUMES = (
    "create", "delete", "extend", "fill", "snapshot", "delete_snapshot", "revert", "copy_out", "connect", "disconnect",
)  # fmt: skip
_CLIENT = ("get_json", "put_json", "post_json", "upload", "download")


class Fate(Points):
    """When the end comes: at the call of that number, of the whole process or of its agents alone."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1
        self.agents_only = False
        self.passed = 0

    def draw(self, calls: int, *, agents_only: bool) -> None:
        self.left, self.agents_only, self.dead = calls, agents_only, False

    def spare(self) -> None:
        self.left, self.dead = -1, False

    def point(self, where: str, *, agent: bool) -> None:
        if self.agents_only and not agent:
            return
        self.passed += 1
        if self.dead or self.left == 0:
            self.dead = True
            raise Killed(where)
        if self.left > 0:
            self.left -= 1

    def __call__(self, where: str) -> None:
        self.point(where, agent=False)


class Dying:
    """A driver or a client that may not come back from a call."""

    def __init__(self, thing: Any, fate: Fate, names: tuple[str, ...]) -> None:
        self._thing, self._fate, self._names = thing, fate, frozenset(names)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        if name not in self._names:
            return found

        async def call(*args: Any, **more: Any) -> Any:
            self._fate.point(f"before {name}", agent=True)
            result = await found(*args, **more)
            self._fate.point(f"after {name}", agent=True)
            return result

        return call


class FolderOfBackups:
    """Where backups go: files, which are there when the process is not."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def prepare(self, container: str) -> None:
        (self._root / container).mkdir(parents=True, exist_ok=True)

    def _path(self, container: str, name: str) -> Path:
        return self._root / container / name.replace("/", "~")

    async def put(self, container: str, name: str, data: bytes) -> None:
        self._path(container, name).write_bytes(data)

    async def get(self, container: str, name: str) -> bytes | None:
        path = self._path(container, name)
        return path.read_bytes() if path.exists() else None

    async def names(self, container: str, prefix: str) -> Mapping[str, str]:
        wanted = prefix.replace("/", "~")
        found = (self._root / container).glob("*") if (self._root / container).exists() else ()
        return {
            path.name.replace("~", "/"): md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            for path in found
            if path.name.startswith(wanted)
        }

    async def delete(self, container: str, name: str) -> None:
        self._path(container, name).unlink(missing_ok=True)


class Files(FileDriver):
    """Images' files; what a process has open when it dies, the kernel lets go of."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._writers: list[FileWriter] = []

    async def begin(self, blob_id: str) -> FileWriter:
        self._writers.append(await super().begin(blob_id))
        return self._writers[-1]

    def let_go(self) -> None:
        for writer in self._writers:
            if writer._fd is not None:
                os.close(writer._fd)
                writer._fd = None


@dataclass
class WalkedCloud(DiskCloud):
    fate: Fate = field(default_factory=Fate)

    async def add_agents(self) -> None:
        """As new processes on the two hosts find them."""
        for name in HOSTS:
            (self.root / name).mkdir(exist_ok=True)
            parts = await super(DiskCloud, self).add_host(
                name,
                driver=Dying(SimulatedDriver(self.root / name, vcpus=64), self.fate, _GUESTS),
                wrap_client=lambda client: Dying(client, self.fate, _CLIENT),
            )
            places = {backend: self.root / f"{name}-{backend}" for backend in BACKENDS}
            volumes: dict[str, Any] = {
                backend: Dying(SimulatedVolumes(place, host=name), self.fate, _VOLUMES)
                for backend, place in places.items()
            }
            agent = BlockStorageAgent(
                [Backend(backend, "simulated", driver) for backend, driver in volumes.items()], Dying(InProcessClient(self.app), self.fate, _CLIENT), host=name,
                state_dir=self.root / f"{name}-storage", guests=parts.agent,
                backups=FolderOfBackups(self.root / "objects"),
            )  # fmt: skip
            await agent.prepare()
            await agent.register()
            self.storage_agents[name] = agent
        self.storage.servers = self.compute.volumes


async def opened(root: Path, fate: Fate, now: str) -> WalkedCloud:
    db = await open_in(root)
    fate.around_transactions(db)
    cloud = WalkedCloud(db, root, HeldClock(now), fate=fate, image_driver=Files(root / "images"))
    try:
        cloud.start()
        await cloud.image_loop.drain()  # before the first request: uploads that died are put back
        await cloud.add_agents()
        if (root / "image-id").exists():
            cloud.image_id = (root / "image-id").read_text()
    except BaseException:
        await db.close()
        raise
    return cloud


async def prepared(root: Path) -> None:
    root.mkdir()
    await create_tables(f"sqlite:///{root}/wolke.db")
    cloud = await opened(root, Fate(), "2026-01-01T00:00:00.000000Z")
    await cloud.furnish()
    http = cloud.http.using("admin", f"/volume/v3/{ADMIN_PROJECT}", openstack_api_version="volume 3.70")
    shared, elsewhere = {"multiattach": "<is> True"}, {"volume_backend_name": BACKENDS[1]}
    for name, specs in ((OTHER_TYPE, {}), (SHARED_TYPE, shared), (ELSEWHERE_TYPE, elsewhere)):
        answer = await http.post("/types", {"volume_type": {"name": name, "extra_specs": specs}})
        assert answer.status == 200, answer.body
    answer = await http.post("/group_types", {"group_type": {"name": GROUP_TYPE}})
    assert answer.status < 300, answer.body
    (root / "image-id").write_text(cloud.image_id)
    await cloud.db.close()


# ------------------------------------------------------------------------------------------------------- what is asked


@dataclass
class Promises:
    """``servers``: the states that each may be in when all has come to rest; None: it is open. ``volumes``: likewise. ``sizes`` and
    ``uses``: (server, volume) → whether it is attached; what is open is not in them."""

    servers: dict[str, frozenset[str] | None] = field(default_factory=dict)
    volumes: dict[str, frozenset[str] | None] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    uses: dict[tuple[str, str], bool] = field(default_factory=dict)
    snapshots: dict[str, frozenset[str] | None] = field(default_factory=dict)
    backups: dict[str, frozenset[str] | None] = field(default_factory=dict)
    groups: dict[str, frozenset[str] | None] = field(default_factory=dict)
    group_snapshots: dict[str, frozenset[str] | None] = field(default_factory=dict)
    path: Path | None = None  # where they are written down for who comes after us

    def of(self, table: Table[Any]) -> dict[str, Any]:
        return {one.name: kept for one, kept in self.by_table()}[table.name]

    def by_table(self) -> list[tuple[Table[Any], dict[str, Any]]]:
        return [
            (VOLUMES, self.volumes), (SNAPSHOTS, self.snapshots), (BACKUPS, self.backups), (GROUPS, self.groups),
            (GROUP_SNAPSHOTS, self.group_snapshots),
        ]  # fmt: skip

    def write_down(self) -> None:
        if self.path is not None:
            write_whole(self.path, pickle.dumps(self))

    @classmethod
    def written(cls, path: Path) -> Promises:
        return pickle.loads(path.read_bytes()) if path.exists() else cls(path=path)  # type: ignore[no-any-return]


@dataclass
class Walk:
    """``asked``: every operation in order, with the answer, for whoever must find out why."""

    cloud: WalkedCloud
    chance: random.Random
    promises: Promises
    asked: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    async def compute(self, method: str, path: str, body: Any = None, who: str = "member") -> Answer:
        http = self.cloud.http.using(who, "/compute/v2.1", openstack_api_version="compute 2.96")
        return await http.request(method, path, body)

    async def volume(self, method: str, path: str, body: Any = None, who: str = "member") -> Answer:
        project = {"other": OTHER_PROJECT, "admin": ADMIN_PROJECT}.get(who, MEMBER_PROJECT)
        http = self.cloud.http.using(who, f"/volume/v3/{project}", openstack_api_version="volume 3.70")
        return await http.request(method, path, body)

    async def step(self) -> None:
        """One operation, as far as there is something that it can be done to."""
        name = self.chance.choices([*OPERATIONS], [weight for weight, _ in OPERATIONS.values()])[0]
        self.asked.append(name)
        said = await OPERATIONS[name][1](self)
        if said is None:
            self.asked.pop()
            return
        self.asked[-1] = f"{name}: {said}"
        self.promises.write_down()
        self.counts[name] = self.counts.get(name, 0) + said.startswith("2")

    async def a_server(self, *statuses: str) -> Any:
        found = await self.cloud.db.find(SERVERS, where=[Where("status", "in", list(statuses))], task=None)
        return self.chance.choice(sorted(found, key=lambda one: one.created_at + one.id)) if found else None

    async def a_volume(self, *statuses: str) -> Any:
        where = [Where("status", "in", list(statuses))]
        found = await self.cloud.db.find(VOLUMES, where=where, task=None, project_id=MEMBER_PROJECT)
        return self.chance.choice(sorted(found, key=lambda one: one.created_at + one.id)) if found else None

    async def a_row(self, table: Table[Any]) -> Any:
        """One that can be used."""
        found = await self.cloud.db.find(table, status="available", task=None)
        return self.chance.choice(sorted(found, key=lambda one: one.created_at + one.id)) if found else None

    async def asked_of(self, kept: dict[str, Any], key: str, after: Any, call: Awaitable[Answer]) -> str:
        """What was promised of ``key`` is open while ``call`` is under way."""
        before = kept.get(key)
        kept[key] = None
        self.promises.write_down()
        answer = await call
        assert answer.status < 500, (answer.status, answer.body)
        kept[key] = after if answer.status < 300 else before
        return f"{answer.status} {key}" + ("" if answer.status < 300 else f" {answer.body[:200]!r}")


async def left_alone() -> None:
    """What controllers had begun for agents that are dead comes to its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, left = await asyncio.wait(others, timeout=0.1)
        if giving_up := [one for one in left if "_give_up" in getattr(one.get_coro(), "__qualname__", "")]:
            await asyncio.wait(giving_up, timeout=10.0)  # of data that was coming in: a busy machine takes longer


async def live_until_killed(root: Path, seed: int, now: str) -> None:
    """As a process of its own. What is printed are the operations."""
    cloud, chance = await opened(root, Fate(), now), random.Random(seed)
    walk = Walk(cloud, chance, Promises.written(root / "promises"))
    while True:
        await walk.step()
        if walk.asked:
            print(walk.asked[-1], flush=True)
        if chance.random() < 0.5:
            await cloud.settle()
        else:
            await work_a_little(cloud, chance)


async def work_a_little(cloud: WalkedCloud, chance: random.Random) -> None:
    """Some loops, each once: most things are then under way."""
    loops = [cloud.reconciler.drain, cloud.storage_loops.drain]
    loops += [agent.work.loop.drain for agent in cloud.storage_agents.values()]
    for drain in chance.sample(loops, chance.randint(1, 3)):
        await drain()


if __name__ == "__main__":
    from tests.crash import walk  # by its name, so that what it writes down can be read by others

    asyncio.run(walk.live_until_killed(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
