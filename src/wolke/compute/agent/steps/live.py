"""Sending a running guest to another host, and taking one in."""

from __future__ import annotations

import time
from collections.abc import Mapping
from socket import socket
from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps.making import guest_spec
from wolke.compute.agent.steps.moving import make_room, move_of
from wolke.compute.model import Wish
from wolke.core.drivers import Failure

Learnt = dict[str, Any]
_REPORT_S = 1.0


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
