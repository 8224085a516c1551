"""Volumes on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.block_storage.model import Attachment, Volume, VolumeType
from wolke.block_storage.states import status_of
from wolke.block_storage.views.links import links
from wolke.core.clock import micros
from wolke.core.context import Context

Item = dict[str, Any]


def brief(base: str, ctx: Context, volume: Volume) -> Item:
    return {"id": volume.id, "name": volume.name, "links": links(base, ctx, "volumes", volume.id)}


def shown_status(volume: Volume) -> str:
    return status_of("volume", volume.status, volume.task)


def volume(
    base: str, ctx: Context, one: Volume, kind: VolumeType | None, attachments: Sequence[Attachment], *, inner: bool
) -> Item:
    """``inner``: with what only administrators see. As a verb that makes or changes a volume answers."""
    item: Item = {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "status": shown_status(one),
        "size": one.size_gib,
        "availability_zone": one.availability_zone,
        "created_at": micros(one.created_at),
        "updated_at": micros(one.updated_at) if one.updated_at else None,
        "attachments": [attached(a, inner=inner) for a in attachments if a.status in ("attached", "detaching")],
        "volume_type": kind.name if kind else None,
        "snapshot_id": one.snapshot_id,
        "source_volid": one.source_volume_id,
        "metadata": one.metadata,
        "links": links(base, ctx, "volumes", one.id),
        "user_id": one.user_id,
        "bootable": "true" if one.bootable else "false",
        "encrypted": one.encryption is not None,
        "replication_status": None,
        "consistencygroup_id": None,
        "multiattach": one.multiattach,
        "migration_status": one.migration_status if inner else None,
        "group_id": one.group_id,
        "shared_targets": False,
        "service_uuid": None,
        "volume_type_id": one.type_id,
        "consumes_quota": one.counted,
    }
    if inner:
        item |= {"provider_id": None, "cluster_name": None}
    if one.encryption is not None:
        item["encryption_key_id"] = one.secret_id
    return item


def detail(
    base: str, ctx: Context, one: Volume, kind: VolumeType | None, attachments: Sequence[Attachment], *, inner: bool
) -> Item:
    """As a volume is shown and listed."""
    item = volume(base, ctx, one, kind, attachments, inner=inner)
    item["os-vol-tenant-attr:tenant_id"] = one.project_id
    if one.read_only is not None:
        item["metadata"] = {**one.metadata, "readonly": str(one.read_only)}
    if one.image_metadata:
        item["volume_image_metadata"] = one.image_metadata
    return item | {
        "os-vol-host-attr:host": one.backend,
        "os-vol-mig-status-attr:migstat": one.migration_status,
        "os-vol-mig-status-attr:name_id": None,
    }


def attached(one: Attachment, *, inner: bool) -> Item:
    return {
        "id": one.volume_id,
        "attachment_id": one.id,
        "volume_id": one.volume_id,
        "server_id": one.server_id,
        "host_name": one.instance_host if inner else None,
        "device": one.mount_device,
        "attached_at": micros(one.attached_at) if one.attached_at else None,
    }


def uploading(one: Volume, image: Any, kind: VolumeType | None) -> Item:
    """What the wish to upload a volume to an image answers."""
    return {
        "id": one.id,
        "updated_at": micros(one.updated_at) if one.updated_at else None,
        "status": shown_status(one),
        "display_description": one.description,
        "size": one.size_gib,
        "volume_type": None if kind is None else _type_inside(kind),
        "image_id": image.id,
        "container_format": image.container_format,
        "disk_format": image.disk_format,
        "image_name": image.name,
        "protected": image.protected,
        "visibility": image.visibility,
    }


def _type_inside(kind: VolumeType) -> Item:
    return {
        "id": kind.id,
        "name": kind.name,
        "description": kind.description,
        "is_public": kind.is_public,
        "extra_specs": kind.extra_specs,
        "qos_specs_id": kind.qos_specs_id,
        "created_at": micros(kind.created_at),
        "updated_at": micros(kind.updated_at) if kind.updated_at else None,
        "deleted": False,
        "deleted_at": None,
    }


def encryption(one: Volume) -> Mapping[str, Any]:
    told = one.encryption or {}
    return {
        "encryption_key_id": one.secret_id,
        "control_location": told.get("control_location"),
        "cipher": told.get("cipher"),
        "key_size": told.get("key_size"),
        "provider": told.get("provider"),
    }
