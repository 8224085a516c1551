"""What is done to snapshots."""

from __future__ import annotations

from wolke.block_storage.agent.ground import Ground
from wolke.block_storage.agent.steps.volumes import Learnt
from wolke.block_storage.model import Wish
from wolke.core.drivers import Failure


async def create(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    holder = await ground.guests.holder(spec["volume_id"])
    await ground.driver(spec["backend"]).snapshot(spec["volume_id"], spec["id"], holder)
    return {"location": {}}


async def delete(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    await ground.driver(spec["backend"]).delete_snapshot(spec["volume_id"], spec["id"])
    return {}


async def adopt(ground: Ground, wish: Wish) -> Learnt:
    """``reference``: {"source-name": <id of a snapshot that the volume has>}; what nobody calls his own is that at most."""
    spec = wish.specification
    driver = ground.driver(spec["backend"])
    name = wish.arguments["reference"].get("source-name")
    found = await driver.look(spec["volume_id"])
    if found is None or spec["id"] not in found.snapshots:
        raise Failure(f"There is no snapshot {name!r} of the volume that could be managed.")
    return {"location": {}, "size_gib": found.size_gib}


async def release(ground: Ground, wish: Wish) -> Learnt:
    raise Failure("This backend cannot give snapshots away; delete it instead.")
