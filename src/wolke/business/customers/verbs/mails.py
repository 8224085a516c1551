"""The provider's mail: what is waiting, why it has not gone, and once more. What stands in a mail is its reader's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from wolke.business.errors import NotNow, NotThere
from wolke.business.mail import MAILS, Mail
from wolke.business.verb import STAFF, Found, Page, Verb, find
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_SORTS = {"created_at": "created_at", "recipient": "recipient"}
_STATES = {
    "": (),
    "waiting": (Where("sent_at", "isnull", True), Where("gave_up_at", "isnull", True)),
    "sent": (Where("sent_at", "isnull", False),),
    "given_up": (Where("gave_up_at", "isnull", False), Where("sent_at", "isnull", True)),
}


class MailPage(Page, frozen=True, kw_only=True):
    """``search``: in the recipient's address."""

    state: Literal["", "waiting", "sent", "given_up"] = ""


class MailShown(msgspec.Struct, frozen=True, kw_only=True):
    """``reason``: why it has not gone yet; ``due_at``: when it is tried next."""

    id: str
    recipient: str
    subject: str
    state: str
    attempts: int
    reason: str | None
    created_at: Instant
    due_at: Instant
    sent_at: Instant | None


async def mails(desk: Desk, who: Who, asked: MailPage) -> Found:
    return await find(
        desk.needs.db, MAILS, asked, sorts=_SORTS, default="-created_at", words="recipient", where=_STATES[asked.state], shown=_shown
    )  # fmt: skip


def _shown(mail: Mail) -> MailShown:
    state = "sent" if mail.sent_at else "given_up" if mail.gave_up_at else "waiting"
    return MailShown(
        id=mail.id, recipient=mail.recipient, subject=mail.subject, state=state, attempts=mail.attempts, reason=mail.reason,
        created_at=mail.created_at, due_at=mail.due_at, sent_at=mail.sent_at,
    )  # fmt: skip


async def again(desk: Desk, who: Who, asked: None, mail_id: str) -> MailShown:
    async with desk.needs.db.transaction() as tx:
        mail = await tx.get(MAILS, id=mail_id)
        if mail is None:
            raise NotThere("There is no such mail.")
        if mail.sent_at:
            raise NotNow("This mail has gone already.")
        await desk.needs.mailbox.again(tx, mail)
        await desk.needs.audit.write(tx, who, "mails.again", mail.id, {"recipient": mail.recipient})
        changed = await tx.get(MAILS, id=mail_id)
    assert changed is not None
    return _shown(changed)


VERBS = (
    Verb("mails.list", "GET", "/provider/mails", mails, STAFF, "Mail, and why it has not gone", takes=MailPage, gives=Found),
    Verb("mails.again", "POST", "/provider/mails/{mail_id}/again", again, STAFF, "Try a mail again now", gives=MailShown),
)  # fmt: skip
