"""The history of Block Storage's API: Cinder's numbers, 3.0 to 3.71, newest behaviour undone version by version.

Changes that only concern what this cloud does not have (replication, clusters' fail-over, remote logging) are not in the
table: their routes are not there at any version. The few things that a row cannot say are named instants in ``Since``.
"""

from __future__ import annotations

from collections.abc import Callable

from wolke.core.microversion import Change, Item, Version, Versions


class Since:
    """When a behaviour began that is more than a field more or less."""

    UPLOAD_OPTIONS: Version = (3, 1)
    FORCE_IN_DELETE: Version = (3, 23)
    FILTERS_CHECKED: Version = (3, 31)
    LIKE: Version = (3, 34)
    POOL_TYPES: Version = (3, 35)
    EXTEND_IN_USE: Version = (3, 42)
    COUNTS: Version = (3, 45)
    MULTIATTACH_BY_TYPE: Version = (3, 50)
    SNAPSHOT_FORCE: Version = (3, 66)
    ENCRYPTED_TRANSFERS: Version = (3, 70)


def _adds(number: int, note: str, **fields: tuple[str, ...]) -> Change:
    return Change((3, number), note, adds_view=fields)


def _summary(item: Item) -> None:
    item.get("volume-summary", {}).pop("metadata", None)


def _shared(item: Item) -> None:
    if item.get("shared_targets", False) is None:
        item["shared_targets"] = True


def _body(number: int, note: str, **fields: tuple[str, ...]) -> Change:
    return Change((3, number), note, adds_body=fields)


def _without(name: str) -> Callable[[Item], Item]:
    """Of a new volume: what a later version would have made of the field is not made of it."""

    def up(body: Item) -> Item:
        return {**body, "volume": {key: value for key, value in body["volume"].items() if key != name}}

    return up


CHANGES: tuple[Change, ...] = (
    _body(1, "Images of volumes have a visibility and may be protected.", upload_image=("visibility", "protected")),
    _adds(7, "Services tell of their cluster.", service=("cluster",)),
    Change(
        (3, 13),
        "Volumes are in groups.",
        adds_view={"volume": ("group_id",)},
        adds_body={"volume": ("group_id",)},
        up={"volume": _without("group_id")},
    ),
    _adds(14, "Snapshots tell of their group's.", snapshot=("group_snapshot_id",)),
    _adds(18, "Backups tell administrators whose they are.", backup=("os-backup-project-attr:project_id",)),
    _adds(21, "Volumes tell administrators of their provider's id.", volume=("provider_id",)),
    _adds(25, "Groups can list their volumes.", group=("volumes",)),
    Change((3, 36), "Summaries tell of metadata.", down={"volume-summary": _summary}),
    _adds(38, "Groups tell of replication.", group=("replication_status",)),
    _adds(41, "Snapshots tell who made them.", snapshot=("user_id",)),
    Change(
        (3, 43),
        "Backups have metadata.",
        adds_view={"backup": ("metadata",)},
        adds_body={"backup": ("metadata",), "backup_update": ("metadata",)},
    ),
    Change(
        (3, 47),
        "Volumes are made of backups.",
        adds_body={"volume": ("backup_id",)},
        up={"volume": _without("backup_id")},
    ),
    _adds(48, "Volumes tell of their service.", volume=("shared_targets", "service_uuid")),
    _adds(49, "Services tell of their backend.", service=("backend_state",)),
    _body(51, "Backups can be asked for in a zone.", backup=("availability_zone",)),
    _body(54, "Attachments can be asked for with a mode.", attachment=("mode",)),
    Change(
        (3, 55),
        "Transfers can leave snapshots behind.",
        adds_view={"transfer": ("no_snapshots",)},
        adds_body={"transfer": ("no_snapshots",)},
    ),
    _adds(56, "Backups tell who made them.", backup=("user_id",)),
    _adds(
        57,
        "Transfers tell between whom they are.",
        transfer=("source_project_id", "destination_project_id", "accepted"),
    ),
    _adds(58, "Groups tell whose they are.", group=("project_id",), group_snapshot=("project_id",)),
    _adds(61, "Volumes tell administrators of their cluster.", volume=("cluster_name",)),
    _adds(63, "Volumes tell of their type's id.", volume=("volume_type_id",)),
    _adds(
        64, "Volumes and backups tell of their key's id.", volume=("encryption_key_id",), backup=("encryption_key_id",)
    ),
    _adds(
        65, "Volumes and snapshots tell whether they count.", volume=("consumes_quota",), snapshot=("consumes_quota",)
    ),
    Change((3, 69), "Whether targets are shared may be unknown.", down={"volume": _shared}),
)

VERSIONS = Versions("volume", CHANGES, minimum=(3, 0), maximum=(3, 71))
