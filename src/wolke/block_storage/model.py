"""Block Storage's records. The order of a record's fields is the order of its table's columns.

Instants are text (``core.clock``); sizes are whole GiB, as on the wire. A *backend* is written ``host@backend#pool`` as in
Cinder; a row's ``host`` is the machine whose agent does the work on it, which is the first part of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


class EncryptionType(msgspec.Struct, frozen=True):
    """How volumes of a type are encrypted."""

    id: str
    provider: str  # luks | luks2 | plain
    control_location: str  # front-end | back-end
    cipher: str | None
    key_size: int | None
    created_at: str
    updated_at: str | None = None


class VolumeType(msgspec.Struct, frozen=True):
    id: str
    name: str
    description: str | None
    is_public: bool
    extra_specs: dict[str, str]
    projects: list[str]  # who may use it, if it is not public
    qos_specs_id: str | None
    encryption: EncryptionType | None
    created_at: str
    updated_at: str | None


class QosSpecs(msgspec.Struct, frozen=True):
    id: str
    name: str
    consumer: str  # front-end | back-end | both
    specs: dict[str, str]
    created_at: str
    updated_at: str | None


class Volume(msgspec.Struct, frozen=True):
    """``status`` is where it is when nothing is under way; what a client sees is ``states.status_of``. ``size_gib`` is what it
    has, ``counted_gib`` what quota is charged for it (more than ``size_gib`` while it is being extended)."""

    id: str
    project_id: str
    user_id: str
    name: str | None
    description: str | None
    size_gib: int
    status: str
    verb: str | None
    task: str | None
    generation: int
    deadline_at: str | None  # of the verb under way
    arguments: dict[str, Any]  # of the verb under way
    reason: str | None  # why the last verb failed
    backend: str | None
    host: str | None
    availability_zone: str
    type_id: str | None
    bootable: bool
    multiattach: bool
    read_only: bool | None  # None: nobody said
    encryption: dict[str, Any] | None  # provider, cipher, key_size, control_location
    secret_id: str | None
    metadata: dict[str, str]
    image_metadata: dict[str, str]
    image_id: str | None
    snapshot_id: str | None
    source_volume_id: str | None
    group_id: str | None
    migration_status: str | None
    hints: dict[str, Any]
    location: dict[str, Any]  # what its driver wants to know of it again
    counted: bool  # against quota
    counted_gib: int
    created_at: str
    updated_at: str | None
    launched_at: str | None


class Snapshot(msgspec.Struct, frozen=True):
    id: str
    volume_id: str
    project_id: str
    user_id: str
    name: str | None
    description: str | None
    size_gib: int
    status: str
    verb: str | None
    task: str | None
    generation: int
    deadline_at: str | None
    arguments: dict[str, Any]
    reason: str | None
    backend: str | None
    host: str | None
    type_id: str | None
    metadata: dict[str, str]
    group_snapshot_id: str | None
    location: dict[str, Any]
    counted: bool
    created_at: str
    updated_at: str | None


class Attachment(msgspec.Struct, frozen=True):
    """Who uses a volume: the truth of it. ``server_id`` None: not a server but a host, or nobody yet (``legacy``: reserved by
    the old actions, which know no attachments, and shown by no list until it is used)."""

    id: str
    volume_id: str
    project_id: str
    server_id: str | None
    instance_host: str | None  # where it is used
    mount_device: str | None
    status: str  # reserved | attaching | attached | detaching | detached
    mode: str  # rw | ro | null
    legacy: bool
    connector: dict[str, Any] | None
    connection: dict[str, Any] | None
    verb: str | None
    task: str | None
    generation: int
    deadline_at: str | None  # of the verb under way, or of a status that must not last
    arguments: dict[str, Any]
    reason: str | None
    host: str | None  # of the volume's backend
    attached_at: str | None
    created_at: str
    updated_at: str | None

    def __repr__(self) -> str:
        """Without its connection, which may hold a key."""
        return f"Attachment(id={self.id!r}, volume_id={self.volume_id!r}, status={self.status!r}, task={self.task!r})"


class Backup(msgspec.Struct, frozen=True):
    """``contents`` is the agent's: what it must know to read the backup again, and to build the next one on it."""

    id: str
    project_id: str
    user_id: str
    volume_id: str
    snapshot_id: str | None
    parent_id: str | None
    name: str | None
    description: str | None
    size_gib: int
    status: str
    verb: str | None
    task: str | None
    generation: int
    deadline_at: str | None
    arguments: dict[str, Any]
    reason: str | None
    host: str | None
    availability_zone: str | None
    container: str | None
    object_count: int
    incremental: bool
    metadata: dict[str, str]
    contents: dict[str, Any]
    kept: dict[str, Any]  # of its volume, for a volume that is made of it: metadata, image_metadata, bootable
    restore_volume_id: str | None
    data_timestamp: str
    secret_id: str | None
    created_at: str
    updated_at: str | None


class GroupType(msgspec.Struct, frozen=True):
    id: str
    name: str
    description: str | None
    is_public: bool
    group_specs: dict[str, str]
    created_at: str
    updated_at: str | None


class Group(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    user_id: str
    name: str | None
    description: str | None
    status: str
    verb: str | None
    task: str | None
    generation: int
    deadline_at: str | None
    reason: str | None
    availability_zone: str
    group_type_id: str
    type_ids: list[str]
    group_snapshot_id: str | None
    source_group_id: str | None
    created_at: str
    updated_at: str | None


class GroupSnapshot(msgspec.Struct, frozen=True):
    id: str
    group_id: str
    group_type_id: str
    project_id: str
    user_id: str
    name: str | None
    description: str | None
    status: str
    verb: str | None
    task: str | None
    generation: int
    deadline_at: str | None
    reason: str | None
    created_at: str
    updated_at: str | None


class Transfer(msgspec.Struct, frozen=True):
    """``auth_hash``: SHA-256 of salt and key; the key itself is shown once and kept nowhere."""

    id: str
    volume_id: str
    project_id: str
    name: str | None
    salt: str
    auth_hash: str
    no_snapshots: bool
    source_project_id: str
    destination_project_id: str | None
    accepted: bool
    created_at: str

    def __repr__(self) -> str:
        return f"Transfer(id={self.id!r})"


class Message(msgspec.Struct, frozen=True):
    """Why something did not come about, for its user."""

    id: str
    project_id: str
    request_id: str
    resource_type: str
    resource_id: str
    action_id: str
    detail_id: str
    level: str
    text: str
    created_at: str
    expires_at: str


class QuotaLimit(msgspec.Struct, frozen=True):
    project_id: str  # or ``class:default``
    resource: str
    amount: int


class DefaultType(msgspec.Struct, frozen=True):
    """The type of a project's volumes that name none."""

    project_id: str
    type_id: str


class Secret(msgspec.Struct, frozen=True):
    """A key to encrypted volumes, sealed."""

    id: str
    sealed: str
    created_at: str

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r})"


class Pool(msgspec.Struct, frozen=True):
    """Where volumes go. ``capabilities`` are what types may ask for."""

    name: str
    total_gib: float
    free_gib: float
    provisioned_gib: float = 0.0
    reserved_percentage: int = 0
    thin: bool = True
    max_over_subscription_ratio: float = 20.0
    capabilities: dict[str, Any] = {}


class Backend(msgspec.Struct, frozen=True):
    """One configured backend of a host. ``volume_backend_name`` and the like are among the capabilities."""

    name: str
    driver: str
    pools: list[Pool]
    capabilities: dict[str, Any] = {}
    state: str = "up"
    reason: str | None = None


class Host(msgspec.Struct, frozen=True):
    """A machine with an agent. ``backups``: it can reach Object Storage."""

    id: str
    name: str
    backends: list[Backend]
    backups: bool
    disabled: bool
    disabled_reason: str | None
    frozen: bool
    address: str
    heartbeat_at: str
    started_at: str
    created_at: str


class ServiceSwitch(msgspec.Struct, frozen=True):
    """A service (``binary`` on ``host``) that an administrator has disabled or frozen."""

    binary: str
    host: str
    disabled: bool
    reason: str | None
    frozen: bool


class Question(msgspec.Struct, frozen=True):
    """What a controller wants to know of a host's agent now, and the answer, for as long as somebody waits for it."""

    id: str
    host: str
    kind: str  # manageable_volumes | manageable_snapshots
    arguments: dict[str, Any]
    answer: dict[str, Any] | None  # {"value": …} or {"failure": "why"}
    expires_at: str


class Wish(msgspec.Struct, frozen=True):
    """What a host's agent is told of one thing that is due on it. ``arguments`` are of the task, ``specification`` of the thing;
    what is in either stands in ``service/life/specification.py``."""

    kind: str  # volume | snapshot | backup | attachment
    id: str
    task: str
    generation: int
    arguments: dict[str, Any]
    specification: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True):
    """What an agent says of a wish: what it learnt, or why it can never be (in words that the volume's owner may read)."""

    kind: str
    id: str
    task: str
    generation: int
    learnt: dict[str, Any] = {}
    failure: str | None = None


#: What quota counts. For each type there are the first three once more: ``volumes_<type>``, …
RESOURCES = ("volumes", "gigabytes", "snapshots", "per_volume_gigabytes", "backups", "backup_gigabytes", "groups")
TYPED_RESOURCES = ("volumes", "gigabytes", "snapshots")


@dataclass(frozen=True, slots=True)
class Address:
    """The three parts of ``host@backend#pool``; what is not said is empty."""

    host: str
    backend: str = ""
    pool: str = ""

    @classmethod
    def read(cls, text: str) -> Address:
        rest, _, pool = text.partition("#")
        host, _, backend = rest.partition("@")
        return cls(host, backend, pool)

    @property
    def service(self) -> str:
        """As a service is called: without the pool."""
        return f"{self.host}@{self.backend}" if self.backend else self.host

    def __str__(self) -> str:
        return f"{self.service}#{self.pool}" if self.pool else self.service


@dataclass(frozen=True, slots=True)
class Service:
    """A backend of a host, a host's backups, or the controllers themselves (the scheduler)."""

    binary: str
    host: str
    zone: str
    up: bool
    disabled: bool
    reason: str | None
    frozen: bool
    updated_at: str
    backend_up: bool = True
