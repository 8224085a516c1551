"""Block Storage's tables, and the questions that span rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from wolke.block_storage.model import (
    Attachment,
    Backup,
    DefaultType,
    Group,
    GroupSnapshot,
    GroupType,
    Host,
    Message,
    QosSpecs,
    Question,
    QuotaLimit,
    Secret,
    ServiceSwitch,
    Snapshot,
    Transfer,
    Volume,
    VolumeType,
)
from wolke.core.db import Query, Table

_LISTED = (("project_id", "created_at", "id"), ("created_at", "id"))
_WORKED_ON = (("host", "task"), ("task", "deadline_at"))

VOLUMES = Table(
    "block_storage_volumes",
    Volume,
    indexes=(
        *_LISTED,
        *_WORKED_ON,
        ("project_id", "status", "created_at", "id"),
        ("project_id", "name"),
        ("project_id", "counted", "type_id", "counted_gib"),
        ("backend", "counted_gib"),
        ("type_id",),
    ),
    sparse=(("group_id",), ("source_volume_id",), ("snapshot_id",)),
)
SNAPSHOTS = Table(
    "block_storage_snapshots",
    Snapshot,
    indexes=(*_LISTED, *_WORKED_ON, ("volume_id",), ("project_id", "counted", "type_id", "size_gib")),
    sparse=(("group_snapshot_id",),),
)
ATTACHMENTS = Table(
    "block_storage_attachments",
    Attachment,
    indexes=(*_LISTED, *_WORKED_ON, ("volume_id",), ("server_id",)),
    sparse=(("deadline_at",),),
)
BACKUPS = Table(
    "block_storage_backups",
    Backup,
    indexes=(*_LISTED, *_WORKED_ON, ("volume_id", "created_at"), ("project_id", "size_gib")),
    sparse=(("parent_id",), ("restore_volume_id",)),
)
TYPES = Table("block_storage_types", VolumeType, unique=(("name",),), sparse=(("qos_specs_id",),))
QOS_SPECS = Table("block_storage_qos_specs", QosSpecs, unique=(("name",),))
GROUP_TYPES = Table("block_storage_group_types", GroupType, unique=(("name",),))
GROUPS = Table("block_storage_groups", Group, indexes=(*_LISTED, ("task", "deadline_at"), ("group_type_id",)))
GROUP_SNAPSHOTS = Table(
    "block_storage_group_snapshots", GroupSnapshot, indexes=(*_LISTED, ("task", "deadline_at"), ("group_id",))
)
TRANSFERS = Table("block_storage_transfers", Transfer, indexes=_LISTED, unique=(("volume_id",),))
MESSAGES = Table("block_storage_messages", Message, indexes=(*_LISTED, ("resource_id",), ("expires_at",)))
QUOTA_LIMITS = Table("block_storage_quota_limits", QuotaLimit, key=("project_id", "resource"))
DEFAULT_TYPES = Table("block_storage_default_types", DefaultType, key=("project_id",), indexes=(("type_id",),))
SECRETS = Table("block_storage_secrets", Secret)
HOSTS = Table("block_storage_hosts", Host, unique=(("name",),))
SWITCHES = Table("block_storage_service_switches", ServiceSwitch, key=("binary", "host"))
QUESTIONS = Table("block_storage_questions", Question, indexes=(("host",), ("expires_at",)))

#: The tables of rows that verbs work on, by kind.
BY_KIND: Mapping[str, Table[Any]] = {
    "volume": VOLUMES, "snapshot": SNAPSHOTS, "backup": BACKUPS, "attachment": ATTACHMENTS, "group": GROUPS,
    "group_snapshot": GROUP_SNAPSHOTS,
}  # fmt: skip

_v, _s, _a = VOLUMES.sql.c, SNAPSHOTS.sql.c, ATTACHMENTS.sql.c


def _whole(column: Any) -> Any:
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)


#: (backend, volumes, GiB) of each backend that has any.
BY_BACKEND = Query(
    sa.select(_v.backend, sa.func.count(), _whole(_v.counted_gib)).where(_v.backend.is_not(None)).group_by(_v.backend)
)
#: (type, volumes, GiB) and (type, snapshots, GiB) of a project, by type.
VOLUMES_BY_TYPE = Query(
    sa.select(_v.type_id, sa.func.count(), _whole(_v.counted_gib))
    .where(_v.project_id == sa.bindparam("project_id"), _v.counted == 1)
    .group_by(_v.type_id)
)
SNAPSHOTS_BY_TYPE = Query(
    sa.select(_s.type_id, sa.func.count(), _whole(_s.size_gib))
    .where(_s.project_id == sa.bindparam("project_id"), _s.counted == 1)
    .group_by(_s.type_id)
)
#: (project, volumes, GiB) and (project, snapshots, GiB) on a host.
VOLUMES_OF_HOST = Query(
    sa.select(_v.project_id, sa.func.count(), _whole(_v.size_gib))
    .where(_v.host == sa.bindparam("host")).group_by(_v.project_id)
)  # fmt: skip
SNAPSHOTS_OF_HOST = Query(
    sa.select(_s.project_id, sa.func.count(), _whole(_s.size_gib))
    .where(_s.host == sa.bindparam("host")).group_by(_s.project_id)
)  # fmt: skip
