"""What is thrown away after a while: messages, and questions that nobody waits for."""

from __future__ import annotations

from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import MESSAGES, QUESTIONS
from wolke.core.db import Order, Where

_AT_ONCE = 500  # rows in one transaction


class Sweeping:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def is_due(self) -> bool:
        db, expired = self._needs.db, self._expired()
        return bool(await db.find(MESSAGES, where=expired, limit=1) or await db.find(QUESTIONS, where=expired, limit=1))

    async def sweep(self) -> None:
        """Throw away a bounded number of rows."""
        expired = self._expired()
        old = await self._needs.db.find(MESSAGES, where=expired, order=[Order("expires_at")], limit=_AT_ONCE)
        async with self._needs.db.transaction() as tx:
            await tx.delete(QUESTIONS, where=expired)
            if old:
                await tx.delete(MESSAGES, where=[Where("id", "in", [one.id for one in old])])

    def _expired(self) -> list[Where]:
        return [Where("expires_at", "le", self._needs.clock.now())]
