"""Volume types and QoS specs on the wire."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.model import EncryptionType, QosSpecs, VolumeType
from wolke.core.clock import micros

Item = dict[str, Any]

#: The extra specs that everybody may see; the others tell of backends.
FOR_ALL = ("multiattach", "replication_enabled", "RESKEY:availability_zones")


def volume_type(one: VolumeType, *, sensitive: bool) -> Item:
    specs = one.extra_specs if sensitive else {name: v for name, v in one.extra_specs.items() if name in FOR_ALL}
    item: Item = {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "is_public": one.is_public,
        "os-volume-type-access:is_public": one.is_public,
        "extra_specs": specs,
    }
    return item | {"qos_specs_id": one.qos_specs_id}


def encryption_type(type_id: str, one: EncryptionType) -> Item:
    return {
        "volume_type_id": type_id,
        "encryption_id": one.id,
        "provider": one.provider,
        "control_location": one.control_location,
        "cipher": one.cipher,
        "key_size": one.key_size,
    }


def encryption_detail(type_id: str, one: EncryptionType) -> Item:
    return {
        **encryption_type(type_id, one),
        "created_at": micros(one.created_at),
        "updated_at": micros(one.updated_at) if one.updated_at else None,
        "deleted": False,
        "deleted_at": None,
    }


def qos_specs(one: QosSpecs) -> Item:
    return {"id": one.id, "name": one.name, "consumer": one.consumer, "specs": one.specs}
