"""The composition root: which parts there are and what each is given. No logic of its own.

    Cloud       the database, the services, the one HTTP application and the controllers' loops
    Storefront  the point of purchase, on the same port (``wolke.storefront``)
    Machine     one host: hypervisor and dataplane drivers, and the agents that drive them over HTTP (``wolke.machine``)

``wolke up`` runs both in one process; ``wolke agent`` runs a ``Machine`` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
from collections.abc import Coroutine
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wolke.block_storage.api import build_api as block_storage_api
from wolke.block_storage.api.agent import build_agent_api as block_storage_agent_api
from wolke.block_storage.reconcile import Reconciler as BlockStorageReconciler
from wolke.block_storage.service import BlockStorage
from wolke.block_storage.service.life import Life as BlockStorageLife
from wolke.compute.api import build_api as compute_api
from wolke.compute.api.agent import build_agent_api as compute_agent_api
from wolke.compute.consoles import SOCKET_PREFIX, ConsoleSockets, build_console_api
from wolke.compute.reconcile import Reconciler
from wolke.compute.service import Compute
from wolke.compute.service.life import Life
from wolke.core import drivers, metrics
from wolke.core.clock import Clock
from wolke.core.config import ConfigError
from wolke.core.context import Context, system_context
from wolke.core.db import open_database
from wolke.core.http import Api, Application, Request, Response, Route
from wolke.core.log import get_logger
from wolke.core.loop import Leases
from wolke.core.policy import Policy, Rule
from wolke.core.schema import record
from wolke.host_lines import Asked
from wolke.identity.api import build_api as identity_api
from wolke.identity.model import CatalogEntry
from wolke.identity.service import Identity
from wolke.image.api import build_api as image_api
from wolke.image.drivers import DRIVERS as IMAGE_DRIVERS
from wolke.image.reconcile import build_loop as image_loop
from wolke.image.service import Images
from wolke.inspection import Inspection, Lines, Services
from wolke.migrations import CLOUD
from wolke.network.api import build_agent_api as network_agent_api
from wolke.network.api import build_api as network_api
from wolke.network.schema import NETWORK, SUBNET
from wolke.network.service import Network
from wolke.network.store import NETWORKS
from wolke.placement.api import build_api as placement_api
from wolke.placement.service import Placement
from wolke.settings import SECTIONS, Settings
from wolke.state import StateDirectory, write_private
from wolke.storefront import Storefront

if TYPE_CHECKING:
    from wolke.child import Child
    from wolke.machine import Machine

__all__ = ["SECTIONS", "Cloud", "Settings"]

log = get_logger(__name__)

# As built into the package where npm was at hand, else the distribution's.
NOVNC = (Path(__file__).parent / "assets/novnc", Path("/usr/share/novnc"))

CATALOG = (
    ("identity", "keystone", "/identity"),
    ("image", "glance", "/image"),
    ("placement", "placement", "/placement"),
    ("network", "neutron", "/network"),
    ("block-storage", "cinder", "/volume/v3/$(project_id)s"),
    ("volumev3", "cinderv3", "/volume/v3/$(project_id)s"),
    ("compute", "nova", "/compute/v2.1"),
)
OBJECT_CATALOG = (
    ("object-store", "swift", "/v1/AUTH_$(project_id)s"),
    ("s3", "s3", "/"),
)
_IMAGE_USER = "image"  # what the Image service is called where it keeps images in the object store
_INTERFACES = ("public", "internal", "admin")


class Cloud:
    """``open`` before requests are taken, ``begin`` once they are; ``end`` stops loops and the machine, ``close`` the rest."""

    def __init__(self, settings: Settings, state: StateDirectory, *, store: Child | None = None) -> None:
        """``store``: the object store's process, not yet started."""
        self.settings = settings
        self.state = state
        self.store = store
        self.store_url = store.url if store is not None else ""
        self.clock = Clock()
        self.machine: Machine | None = None
        self.storefront: Storefront | None = None
        if settings.business.enabled:
            self.storefront = Storefront(
                settings.business, state, self.clock, settings.public_url, "wolke-admin", state / "clouds.yaml"
            )
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        settings, state, clock = self.settings, self.state, self.clock
        url = settings.cloud.database or f"sqlite:///{state / 'wolke.db'}"
        await CLOUD.upgrade(url)
        self.db = db = await open_database(url)
        # A process that was killed would keep them from the next for a while.
        self.leases = Leases(db, clock) if db.shared else None
        keys = settings.identity.keys_dir or str(state / "keys")
        identity_config = replace(settings.identity, keys_dir=keys)
        self.identity = Identity(db, identity_config, clock, public_url=settings.public_url)
        await self.identity.start()
        self.images = Images(db, settings.image, clock, self._image_driver())
        self.placement = Placement(db, clock)
        self.network = Network(db, settings.network, clock, settings.policy("network"))
        self.block_storage = BlockStorage(
            db, settings.block_storage, clock, identity=self.identity, images=self.images,
            keys_dir=Path(settings.block_storage.keys_dir or state / "block-storage-keys"),
        )  # fmt: skip
        self.block_storage_life = BlockStorageLife(self.block_storage)
        images, network, placement = self.images, self.network, self.placement
        self.compute = Compute(
            db, settings.compute, clock, identity=self.identity, images=images, network=network, placement=placement,
            storage=self.block_storage,
        )  # fmt: skip
        self.block_storage.servers = self.compute.volumes
        self.life = Life(
            db,
            settings.compute,
            clock,
            images=images,
            network=network,
            placement=placement,
            storage=self.block_storage,
            public_url=settings.public_url,
        )
        self.compute.consoles = self.life.consoles
        self.compute.diagnoses = self.life.diagnoses
        self.application = self._application()
        await self._first_things()

    def _image_driver(self) -> Any:
        name, directory = self.settings.image.driver, self.state / "images"
        kind = drivers.load("image", IMAGE_DRIVERS, name)
        if name != "object_store":
            return kind(directory)
        if not self.store_url:
            raise ConfigError(
                "[image] driver: object_store needs the object store, and [object_store] enabled is false"
            )

        async def place() -> tuple[str, str]:
            token, project_id = await self.identity.service_token(_IMAGE_USER)
            return f"{self.store_url}/v1/AUTH_{project_id}", token

        return kind(directory, place=place, certificate=self.settings.certificate)

    def _application(self) -> Application:
        policy = self.settings.policy
        apis = [
            identity_api(self.identity, policy("identity")),
            image_api(self.images, policy("image")),
            placement_api(self.placement, policy("placement")),
            network_api(self.network, policy("network")),
            block_storage_api(self.block_storage, policy("block_storage")),
            compute_api(self.compute, policy("compute")),
            block_storage_agent_api(self.block_storage_life),
            compute_agent_api(self.life),
            network_agent_api(self.network),
            build_console_api(next((folder for folder in NOVNC if folder.is_dir()), None)),
            operations(self),
        ]
        return Application(
            apis, self.identity.authenticate, sockets={SOCKET_PREFIX: ConsoleSockets(self.life.consoles)},
            fallback=self.storefront.serve if self.storefront is not None else None,
        )  # fmt: skip

    async def _first_things(self) -> None:
        """What a new cloud begins with; the second time it changes nothing."""
        secrets = self.state.secrets()
        entries = [
            CatalogEntry(type_, name, dict.fromkeys(_INTERFACES, f"$(public_url)s{path}"))
            for type_, name, path in CATALOG
        ]
        for type_, name, path in OBJECT_CATALOG:
            urls = dict.fromkeys(_INTERFACES, self.store_url + path) if self.store_url else {}
            entries.append(CatalogEntry(type_, name, urls))
        await self.identity.bootstrap(
            secrets.admin_password, secrets.member_password, secrets.agent_password, self.settings.cloud.region, entries
        )
        await self.block_storage.seed()
        await self.compute.seed()
        async with self.leases.alone("external-network") if self.leases is not None else contextlib.nullcontext():
            await self._external_network()
        write_private(self.state / "agent.json", json.dumps(self._agent_credential(), indent=1) + "\n")

    def _agent_credential(self) -> dict[str, str]:
        return {"user_name": "agent", "password": self.state.secrets().agent_password, "project_name": "service"}

    async def _external_network(self) -> None:
        """The way out, for routers and floating IPs. Made once: an operator who removes it is not contradicted, and what a
        first start has made that died here is not made twice."""
        name, cidr = self.settings.cloud.external_network, self.settings.cloud.external_cidr
        made = self.state / "external-network"
        if not name or made.exists():
            return
        project = await self.identity.project_named("admin")
        ctx = replace(system_context(), project_id=project.id if project else None, system_scope=None)
        body = {"name": name, "router:external": True, "description": "Leads outside"}
        there = await self.db.find(NETWORKS, name=name, project_id=ctx.project_id or "", external=True)
        network = there[0] if there else (await self.network.networks.create(ctx, [NETWORK.read_create(body)]))[0]
        if not network.subnets:
            subnet = {"network_id": network.id, "ip_version": 4, "cidr": cidr, "enable_dhcp": False, "name": name}
            await self.network.subnets.create(ctx, [SUBNET.read_create(subnet)])
        write_private(made, network.id + "\n")

    async def ids_of(self, host: str) -> tuple[str | None, str | None]:
        """Who a host is to Compute and to Block Storage; None if it is nobody."""
        return await self.life.hosts.id_of(host), await self.block_storage_life.hosts.id_of(host)

    def inspection(self, lines: Lines | None = None, *, running: bool = True) -> Inspection:
        """Whether all agrees. ``lines``: to the hosts; None asks their agents."""
        services = Services(
            self.placement, self.images, self.network, self.block_storage, self.block_storage_life, self.life
        )  # fmt: skip
        return Inspection(services, lines or Asked(self.life, self.block_storage_life), running=running)

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        """At ``/`` a browser finds the point of purchase, and a program the list of services."""
        if self.storefront is not None and scope["type"] == "http" and scope["path"] == "/" and _wants_a_page(scope):
            await self.storefront.serve(scope, receive, send)
        else:
            await self.application(scope, receive, send)

    async def begin(self) -> None:
        """The object store's process, loops, and this host's agents, which speak to the application over its own socket."""
        if self.store is not None:
            await self.store.start()
        self._run("image", image_loop(self.images, self.leases).run())
        self._run("block-storage", BlockStorageReconciler(self.block_storage_life, self.leases).run())
        self._run("compute", Reconciler(self.life, self.leases).run())
        if self.settings.host.enabled:
            # In a thread: its imports take longer than all of the above, and the first requests are coming in.
            machine = await asyncio.to_thread(importlib.import_module, "wolke.machine")
            self.machine = machine.Machine(self.settings, self.state / "host", self._agent_credential(), local=self)
            self.life.consoles.doors[self.settings.host.host_name] = self.machine
            await self.machine.open()
            await self.machine.register()
            self._run("machine", self.machine.run())
        if self.storefront is not None:
            self.storefront.begin()

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_tell_if_it_died)
        self._tasks.append(task)

    async def end(self, *, keep_guests: bool) -> None:
        if self.storefront is not None:
            await self.storefront.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self.machine is not None and not keep_guests:
            await self.machine.shut_down_guests()

    async def close(self) -> None:
        await self.end(keep_guests=True)
        if self.storefront is not None:
            await self.storefront.close()
        if self.machine is not None:
            await self.machine.close()
        if hasattr(self, "images"):
            await self.images.driver.close()
        if self.store is not None:
            await self.store.end()
        if hasattr(self, "db"):
            if self.leases is not None:
                with contextlib.suppress(Exception):
                    await self.leases.release()
            await self.identity.stop()
            await self.db.close()


def _wants_a_page(scope: Any) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _tell_if_it_died(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a part of the cloud has stopped", part=task.get_name(), error=repr(error), exc_info=error)


def operations(cloud: Cloud) -> Api:
    """What monitors ask, and the list of services for whoever opens the address in a browser."""

    async def healthz(service: Cloud, ctx: Context, request: Request) -> Any:
        await service.db.count(_leases())
        parts = {task.get_name(): not task.done() for task in service._tasks}
        if service.store is not None:
            parts[service.store.name] = service.store.pid is not None
        return {"status": "ok", "parts": parts}

    async def figures(service: Cloud, ctx: Context, request: Request) -> Response:
        return Response(200, metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")

    async def services(service: Cloud, ctx: Context, request: Request) -> Any:
        links = {type_: request.origin + path.partition("/$(")[0] for type_, _, path in CATALOG}
        if service.store_url:
            links |= {type_: service.store_url + path.partition("AUTH_")[0] for type_, _, path in OBJECT_CATALOG}
        return {"name": "wolke", "services": links}

    async def check(service: Cloud, ctx: Context, request: Request) -> Any:
        report = await service.inspection().run(repair=bool((request.body or {}).get("repair")))
        return {"found": [asdict(one) for one in report.told], "checks": report.checks, "silent": report.silent}

    async def no_icon(service: Cloud, ctx: Context, request: Request) -> None:
        """Browsers ask for one wherever they are."""

    routes = (
        Route("GET", "/", services, auth=False),
        Route("GET", "/favicon.ico", no_icon, auth=False, status=204),
        Route("GET", "/healthz", healthz, auth=False),
        Route("GET", "/metrics", figures, auth=False),
        Route("POST", "/check", check, rule="cloud:check", body=record({"repair": {"type": "boolean"}})),
    )
    rules = (Rule("cloud:check", "role:admin", "Compare what the cloud says of itself with what is, and mend it."),)
    return Api("operations", "", routes, cloud, Policy(rules))


def _leases() -> Any:
    from wolke.core.loop import LEASES

    return LEASES
