"""What is done to backups."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from wolke.block_storage.agent.archive import Archive
from wolke.block_storage.agent.ground import Ground
from wolke.block_storage.agent.steps.volumes import Learnt, at_rest
from wolke.block_storage.drivers.base import OfImage, Volume
from wolke.block_storage.model import Wish
from wolke.core.drivers import Failure

_CONTAINER = "volumebackups"


async def store(ground: Ground, wish: Wish) -> Learnt:
    """The copy that is stored is kept until all of it is: a second attempt must not store half of another one."""
    spec, volume, snapshot = wish.specification, wish.arguments["volume"], wish.arguments.get("snapshot")
    container, parent = spec.get("container") or _CONTAINER, wish.arguments.get("parent")
    archive = _archive(ground, container)
    if volume is None:
        raise Failure("The volume is not there any more.")
    base = await _archive(ground, parent["container"]).manifest(parent["contents"]) if parent else None
    driver, copy = ground.driver(volume["backend"]), _copy(ground, wish.id)
    if snapshot is not None:
        if not copy.exists():
            await driver.copy_out(volume["id"], snapshot["id"], copy, "raw")
    else:
        async with at_rest(ground, volume["backend"], volume["id"], wish.id) as still:
            if not copy.exists():
                await driver.copy_out(volume["id"], still, copy, "raw")
    contents = await archive.save(copy, spec["volume_id"], wish.id, base)
    await asyncio.to_thread(copy.unlink, missing_ok=True)
    count = contents.pop("objects")
    return {"contents": contents, "object_count": count, "container": container}


async def restore(ground: Ground, wish: Wish) -> Learnt:
    spec, volume = wish.specification, wish.arguments["volume"]
    if volume is None:
        raise Failure("The volume that it was to be restored to is not there any more.")
    driver, copy = ground.driver(volume["backend"]), _copy(ground, f"{wish.id}-{volume['id']}")
    await _archive(ground, spec["container"]).load(spec["contents"], copy)
    await driver.fill(Volume(volume["id"], volume["size_gib"]), OfImage(copy, "raw"))
    await asyncio.to_thread(copy.unlink, missing_ok=True)
    return {}


async def delete(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    if spec["container"]:
        await _archive(ground, spec["container"]).remove(spec["volume_id"], wish.id)
    await asyncio.to_thread(_copy(ground, wish.id).unlink, missing_ok=True)
    return {}


async def check(ground: Ground, wish: Wish) -> Learnt:
    spec = wish.specification
    contents: dict[str, Any] = dict(spec["contents"])
    count = await _archive(ground, spec["container"]).check(contents)
    return {"contents": contents, "object_count": count}


def _archive(ground: Ground, container: str) -> Archive:
    if ground.backups is None:
        raise Failure("This host has no object store to keep backups in.")
    return Archive(ground.backups, container)


def _copy(ground: Ground, name: str) -> Path:
    return ground.state_dir / "copies" / f"{name}.backup"
