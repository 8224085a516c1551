"""User messages: why something did not come about."""

from __future__ import annotations

from collections.abc import Sequence

from wolke.block_storage import errors
from wolke.block_storage.model import Message
from wolke.block_storage.service import sight
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import MESSAGES
from wolke.core.context import Context
from wolke.core.db import Where
from wolke.core.paging import Page


class Messages:
    def __init__(self, needs: Needs) -> None:
        self._db = needs.db

    async def show(self, ctx: Context, message_id: str) -> Message:
        return sight.mine(ctx, await self._db.get(MESSAGES, id=message_id), errors.MessageNotFound(message_id))

    async def index(self, ctx: Context, page: Page, where: Sequence[Where], *, offset: int = 0) -> list[Message]:
        return await sight.find(self._db, ctx, MESSAGES, page, where, offset=offset)

    async def delete(self, ctx: Context, message_id: str) -> None:
        await self.show(ctx, message_id)
        async with self._db.transaction() as tx:
            await tx.delete(MESSAGES, id=message_id)
