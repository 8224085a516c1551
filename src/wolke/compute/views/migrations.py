"""Moves of servers, as the wire shows them."""

from __future__ import annotations

import zlib
from typing import Any

from wolke.compute.model import FlavorCopy, Migration
from wolke.compute.states import MOVES_UNDER_WAY
from wolke.compute.views.links import links
from wolke.core.clock import micros

Json = dict[str, Any]
_LIVE = "live-migration"


def migration(one: Migration, base: str) -> Json:
    shown: Json = {
        **_ends(one),
        "id": one.id,
        "uuid": one.uuid,
        "instance_uuid": one.server_id,
        "status": one.status,
        "migration_type": one.kind,
        "old_instance_type_id": flavor_number(one.old_flavor),
        "new_instance_type_id": flavor_number(one.new_flavor),
        "created_at": micros(one.created_at),
        "updated_at": micros(one.updated_at),
        "user_id": one.user_id,
        "project_id": one.project_id,
    }
    if under_way(one):
        shown["links"] = links(base, f"servers/{one.server_id}/migrations", str(one.id))
    return shown


def of_server(one: Migration) -> Json:
    """A live migration under way, with how far it is."""
    return {
        **_ends(one),
        "id": one.id,
        "uuid": one.uuid,
        "server_uuid": one.server_id,
        "status": one.status,
        "created_at": micros(one.created_at),
        "updated_at": micros(one.updated_at),
        "user_id": one.user_id,
        "project_id": one.project_id,
        **{
            f"{what}_{which}_bytes": one.progress.get(f"{what}_{which}", 0)
            for what in ("memory", "disk")
            for which in ("total", "processed", "remaining")
        },
    }


def under_way(one: Migration) -> bool:
    return one.kind == _LIVE and one.status in MOVES_UNDER_WAY


def _ends(one: Migration) -> Json:
    return {
        "source_compute": one.source_host,
        "source_node": one.source_host,
        "dest_compute": one.dest_host,
        "dest_node": one.dest_host,
        "dest_host": one.dest_host,
    }


def flavor_number(flavor: FlavorCopy) -> int:
    """The whole number that stands for a flavor here, where its name has no place."""
    return zlib.crc32(flavor.id.encode()) & 0x7FFFFFFF
