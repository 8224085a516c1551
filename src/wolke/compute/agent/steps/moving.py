"""Leaving for another host or another size, arriving there, coming back."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps import power
from wolke.compute.agent.steps.making import config_drive, guest_spec, ready
from wolke.compute.agent.steps.volumes import renew
from wolke.compute.drivers.base import Power
from wolke.compute.model import Wish
from wolke.core.drivers import Failure
from wolke.core.files import write_whole
from wolke.core.tools import run

Learnt = dict[str, Any]


async def leave(ground: Ground, wish: Wish) -> Learnt:
    """Off, and out of the way."""
    _must_move(ground)
    if await ground.driver.look(wish.server_id) is not None:
        await power.power_off(ground, wish)
    await ground.driver.set_aside(wish.server_id)
    return {"power": Power.SHUTDOWN.value}


async def arrive(ground: Ground, wish: Wish) -> Learnt:
    """The guest is made here of what was set aside there, and runs if it ran."""
    _must_move(ground)
    move = move_of(wish)
    await make_room(ground, wish.server_id, str(move["id"]))
    guest = await ground.driver.look(wish.server_id)
    if guest is None or guest.power is Power.NOSTATE:
        drive = await config_drive(ground, wish)
        spec = await guest_spec(ground, wish, drive, image_may_miss=True)
        without = ("base",) if spec.image is not None else ()
        await _fetch(ground, wish.server_id, move, without)
        await ground.driver.adopt(spec)
        if drive is not None:
            drive.unlink(missing_ok=True)
    return await _as_before(ground, wish)


async def come_back(ground: Ground, wish: Wish) -> Learnt:
    await ground.driver.take_back(wish.server_id)
    return await _as_before(ground, wish)


async def _as_before(ground: Ground, wish: Wish) -> Learnt:
    if move_of(wish)["was"] != "ACTIVE":
        with contextlib.suppress(Failure):  # its next start asks again, and tells why not
            await renew(ground, wish)  # what was set aside knows nothing of volumes that went meanwhile
        return {"power": Power.SHUTDOWN.value}
    await ready(ground, wish)
    await ground.driver.start(wish.server_id)
    return {"power": Power.RUNNING.value}


async def forget(ground: Ground, wish: Wish) -> Learnt:
    await ground.driver.forget_aside(wish.server_id)
    return {}


async def destroy_all(ground: Ground, wish: Wish) -> Learnt:
    """What there is of the guest, and what was set aside of it."""
    learnt = await power.destroy(ground, wish)
    if ground.driver.capabilities.moves:
        await ground.driver.forget_aside(wish.server_id)
    _mark(ground, wish.server_id).unlink(missing_ok=True)
    return learnt


def _must_move(ground: Ground) -> None:
    if not ground.driver.capabilities.moves:
        raise Failure("the hypervisor of this host cannot move servers")


def move_of(wish: Wish) -> dict[str, Any]:
    if wish.move is None:
        raise Failure("the server's move is over")
    return wish.move


def _mark(ground: Ground, server_id: str) -> Path:
    return ground.state_dir / "moves" / server_id


async def make_room(ground: Ground, server_id: str, move_id: str) -> None:
    """What an older move may have left here of the guest is not taken for what this one brings."""
    mark = _mark(ground, server_id)
    if mark.exists() and mark.read_text() == move_id:
        return
    await ground.driver.destroy(server_id)
    mark.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(mark, move_id.encode())


async def _fetch(ground: Ground, server_id: str, move: dict[str, Any], without: tuple[str, ...]) -> None:
    target = await ground.driver.incoming(server_id)
    if move["peer"] != ground.host:
        await ground.lines.fetch(server_id, move, target, without)
        return
    for name, path in (await ground.driver.parts(server_id)).items():
        if name not in without and not (target / name).exists():
            part = target / f"{name}.part"
            await run("cp", "--reflink=auto", "--sparse=always", "--", str(path), str(part))
            await asyncio.to_thread(shutil.move, part, target / name)
