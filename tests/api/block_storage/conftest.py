"""A small cloud with Block Storage and Images, and a host that is played by hand: the agents' protocol, without an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ADMIN_PROJECT, MEMBER_PROJECT, OTHER_PROJECT, Answer, AsgiClient, stand_in_authenticate
from wolke.block_storage.api import build_api
from wolke.block_storage.api.agent import build_agent_api
from wolke.block_storage.config import BlockStorageConfig
from wolke.block_storage.reconcile import Reconciler
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.life import Life
from wolke.core.clock import HeldClock
from wolke.core.context import Context
from wolke.core.db import Database
from wolke.core.http import Application
from wolke.image.api import build_api as build_image_api
from wolke.image.config import ImageConfig
from wolke.image.drivers.memory import MemoryDriver
from wolke.image.service import Images, ImageWish

PROJECTS = {"member": MEMBER_PROJECT, "reader": MEMBER_PROJECT, "admin": ADMIN_PROJECT, "other": OTHER_PROJECT}
MEMBER = Context(
    request_id="req-t", user_id="6d" * 16, project_id=MEMBER_PROJECT, roles=frozenset({"member", "reader"})
)
ADMIN = Context(request_id="req-t", user_id="61" * 16, project_id=MEMBER_PROJECT, roles=frozenset({"admin", "member"}))


def backend(name: str = "file", total_gib: float = 1000.0, **capabilities: Any) -> dict[str, Any]:
    pool = {"name": "pool", "total_gib": total_gib, "free_gib": total_gib, "thin": False}
    return {"name": name, "driver": "simulated", "pools": [pool], "capabilities": capabilities}


@dataclass
class Hand:
    """What an agent does, one thing at a time: ``refuses`` says of a wish why it can never be, ``learns`` what is learnt."""

    http: AsgiClient
    name: str
    backends: list[dict[str, Any]] = field(default_factory=lambda: [backend()])
    backups: bool = True
    wishes: list[dict[str, Any]] = field(default_factory=list)
    learns: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    refuses: Callable[[dict[str, Any]], str | None] = lambda wish: None

    def url(self, rest: str = "") -> str:
        return f"/agent/block-storage/v1/hosts/{self.name}{rest}"

    async def register(self) -> dict[str, Any]:
        answer = await self.http.put(self.url(), {"backends": self.backends, "backups": self.backups})
        assert answer.status == 200, answer.body
        return answer.json

    async def due(self) -> list[list[Any]]:
        return (await self.http.get(self.url("/due"))).json["due"]

    async def work(self) -> int:
        """Do what is due now; how many things that was."""
        due = await self.due()
        if not due:
            return 0
        items = [{"kind": kind, "id": one_id} for kind, one_id, _, _ in due]
        wishes = (await self.http.post(self.url("/wishes"), {"items": items})).json["wishes"]
        self.wishes += wishes
        said = []
        for wish in wishes:
            learnt = {"connection": {"type": "file", "layers": []}} if wish["task"] == "connecting" else {}
            learnt |= self.learns.get((wish["kind"], wish["task"]), {})
            told = {"kind": wish["kind"], "id": wish["id"], "task": wish["task"], "generation": wish["generation"]}
            said.append({**told, "learnt": learnt, "failure": self.refuses(wish)})
        answer = await self.http.post(self.url("/outcomes"), {"outcomes": said})
        assert answer.status == 200, answer.body
        return len(wishes)


@dataclass
class SmallCloud:
    db: Database
    root: Path
    clock: HeldClock = field(default_factory=HeldClock)
    config: BlockStorageConfig = field(default_factory=lambda: BlockStorageConfig(connect_timeout_s=2.0))

    def start(self) -> SmallCloud:
        self.images = Images(self.db, ImageConfig(), self.clock, MemoryDriver())
        self.service = BlockStorage(self.db, self.config, self.clock, keys_dir=self.root / "keys", images=self.images)
        self.life = Life(self.service)
        self.reconciler = Reconciler(self.life)
        apis = [build_api(self.service), build_agent_api(self.life), build_image_api(self.images)]
        self.app = Application(apis, stand_in_authenticate)
        self.http = AsgiClient(self.app)
        self.hosts: dict[str, Hand] = {}
        return self

    async def add_host(self, name: str = "host-1", **more: Any) -> Hand:
        hand = Hand(self.http.using("agent"), name, **more)
        await hand.register()
        self.hosts[name] = hand
        return hand

    async def settle(self) -> None:
        for _ in range(20):
            await self.reconciler.drain()
            if not sum([await hand.work() for hand in self.hosts.values()]) and not await self.reconciler._look():
                return
        raise AssertionError("the cloud does not come to rest")

    def who(self, name: str, version: str = "latest") -> AsgiClient:
        prefix = f"/volume/v3/{PROJECTS[name]}"
        return self.http.using(name, prefix, openstack_api_version=f"volume {version}")

    async def volume(self, who: str = "member", **asked: Any) -> dict[str, Any]:
        """One that is settled."""
        answer = await self.who(who).post("/volumes", {"volume": {"size": 1, **asked}})
        assert answer.status == 202, answer.body
        await self.settle()
        return await self.shown(answer.json["volume"]["id"])

    async def shown(self, volume_id: str) -> dict[str, Any]:
        return (await self.who("admin").get(f"/volumes/{volume_id}")).json["volume"]

    async def status(self, volume_id: str) -> str:
        return (await self.shown(volume_id))["status"]

    async def act(self, volume_id: str, said: Any, who: str = "member", version: str = "latest") -> Answer:
        return await self.who(who, version).post(f"/volumes/{volume_id}/action", said)

    async def image(self, **more: Any) -> str:
        wish = ImageWish(name="disk", disk_format="raw", container_format="bare", visibility="public", **more)
        source = self.root / "disk.raw"
        source.write_bytes(b"\0" * 4096)
        return (await self.images.create_from_file(ADMIN, wish, source)).id

    async def messages(self) -> list[str]:
        return [one["user_message"] for one in (await self.who("member").get("/messages")).json["messages"]]


@pytest.fixture
async def cloud(database: Database, tmp_path: Path) -> AsyncIterator[SmallCloud]:
    """One host with one backend; nothing happens but by ``cloud.settle()``."""
    made = SmallCloud(database, tmp_path).start()
    await made.service.seed()
    await made.add_host()
    yield made


@pytest.fixture
def member(cloud: SmallCloud) -> AsgiClient:
    return cloud.who("member")


@pytest.fixture
def admin(cloud: SmallCloud) -> AsgiClient:
    """In a project of its own."""
    return cloud.who("admin")


@pytest.fixture
def other(cloud: SmallCloud) -> AsgiClient:
    """A member of another project."""
    return cloud.who("other")
