"""Images of servers' disks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.model import Wish
from wolke.core.drivers import Failure

Learnt = dict[str, Any]
_GONE = (403, 404)


async def snapshot(ground: Ground, wish: Wish) -> Learnt:
    """A copy of the disk goes to the image that waits for it. The copy is kept until it has arrived."""
    image_id = str(wish.arguments["image_id"])
    try:
        image = await ground.client.get_json(f"/image/v2/images/{image_id}")
    except Exception as error:
        if getattr(error, "status", None) in _GONE:
            raise Failure("The image was deleted before the server's disk was in it.") from None
        raise
    target = snapshot_path(ground, image_id)
    if image["status"] != "active":
        if not target.exists():
            await ground.driver.snapshot(wish.server_id, target, image["disk_format"])
        await ground.client.upload("PUT", f"/image/v2/images/{image_id}/file", target)
    target.unlink(missing_ok=True)
    return {}


def snapshot_path(ground: Ground, image_id: str) -> Path:
    return ground.state_dir / "snapshots" / image_id
