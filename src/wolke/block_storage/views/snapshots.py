"""Snapshots, groups and their snapshots on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wolke.block_storage.model import Group, GroupSnapshot, GroupType, Snapshot
from wolke.block_storage.states import status_of
from wolke.core.clock import micros

Item = dict[str, Any]


def snapshot(one: Snapshot) -> Item:
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "volume_id": one.volume_id,
        "status": status_of("snapshot", one.status, one.task),
        "size": one.size_gib,
        "metadata": one.metadata,
        "created_at": micros(one.created_at),
        "updated_at": micros(one.updated_at) if one.updated_at else None,
        "user_id": one.user_id,
        "consumes_quota": one.counted,
    }


def detail(one: Snapshot) -> Item:
    progress = one.arguments.get("progress") or ("100%" if one.status == "available" else "0%")
    return {
        **snapshot(one),
        "group_snapshot_id": one.group_snapshot_id,
        "os-extended-snapshot-attributes:progress": progress,
        "os-extended-snapshot-attributes:project_id": one.project_id,
    }


def group(one: Group, volumes: Sequence[str] | None, *, inner: bool) -> Item:
    """``volumes`` None: they were not asked for."""
    item: Item = {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "status": status_of("group", one.status, one.task),
        "availability_zone": one.availability_zone,
        "created_at": micros(one.created_at),
        "group_type": one.group_type_id,
        "volume_types": one.type_ids,
        "group_snapshot_id": one.group_snapshot_id,
        "source_group_id": one.source_group_id,
        "replication_status": "disabled",
    }
    if volumes is not None:
        item["volumes"] = list(volumes)
    return item | ({"project_id": one.project_id} if inner else {})


def group_snapshot(one: GroupSnapshot, *, inner: bool) -> Item:
    item = {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "group_id": one.group_id,
        "group_type_id": one.group_type_id,
        "status": status_of("group_snapshot", one.status, one.task),
        "created_at": micros(one.created_at),
    }
    return item | ({"project_id": one.project_id} if inner else {})


def group_type(one: GroupType, *, specs: bool) -> Item:
    item: Item = {"id": one.id, "name": one.name, "description": one.description, "is_public": one.is_public}
    return item | ({"group_specs": one.group_specs} if specs else {})
