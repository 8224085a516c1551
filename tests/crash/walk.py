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
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

from tests.conftest import ADMIN_PROJECT, MEMBER_PROJECT, OTHER_PROJECT, Answer, create_tables
from tests.crash.points import Killed, Points
from tests.crash.scenes import open_in
from tests.disk_cloud import DiskCloud
from tests.life_cloud import InProcessClient
from wolke.block_storage.agent import Backend, BlockStorageAgent
from wolke.block_storage.drivers.simulated import SimulatedDriver as SimulatedVolumes
from wolke.block_storage.store import BACKUPS, SNAPSHOTS, TRANSFERS, VOLUMES
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.store import BLOCK_DEVICES, SERVERS
from wolke.core.clock import HeldClock
from wolke.core.db import Where
from wolke.core.files import write_whole
from wolke.image.drivers.file import FileDriver, FileWriter

HOSTS = ("host-1", "host-2")
_GUESTS = (
    "create", "start", "stop", "reboot", "destroy", "pause", "unpause", "suspend", "snapshot", "set_aside", "take_back",
    "forget_aside", "adopt", "rescue", "unrescue", "receive", "send", "settle", "attach_volume", "detach_volume",
    "connect_volumes", "attach_nic", "detach_nic",
)  # fmt: skip
_VOLUMES = (
    "create", "delete", "extend", "fill", "snapshot", "delete_snapshot", "revert", "copy_out", "connect", "disconnect",
)  # fmt: skip
_CLIENT = ("get_json", "put_json", "post_json", "upload", "download")
_MOST_SERVERS, _MOST_VOLUMES = 6, 8
_OTHER_TYPE = "other"


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
            driver: Any = Dying(SimulatedVolumes(self.root / f"{name}-volumes", host=name), self.fate, _VOLUMES)
            agent = BlockStorageAgent(
                [Backend("disks", "simulated", driver)], Dying(InProcessClient(self.app), self.fate, _CLIENT), host=name,
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
    answer = await http.post("/types", {"volume_type": {"name": _OTHER_TYPE}})
    assert answer.status == 200, answer.body
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
    path: Path | None = None  # where they are written down for who comes after us

    def write_down(self) -> None:
        if self.path is not None:
            write_whole(self.path, pickle.dumps(self))

    @classmethod
    def written(cls, path: Path) -> Promises:
        return pickle.loads(path.read_bytes()) if path.exists() else cls(path=path)  # type: ignore[no-any-return]


GONE, HELD = "gone", frozenset({"available", "in-use"})
_LIVE = "compute:"
Op = Callable[["Walk"], Awaitable[str | None]]


@dataclass
class Walk:
    """``asked``: every operation in order, with the answer, for whoever must find out why."""

    cloud: WalkedCloud
    chance: random.Random
    promises: Promises
    asked: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    async def compute(self, method: str, path: str, body: Any = None, who: str = "member") -> Answer:
        http = self.cloud.http.using(who, "/compute/v2.1", openstack_api_version="compute 2.90")
        return await http.request(method, path, body)

    async def volume(self, method: str, path: str, body: Any = None, who: str = "member") -> Answer:
        project = OTHER_PROJECT if who == "other" else MEMBER_PROJECT
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

    async def asked_of(self, kept: dict[str, Any], key: str, after: Any, call: Awaitable[Answer]) -> str:
        """What was promised of ``key`` is open while ``call`` is under way."""
        before = kept.get(key)
        kept[key] = None
        self.promises.write_down()
        answer = await call
        assert answer.status < 500, (answer.status, answer.body)
        kept[key] = after if answer.status < 300 else before
        return f"{answer.status} {key}" + ("" if answer.status < 300 else f" {answer.body[:200]!r}")


async def _create_server(walk: Walk) -> str | None:
    if await walk.cloud.db.count(SERVERS, where=[Where("status", "ne", "DELETED")]) >= _MOST_SERVERS:
        return None
    asked: dict[str, Any] = {"name": "s", "flavorRef": "1", "networks": "auto"}
    kind, volume = walk.chance.choice(("image", "image", "volume", "of image")), await walk.a_volume("available")
    sure = frozenset({"ACTIVE"})
    if kind == "of image" or (kind == "volume" and volume is not None and volume.bootable):
        source = {"source_type": "image", "uuid": walk.cloud.image_id, "volume_size": 1}
        if kind == "volume":
            source = {"source_type": "volume", "uuid": volume.id}
        goes = walk.chance.random() < 0.5
        asked["block_device_mapping_v2"] = [
            {**source, "destination_type": "volume", "boot_index": 0, "delete_on_termination": goes}
        ]
        sure |= {"ERROR"}  # the scheduler knows not where the volume is
        if kind == "volume":
            walk.promises.volumes[volume.id] = None
    else:
        asked["imageRef"] = walk.cloud.image_id
    answer = await walk.compute("POST", "/servers", {"server": asked})
    assert answer.status < 500, answer.body
    if answer.status == 202:
        walk.promises.servers[answer.json["server"]["id"]] = sure
    return f"{answer.status} {answer.body[:60]!r} of {kind}"


def _action(body: Mapping[str, Any], frm: tuple[str, ...], to: tuple[str, ...], who: str = "member") -> Op:
    """``to`` may name "=": what it was. A server with volumes may find no way to take them along: it may stay what it was."""

    async def act(walk: Walk) -> str | None:
        server = await walk.a_server(*frm)
        if server is None:
            return None
        was = [server.status] if "=" in to or await walk.cloud.db.find(BLOCK_DEVICES, server_id=server.id) else []
        after = frozenset([one for one in to if one != "="] + was)
        call = walk.compute("POST", f"/servers/{server.id}/action", body, who)
        return await walk.asked_of(walk.promises.servers, server.id, after, call)

    return act


async def _rebuild(walk: Walk) -> str | None:
    return await _action({"rebuild": {"imageRef": walk.cloud.image_id}}, ("ACTIVE", "SHUTOFF"), ("=",))(walk)


async def _delete_server(walk: Walk) -> str | None:
    """Whatever is under way with it."""
    found = await walk.cloud.db.find(SERVERS, where=[Where("status", "ne", "DELETED")])
    if not found:
        return None
    server = walk.chance.choice(sorted(found, key=lambda one: one.created_at + one.id))
    said = await walk.asked_of(
        walk.promises.servers, server.id, frozenset({"DELETED"}), walk.compute("DELETE", f"/servers/{server.id}")
    )
    for key in [key for key in walk.promises.uses if key[0] == server.id]:
        del walk.promises.uses[key]
    return said


_PLUGGABLE = ("ACTIVE", "SHUTOFF", "PAUSED", "SHELVED_OFFLOADED")


async def _attach(walk: Walk) -> str | None:
    server, volume = await walk.a_server(*_PLUGGABLE), await walk.a_volume("available")
    if server is None or volume is None:
        return None
    kept: dict[Any, Any] = walk.promises.uses
    path = f"/servers/{server.id}/os-volume_attachments"
    call = walk.compute("POST", path, {"volumeAttachment": {"volumeId": volume.id}})
    sure = True if volume.host == server.host else None
    return await walk.asked_of(kept, (server.id, volume.id), sure, call)  # type: ignore[arg-type]


async def _detach(walk: Walk) -> str | None:
    devices = await walk.cloud.db.find(BLOCK_DEVICES)
    if not devices:
        return None
    device = walk.chance.choice(sorted(devices, key=lambda one: one.created_at + one.id))
    kept: dict[Any, Any] = walk.promises.uses
    path = f"/servers/{device.server_id}/os-volume_attachments/{device.volume_id}"
    return await walk.asked_of(kept, (device.server_id, device.volume_id), False, walk.compute("DELETE", path))  # type: ignore[arg-type]


async def _plug(walk: Walk) -> str | None:
    server = await walk.a_server("ACTIVE", "SHUTOFF")
    if server is None:
        return None
    answer = await walk.compute("POST", f"/servers/{server.id}/os-interface", {"interfaceAttachment": {}})
    assert answer.status < 500, answer.body
    return f"{answer.status} {server.id}"


async def _unplug(walk: Walk) -> str | None:
    server = await walk.a_server("ACTIVE", "SHUTOFF")
    if server is None:
        return None
    ports = (await walk.compute("GET", f"/servers/{server.id}/os-interface")).json["interfaceAttachments"]
    if len(ports) < 2:
        return None
    answer = await walk.compute("DELETE", f"/servers/{server.id}/os-interface/{ports[-1]['port_id']}")
    assert answer.status < 500, answer.body
    return f"{answer.status} {server.id}"


async def _create_volume(walk: Walk) -> str | None:
    if await walk.cloud.db.count(VOLUMES) >= _MOST_VOLUMES:
        return None
    asked: dict[str, Any] = {"size": walk.chance.randint(1, 3)}
    kind = walk.chance.choice(("blank", "image", "snapshot", "volume"))
    sure = HELD
    if kind == "image":
        asked["imageRef"] = walk.cloud.image_id
    elif kind == "snapshot" and (snapshot := await _a_snapshot(walk)):
        asked |= {"snapshot_id": snapshot.id, "size": snapshot.size_gib}
        sure |= {"error"}  # it may go meanwhile
    elif kind == "volume" and (source := await walk.a_volume("available")):
        asked |= {"source_volid": source.id, "size": source.size_gib}
        sure |= {"error"}
    answer = await walk.volume("POST", "/volumes", {"volume": asked})
    assert answer.status < 500, answer.body
    if answer.status == 202:
        walk.promises.volumes[answer.json["volume"]["id"]] = sure
        walk.promises.sizes[answer.json["volume"]["id"]] = asked["size"]
    return f"{answer.status} {answer.body[:60]!r}"


async def _delete_volume(walk: Walk) -> str | None:
    volume = await walk.a_volume("available", "error")
    if volume is None:
        return None
    walk.promises.sizes.pop(volume.id, None)
    gone = frozenset({GONE})
    return await walk.asked_of(walk.promises.volumes, volume.id, gone, walk.volume("DELETE", f"/volumes/{volume.id}"))


async def _extend(walk: Walk) -> str | None:
    volume = await walk.a_volume("available", "in-use")
    if volume is None:
        return None
    before = walk.promises.sizes.pop(volume.id, None)
    walk.promises.write_down()
    answer = await walk.volume("POST", f"/volumes/{volume.id}/action", {"os-extend": {"new_size": volume.size_gib + 1}})
    assert answer.status < 500, answer.body
    after = volume.size_gib + 1 if answer.status == 202 and volume.status == "available" else None
    after = before if answer.status != 202 else after
    if after is not None:
        walk.promises.sizes[volume.id] = after
    return f"{answer.status} {volume.id}"


async def _a_snapshot(walk: Walk) -> Any:
    found = await walk.cloud.db.find(SNAPSHOTS, status="available", task=None)
    return walk.chance.choice(sorted(found, key=lambda one: one.created_at + one.id)) if found else None


async def _snapshot(walk: Walk) -> str | None:
    volume = await walk.a_volume("available", "in-use")
    if volume is None or await walk.cloud.db.count(SNAPSHOTS) >= _MOST_VOLUMES:
        return None
    answer = await walk.volume("POST", "/snapshots", {"snapshot": {"volume_id": volume.id, "force": True}})
    assert answer.status < 500, answer.body
    if answer.status == 202:
        sure = frozenset({"available"}) if volume.status == "available" else None
        walk.promises.snapshots[answer.json["snapshot"]["id"]] = sure
    return f"{answer.status} {volume.id}"


async def _delete_snapshot(walk: Walk) -> str | None:
    snapshot = await _a_snapshot(walk)
    if snapshot is None:
        return None
    call = walk.volume("DELETE", f"/snapshots/{snapshot.id}")
    return await walk.asked_of(walk.promises.snapshots, snapshot.id, frozenset({GONE}), call)


async def _backup(walk: Walk) -> str | None:
    volume = await walk.a_volume("available", "in-use")
    if volume is None or await walk.cloud.db.count(BACKUPS) >= _MOST_VOLUMES:
        return None
    asked = {"volume_id": volume.id, "force": True, "incremental": walk.chance.random() < 0.5}
    answer = await walk.volume("POST", "/backups", {"backup": asked})
    assert answer.status < 500, answer.body
    if answer.status == 202:
        sure = frozenset({"available"}) if volume.status == "available" else None
        walk.promises.backups[answer.json["backup"]["id"]] = sure
    return f"{answer.status} {volume.id}"


async def _a_backup(walk: Walk) -> Any:
    found = await walk.cloud.db.find(BACKUPS, status="available", task=None)
    return walk.chance.choice(sorted(found, key=lambda one: one.created_at + one.id)) if found else None


async def _restore(walk: Walk) -> str | None:
    backup, volume = await _a_backup(walk), await walk.a_volume("available")
    if backup is None or volume is None:
        return None
    call = walk.volume("POST", f"/backups/{backup.id}/restore", {"restore": {"volume_id": volume.id}})
    sure = HELD | {"error_restoring"}
    return await walk.asked_of(walk.promises.volumes, volume.id, sure, call)


async def _delete_backup(walk: Walk) -> str | None:
    backup = await _a_backup(walk)
    if backup is None:
        return None
    call = walk.volume("DELETE", f"/backups/{backup.id}")
    return await walk.asked_of(walk.promises.backups, backup.id, frozenset({GONE}), call)


async def _transfer(walk: Walk) -> str | None:
    """To somebody else, who takes it, or to nobody after all; it is the same volume."""
    volume = await walk.a_volume("available")
    if volume is None:
        return None
    answer = await walk.volume("POST", "/volume-transfers", {"transfer": {"volume_id": volume.id}})
    assert answer.status < 500, answer.body
    if answer.status != 202:
        return f"{answer.status} {volume.id}"
    made, sure = answer.json["transfer"], HELD | {"awaiting-transfer"}
    if walk.chance.random() < 0.5:
        call = walk.volume("DELETE", f"/volume-transfers/{made['id']}")
        return await walk.asked_of(walk.promises.volumes, volume.id, HELD, call)
    for who in ("other", "member"):  # and back, so that it can be used
        path = f"/volume-transfers/{made['id']}/accept"
        call = walk.volume("POST", path, {"accept": {"auth_key": made["auth_key"]}}, who)
        said = await walk.asked_of(walk.promises.volumes, volume.id, sure, call)
        if who == "other":
            back = await walk.volume("POST", "/volume-transfers", {"transfer": {"volume_id": volume.id}}, who)
            if back.status != 202:
                return said
            made = back.json["transfer"]
    return said


async def _drop_transfers(walk: Walk) -> str | None:
    found = await walk.cloud.db.find(TRANSFERS, project_id=MEMBER_PROJECT)
    if not found:
        return None
    one = walk.chance.choice(sorted(found, key=lambda one: one.created_at + one.id))
    return str((await walk.volume("DELETE", f"/volume-transfers/{one.id}")).status)


async def _revert(walk: Walk) -> str | None:
    snapshot = await _a_snapshot(walk)
    if snapshot is None:
        return None
    body = {"revert": {"snapshot_id": snapshot.id}}
    call = walk.volume("POST", f"/volumes/{snapshot.volume_id}/action", body)
    return await walk.asked_of(walk.promises.volumes, snapshot.volume_id, HELD | {"error"}, call)


async def _upload(walk: Walk) -> str | None:
    volume = await walk.a_volume("available")
    if volume is None:
        return None
    body = {"os-volume_upload_image": {"image_name": "u", "disk_format": "raw", "container_format": "bare"}}
    call = walk.volume("POST", f"/volumes/{volume.id}/action", body)
    return await walk.asked_of(walk.promises.volumes, volume.id, HELD, call)


async def _retype(walk: Walk) -> str | None:
    volume = await walk.a_volume("available", "in-use")
    if volume is None:
        return None
    wanted = walk.chance.choice(("default", _OTHER_TYPE))
    body = {"os-retype": {"new_type": wanted, "migration_policy": "never"}}
    call = walk.volume("POST", f"/volumes/{volume.id}/action", body)
    return await walk.asked_of(walk.promises.volumes, volume.id, HELD, call)


_UP = ("ACTIVE",)
#: name → how often, and what.
OPERATIONS: dict[str, tuple[int, Op]] = {
    "create server": (10, _create_server),
    "delete server": (5, _delete_server),
    "stop": (3, _action({"os-stop": None}, _UP, ("SHUTOFF",))),
    "start": (4, _action({"os-start": None}, ("SHUTOFF",), ("ACTIVE",))),
    "pause": (2, _action({"pause": None}, _UP, ("PAUSED",))),
    "unpause": (3, _action({"unpause": None}, ("PAUSED",), ("ACTIVE",))),
    "suspend": (2, _action({"suspend": None}, _UP, ("SUSPENDED",))),
    "resume": (3, _action({"resume": None}, ("SUSPENDED",), ("ACTIVE",))),
    "reboot": (2, _action({"reboot": {"type": "HARD"}}, _UP, ("ACTIVE",))),
    "rebuild": (2, _rebuild),
    "resize": (4, _action({"resize": {"flavorRef": "2"}}, ("ACTIVE", "SHUTOFF"), ("RESIZED",))),
    "migrate": (4, _action({"migrate": None}, ("ACTIVE", "SHUTOFF"), ("RESIZED",), "admin")),
    "confirm": (4, _action({"confirmResize": None}, ("RESIZED",), ("ACTIVE", "SHUTOFF"))),
    "revert resize": (3, _action({"revertResize": None}, ("RESIZED",), ("ACTIVE", "SHUTOFF"))),
    "migrate live": (
        4,
        _action({"os-migrateLive": {"host": None, "block_migration": "auto"}}, ("ACTIVE", "PAUSED"), ("=",), "admin"),
    ),
    "shelve": (3, _action({"shelve": None}, ("ACTIVE", "SHUTOFF", "PAUSED"), ("SHELVED_OFFLOADED",))),
    "unshelve": (4, _action({"unshelve": None}, ("SHELVED_OFFLOADED",), ("ACTIVE",))),
    "rescue": (2, _action({"rescue": {}}, ("ACTIVE", "SHUTOFF"), ("RESCUED",))),
    "unrescue": (3, _action({"unrescue": None}, ("RESCUED",), ("ACTIVE",))),
    "back up server": (
        2,
        _action(
            {"createBackup": {"name": "b", "backup_type": "daily", "rotation": 1}},
            ("ACTIVE", "SHUTOFF"),
            ("=",),
            "admin",
        ),
    ),
    "picture": (2, _action({"createImage": {"name": "p"}}, ("ACTIVE", "SHUTOFF"), ("=",))),
    "plug": (2, _plug),
    "unplug": (2, _unplug),
    "attach": (10, _attach),
    "detach": (7, _detach),
    "create volume": (9, _create_volume),
    "delete volume": (4, _delete_volume),
    "extend": (3, _extend),
    "snapshot": (4, _snapshot),
    "delete snapshot": (3, _delete_snapshot),
    "back up": (4, _backup),
    "restore": (3, _restore),
    "delete backup": (2, _delete_backup),
    "transfer": (2, _transfer),
    "drop transfers": (1, _drop_transfers),
    "revert volume": (2, _revert),
    "retype": (3, _retype),
    "upload volume": (2, _upload),
}


async def left_alone() -> None:
    """What controllers had begun for agents that are dead comes to its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=0.1)


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
