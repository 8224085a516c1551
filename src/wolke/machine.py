"""One host of the cloud: its hypervisor and dataplane drivers, and the agents that make them do what the controllers wish."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from wolke.block_storage.agent import BlockStorageAgent
from wolke.block_storage.agent.backends import build_backends
from wolke.block_storage.agent.swift import SwiftStore
from wolke.compute.agent import ComputeAgent
from wolke.compute.agent.lines import TlsTransport
from wolke.compute.agent.metadata import MetadataDoor
from wolke.compute.drivers import DRIVERS as HYPERVISORS
from wolke.core import drivers
from wolke.core.agent_client import AgentClient, Credentials
from wolke.network.agent import NetworkAgent
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
        self.network = NetworkAgent(
            self.dataplane, self.client, host.host_name, metadata=MetadataDoor(self.client, host.host_name)
        )
        address = host.address or _address_towards(settings.public_url)
        local_image = local.images.file_path if local is not None else None
        store_url = local.store_url if local is not None else ""
        self.compute = ComputeAgent(
            self.hypervisor,
            self.client,
            self.network,
            host=host.host_name,
            state_dir=directory,
            driver_name=host.hypervisor,
            local_image=local_image,
            transport=TlsTransport(address, host.move_port),
        )
        self.volumes = BlockStorageAgent(
            build_backends(
                host.volume_backends,
                directory / "volumes",
                host.host_name,
                address=address,
                serve_all=host.serve_volumes,
            ),
            self.client,
            host=host.host_name,
            state_dir=directory / "block-storage",
            backups=SwiftStore(self.client, store_url) if store_url else None,
            local_image=local_image,
            address=address,
            guests=self.compute,
        )

    async def open(self) -> None:
        await asyncio.gather(self.hypervisor.prepare(), self.dataplane.prepare())
        await asyncio.gather(self.compute.prepare(), self.volumes.prepare())

    async def register(self) -> None:
        """Be known to the controllers before the first server is asked for; ``run`` keeps it so."""
        await asyncio.gather(self.compute.register(), self.network.register(), self.volumes.register())

    async def recognise(self, compute_id: str | None, storage_id: str | None) -> None:
        """Without asking the controllers who this host is. None: they do not know it."""
        if compute_id is not None:
            self.compute.recognise(compute_id)
        if storage_id is not None:
            await self.volumes.recognise(storage_id)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.network.run())
            group.create_task(self.compute.run())
            group.create_task(self.volumes.run())

    async def shut_down_guests(self) -> None:
        """Guests off, networks gone; what is wished for stays as it is."""
        await self.compute.shutdown_guests(self.settings.compute.guest_shutdown_timeout_s)
        await self.dataplane.teardown()

    async def close(self) -> None:
        await self.volumes.close()
        await self.hypervisor.close()
        await self.dataplane.close()
        await self.session.close()

    # -- doors for the controller in the same process

    async def console_output(self, server_id: str, length: int | None) -> str:
        return await self.compute.console_output(server_id, length)

    async def console_socket(self, server_id: str, kind: str) -> Path:
        return await self.compute.console_socket(server_id, kind)


def _address_towards(url: str) -> str:
    """This machine's address as who is at ``url`` sees it; "" if there is no way there."""
    parts = urlsplit(url)
    try:
        family, kind, _, _, there = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(there)  # of a datagram socket: nothing is sent
            return str(probe.getsockname()[0])
    except OSError:
        return ""


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
