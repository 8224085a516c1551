"""What is thrown away after a while: rows of deleted servers, console tokens, questions nobody waits for."""

from __future__ import annotations

from wolke.compute.service.life.ground import Ground
from wolke.compute.store import CONSOLE_TOKENS, GUEST_PASSWORDS, QUESTIONS, SERVER_ACTIONS, SERVERS
from wolke.core.db import Order, Where

_AT_ONCE = 200  # rows in one transaction


class Sweeping:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def is_due(self) -> bool:
        db, (expired, old) = self._ground.db, self._bounds()
        return bool(
            await db.find(SERVERS, where=old, limit=1)
            or await db.find(CONSOLE_TOKENS, where=expired, limit=1)
            or await db.find(QUESTIONS, where=expired, limit=1)
        )

    async def sweep(self) -> None:
        """Throw away a bounded number of rows."""
        expired, old = self._bounds()
        servers = await self._ground.db.find(SERVERS, where=old, order=[Order("deleted_at")], limit=_AT_ONCE)
        gone = [server.id for server in servers]
        async with self._ground.db.transaction() as tx:
            await tx.delete(CONSOLE_TOKENS, where=expired)
            await tx.delete(QUESTIONS, where=expired)
            if gone:
                await tx.delete(GUEST_PASSWORDS, where=[Where("server_id", "in", gone)])
                await tx.delete(SERVER_ACTIONS, where=[Where("server_id", "in", gone)])
                await tx.delete(SERVERS, where=[Where("id", "in", gone), *old])

    def _bounds(self) -> tuple[list[Where], list[Where]]:
        """What has expired, and servers that were deleted long enough ago."""
        before = self._ground.clock.after(-self._ground.config.deleted_retention_s)
        return [Where("expires_at", "le", self._ground.clock.now())], [Where("deleted_at", "lt", before)]
