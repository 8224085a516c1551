"""What is compared: servers' rows, what other services hold for them, and what hosts say they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from wolke.block_storage.model import Attachment
from wolke.compute.model import Aggregate, BlockDevice, Host, Migration, Server
from wolke.network.model import Port


class HostGuests(msgspec.Struct, frozen=True):
    """What a hypervisor has, as its host's agent tells: power by server, and what is set aside. ``settled``: the cloud runs, and a
    guest that is off is off because it should be."""

    guests: dict[str, str]
    asides: list[str] = []
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    now: str
    late: str  # a deadline before this has been overlooked
    contents: Mapping[str, HostGuests]
    hosts: Mapping[str, Host]  # by name
    servers: Mapping[str, Server]  # also deleted ones whose rows are kept
    moves: Sequence[Migration]  # under way, or waiting to be confirmed
    devices: Sequence[BlockDevice]
    attachments: Sequence[Attachment]
    consumers: Mapping[str, str | None]  # type by consumer, of all in Placement
    claims: Mapping[str, Mapping[str, Mapping[str, int]]]  # consumer → provider → class → amount, on compute hosts
    ports: Sequence[Port]
    aggregates: Sequence[Aggregate]
    groups: frozenset[str]
    volumes: bool  # whether there is Block Storage

    def alive(self, server_id: str) -> Server | None:
        server = self.servers.get(server_id)
        return server if server is not None and server.status != "DELETED" else None

    def settled(self) -> list[Server]:
        """Servers with which nothing is under way."""
        return [one for one in self.servers.values() if one.status != "DELETED" and one.task is None]
