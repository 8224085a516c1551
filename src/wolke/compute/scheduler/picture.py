"""What the scheduler sees: hosts as they are at one moment, and what a server asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class AggregateView:
    name: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HostView:
    """A host. ``free_*`` is what may still be promised, overcommit included."""

    id: str
    name: str
    zone: str
    enabled: bool = True
    up: bool = True
    free_vcpus: int = 0
    free_ram_mib: int = 0
    free_disk_gib: int = 0
    total_vcpus: int = 0
    total_ram_mib: int = 0
    servers: int = 0
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    aggregates: tuple[AggregateView, ...] = ()
    traits: frozenset[str] = frozenset()

    def less(self, placing: Placing) -> HostView:
        """The host after ``placing`` has gone there."""
        return replace(
            self,
            free_vcpus=self.free_vcpus - placing.vcpus,
            free_ram_mib=self.free_ram_mib - placing.ram_mib,
            free_disk_gib=self.free_disk_gib - placing.disk_gib,
            servers=self.servers + 1,
        )


@dataclass(frozen=True, slots=True)
class Placing:
    """What a server asks for. ``zone`` None: any. ``only_host``: the host part of ``zone:host:node``, or where a move shall go;
    ``not_hosts``: where it shall not. ``group_hosts``: how many
    members of its server group each host has. ``same_hosts``, ``different_hosts``: hosts of the servers that hints name.
    ``volume_hosts``: how many of its volumes each host has."""

    vcpus: int
    ram_mib: int
    disk_gib: int
    zone: str | None = None
    only_host: str | None = None
    not_hosts: frozenset[str] = frozenset()
    architecture: str | None = None
    hypervisor_type: str | None = None
    disk_format: str | None = None
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    group_policy: str | None = None
    group_hosts: Mapping[str, int] = field(default_factory=dict)
    group_most_per_host: int = 1
    same_hosts: frozenset[str] | None = None
    different_hosts: frozenset[str] = frozenset()
    volume_hosts: Mapping[str, int] = field(default_factory=dict)
