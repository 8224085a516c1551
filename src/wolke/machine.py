"""One host of the cloud: its hypervisor and dataplane drivers, and the agents that make them do what the controllers wish."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp

from wolke.compute.agent import ComputeAgent
from wolke.compute.drivers import DRIVERS as HYPERVISORS
from wolke.core import drivers
from wolke.core.agent_client import AgentClient, Credentials, Refusal
from wolke.network.agent import NetworkAgent
from wolke.network.agent.metadata import Answer
from wolke.network.drivers import DRIVERS as DATAPLANES
from wolke.settings import Settings

if TYPE_CHECKING:
    from wolke.app import Cloud


class Machine:
    """``local``: the cloud, where its controllers run in this process; images then need no second copy."""

    def __init__(
        self, settings: Settings, directory: Path, credential: Mapping[str, str], *, local: Cloud | None = None
    ) -> None:
        self.settings = settings
        self.directory = directory
        host = settings.host
        self.hypervisor = _hypervisor(settings, directory)
        self.dataplane = _dataplane(settings, directory)
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
        self.client = AgentClient(self.session, settings.public_url, Credentials(**credential), ca=settings.certificate)
        self.network = NetworkAgent(self.dataplane, self.client, host.host_name, metadata=self._metadata)
        self.compute = ComputeAgent(
            self.hypervisor,
            self.client,
            self.network,
            host=host.host_name,
            state_dir=directory,
            driver_name=host.hypervisor,
            local_image=local.images.file_path if local is not None else None,
        )

    async def open(self) -> None:
        await asyncio.gather(self.hypervisor.prepare(), self.dataplane.prepare())
        await self.compute.prepare()

    async def register(self) -> None:
        """Be known to the controllers before the first server is asked for; ``run`` keeps it so."""
        await asyncio.gather(self.compute.register(), self.network.register())

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.network.run())
            group.create_task(self.compute.run())

    async def shut_down_guests(self) -> None:
        """Guests off, networks gone; what is wished for stays as it is."""
        await self.compute.shutdown_guests(self.settings.compute.guest_shutdown_timeout_s)
        await self.dataplane.teardown()

    async def close(self) -> None:
        await self.hypervisor.close()
        await self.dataplane.close()
        await self.session.close()

    # -- doors for the controller in the same process

    async def console_output(self, server_id: str, length: int | None) -> str:
        return await self.compute.console_output(server_id, length)

    async def console_socket(self, server_id: str, kind: str) -> Path:
        return await self.compute.console_socket(server_id, kind)

    async def _metadata(
        self, network_id: str, address: str, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """What a guest asked of 169.254.169.254: the controllers know which server has that address."""
        host = quote(self.settings.host.host_name, safe="")
        path = quote(path.partition("?")[0].lstrip("/"))
        given = {"content": body.decode("latin-1")} if method == "POST" else None
        if method not in ("GET", "HEAD", "POST"):
            return 405, {"content-type": "text/plain"}, b""
        try:
            reply = await self.client.request(
                "GET" if given is None else "POST",
                f"/agent/compute/v1/hosts/{host}/metadata/{network_id}/{address}/{path}",
                given,
            )
        except Refusal as refusal:
            status = refusal.status if refusal.status in (400, 404, 409) else 503
            return status, {"content-type": "text/plain"}, b""
        return 200, {"content-type": reply.headers.get("content-type", "text/plain")}, reply.body


def _hypervisor(settings: Settings, directory: Path) -> Any:
    name = settings.host.hypervisor
    kind = drivers.load("compute", HYPERVISORS, name)
    return kind(directory, config=settings.qemu) if name == "qemu" else kind(directory)


def _dataplane(settings: Settings, directory: Path) -> Any:
    name = settings.host.dataplane_name
    kind = drivers.load("network", DATAPLANES, name)
    if name == "linux":
        return kind(directory / "network", external_masquerade=settings.host.masquerade)
    return kind()
