"""Images as Compute shows them, until 2.35."""

from __future__ import annotations

from typing import Any

from wolke.compute.views.links import bookmark, links
from wolke.core.clock import seconds
from wolke.image.model import Image

Json = dict[str, Any]

STATUSES = {
    "queued": "SAVING", "saving": "SAVING", "uploading": "SAVING", "importing": "SAVING", "active": "ACTIVE",
    "deactivated": "ACTIVE", "killed": "ERROR", "deleted": "DELETED",
}  # fmt: skip
_PROGRESS = {"ACTIVE": 100, "SAVING": 50}


def status(one: Image) -> str:
    return STATUSES.get(one.status, "UNKNOWN")


def brief(one: Image, base: str) -> Json:
    return {"id": one.id, "name": one.name, "links": links(base, "images", one.id)}


def image(one: Image, base: str, metadata: dict[str, str]) -> Json:
    shown: Json = {
        **brief(one, base),
        "status": status(one),
        "progress": _PROGRESS.get(status(one), 0),
        "minDisk": one.min_disk,
        "minRam": one.min_ram,
        "created": seconds(one.created_at),
        "updated": seconds(one.updated_at),
        "metadata": metadata,
        "OS-EXT-IMG-SIZE:size": one.size or 0,
    }
    if server_id := metadata.get("instance_uuid"):
        shown["server"] = {
            "id": server_id,
            "links": [links(base, "servers", server_id)[0], *bookmark(base, "servers", server_id)],
        }
    if metadata.get("auto_disk_config"):
        automatic = metadata["auto_disk_config"].lower() in ("true", "1")
        shown["OS-DCF:diskConfig"] = "AUTO" if automatic else "MANUAL"
    return shown
