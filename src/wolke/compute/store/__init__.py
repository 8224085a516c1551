"""Compute's tables."""

from __future__ import annotations

from wolke.compute.model import (
    Aggregate,
    BlockDevice,
    ConsoleToken,
    Flavor,
    GuestPassword,
    Host,
    KeyPair,
    Migration,
    Question,
    QuotaLimit,
    Server,
    ServerAction,
    ServerGroup,
    ServerStamp,
    ShownServer,
)
from wolke.core.db import Table

FLAVORS = Table("compute_flavors", Flavor, unique=(("name",),))
KEY_PAIRS = Table("compute_key_pairs", KeyPair, key=("user_id", "name"))
SERVER_GROUPS = Table("compute_server_groups", ServerGroup, indexes=(("project_id", "created_at"),))
HOSTS = Table("compute_hosts", Host, unique=(("name",),))
AGGREGATES = Table("compute_aggregates", Aggregate, unique=(("name",),))
SERVERS = Table(
    "compute_servers",
    Server,
    indexes=(
        ("project_id", "created_at", "id"),
        ("created_at", "id"),
        ("project_id", "status", "created_at", "id"),
        ("status", "created_at", "id"),
        ("project_id", "updated_at"),
        ("host", "task"),
        ("task", "deadline_at"),
        ("project_id", "counted", "vcpus", "ram_mib"),
        ("server_group_id",),
        ("reservation_id",),
    ),
    sparse=(("deleted_at",), ("other_host", "task"), ("due_at",)),
    counted="revision",
)
SHOWN_SERVERS = SERVERS.narrow(ShownServer)
SERVER_STAMPS = SERVERS.narrow(ServerStamp)
MIGRATIONS = Table(
    "compute_migrations", Migration, unique=(("uuid",),), indexes=(("server_id", "id"), ("created_at", "id"))
)
BLOCK_DEVICES = Table("compute_block_devices", BlockDevice, indexes=(("server_id", "created_at", "id"), ("volume_id",)))
SERVER_ACTIONS = Table(
    "compute_server_actions", ServerAction, indexes=(("server_id", "id"), ("server_id", "request_id"))
)
GUEST_PASSWORDS = Table("compute_guest_passwords", GuestPassword, key=("server_id",))
QUOTA_LIMITS = Table("compute_quota_limits", QuotaLimit, key=("project_id", "user_id", "resource"))
QUESTIONS = Table("compute_questions", Question, indexes=(("host",), ("expires_at",)))
CONSOLE_TOKENS = Table("compute_console_tokens", ConsoleToken, key=("token_hash",), indexes=(("expires_at",),))
