"""Compute's records. The order of a record's fields is the order of its table's columns.

Instants are text (``core.clock``). A server carries copies of its flavor and its key, as Nova does: deleting a flavor changes no
server that was made from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec


class Status(StrEnum):
    """Where a server is. What Nova calls vm_state, task_state and power_state are views of (status, task, power)."""

    BUILD = "BUILD"
    ACTIVE = "ACTIVE"
    SHUTOFF = "SHUTOFF"
    PAUSED = "PAUSED"
    SUSPENDED = "SUSPENDED"
    RESIZED = "RESIZED"
    RESCUED = "RESCUED"
    SHELVED = "SHELVED"
    SHELVED_OFFLOADED = "SHELVED_OFFLOADED"
    SOFT_DELETED = "SOFT_DELETED"
    ERROR = "ERROR"
    DELETED = "DELETED"


class Flavor(msgspec.Struct, frozen=True):
    id: str  # the wire's flavor id
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    ephemeral_gib: int
    swap_mib: int
    rxtx_factor: float
    is_public: bool
    disabled: bool
    description: str | None
    extra_specs: dict[str, str]
    projects: list[str]  # who may use it, if it is not public
    created_at: str


class KeyPair(msgspec.Struct, frozen=True):
    user_id: str
    name: str
    type: str  # ssh | x509
    fingerprint: str
    public_key: str
    created_at: str


class ServerGroup(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    user_id: str
    name: str
    policy: str  # affinity | anti-affinity | soft-affinity | soft-anti-affinity
    rules: dict[str, int]
    created_at: str


class Host(msgspec.Struct, frozen=True):
    """A machine with an agent. ``id`` is a UUID, and the id of its resource provider in Placement."""

    id: str
    name: str
    driver: str
    capabilities: dict[str, Any]
    inventory: dict[str, Any]
    disabled: bool
    disabled_reason: str | None
    forced_down: bool
    heartbeat_at: str
    started_at: str
    created_at: str
    address: str  # where its agent can be reached for consoles, "" in the controller's own process
    door: dict[str, Any] = {}  # where other hosts' agents find its agent: address, port, fingerprint of its certificate


class Aggregate(msgspec.Struct, frozen=True):
    id: int
    uuid: str
    name: str
    availability_zone: str | None
    hosts: list[str]
    metadata: dict[str, str]
    created_at: str
    updated_at: str | None


class FlavorCopy(msgspec.Struct, frozen=True):
    """What a server keeps of its flavor."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    ephemeral_gib: int = 0
    swap_mib: int = 0
    extra_specs: dict[str, str] = {}


class Ephemeral(msgspec.Struct, frozen=True):
    """A disk that is made with a server and goes with it. ``format``: of its file system; "": it is blank."""

    size_gib: int
    format: str


EPHEMERAL_FORMATS = ("ext4", "ext3", "ext2")


def ephemerals(flavor: FlavorCopy, asked: Sequence[Mapping[str, Any]], image: Mapping[str, Any]) -> list[Ephemeral]:
    """Those that are ``asked`` for, else one as large as the flavor has it. Windows makes its file systems itself."""
    usual = "" if image.get("properties", {}).get("os_type") == "windows" else EPHEMERAL_FORMATS[0]
    wanted = [one for one in asked if one["target"] == "local" and one["source"] == "blank"]
    wanted = [one for one in wanted if one["guest_format"] != "swap"] or [{"size": None, "guest_format": None}]
    found = [Ephemeral(one["size"] or flavor.ephemeral_gib, one["guest_format"] or usual) for one in wanted]
    return [one for one in found if one.size_gib]


class Fault(msgspec.Struct, frozen=True):
    code: int
    message: str
    created_at: str
    details: str = ""


class Server(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    user_id: str
    name: str
    hostname: str
    description: str | None
    status: str
    verb: str | None
    task: str | None
    generation: int
    deadline_at: str | None  # of the verb under way
    arguments: dict[str, Any]  # of the verb under way
    power: str  # as last observed: drivers.base.Power
    fault: Fault | None
    host: str | None
    availability_zone: str | None  # as asked for
    flavor: FlavorCopy
    image_id: str | None
    image: dict[str, Any]  # what is kept of it: disk_format, min_disk, properties
    key_name: str | None
    key: dict[str, str] | None  # name, type, public_key
    metadata: dict[str, str]
    tags: list[str]
    user_data: str | None  # base64, as it came
    config_drive: bool
    networks: Any  # as asked for: "auto", "none" or a list of {network_id, port_id, fixed_ip, tag}
    security_groups: list[str]  # names or ids, as asked for
    scheduler_hints: dict[str, Any]
    server_group_id: str | None
    personality: list[dict[str, str]]  # path, contents (base64); only microversions below 2.57 can ask for it
    block_devices: list[dict[str, Any]]  # as asked for: its disks but for an image's (service.block_devices.NewDevice)
    trusted_image_certificates: list[str] | None
    access_ip_v4: str | None
    access_ip_v6: str | None
    disk_config: str  # MANUAL | AUTO
    locked: bool
    locked_reason: str | None
    locked_by: str | None  # owner | admin
    reservation_id: str
    launch_index: int
    root_device_name: str
    counted: bool  # against quota
    vcpus: int  # of the flavor, for sums
    ram_mib: int
    created_at: str
    updated_at: str
    launched_at: str | None
    deleted_at: str | None
    other_host: str | None = None  # the other end of a move that is neither done nor undone; it may be the same host
    due_at: str | None = None  # when something happens by itself: a resize is confirmed, a deleted server is reclaimed
    kept: dict[str, Any] = {}  # what outlives a verb: what is needed to go back from RESCUED or SHELVED
    revision: int = 0  # of the row: every write moves it on

    @property
    def volume_backed(self) -> bool:
        """Its root disk is a volume: then it is of no image."""
        return self.image_id is None

    @property
    def pinned_zone(self) -> str | None:
        """What was asked for may name a host as well: ``zone:host``."""
        return (self.availability_zone or "").partition(":")[0] or None

    @property
    def ephemerals(self) -> list[Ephemeral]:
        return ephemerals(self.flavor, self.block_devices, self.image)


class ShownImage(msgspec.Struct, frozen=True):
    properties: msgspec.Raw = msgspec.Raw(b"{}")


class ShownServer(msgspec.Struct, frozen=True):
    """A server as far as it is shown: what is JSON there and here is passed on unread, so that a list of a thousand is cheap."""

    id: str
    project_id: str
    user_id: str
    name: str
    hostname: str
    description: str | None
    status: str
    task: str | None
    power: str
    fault: Fault | None
    host: str | None
    availability_zone: str | None
    flavor: FlavorCopy
    image_id: str | None
    image: ShownImage
    key_name: str | None
    metadata: msgspec.Raw
    tags: msgspec.Raw
    user_data: str | None
    config_drive: bool
    security_groups: msgspec.Raw
    scheduler_hints: msgspec.Raw
    server_group_id: str | None
    trusted_image_certificates: msgspec.Raw | None
    access_ip_v4: str | None
    access_ip_v6: str | None
    disk_config: str
    locked: bool
    locked_reason: str | None
    reservation_id: str
    launch_index: int
    root_device_name: str
    vcpus: int
    created_at: str
    updated_at: str
    launched_at: str | None
    deleted_at: str | None
    revision: int = 0


class ServerStamp(msgspec.Struct, frozen=True):
    """Enough of a server to know whether what was rendered of it still holds."""

    id: str
    project_id: str
    host: str | None
    deleted_at: str | None
    revision: int


class Migration(msgspec.Struct, frozen=True):
    """A server's move from one host to another, or to another size; kept when it is over. ``key`` opens the door between the
    two agents for as long as it is under way."""

    id: int
    uuid: str  # also the consumer in Placement of what the server had before
    server_id: str
    project_id: str
    user_id: str | None
    kind: str  # resize | migration | live-migration | evacuation
    status: str  # as Nova names them: states.MOVES_UNDER_WAY and how it ended
    source_host: str
    dest_host: str | None
    old_flavor: FlavorCopy
    new_flavor: FlavorCopy
    was: str  # the server's status before
    key: str
    wanted: str | None  # abort | force: what somebody wants of a live migration under way
    progress: dict[str, int]  # bytes: memory_total, memory_processed, memory_remaining, disk_…
    created_at: str
    updated_at: str

    def __repr__(self) -> str:
        return f"Migration(id={self.id}, server_id={self.server_id!r}, kind={self.kind!r}, status={self.status!r})"


class BlockDevice(msgspec.Struct, frozen=True):
    """A volume of a server, or one that is to be its own: Nova's block device mapping."""

    id: str
    server_id: str
    project_id: str
    volume_id: str | None
    attachment_id: str | None  # in Block Storage, which knows whether it is there
    device_name: str | None
    boot_index: int | None  # 0: the server starts from it
    tag: str | None
    delete_on_termination: bool
    source: dict[
        str, Any
    ]  # disk_bus, if one was asked for; of a volume that was made for it: kind, id, size_gib, volume_type
    created_at: str
    updated_at: str | None = None


class ServerAction(msgspec.Struct, frozen=True):
    """One thing that was asked of a server, for os-instance-actions."""

    id: str  # sorts by time
    server_id: str
    project_id: str
    user_id: str | None
    action: str  # create, reboot, stop, … as Nova names them
    request_id: str
    message: str | None
    started_at: str
    updated_at: str
    events: list[dict[str, Any]]  # event, start_time, finish_time, result, host, details


class QuotaLimit(msgspec.Struct, frozen=True):
    """A limit that differs from the default: of a project (user_id ""), or of a user in it."""

    project_id: str
    user_id: str
    resource: str
    amount: int


class ConsoleToken(msgspec.Struct, frozen=True):
    token_hash: str  # SHA-256: the token itself is only in the URL
    server_id: str
    kind: str  # novnc | serial
    host: str
    expires_at: str


class GuestPassword(msgspec.Struct, frozen=True):
    """What a guest gave its owner through the metadata service: a password, sealed with the owner's public key."""

    server_id: str
    sealed: str

    def __repr__(self) -> str:
        return f"GuestPassword(server_id={self.server_id!r})"


class Question(msgspec.Struct, frozen=True):
    """What a controller wants to know of a host's agent now, and the answer, for as long as somebody waits for it."""

    id: str
    host: str
    kind: str  # console_output
    server_id: str
    arguments: dict[str, Any]
    answer: dict[str, Any] | None  # {"value": …} or {"failure": "why"}
    expires_at: str


class Wish(msgspec.Struct, frozen=True):
    """What a host's agent is told of one server that has something due on it. ``specification`` is all that the driver's
    ``GuestSpec`` needs, but for files and nics' backends, which are the host's own affair."""

    server_id: str
    generation: int
    verb: str
    task: str
    arguments: dict[str, Any]
    status: str
    specification: dict[str, Any]
    move: dict[str, Any] | None = None  # where the other end is, and the key to its door


class Outcome(msgspec.Struct, frozen=True):
    """What an agent says of a wish: what it learnt, or why it can never be."""

    generation: int
    task: str
    learnt: dict[str, Any] = {}
    failure: str | None = None


#: Of files that a server is made with, which only microversions below 2.57 know.
MOST_INJECTED = {"injected_files": 5, "injected_file_content_bytes": 10240, "injected_file_path_bytes": 255}

#: What quota counts.
RESOURCES = (
    "cores", "instances", "key_pairs", "metadata_items", "ram", "server_group_members", "server_groups",
)  # fmt: skip


@dataclass(slots=True)
class Zone:
    name: str
    hosts: list[Host] = field(default_factory=list)
    available: bool = False


@dataclass(frozen=True, slots=True)
class HostUse:
    """What the servers on a host take together."""

    servers: int = 0
    busy: int = 0
    vcpus: int = 0
    ram_mib: int = 0
    disk_gib: int = 0


def legacy_id(host_id: str) -> int:
    """The whole number that stands for a host where clients older than 2.53 expect one."""
    return int(host_id[:8], 16) & 0x7FFFFFFF or 1
