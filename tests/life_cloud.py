"""A small whole cloud in one test: the real services on one database, and hosts with agents that speak to them through ASGI.

Nothing runs by itself: ``settle`` lets controllers and agents do what is due until nothing is.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import MEMBER_PROJECT, AsgiClient, stand_in_authenticate
from wolke.compute.agent import ComputeAgent
from wolke.compute.api import build_api as build_compute_api
from wolke.compute.api.agent import build_agent_api
from wolke.compute.config import ComputeConfig
from wolke.compute.drivers.simulated import SimulatedDriver
from wolke.compute.model import Server
from wolke.compute.reconcile import Reconciler
from wolke.compute.service import Compute
from wolke.compute.service.life import Life
from wolke.compute.service.server_create import NewServer
from wolke.compute.store import SERVERS
from wolke.core import ids
from wolke.core.clock import Clock, HeldClock
from wolke.core.context import Context
from wolke.core.db import Database
from wolke.core.http import Application
from wolke.image.api import build_api as build_image_api
from wolke.image.config import ImageConfig
from wolke.image.drivers.file import FileDriver
from wolke.image.reconcile import build_loop as build_image_loop
from wolke.image.service import Images, ImageWish
from wolke.network.api import build_agent_api as build_network_agent_api
from wolke.network.api import build_api as build_network_api
from wolke.network.config import NetworkConfig
from wolke.network.drivers.base import Attachment
from wolke.network.service import Network
from wolke.placement.service import Placement
from wolke.placement.store import ALLOCATIONS


class HttpError(Exception):
    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body[:300]!r}")
        self.status = status


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]


class InProcessClient:
    """What ``core.agent_client`` offers, without a socket."""

    def __init__(self, app: Any, token: str = "agent") -> None:
        self._app = app
        self._http = AsgiClient(app, token=token)

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = await self._http.request(method, path, **more)
        if answer.status >= 400:
            raise HttpError(answer.status, answer.body)
        return answer

    async def request(self, method: str, path: str, value: Any = None, *, headers: Any = None) -> Reply:
        answer = await self._call(method, path, body=value, headers=dict(headers or {}))
        return Reply(answer.status, answer.body, {"ETag": answer.headers.get("etag", "")})

    async def get_json(self, path: str) -> Any:
        return (await self._call("GET", path)).json

    async def put_json(self, path: str, body: Any) -> Any:
        return (await self._call("PUT", path, body=body)).json

    async def post_json(self, path: str, body: Any) -> Any:
        answer = await self._call("POST", path, body=body)
        return answer.json if answer.body else None

    async def download(self, path: str, target: Path) -> int:
        return target.write_bytes((await self._call("GET", path)).body)

    async def upload(self, method: str, path: str, source: Path) -> None:
        headers = {"content-type": "application/octet-stream"}
        await self._call(method, path, content=source.read_bytes(), headers=headers)

    async def stream_lines(self, path: str) -> AsyncIterator[str]:
        parts: asyncio.Queue[bytes] = asyncio.Queue()
        closed = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await closed.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            await parts.put(message.get("body", b""))

        headers = [(b"x-auth-token", b"agent"), (b"host", b"cloud.test")]
        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": headers, "scheme": "http", "server": ("cloud.test", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        task = asyncio.create_task(self._app(scope, receive, send))
        try:
            while True:
                part = await parts.get()
                for line in part.splitlines():
                    yield line.decode()
        finally:
            closed.set()
            await task


class Corridor:
    """Hosts' agents reach each other without a network."""

    def __init__(self) -> None:
        self._doors: dict[str, Any] = {}

    def transport(self, host: str) -> _Transport:
        return _Transport(self, host)

    def put(self, host: str, serve: Any) -> None:
        self._doors[host] = serve

    async def connect(self, host: str) -> Any:
        here, there = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=there)
        task = asyncio.create_task(self._doors[host](reader, writer))
        self._tasks = {*getattr(self, "_tasks", ()), task}
        return await asyncio.open_connection(sock=here)


class _Transport:
    def __init__(self, corridor: Corridor, host: str) -> None:
        self._corridor = corridor
        self.door = {"host": host}

    def open(self, serve: Any) -> Any:
        return contextlib.nullcontext()

    async def connect(self, door: Any) -> Any:
        return await self._corridor.connect(door["host"])


class NoNetwork:
    """A host's network that needs no preparation."""

    async def ensure_port(self, network_id: str, port_id: str, timeout_s: float) -> None: ...

    async def attachment(self, network_id: str, port_id: str) -> Attachment:
        return Attachment("none")

    async def differences(self) -> list[tuple[str, str]]:
        return []

    async def carry(self) -> None: ...


MEMBER = Context(
    request_id="req-test", user_id="6d" * 16, project_id=MEMBER_PROJECT, roles=frozenset({"member", "reader"})
)
ADMIN = Context(
    request_id="req-test", user_id="61" * 16, project_id=MEMBER_PROJECT, roles=frozenset({"admin", "member"})
)


@dataclass
class HostParts:
    driver: Any
    agent: ComputeAgent


@dataclass
class LifeCloud:
    """``start`` may be called again on the same database and directory: that is a restart of everything."""

    db: Database
    root: Path
    clock: Clock = field(default_factory=HeldClock)
    config: ComputeConfig = field(default_factory=lambda: ComputeConfig(interface_attach_wait_s=0.0))
    hosts: dict[str, HostParts] = field(default_factory=dict)
    image_driver: Any = None  # None: files
    corridor: Corridor = field(default_factory=Corridor)

    def start(self) -> LifeCloud:
        self.placement = Placement(self.db, self.clock)
        self.network = Network(self.db, NetworkConfig(), self.clock)
        (self.root / "images").mkdir(exist_ok=True)
        place = self.image_driver or FileDriver(self.root / "images")
        self.images = Images(self.db, ImageConfig(), self.clock, place)
        storage = self.make_storage()
        self.compute = Compute(
            self.db, self.config, self.clock, images=self.images, network=self.network, placement=self.placement,
            storage=storage,
        )  # fmt: skip
        self.life = Life(
            self.db, self.config, self.clock, placement=self.placement, network=self.network, images=self.images,
            storage=storage,
        )  # fmt: skip
        self.compute.consoles = self.life.consoles
        self.reconciler = Reconciler(self.life)
        apis = [
            build_compute_api(self.compute), build_agent_api(self.life), build_image_api(self.images),
            build_network_api(self.network), build_network_agent_api(self.network), *self.storage_apis(),
        ]  # fmt: skip
        self.image_loop = build_image_loop(self.images)
        self.app = Application(apis, stand_in_authenticate)
        self.http = AsgiClient(self.app)
        return self

    def make_storage(self) -> Any:
        """Block Storage, in a cloud that has it: ``disk_cloud``."""

    def storage_apis(self) -> list[Any]:
        return []

    async def add_host(
        self, name: str = "host-1", driver: Any = None, wrap_client: Any = None, network: Any = None, **more: Any
    ) -> HostParts:
        state_dir = self.root / name
        state_dir.mkdir(exist_ok=True)
        driver = driver or SimulatedDriver(state_dir, **more)
        await driver.prepare()
        agent = ComputeAgent(
            driver, (wrap_client or (lambda client: client))(InProcessClient(self.app)), network or NoNetwork(), host=name, state_dir=state_dir, driver_name="simulated",
            local_image=self.images.file_path, transport=self.corridor.transport(name),
        )  # fmt: skip
        self.corridor.put(name, agent.lines.serve)
        await agent.prepare()
        await agent.register()
        self.hosts[name] = HostParts(driver, agent)
        return self.hosts[name]

    async def furnish(self) -> None:
        """A network, an image, flavors."""
        network = await self.http.using("member").post("/network/v2.0/networks", {"network": {"name": "net"}})
        self.network_id = network.json["network"]["id"]
        subnet = {"network_id": self.network_id, "cidr": "10.0.0.0/22", "ip_version": 4}
        answer = await self.http.using("member").post("/network/v2.0/subnets", {"subnet": subnet})
        assert answer.status == 201, answer.body
        wish = ImageWish(name="disk", disk_format="raw", container_format="bare", visibility="public")
        source = self.root / "disk.raw"
        source.write_bytes(b"\0" * 4096)
        self.image_id = (await self.images.create_from_file(ADMIN, wish, source)).id
        await self.compute.seed()

    async def create(self, name: str = "one", **more: Any) -> Server:
        asked = {"flavor_id": "1", "image_id": self.image_id, "networks": "auto", **more}
        return (await self.compute.making.create(MEMBER, NewServer(name=name, **asked)))[0]

    async def post_server(self, name: str) -> str:
        """Through the public API."""
        body = {"server": {"name": name, "flavorRef": "1", "imageRef": self.image_id, "networks": "auto"}}
        headers = {"openstack-api-version": "compute 2.90"}
        answer = await self.http.using("member").post("/compute/v2.1/servers", body, headers=headers)
        assert answer.status == 202, answer.body
        return str(answer.json["server"]["id"])

    async def count_active(self) -> int:
        return await self.db.count(SERVERS, status="ACTIVE", task=None)

    async def server(self, server_id: str) -> Server:
        found = await self.db.get(SERVERS, id=server_id)
        assert found is not None
        return found

    async def settle(self) -> None:
        await self.image_loop.drain()
        for _ in range(20):
            await self.reconciler.servers.drain()
            for host in self.hosts.values():
                await host.agent.work.loop.drain()
            due = [await host.agent.work.look() for host in self.hosts.values()]
            if not any(due) and not await self.reconciler.servers._look():
                return
        raise AssertionError("the cloud does not come to rest")

    async def guests(self) -> dict[str, str]:
        """Power by server, over all hosts."""
        return {guest.server_id: guest.power for host in self.hosts.values() for guest in await host.driver.list()}

    async def ports(self) -> list[dict[str, Any]]:
        answer = await self.http.using("member").get("/network/v2.0/ports")
        ports: list[dict[str, Any]] = [p for p in answer.json["ports"] if p["device_owner"].startswith("compute:")]
        return ports

    async def allocations(self) -> set[str]:
        return {one.consumer for one in await self.db.find(ALLOCATIONS)}

    async def counted(self) -> int:
        return await self.db.count(SERVERS, counted=True)

    def new_id(self) -> str:
        return ids.uuid()
