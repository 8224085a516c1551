"""What an agent stands on: its backends, its line to the controllers, the guests beside it, and where backups go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from wolke.block_storage.drivers.base import Driver, Guest
from wolke.block_storage.model import Address
from wolke.core.drivers import Failure
from wolke.image.agent import ImageCache


class Client(Protocol):
    """The line to the controllers: ``core.agent_client.AgentClient``. Errors of the other side have its ``status``."""

    async def get_json(self, path: str) -> Any: ...

    async def put_json(self, path: str, value: Any) -> Any: ...

    async def post_json(self, path: str, value: Any) -> Any: ...

    def stream_lines(self, path: str) -> AsyncIterator[str]: ...

    async def download(self, path: str, target: Path) -> int: ...

    async def upload(self, method: str, path: str, source: Path) -> Any: ...


class Guests(Protocol):
    """Who on this host has volumes open: compute's agent."""

    async def holder(self, volume_id: str) -> Guest | None:
        """The guest that runs with the volume; None if none does here."""


class NoGuests:
    """A host without a hypervisor."""

    async def holder(self, volume_id: str) -> Guest | None:
        return None


class BackupStore(Protocol):
    """Where backups go: Swift's objects, or what is like them."""

    async def prepare(self, container: str) -> None:
        """It is there afterwards."""

    async def put(self, container: str, name: str, data: bytes) -> None:
        """Whole, verified and durable when it returns."""

    async def get(self, container: str, name: str) -> bytes | None:
        """None if there is no such object."""

    async def names(self, container: str, prefix: str) -> Mapping[str, str]:
        """Name → MD5 of the content in hexadecimal, of all objects that begin with ``prefix``."""

    async def delete(self, container: str, name: str) -> None:
        """Fine if there is none."""


@dataclass(slots=True)
class Backend:
    """One configured backend. ``reason``: why it cannot be used now; None if it can."""

    name: str
    driver_name: str
    driver: Driver
    pool: str = "pool"
    volume_backend_name: str = ""
    reserved_percentage: int = 0
    max_over_subscription_ratio: float = 20.0
    reason: str | None = "it was not prepared yet"


@dataclass(slots=True)
class Settings:
    """What the controllers say at registration; until then, the defaults."""

    heartbeat_period_s: float = 10.0
    sync_period_s: float = 60.0


@dataclass(slots=True)
class Ground:
    host: str
    backends: Mapping[str, Backend]
    client: Client
    images: ImageCache
    state_dir: Path
    guests: Guests = field(default_factory=NoGuests)
    backups: BackupStore | None = None
    settings: Settings = field(default_factory=Settings)
    resting: set[str] = field(default_factory=set)  # snapshots that a step has made for itself, and still needs

    def url(self, rest: str) -> str:
        return f"/agent/block-storage/v1/hosts/{quote(self.host, safe='')}/{rest}"

    def backend(self, address: str | None) -> Backend:
        """Raises ``Failure`` if this host has no such backend, ``OSError`` if it cannot be used for now."""
        at = Address.read(address or "")
        found = self.backends.get(at.backend)
        if at.host != self.host or found is None:
            raise Failure(f"There is no storage backend {address!r} on this host.")
        if found.reason is not None:
            raise OSError(f"backend {found.name} cannot be used: {found.reason}")
        return found

    def driver(self, address: str | None) -> Driver:
        return self.backend(address).driver
