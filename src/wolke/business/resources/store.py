"""The tables of what projects have."""

from __future__ import annotations

from wolke.business.resources import model
from wolke.core.db import Table

_LISTED = (("project_id", "gone_at", "name", "id"), ("project_id", "ordered_at", "id"), ("project_id", "touched_at"))

SERVERS = Table(
    "business_servers",
    model.Server,
    indexes=(
        *_LISTED,
        ("project_id", "state"),
        ("company_id", "gone_at"),
        ("state", "changed_at"),
        ("plan_id", "gone_at"),
    ),
    sparse=(("cloud_id",),),
)
DISKS = Table("business_disks", model.Disk, indexes=(*_LISTED, ("state",), ("server_id",)), sparse=(("cloud_id",),))
ADDRESSES = Table(
    "business_addresses", model.Address, indexes=(*_LISTED, ("state",), ("server_id",)), sparse=(("cloud_id",),)
)
SNAPSHOTS = Table("business_snapshots", model.Snapshot, indexes=(*_LISTED, ("state",)), sparse=(("cloud_id",),))
KEYS = Table("business_key_pairs", model.KeyPair, unique=(("project_id", "name"),))
RULES = Table(
    "business_rules", model.Rule, indexes=(("project_id", "created_at", "id"), ("state",), ("project_id", "touched_at"))
)
IMAGES = Table("business_images", model.Image)
NETWORKS = Table("business_networks", model.Network, indexes=(("project_id",),))
ACTIONS = Table(
    "business_actions",
    model.Action,
    indexes=(("object_id", "at", "id"), ("project_id", "at", "id")),
    sparse=(("due_at",),),
)
REQUESTS = Table(
    "business_requests",
    model.Request,
    indexes=(("company_id", "created_at", "id"), ("project_id", "state"), ("state", "created_at")),
)
INTERVALS = Table(
    "business_intervals",
    model.Interval,
    indexes=(("resource_id", "begins_at"), ("open", "counted_until"), ("project_id", "open")),
)
MARKS = Table("business_marks", model.Mark, key=("name",))
LIMITS = Table("business_limits", model.Limits, key=("project_id",), indexes=(("told",),))
