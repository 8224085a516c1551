"""What an agent stands on: its hypervisor, its host's network, and its line to the controllers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any, Protocol

from wolke.image.agent import ImageCache
from wolke.network.drivers.base import Attachment


class Client(Protocol):
    """The line to the controllers: ``core.agent_client.AgentClient``. Errors of the other side have its ``status``."""

    async def get_json(self, path: str) -> Any: ...

    async def put_json(self, path: str, value: Any) -> Any: ...

    async def post_json(self, path: str, value: Any) -> Any: ...

    def stream_lines(self, path: str) -> AsyncIterator[str]: ...

    async def download(self, path: str, target: Path) -> int: ...

    async def upload(self, method: str, path: str, source: Path) -> Any: ...


class HostNetwork(Protocol):
    """The network's agent on the same host."""

    async def ensure_port(self, network_id: str, port_id: str, timeout_s: float) -> None:
        """Returns when the port can be plugged into. ``Failure`` if it cannot within ``timeout_s``."""

    async def attachment(self, network_id: str, port_id: str) -> Attachment: ...

    async def differences(self) -> Sequence[tuple[str, str]]:
        """What is carried otherwise than it should be: of which network or router, and in a sentence what."""

    async def carry(self) -> None:
        """Look, make it so, whatever was done before."""


class Lines(Protocol):
    """To other hosts' agents, for what moves between hosts: ``agent.lines``. ``move`` as in ``Wish.move``."""

    async def fetch(self, server_id: str, move: Mapping[str, Any], target: Path, without: Sequence[str]) -> None:
        """What the other host has set aside of the server, as files in ``target``; those that are there stay."""

    async def fetch_still(self, server_id: str, move: Mapping[str, Any], target: Path, without: Sequence[str]) -> Any:
        """What never changes of the guest that runs there, likewise; and its shape."""

    async def connect(self, server_id: str, move: Mapping[str, Any], name: str) -> socket:
        """A stream to the channel ``name`` of the guest that waits there."""


@dataclass(slots=True)
class Settings:
    """What the controllers say at registration; until then, the defaults."""

    heartbeat_period_s: float = 10.0
    sync_period_s: float = 60.0
    guest_shutdown_timeout_s: float = 60.0


@dataclass(slots=True)
class Ground:
    host: str
    driver: Any  # drivers.base.Driver, and the other Protocols that its capabilities announce
    client: Client
    network: HostNetwork
    images: ImageCache
    state_dir: Path
    lines: Lines
    settings: Settings = field(default_factory=Settings)

    def url(self, rest: str) -> str:
        return f"/agent/compute/v1/hosts/{self.host}/{rest}"
