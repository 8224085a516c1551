"""What is done to snapshots."""

from __future__ import annotations

from wolke.block_storage.agent.ground import Ground
from wolke.block_storage.agent.steps.volumes import Learnt, adoption
from wolke.block_storage.model import Wish


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
    spec = wish.specification
    driver = adoption(ground, spec["backend"])
    size_gib = await driver.adopt_snapshot(spec["volume_id"], spec["id"], wish.arguments["reference"])
    return {"location": {}, "size_gib": size_gib}


async def release(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    return {"location": dict(await adoption(ground, spec["backend"]).release_snapshot(spec["volume_id"], spec["id"]))}
