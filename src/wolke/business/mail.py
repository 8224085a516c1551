"""Mail goes out of a box: written in the transaction that is its cause, sent by a loop, tried again until it has gone or a day has passed.

In development it goes to a folder, and pages show it; else to an SMTP server. Nothing waits for it."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from wolke.business.config import BusinessConfig
from wolke.core import ids
from wolke.core.clock import Clock, Instant, moment
from wolke.core.db import Database, Order, Reader, Table, Transaction, Where
from wolke.core.log import get_logger
from wolke.core.loop import Leases, Loop

log = get_logger(__name__)
WAKE = "business.mail"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _GIVEN_UP_S = 10.0, 3600.0, 24 * 3600.0


class Mail(msgspec.Struct, frozen=True):
    """``sent_at`` and ``gave_up_at`` None: still to go, at ``due_at``. ``reason``: why it has not gone yet."""

    id: str
    recipient: str
    subject: str
    text: str
    created_at: Instant
    due_at: Instant
    attempts: int
    sent_at: Instant | None
    gave_up_at: Instant | None
    reason: str | None


MAILS = Table(
    "business_mails",
    Mail,
    indexes=(
        ("created_at", "id", "recipient"),
        ("recipient", "created_at"),
        ("sent_at", "gave_up_at", "due_at"),
        ("sent_at", "gave_up_at", "created_at", "id"),
    ),
)

Send = Callable[[EmailMessage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Letter:
    to: str
    subject: str
    text: str


class Mailbox:
    def __init__(self, db: Database, config: BusinessConfig, clock: Clock, send: Send) -> None:
        self._db, self._config, self._clock, self._send = db, config, clock, send

    async def put(self, tx: Transaction, letter: Letter) -> None:
        """Goes out once ``tx`` has committed."""
        now = self._clock.now()
        await tx.insert(MAILS, Mail(ids.uuid(), letter.to, letter.subject, letter.text, now, now, 0, None, None, None))
        tx.wake(WAKE)

    async def again(self, tx: Transaction, mail: Mail) -> None:
        """Tried at once, and then as a new one is."""
        now = self._clock.now()
        await tx.update(MAILS, {"due_at": now, "gave_up_at": None}, id=mail.id, sent_at=None)
        tx.wake(WAKE)

    def loop(self, leases: Leases | None) -> Loop:
        loop = Loop("business-mail", self._due, self._go, period_s=10.0, concurrency=4, leases=leases)
        self._db.on_wake(WAKE, loop.wake)
        return loop

    async def _due(self) -> list[str]:
        where = (
            Where("sent_at", "isnull", True),
            Where("gave_up_at", "isnull", True),
            Where("due_at", "le", self._clock.now()),
        )
        return [mail.id for mail in await self._db.find(MAILS, where=where, order=(Order("due_at"),), limit=100)]

    async def _go(self, mail_id: str) -> None:
        mail = await self._db.get(MAILS, id=mail_id)
        if mail is None or mail.sent_at or mail.gave_up_at:
            return
        now = self._clock.now()
        try:
            await self._send(self._message(mail))
        except OSError as error:
            pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**mail.attempts)
            tired = moment(now).timestamp() - moment(mail.created_at).timestamp() > _GIVEN_UP_S
            changes = {"attempts": mail.attempts + 1, "due_at": self._clock.after(pause), "reason": str(error)[:500]}
            log.warning("mail has not gone", mail_id=mail.id, attempts=mail.attempts + 1, error=str(error)[:200])
            async with self._db.transaction() as tx:
                await tx.update(MAILS, changes | ({"gave_up_at": now} if tired else {}), id=mail.id)
            return
        gone: dict[str, Any] = {"sent_at": now, "attempts": mail.attempts + 1, "reason": None}
        if self._config.smtp_host:
            gone["text"] = ""  # its reader has it: a link in it is nobody else's to see
        async with self._db.transaction() as tx:
            await tx.update(MAILS, gone, id=mail.id)

    def _message(self, mail: Mail) -> EmailMessage:
        """Sent twice, it is the same message: its id is the row's."""
        message = EmailMessage()
        message["From"] = self._config.mail_from
        message["To"] = mail.recipient
        message["Subject"] = " ".join(mail.subject.split())  # people's names are in it; a header is one line
        message["Date"] = format_datetime(moment(mail.created_at))
        message["Message-ID"] = f"<{mail.id}@wolke>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message


def at_home(config: BusinessConfig, client_address: str, origin: str) -> bool:
    """Whether a page may show a mail: in development, where none goes out, the portal is for this machine alone, and whoever asks sits at it. Anywhere
    else a mail is for its reader's eyes only, since its link opens their account."""
    hosts = (urlsplit(config.url).hostname or "localhost", urlsplit(origin).hostname or "", client_address)
    return not config.smtp_host and all(_is_here(host) for host in hosts)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def newest(reader: Reader, recipient: str) -> Mail | None:
    """What was written to them last."""
    found = await reader.find(MAILS, recipient=recipient, order=(Order("created_at", True),), limit=1)
    return found[0] if found else None


def into_folder(folder: Path) -> Send:
    """For development: a file for each, named by its time."""

    async def send(message: EmailMessage) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = message["Message-ID"].strip("<>").partition("@")[0]
        await asyncio.to_thread((folder / f"{name}.eml").write_bytes, bytes(message))

    return send


def over_smtp(config: BusinessConfig) -> Send:
    """``OSError`` for whatever keeps it from going; each try has a minute."""

    async def send(message: EmailMessage) -> None:
        import aiosmtplib

        try:
            await aiosmtplib.send(
                message, hostname=config.smtp_host, port=config.smtp_port, username=config.smtp_user or None,
                password=config.smtp_password or None, start_tls=config.smtp_starttls, timeout=60,
            )  # fmt: skip
        except (aiosmtplib.SMTPException, ValueError) as error:
            raise OSError(str(error)) from None

    return send
