"""Issuing: a draft gets its number and its place in the ledger in one transaction, and never changes again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from wolke.business.errors import NotNow, NotThere
from wolke.business.invoicing import store
from wolke.business.invoicing.documents import check
from wolke.business.invoicing.drafts import draft_lock, settle_month
from wolke.business.invoicing.letters import invoice_letter
from wolke.business.invoicing.model import DRAFT, ISSUED, Invoice
from wolke.business.invoicing.taxes import tax_legs
from wolke.business.ledger import LOCK
from wolke.business.ledger.model import REVENUE, Leg, prepaid, receivable
from wolke.business.who import ACCOUNTANT, OWNER, Who
from wolke.core.db import Order, Transaction

if TYPE_CHECKING:
    from wolke.business.customers import Customers
    from wolke.business.desk import Needs
    from wolke.business.ledger import Ledger
    from wolke.business.metering import Calendar

NO_SELLER = "An invoice needs the seller's address and VAT id. Please set both in the configuration first."
_NUMBERS = "business-numbers"


class Issuing:
    def __init__(self, needs: Needs, customers: Customers, ledger: Ledger, calendar: Calendar) -> None:
        self._needs, self._customers, self._ledger, self._calendar = needs, customers, ledger, calendar

    @property
    def can_sell(self) -> bool:
        """Whether the configuration says who sells: without an address and a VAT id no invoice is valid."""
        return bool(self._needs.config.vat_id and self._needs.config.address)

    async def issue(self, tx: Transaction, who: Who, invoice_id: str) -> Invoice:
        """``NotNow`` if it is issued already, or the configuration does not say who sells. What could not go out as an e-invoice is not issued."""
        needs = self._needs
        if not self.can_sell:
            raise NotNow(NO_SELLER)
        draft = await _draft(tx, invoice_id)
        now = needs.clock.now()
        today = self._calendar.day_of(now)
        number = await next_number(tx, "invoice", today)
        due_on = (date.fromisoformat(today) + timedelta(days=needs.config.payment_days)).isoformat()
        await tx.lock(LOCK)  # nobody uses the same credit meanwhile
        used = min(draft.total_minor, max(0, await self._ledger.credit(tx, draft.company_id, draft.currency)))
        dated = msgspec.structs.replace(draft, due_on=due_on)
        changes = dated.standing_at(used, 0) | {
            "number": number, "state": ISSUED, "issued_at": now, "issued_on": today, "due_on": due_on,
            "words": f"{number.lower()} {draft.words}",
        }  # fmt: skip
        await tx.update(store.INVOICES, changes, id=invoice_id)
        for month in draft.settles:
            await settle_month(tx, month)
        await self._post(tx, draft, number, used)
        await needs.audit.write(
            tx, who, "provider.invoices.issue", invoice_id, {"number": number}, company_id=draft.company_id
        )
        issued = await tx.get(store.INVOICES, id=invoice_id)
        assert issued is not None
        check(issued, await tx.find(store.LINES, invoice_id=invoice_id, order=(Order("position"), Order("id"))))
        for person in await self._customers.people.with_roles(draft.company_id, OWNER, ACCOUNTANT, reader=tx):
            await needs.mailbox.put(tx, invoice_letter(person.email, person.locale, issued, needs.config.url))
        return issued

    async def _post(self, tx: Transaction, invoice: Invoice, number: str, used: int) -> None:
        """What was paid before is used at once."""
        owes = receivable(invoice.company_id)
        legs = [Leg(owes, invoice.total_minor), Leg(REVENUE, -invoice.net_minor), *tax_legs(invoice.taxes, -1)]
        told = {"document_id": invoice.id, "company_id": invoice.company_id}
        await self._ledger.post(tx, f"invoice:{invoice.id}", "invoice", number, invoice.currency, legs, **told)
        if used:
            legs = [Leg(prepaid(invoice.company_id), used), Leg(owes, -used)]
            await self._ledger.post(
                tx, f"settlement:{invoice.id}", "settlement", number, invoice.currency, legs, **told
            )


async def _draft(tx: Transaction, invoice_id: str) -> Invoice:
    """As it stands once nobody can make it anew meanwhile."""
    draft = await tx.get(store.INVOICES, id=invoice_id)
    if draft is not None:
        await tx.lock(draft_lock(draft.company_id))
        draft = await tx.get(store.INVOICES, id=invoice_id)
    if draft is None:
        raise NotThere("There is no such invoice.")
    if draft.state != DRAFT:
        raise NotNow("This invoice is issued already.")
    return draft


async def next_number(tx: Transaction, series: str, day: str) -> str:
    """``2026-000001``, and ``C2026-000001`` for credit notes: without a gap in each year, for it is given in the transaction that uses it."""
    await tx.lock(_NUMBERS)
    year = int(day[:4])
    row = await tx.get(store.SERIES, name=series, year=year)
    if row is None:
        await tx.insert(store.SERIES, store.Series(series, year, 1))
    else:
        await tx.update(store.SERIES, {"last": row.last + 1}, name=series, year=year)
    prefix = "C" if series == "credit-note" else ""
    return f"{prefix}{year}-{(row.last if row else 0) + 1:06}"
