"""Sending a running guest to another host, and taking one in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from socket import socket
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps import volumes
from wolke.compute.agent.steps.making import guest_spec
from wolke.compute.agent.steps.moving import make_room, move_of
from wolke.compute.drivers.base import Volume
from wolke.compute.model import Wish
from wolke.core.drivers import Failure
from wolke.core.log import get_logger

log = get_logger(__name__)

Learnt = dict[str, Any]
_REPORT_S = 1.0


async def serve(ground: Ground, wish: Wish) -> Learnt:
    """On the host where it is: volumes that its guest has open as files are served by their host from now on. The guest stands still
    for as long as it takes to close them here and to open them there."""
    _must_do(ground)
    before = await volumes.of_wish(ground, wish)
    if not before:
        return {}
    began = time.monotonic()
    held = await ground.driver.let_go(wish.server_id)
    if not held:
        return {}
    wanted = [one["device_id"] for one in wish.specification["volumes"] if one["volume_id"] in held]
    try:
        now = await volumes.connections(ground, wish.server_id, wanted, served=True)
        if any(one.remote is None for one in now):
            raise Failure("the host of a volume does not serve it to other hosts")
        await ground.driver.take_up(wish.server_id, now)
    except BaseException:
        await asyncio.shield(_take_back(ground, wish, before))
        raise
    stood_still_ms = round(1000 * (time.monotonic() - began))
    log.info(
        "volumes are served from now on", server_id=wish.server_id, volumes=len(now), stood_still_ms=stood_still_ms
    )
    return {}


async def _take_back(ground: Ground, wish: Wish, known: Sequence[Volume]) -> None:
    """The guest runs on with the volumes as it can have them: as Block Storage says now, or if that is silent, as it said before."""
    try:
        known = await volumes.of_wish(ground, wish)
    except Exception as error:
        log.warning("volumes are opened as they were", server_id=wish.server_id, error=repr(error))
    await ground.driver.take_up(wish.server_id, known)


async def regain(ground: Ground, wish: Wish) -> Learnt:
    """Of a migration that is not to be: the guest has its volumes, and runs."""
    if ground.driver.capabilities.live_migration and await ground.driver.look(wish.server_id) is not None:
        await ground.driver.take_up(wish.server_id, await volumes.of_wish(ground, wish))
    return {}


async def receive(ground: Ground, wish: Wish) -> Learnt:
    """On the host where it goes: a guest in waiting."""
    _must_do(ground)
    move = move_of(wish)
    await make_room(ground, wish.server_id, str(move["id"]))
    spec = await guest_spec(ground, wish, None, image_may_miss=True)
    without = ("base",) if spec.image is not None else ()
    target = await ground.driver.incoming(wish.server_id)
    shape = await ground.lines.fetch_still(wish.server_id, move, target, without)
    await ground.driver.receive(spec, shape)
    return {}


async def send(ground: Ground, wish: Wish) -> Learnt:
    """On the host where it is; returns when it is there."""
    _must_do(ground)
    move = move_of(wish)
    last = 0.0
    wanted: str | None = None

    async def connect(name: str) -> socket:
        return await ground.lines.connect(wish.server_id, move, name)

    async def watch(progress: Mapping[str, int]) -> str | None:
        nonlocal last, wanted
        if time.monotonic() - last >= _REPORT_S:
            said = await ground.client.post_json(ground.url(f"moves/{wish.server_id}/progress"), dict(progress))
            last, wanted = time.monotonic(), said["wanted"]
        return wanted

    await ground.driver.send(wish.server_id, connect, watch)
    return {}


async def arrive(ground: Ground, wish: Wish) -> Learnt:
    """On the host where it has come to."""
    await ground.driver.settle(wish.server_id)
    guest = await ground.driver.look(wish.server_id)
    if guest is None:
        raise Failure("the server is not there after its live migration")
    return {"power": guest.power.value}


def _must_do(ground: Ground) -> None:
    if not ground.driver.capabilities.live_migration:
        raise Failure("the hypervisor of this host cannot move running servers")
