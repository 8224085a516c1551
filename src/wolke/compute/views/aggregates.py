"""Aggregates as the wire shows them."""

from __future__ import annotations

from typing import Any

from wolke.compute.model import Aggregate
from wolke.core.clock import micros


def aggregate(one: Aggregate) -> dict[str, Any]:
    return {
        "id": one.id,
        "uuid": one.uuid,
        "name": one.name,
        "availability_zone": one.availability_zone,
        "hosts": one.hosts,
        "metadata": one.metadata,
        "created_at": micros(one.created_at),
        "updated_at": micros(one.updated_at) if one.updated_at else None,
        "deleted": False,
        "deleted_at": None,
    }
