"""What is in a cloud, in our words: frozen records that name nothing of OpenStack. Times are instants; ``""`` where the cloud says nothing."""

from __future__ import annotations

import msgspec

from wolke.core.clock import Instant

#: What a server is doing. ``working`` is whatever will end by itself: it is being made, stopped, started, resized or moved.
RUNNING, STOPPED, WORKING, FAILED, GONE = "running", "stopped", "working", "failed", "gone"


class Credentials(msgspec.Struct, frozen=True):
    """Those of one project's technical user. They are shown to nobody."""

    cloud_project_id: str
    cloud_user_id: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.cloud_project_id})"


class Size(msgspec.Struct, frozen=True):
    """``name`` is what a plan's ``cloud_name`` says."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    public: bool


class Image(msgspec.Struct, frozen=True):
    """``label``: our own id where we had it made; ``made_of``: the cloud's id of the server that it is a snapshot of."""

    id: str
    name: str
    state: str  # ready, working or failed
    cloud_project_id: str
    public: bool
    size_bytes: int
    least_disk_gib: int
    least_ram_mib: int
    system: str  # debian, ubuntu, windows…
    made_of: str
    label: str
    created_at: Instant


class Server(msgspec.Struct, frozen=True):
    """``label``: our own id, which it was given when we had it made. ``began_at``: when it first ran."""

    id: str
    name: str
    label: str
    cloud_project_id: str
    state: str
    doing: str
    reason: str
    size_name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    image_id: str
    key_name: str
    addresses: list[str]
    host: str
    created_at: Instant
    began_at: Instant
    changed_at: Instant
    ended_at: Instant


class Event(msgspec.Struct, frozen=True):
    """Something that was done to a server."""

    what: str
    at: Instant
    failed: bool


class Disk(msgspec.Struct, frozen=True):
    id: str
    name: str
    label: str
    cloud_project_id: str
    state: str  # ready, used, working or failed
    kind: str
    size_gib: int
    server_id: str
    created_at: Instant


class Address(msgspec.Struct, frozen=True):
    """A public one. ``door_id``: what it is assigned to, in the network; ``server_id`` by its door."""

    id: str
    address: str
    label: str
    cloud_project_id: str
    door_id: str
    private_address: str
    created_at: Instant


class Door(msgspec.Struct, frozen=True):
    """Where a server meets a network."""

    id: str
    server_id: str
    network_id: str
    addresses: list[str]
    firewalls: list[str]


class Network(msgspec.Struct, frozen=True):
    id: str
    name: str
    cloud_project_id: str
    ranges: list[str]
    external: bool


class Rule(msgspec.Struct, frozen=True):
    """Who may reach what: ``source`` is a range of addresses ("": everybody), ports None: all of them; ``protocol`` tcp, udp, icmp or "" for all."""

    id: str
    firewall_id: str
    inward: bool
    version: int
    protocol: str
    first_port: int | None
    last_port: int | None
    source: str


class Container(msgspec.Struct, frozen=True):
    name: str
    count: int
    size_bytes: int


class StoredObject(msgspec.Struct, frozen=True):
    """``folder``: it stands for those whose names begin with it."""

    name: str
    size_bytes: int
    kind: str
    changed_at: Instant
    folder: bool = False


class Host(msgspec.Struct, frozen=True):
    """``state``: up or down. ``enabled``: new servers may come. Figures are 0 where the cloud does not tell."""

    id: str
    name: str
    state: str
    enabled: bool
    reason: str
    servers: int
    vcpus: int
    vcpus_used: int
    ram_mib: int
    ram_mib_used: int
    disk_gib: int
    disk_gib_used: int


class CloudPart(msgspec.Struct, frozen=True):
    """A service that keeps the cloud going, and where."""

    id: str
    kind: str  # compute, network, block storage
    name: str
    host: str
    enabled: bool
    state: str
    seen_at: Instant
