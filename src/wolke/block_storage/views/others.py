"""Backups, attachments, transfers, messages and services on the wire."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.model import Attachment, Backup, Message, Service, Transfer
from wolke.block_storage.scheduler import PoolReport
from wolke.block_storage.states import status_of
from wolke.block_storage.views.links import links
from wolke.core.clock import micros
from wolke.core.context import Context

Item = dict[str, Any]
_SECRET = ("tls_psk", "passphrase")


def backup_brief(base: str, ctx: Context, one: Backup) -> Item:
    return {"id": one.id, "name": one.name, "links": links(base, ctx, "backups", one.id)}


def backup(base: str, ctx: Context, one: Backup, *, has_dependents: bool, inner: bool) -> Item:
    item: Item = {
        **backup_brief(base, ctx, one),
        "status": status_of("backup", one.status, one.task),
        "size": one.size_gib,
        "object_count": one.object_count,
        "availability_zone": one.availability_zone,
        "container": one.container,
        "created_at": micros(one.created_at),
        "updated_at": micros(one.updated_at) if one.updated_at else None,
        "description": one.description,
        "fail_reason": one.reason,
        "volume_id": one.volume_id,
        "snapshot_id": one.snapshot_id,
        "data_timestamp": micros(one.data_timestamp),
        "is_incremental": one.incremental,
        "has_dependent_backups": has_dependents,
        "metadata": one.metadata,
        "user_id": one.user_id,
    }
    if inner:
        item["os-backup-project-attr:project_id"] = one.project_id
    if one.secret_id is not None:
        item["encryption_key_id"] = one.secret_id
    return item


def attachment_brief(one: Attachment) -> Item:
    return {
        "id": one.id,
        "status": one.status,
        "instance": one.server_id,
        "volume_id": one.volume_id,
    }


def attachment(one: Attachment, *, secrets: bool) -> Item:
    """``secrets``: the keys to a connection, for services."""
    connection = dict(one.connection or {})
    if not secrets:
        for name in _SECRET:
            connection.pop(name, None)
    kind = connection.pop("type", None)
    if kind is not None:
        connection["driver_volume_type"] = kind
    return {
        **attachment_brief(one),
        "attached_at": micros(one.attached_at) if one.attached_at else None,
        "detached_at": None,
        "attach_mode": one.mode,
        "connection_info": connection,
    }


def transfer_brief(base: str, ctx: Context, one: Transfer) -> Item:
    return {
        "id": one.id,
        "name": one.name,
        "volume_id": one.volume_id,
        "links": links(base, ctx, "os-volume-transfer", one.id),
    }


def transfer(base: str, ctx: Context, one: Transfer) -> Item:
    return {
        **transfer_brief(base, ctx, one),
        "created_at": micros(one.created_at),
        "no_snapshots": one.no_snapshots,
        "source_project_id": one.source_project_id,
        "destination_project_id": one.destination_project_id,
        "accepted": one.accepted,
    }


def message(base: str, ctx: Context, one: Message) -> Item:
    return {
        "id": one.id,
        "event_id": f"VOLUME_{one.resource_type}_{one.action_id}_{one.detail_id}",
        "message_level": one.level,
        "user_message": one.text,
        "created_at": micros(one.created_at),
        "guaranteed_until": micros(one.expires_at),
        "request_id": one.request_id,
        "resource_type": one.resource_type,
        "resource_uuid": one.resource_id,
        "links": links(base, ctx, "messages", one.id),
    }


def service(one: Service) -> Item:
    item: Item = {
        "binary": one.binary,
        "host": one.host,
        "zone": one.zone,
        "status": "disabled" if one.disabled else "enabled",
        "state": "up" if one.up else "down",
        "updated_at": micros(one.updated_at),
        "disabled_reason": one.reason,
        "cluster": None,
    }
    if one.binary == "cinder-volume":
        item |= {
            "replication_status": "disabled",
            "active_backend_id": None,
            "frozen": one.frozen,
            "backend_state": "up" if one.backend_up else "down",
        }
    return item


def pool(one: PoolReport, *, detail: bool) -> Item:
    item: Item = {"name": str(one.address)}
    if not detail:
        return item
    told = {
        "storage_protocol": one.backend.driver, "vendor_name": "Wolke", "driver_version": "1", "QoS_support": False,
        **one.view.capabilities,
    }  # fmt: skip
    told |= {
        "pool_name": one.pool.name,
        "total_capacity_gb": one.pool.total_gib,
        "free_capacity_gb": one.pool.free_gib,
        "provisioned_capacity_gb": one.view.promised_gib,
        "allocated_capacity_gb": one.view.promised_gib,
        "reserved_percentage": one.pool.reserved_percentage,
        "thin_provisioning_support": one.pool.thin,
        "max_over_subscription_ratio": one.pool.max_over_subscription_ratio,
        "total_volumes": one.view.volumes,
        "backend_state": one.backend.state,
        "timestamp": micros(one.reported_at),
        "updated": micros(one.reported_at),
        "location_info": None,
    }
    return {**item, "capabilities": told}
