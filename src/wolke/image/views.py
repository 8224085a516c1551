"""Records as Glance shows them."""

from __future__ import annotations

from typing import Any

from wolke.core.clock import seconds
from wolke.image.model import Image, Member


def image(record: Image) -> dict[str, Any]:
    """Custom properties stand beside the fields; a field of the same name would win, but none can have been stored."""
    href = f"/v2/images/{record.id}"
    return {
        **record.properties,
        "id": record.id,
        "name": record.name,
        "status": record.status,
        "visibility": record.visibility,
        "owner": record.owner,
        "protected": record.protected,
        "os_hidden": record.hidden,
        "disk_format": record.disk_format,
        "container_format": record.container_format,
        "min_disk": record.min_disk,
        "min_ram": record.min_ram,
        "size": record.size,
        "virtual_size": record.virtual_size,
        "checksum": record.checksum,
        "os_hash_algo": record.hash_algo,
        "os_hash_value": record.hash_value,
        "tags": record.tags,
        "created_at": seconds(record.created_at),
        "updated_at": seconds(record.updated_at),
        "self": href,
        "file": href + "/file",
        "schema": "/v2/schemas/image",
    }


def member(record: Member) -> dict[str, Any]:
    return {
        "image_id": record.image_id,
        "member_id": record.member_id,
        "status": record.status,
        "created_at": seconds(record.created_at),
        "updated_at": seconds(record.updated_at),
        "schema": "/v2/schemas/member",
    }
