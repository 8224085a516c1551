"""What is compared: Block Storage's rows, and what hosts say they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from wolke.block_storage.model import Attachment, Backup, Group, GroupSnapshot, Snapshot, Transfer, Volume


class FoundVolume(msgspec.Struct, frozen=True):
    """A volume on a backend, as its host's agent tells. ``fault``: why it cannot be opened, where that was looked at."""

    volume_id: str
    size_gib: int = 0
    snapshots: tuple[str, ...] = ()
    whole: bool = True
    fault: str | None = None


class HostVolumes(msgspec.Struct, frozen=True):
    """By backend. Backends that cannot be looked at now are left out. ``resting``: snapshots that a step of the agent needs for itself."""

    backends: dict[str, list[FoundVolume]]
    resting: list[str] = []


@dataclass(frozen=True, slots=True)
class Picture:
    now: str
    late: str  # a deadline before this has been overlooked
    hosts: Mapping[str, HostVolumes]
    volumes: Mapping[str, Volume]
    snapshots: Mapping[str, Snapshot]
    attachments: Sequence[Attachment]
    backups: Mapping[str, Backup]
    groups: Mapping[str, Group]
    group_snapshots: Mapping[str, GroupSnapshot]
    transfers: Sequence[Transfer]
    types: frozenset[str]
    secrets: frozenset[str]

    def on(self, host: str, backend: str) -> dict[str, FoundVolume] | None:
        """What a backend has; None if nobody could look."""
        there = self.hosts.get(host)
        if there is None or backend not in there.backends:
            return None
        return {one.volume_id: one for one in there.backends[backend]}
