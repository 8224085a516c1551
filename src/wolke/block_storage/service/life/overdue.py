"""Deadlines: nothing stays under way for ever."""

from __future__ import annotations

from typing import Any

from wolke.block_storage.model import Attachment
from wolke.block_storage.service.attachments import Attachments
from wolke.block_storage.service.endings import Endings
from wolke.block_storage.service.life.outcomes import Outcomes
from wolke.block_storage.service.needs import Needs
from wolke.core.context import system_context
from wolke.core.log import get_logger

log = get_logger(__name__)

_CLOUD = system_context()


class Overdue:
    def __init__(self, needs: Needs, endings: Endings, attachments: Attachments, outcomes: Outcomes) -> None:
        self._needs = needs
        self._endings = endings
        self._attachments = attachments
        self._outcomes = outcomes

    async def end(self, kind: str, row: Any) -> None:
        """The verb under way took too long, or an attachment was left where it must not stay."""
        if kind == "attachment" and row.task != "connecting":
            await self._end_attachment(row)
            return
        if kind == "volume" and row.task == "uploading":
            await self._outcomes.forget_image(row)
        where = f" on host {row.host}" if getattr(row, "host", None) else ""
        async with self._needs.db.transaction() as tx:
            await self._endings.fail(tx, kind, row, f"It was not done in time{where} (it was {row.task}).")

    async def _end_attachment(self, attachment: Attachment) -> None:
        """A disconnection is given up, whose host will see for itself; a detach that nobody ends is taken back; what was
        reserved and never attached is free again."""
        if attachment.task == "disconnecting":
            async with self._needs.db.transaction() as tx:
                await self._endings.remove(tx, "attachment", attachment)
            return
        servers = self._needs.servers
        if servers is not None and await servers.wants(attachment):
            until = self._needs.clock.after(self._needs.config.reserved_deadline_s)
            async with self._needs.db.transaction() as tx:
                await self._needs.write(tx, "attachment", attachment, {"deadline_at": until})
            return
        log.info("attachment is overdue", attachment_id=attachment.id, status=attachment.status)
        if attachment.status == "detaching":
            await self._attachments.roll_detaching(_CLOUD, attachment.volume_id, attachment.id)
            why = "The volume was not detached in time: it is attached as before."
        else:
            await self._attachments.delete(_CLOUD, attachment.id)
            why = "The volume was reserved and not attached in time: it is available again."
        async with self._needs.db.transaction() as tx:
            await self._needs.tell(tx, "attachment", attachment, "attach", why)
