"""What an invoice was paid with: payments, the customer's credit, and what was written off. What was credited stands in its credit notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from wolke.business.invoicing.model import Invoice
from wolke.business.invoicing.verbs.shown import find_invoice
from wolke.business.ledger.model import receivable
from wolke.business.ledger.store import ENTRIES
from wolke.business.payments.booking import net
from wolke.business.payments.store import PAYMENTS, PUTS
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Order, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

_KINDS: dict[str, Literal["credit", "write-off"]] = {"settlement": "credit", "write-off": "write-off"}


class Settlement(msgspec.Struct, frozen=True):
    """``text``: what the payer wrote, or why it was written off. ``payment_id``: of a payment."""

    kind: Literal["payment", "credit", "write-off"]
    at: Instant
    minor: int
    text: str
    payment_id: str | None = None


class Settled(msgspec.Struct, frozen=True):
    """In the order of time."""

    currency: str
    items: list[Settlement]


async def show_own_settled(desk: Desk, who: Who, asked: None, *, invoice_id: str) -> Settled:
    return await _settled(desk, await find_invoice(desk, invoice_id, who.company_id or "-"))


async def show_settled(desk: Desk, who: Who, asked: None, *, invoice_id: str) -> Settled:
    return await _settled(desk, await find_invoice(desk, invoice_id, None))


async def _settled(desk: Desk, invoice: Invoice) -> Settled:
    db = desk.needs.db
    puts = await db.find(PUTS, invoice_id=invoice.id, order=(Order("at"), Order("id")))
    found = []
    for payment_id in dict.fromkeys(put.payment_id for put in puts):
        own = [put for put in puts if put.payment_id == payment_id]
        minor = sum(net(own).values())
        payment = await db.get(PAYMENTS, id=payment_id)
        if minor and payment is not None:  # else it was for something else, and waits again
            found.append(Settlement("payment", own[-1].at, minor, payment.text, payment_id))
    where = (Where("kind", "in", sorted(_KINDS)), Where("document_id", "eq", invoice.id))
    for entry in await db.find(ENTRIES, where=where, account=receivable(invoice.company_id), order=(Order("id"),)):
        found.append(
            Settlement(_KINDS[entry.kind], entry.at, -entry.minor, "" if entry.kind == "settlement" else entry.text)
        )
    return Settled(invoice.currency, sorted(found, key=lambda one: one.at))
