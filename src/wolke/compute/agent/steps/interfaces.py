"""Network cards that come and go."""

from __future__ import annotations

from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps.making import nics
from wolke.compute.model import Wish
from wolke.core.drivers import Failure

Learnt = dict[str, Any]


async def attach(ground: Ground, wish: Wish) -> Learnt:
    port_id = wish.arguments["port_id"]
    nic = next((nic for nic in await nics(ground, wish, only=port_id)), None)
    if nic is None:
        raise Failure("The port is not the server's any more.")
    await ground.driver.attach_nic(wish.server_id, nic)
    return {}


async def detach(ground: Ground, wish: Wish) -> Learnt:
    if await ground.driver.look(wish.server_id) is not None:
        await ground.driver.detach_nic(wish.server_id, wish.arguments["port_id"])
    return {}
