"""Leaving the host for an image, and being made of it again; being deleted for now, and restored."""

from __future__ import annotations

from typing import Any

from wolke.compute.agent.ground import Ground
from wolke.compute.agent.steps import power
from wolke.compute.drivers.base import Power
from wolke.compute.model import Wish

Learnt = dict[str, Any]
_STAYS = {"SHUTOFF": Power.SHUTDOWN, "SUSPENDED": Power.SUSPENDED}


async def unshelve(ground: Ground, wish: Wish) -> Learnt:
    """Also what becomes of a shelve that failed: then what was off stays off."""
    stays = _STAYS.get(wish.arguments.get("was", "")) if "failure" in wish.arguments else None
    return {"power": stays.value} if stays else await power.power_on(ground, wish)
