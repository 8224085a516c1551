"""The loop that throws away what is too old."""

from __future__ import annotations

from wolke.compute.service.life import Life
from wolke.core.loop import Leases, Loop

_PERIOD_S = 60.0


def sweeping_loop(life: Life, leases: Leases | None) -> Loop:
    async def look() -> list[str]:
        return ["sweep"] if await life.sweeping.is_due() else []

    async def act(key: str) -> None:
        await life.sweeping.sweep()

    return Loop("compute.sweeping", look, act, period_s=_PERIOD_S, leases=leases)
