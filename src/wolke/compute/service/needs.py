"""What Compute's verbs stand on: the database, the clock, and the services below, each by the few verbs that are used here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wolke.compute.config import ComputeConfig
from wolke.core.clock import Clock
from wolke.core.context import Context
from wolke.core.db import Database
from wolke.image.service import ImageWish


class ImageRecord(Protocol):
    """An image, as far as servers care."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def disk_format(self) -> str | None: ...
    @property
    def container_format(self) -> str | None: ...
    @property
    def min_disk(self) -> int: ...
    @property
    def min_ram(self) -> int: ...
    @property
    def size(self) -> int | None: ...
    @property
    def virtual_size(self) -> int | None: ...
    @property
    def properties(self) -> Mapping[str, Any]: ...


class Images(Protocol):
    async def image(self, ctx: Context, image_id: str) -> ImageRecord:
        """Raises ``NotFound`` if there is none that the caller can see."""

    async def create(self, ctx: Context, wish: ImageWish) -> Any:
        """A queued image of the caller's project."""

    async def delete(self, ctx: Context, image: Any) -> None: ...


class ServerPort(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def network_id(self) -> str: ...
    @property
    def network_name(self) -> str: ...
    @property
    def mac_address(self) -> str: ...
    @property
    def fixed_ips(self) -> Sequence[tuple[str, int, str]]: ...
    @property
    def floating_ips(self) -> Sequence[tuple[str, str]]: ...
    @property
    def security_groups(self) -> Sequence[str]: ...
    @property
    def status(self) -> str: ...
    @property
    def position(self) -> int: ...


class Network(Protocol):
    async def validate_request(self, ctx: Context, requested: Any) -> None:
        """Raises if servers of the caller cannot have these networks and ports."""

    async def server_ports(self, server_ids: Sequence[str]) -> Mapping[str, Sequence[ServerPort]]:
        """The ports of many servers at once, each server's in order."""

    async def create_server_ports(
        self,
        server_id: str,
        *,
        project_id: str,
        requested: Any,
        security_groups: Sequence[str],
        hostname: str,
        host: str,
    ) -> Sequence[ServerPort]: ...

    async def release_server_port(self, server_id: str, port_id: str) -> None: ...

    async def server_security_groups(self, ctx: Context, server_id: str) -> list[dict[str, Any]]:
        """The security groups of a server's ports, with their rules."""

    async def change_server_security_group(self, ctx: Context, server_id: str, group: str, *, add: bool) -> None:
        """``group``: name or id. On each port of the server."""


class Consoles(Protocol):
    async def console_output(self, server: Any, length: int | None) -> str: ...

    async def create_console(self, ctx: Context, server: Any, kind: str) -> str:
        """A URL at which the console (``novnc`` or ``serial``) can be opened for a while."""


@dataclass(slots=True)
class Needs:
    db: Database
    config: ComputeConfig
    clock: Clock
    identity: Any
    images: Images | None
    network: Network | None
    placement: Any
    consoles: Consoles | None = None
