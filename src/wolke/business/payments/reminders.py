"""Reminders: one friendly letter for an invoice that is overdue. What comes after it is for people to decide."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from wolke.business.customers.people import People
from wolke.business.invoicing.model import ISSUED, Invoice
from wolke.business.invoicing.store import INVOICES
from wolke.business.mail import Letter
from wolke.business.metering.calendar import Calendar
from wolke.business.money import Amount
from wolke.business.payments.model import Reminder
from wolke.business.payments.store import REMINDERS
from wolke.business.who import ACCOUNTANT, ITSELF, OWNER
from wolke.core.db import Order, Related, Where
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.desk import Needs

#: Transfers take a day or two, and people go on holiday.
GRACE_DAYS = 7
_TEXTS = {
    "en": (
        "Reminder: invoice {number} of {seller}",
        "Invoice {number} for {month} was due on {due}, and {open} {currency} are still to be paid.\n\n"
        "If your payment is on its way, please take this as read. Otherwise please transfer it to {iban} and name {number}.\n\n"
        "The invoice: {link}\n\nIs something wrong with it? Please tell us, we put it right.\n",
    ),
    "de": (
        "Zahlungserinnerung: Rechnung {number} von {seller}",
        "Die Rechnung {number} für {month} war am {due} fällig; {open} {currency} sind noch offen.\n\n"
        "Falls sich Ihre Zahlung mit diesem Schreiben überschneidet, betrachten Sie es bitte als gegenstandslos. Andernfalls überweisen Sie "
        "bitte auf {iban} und nennen Sie {number}.\n\nDie Rechnung: {link}\n\nStimmt etwas nicht? Schreiben Sie uns, wir bringen es in Ordnung.\n",
    ),
}


class Reminders:
    def __init__(self, needs: Needs) -> None:
        self._needs, self._people, self._calendar = needs, People(needs), Calendar(needs.config.time_zone)

    def loop(self, leases: Leases | None) -> Loop:
        return Loop("business-reminders", self._due, self._remind, period_s=3600.0, concurrency=4, leases=leases)

    @property
    def today(self) -> str:
        return self._calendar.day_of(self._needs.clock.now())

    def _last_day(self) -> str:
        """The last due day of which people are reminded today."""
        return (date.fromisoformat(self.today) - timedelta(days=GRACE_DAYS)).isoformat()

    async def _due(self) -> list[str]:
        reminded = Related(REMINDERS, "id", ())
        where = (
            Where("open_minor", "gt", 0),
            Where("due_on", "lt", self._last_day()),
            Where("id", "without", reminded),
        )
        found = await self._needs.db.find(
            INVOICES, state=ISSUED, where=where, order=(Order("due_on"), Order("id")), limit=200
        )
        return [invoice.id for invoice in found]

    async def _remind(self, invoice_id: str) -> None:
        needs = self._needs
        async with needs.db.transaction() as tx:
            await tx.lock(f"business-invoice:{invoice_id}")
            invoice = await tx.get(INVOICES, id=invoice_id)
            if invoice is None or invoice.open_minor <= 0 or (invoice.due_on or "") >= self._last_day():
                return
            if await tx.get(REMINDERS, id=invoice_id) is not None:
                return
            await tx.insert(REMINDERS, Reminder(invoice_id, invoice.open_minor, needs.clock.now()))
            for person in await self._people.with_roles(invoice.company_id, OWNER, ACCOUNTANT, reader=tx):
                await needs.mailbox.put(tx, letter(person.email, person.locale, invoice, needs.config.url))
            details = {"number": invoice.number, "open_minor": invoice.open_minor}
            await needs.audit.write(tx, ITSELF, "invoices.remind", invoice_id, details, company_id=invoice.company_id)


def letter(to: str, locale: str, invoice: Invoice, url: str) -> Letter:
    subject, text = _TEXTS.get(locale[:2], _TEXTS["en"])
    values = {
        "number": invoice.number, "seller": invoice.seller.name, "month": invoice.month, "due": invoice.due_on, "currency": invoice.currency,
        "open": format(Amount.of_minor(invoice.open_minor, invoice.currency).value, "f"), "iban": invoice.seller.iban,
        "link": f"{url}/invoices/{invoice.id}",
    }  # fmt: skip
    return Letter(to, subject.format(**values), text.format(**values))
