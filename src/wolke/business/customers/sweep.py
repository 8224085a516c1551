"""What is over is forgotten: links that nobody followed (a sign-up's holds a password's hash), old sessions, wrong passwords of yesterday."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wolke.business.customers.attempts import FORGOTTEN_S
from wolke.business.customers.store import ATTEMPTS, LINKS, SESSIONS
from wolke.core.db import Table, Where
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.desk import Needs

_DAY_S = 24 * 3600.0
#: So long a session is kept after it was seen last: where somebody was at work last is where they begin again.
_SESSIONS_S = 90 * _DAY_S


class Sweep:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    def loop(self, leases: Leases | None) -> Loop:
        return Loop("business-sweep", self._look, self._act, period_s=3600.0, leases=leases)

    async def _look(self) -> list[str]:
        db, old = self._needs.db, self._old()
        return [table.name for table, where in old if await db.find(table, where=(where,), limit=1)]

    async def _act(self, name: str) -> None:
        async with self._needs.db.transaction() as tx:
            for table, where in self._old():
                if table.name == name:
                    await tx.delete(table, where=(where,))

    def _old(self) -> tuple[tuple[Table[Any], Where], ...]:
        after = self._needs.clock.after
        return (
            (LINKS, Where("expires_at", "lt", after(-_DAY_S))),
            (SESSIONS, Where("seen_at", "lt", after(-_SESSIONS_S))),
            (ATTEMPTS, Where("at", "lt", after(-FORGOTTEN_S))),
        )
