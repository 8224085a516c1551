"""What a project has, as the pages show it, and what is wished for it.

A server, disk or address is ordered as a row of its own, before the cloud knows of it: the row's id goes with the order, and so a repeated
order finds what an earlier one made. From then on the row mirrors what the cloud says. It stays when the thing is gone.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wolke.core.clock import Instant

#: What has been ordered and is not there yet; the others are the cloud's own (``openstack.shapes``).
ORDERED, RUNNING, STOPPED, WORKING, FAILED, GONE = "ordered", "running", "stopped", "working", "failed", "gone"
READY, USED = "ready", "used"
SERVER, DISK, ADDRESS, SNAPSHOT, KEY, RULE, PROJECT = "server", "disk", "address", "snapshot", "key", "rule", "project"


class Server(msgspec.Struct, frozen=True):
    """``doing``: what it is in the middle of ("" when nothing). ``began_at``: when it first ran, from when it costs."""

    id: str
    company_id: str
    project_id: str
    name: str
    state: str
    doing: str
    reason: str | None
    plan_id: str
    size_name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    image_id: str
    image_name: str
    key_id: str | None
    public_address: str
    private_addresses: list[str]
    cloud_id: str | None
    host: str
    ordered_at: Instant
    began_at: Instant | None
    changed_at: Instant
    gone_at: Instant | None
    words: str  # what it is found by, in lower case
    touched_at: Instant


class Disk(msgspec.Struct, frozen=True):
    """``state``: ordered, ready, used (by ``server_id``), working, failed or gone."""

    id: str
    company_id: str
    project_id: str
    name: str
    state: str
    reason: str | None
    plan_id: str
    kind: str
    size_gib: int
    server_id: str | None
    cloud_id: str | None
    ordered_at: Instant
    began_at: Instant | None
    gone_at: Instant | None
    words: str  # what it is found by, in lower case
    touched_at: Instant


class Address(msgspec.Struct, frozen=True):
    """``state``: ordered, ready, used (by ``server_id``), failed or gone."""

    id: str
    company_id: str
    project_id: str
    address: str
    name: str
    state: str
    reason: str | None
    plan_id: str
    server_id: str | None
    cloud_id: str | None
    ordered_at: Instant
    began_at: Instant | None
    gone_at: Instant | None
    words: str  # what it is found by, in lower case
    touched_at: Instant


class Snapshot(msgspec.Struct, frozen=True):
    """A picture of a server's disk, to make new servers of."""

    id: str
    company_id: str
    project_id: str
    name: str
    state: str
    reason: str | None
    size_bytes: int
    least_disk_gib: int
    server_id: str | None
    cloud_id: str | None
    ordered_at: Instant
    gone_at: Instant | None
    words: str  # what it is found by, in lower case
    touched_at: Instant


class KeyPair(msgspec.Struct, frozen=True):
    """Who may sign in at a server: ``public_key`` as in a file ``id_ed25519.pub``."""

    id: str
    company_id: str
    project_id: str
    name: str
    public_key: str
    fingerprint: str
    created_at: Instant


class Rule(msgspec.Struct, frozen=True):
    """A sentence of the project's firewall: who (``source``, a range of addresses; "" everybody) may reach which ports of its servers. ``state``:
    ordered (it shall be), ready (it is), leaving (it shall not be any more) or failed."""

    id: str
    company_id: str
    project_id: str
    protocol: str
    first_port: int | None
    last_port: int | None
    source: str
    state: str
    reason: str | None
    created_at: Instant
    touched_at: Instant


class Image(msgspec.Struct, frozen=True):
    """What a server can run, of those that all may use."""

    id: str
    name: str
    system: str
    least_disk_gib: int
    least_ram_mib: int
    size_bytes: int
    position: int


class Network(msgspec.Struct, frozen=True):
    id: str  # the cloud's
    company_id: str
    project_id: str
    name: str
    ranges: list[str]


class Action(msgspec.Struct, frozen=True):
    """Something that is wished of an object, and its history afterwards. ``due_at`` None: it is over, done or failed for the ``reason``."""

    id: str
    company_id: str
    project_id: str
    kind: str  # server, disk…
    object_id: str
    verb: str
    details: dict[str, Any]
    person_id: str | None
    state: str  # wished, done or failed
    reason: str | None
    at: Instant
    due_at: Instant | None
    done_at: Instant | None


class Request(msgspec.Struct, frozen=True):
    """An order that went beyond a budget or a quota, for an approver to decide. ``order`` is the verb's own words; ``state``: open, approved, refused
    or failed. ``object_id``: what was ordered in the end."""

    id: str
    company_id: str
    project_id: str
    person_id: str
    verb: str
    order: dict[str, Any]
    summary: str
    missing: str
    month_minor: int
    currency: str
    note: str
    state: str
    answer: str
    decided_by: str | None
    object_id: str | None
    created_at: Instant
    decided_at: Instant | None


class Interval(msgspec.Struct, frozen=True):
    """Since when, and until when, a resource has been of a plan. ``amount``: how many of the plan's unit (GiB of a disk), a decimal as text.
    ``counted_until``: up to where usage has been recorded; ``open``: whether there is more to record."""

    id: str
    meter: str
    resource_id: str
    resource_name: str
    project_id: str
    company_id: str
    plan_id: str
    amount: str
    begins_at: Instant
    ends_at: Instant | None
    counted_until: Instant
    open: bool


class Mark(msgspec.Struct, frozen=True):
    """How far the mirror has seen a kind of thing. ``cursor``: the cloud's own time of the last change; ``looked_at``: what had happened by
    then, by our clock, is in it; ``compared_at``: when all was compared with all."""

    name: str
    cursor: Instant
    looked_at: Instant
    compared_at: Instant


class Limits(msgspec.Struct, frozen=True):
    """How much a project may have at most, where that is not what everybody may. ``told``: whether the cloud knows."""

    project_id: str
    servers: int
    vcpus: int
    ram_mib: int
    disk_gib: int
    addresses: int
    told: bool = True
