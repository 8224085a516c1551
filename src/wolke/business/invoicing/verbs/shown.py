"""What invoices look like to both sides."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from wolke.business import verb
from wolke.business.catalogue import store as catalogue_store
from wolke.business.catalogue.model import Price
from wolke.business.errors import Invalid, NotThere
from wolke.business.invoicing import store
from wolke.business.invoicing.model import DRAFT, CreditLine, CreditNote, Invoice, Line, LineUse
from wolke.business.metering.model import decimal
from wolke.business.money import Amount
from wolke.business.rating import Step, plain
from wolke.business.verb import Found, Page
from wolke.core.db import Order, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Month = Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-(0[1-9]|1[0-2]))?$")]
INVOICE_SORTS = {
    "created": "created_at", "number": "number", "company": "company_name", "month": "month", "due": "due_on",
    "total": "total_minor", "open": "open_minor", "unpaid": "unpaid_due_on",
}  # fmt: skip
CREDIT_SORTS = {"issued": "issued_at", "number": "number", "company": "company_name", "total": "total_minor"}


class InvoicePage(Page, frozen=True, kw_only=True):
    """``state``: draft, issued, cancelled; or open (something is to be paid), overdue (and its day has passed), settled (nothing is)."""

    state: Literal["", "draft", "issued", "cancelled", "open", "overdue", "settled"] = ""
    month: Month = ""


class InvoiceRow(msgspec.Struct, frozen=True):
    """An invoice in a list. ``standing``: draft, cancelled, overdue, open or settled."""

    id: str
    number: str | None
    company_id: str
    company_name: str
    month: str
    standing: str
    currency: str
    net_minor: int
    tax_minor: int
    total_minor: int
    open_minor: int
    issued_on: str | None
    due_on: str | None


class InvoiceShown(msgspec.Struct, frozen=True):
    """``lines``: the first of them; the rest by ``invoices.lines``."""

    invoice: Invoice
    standing: str
    lines: Found
    credit_notes: list[CreditNote]


class CreditNoteShown(msgspec.Struct, frozen=True):
    credit_note: CreditNote
    lines: list[CreditLine]


class UseRow(msgspec.Struct, frozen=True):
    """``quantity``: a decimal as text."""

    resource_id: str
    resource_name: str
    quantity: str


class Explanation(msgspec.Struct, frozen=True):
    """Why a line is what it is: what was used (``uses``: the first of them), at which price, and the arithmetic."""

    line: Line
    invoice_number: str | None
    price: Price
    steps: list[Step]
    uses: Found


def today(desk: Desk) -> str:
    return desk.metering.calendar.day_of(desk.needs.clock.now())


def standing(invoice: Invoice, day: str) -> str:
    if invoice.state != "issued":
        return invoice.state
    if invoice.open_minor <= 0:
        return "settled"
    return "overdue" if (invoice.due_on or day) < day else "open"


def row(invoice: Invoice, day: str) -> InvoiceRow:
    return InvoiceRow(
        invoice.id, invoice.number, invoice.company_id, invoice.company_name, invoice.month, standing(invoice, day), invoice.currency,
        invoice.net_minor, invoice.tax_minor, invoice.total_minor, invoice.open_minor, invoice.issued_on, invoice.due_on,
    )  # fmt: skip


def invoice_conditions(asked: InvoicePage, day: str) -> list[Where]:
    where = [Where("month", "eq", asked.month)] if asked.month else []
    if asked.state in ("", "draft", "issued", "cancelled"):
        return [*where, *([Where("state", "eq", asked.state)] if asked.state else [])]
    if asked.state == "settled":
        return [*where, Where("state", "eq", "issued"), Where("unpaid_due_on", "isnull", True)]
    return [
        *where,
        Where("unpaid_due_on", "lt", day) if asked.state == "overdue" else Where("unpaid_due_on", "isnull", False),
    ]


def default_sort(asked: InvoicePage) -> str:
    """What is to be paid first, first; else the newest."""
    return "unpaid" if asked.state in ("open", "overdue") else "-created"


async def find_invoice(desk: Desk, invoice_id: str, company_id: str | None) -> Invoice:
    """``company_id`` None: any, drafts as well. ``NotThere`` for another company's, and for a customer's own draft."""
    invoice = await desk.needs.db.get(store.INVOICES, id=invoice_id)
    if invoice is None or (company_id is not None and (invoice.company_id != company_id or invoice.state == DRAFT)):
        raise NotThere("There is no such invoice.")
    return invoice


async def shown(desk: Desk, invoice: Invoice) -> InvoiceShown:
    notes = await desk.needs.db.find(store.CREDIT_NOTES, invoice_id=invoice.id, order=(Order("issued_at"), Order("id")))
    return InvoiceShown(invoice, standing(invoice, today(desk)), await lines_of(desk, invoice, Page()), notes)


async def lines_of(desk: Desk, invoice: Invoice, asked: Page) -> Found:
    sorts = {"position": "position", "net": "net_minor", "project": "project_name"}
    return await verb.find(desk.needs.db, store.LINES, asked, sorts=sorts, default="position", invoice_id=invoice.id)


async def explain(desk: Desk, invoice: Invoice, line_id: str) -> Explanation:
    line = await _line(desk, invoice, line_id)
    price = await desk.needs.db.get(catalogue_store.PRICES, id=line.price_id)
    assert price is not None
    return Explanation(line, invoice.number, price, line.steps, await uses_of(desk, invoice, line_id, Page()))


async def uses_of(desk: Desk, invoice: Invoice, line_id: str, asked: Page) -> Found:
    line = await _line(desk, invoice, line_id)
    sorts = {"quantity": "nano", "name": "resource_name"}
    return await verb.find(
        desk.needs.db, store.LINE_USES, asked, sorts=sorts, default="-quantity", shown=_use, line_id=line.id
    )


def _use(use: LineUse) -> UseRow:
    return UseRow(use.resource_id, use.resource_name, plain(decimal(use.nano)))


async def _line(desk: Desk, invoice: Invoice, line_id: str) -> Line:
    line = await desk.needs.db.get(store.LINES, id=line_id)
    if line is None or line.invoice_id != invoice.id:
        raise NotThere("There is no such line on this invoice.")
    return line


def minor_of(figure: str, currency: str) -> int:
    """An amount that was asked for, in minor units."""
    try:
        minor = Amount(Decimal(figure), currency).minor
    except ValueError:
        raise Invalid(
            "Please check what is marked below.", fields={"amount": "This is finer than the currency."}
        ) from None
    if minor <= 0:
        raise Invalid("Please check what is marked below.", fields={"amount": "More than nothing, please."})
    return minor


async def find_credit_note(desk: Desk, credit_note_id: str, company_id: str | None) -> CreditNoteShown:
    note = await desk.needs.db.get(store.CREDIT_NOTES, id=credit_note_id)
    if note is None or company_id not in (None, note.company_id):
        raise NotThere("There is no such credit note.")
    order = (Order("position"), Order("id"))
    return CreditNoteShown(note, await desk.needs.db.find(store.CREDIT_LINES, credit_note_id=note.id, order=order))


class MonthAsked(msgspec.Struct, frozen=True):
    """Empty: this month."""

    month: Month = ""
