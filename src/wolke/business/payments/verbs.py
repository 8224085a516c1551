"""Payments' verbs: a customer's account, and what the provider's people do with money that came."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business import verb
from wolke.business.errors import BusinessError, Invalid, NotThere
from wolke.business.invoicing.model import DRAFT, Invoice
from wolke.business.invoicing.store import INVOICES
from wolke.business.invoicing.verbs.shown import find_invoice, minor_of
from wolke.business.money import Amount
from wolke.business.payments import matching
from wolke.business.payments.drivers import DRIVERS
from wolke.business.payments.drivers.manual import Transfer
from wolke.business.payments.model import Payment, Put, Received
from wolke.business.payments.settled import Settled, show_own_settled, show_settled
from wolke.business.payments.store import PAYMENTS, PUTS
from wolke.business.verb import ACCOUNTANTS, ADMINISTRATORS, STAFF, Found, Page, Verb
from wolke.business.who import Who
from wolke.core.clock import Instant
from wolke.core.db import Order, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Figure = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,12}([.][0-9]{1,3})?$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Text = Annotated[str, msgspec.Meta(max_length=500)]
Once = Annotated[str, msgspec.Meta(max_length=60)]
_AT_ONCE = 500
_SORTS = {
    "paid_on": "paid_on",
    "amount": "minor",
    "waiting": "waiting_minor",
    "payer": "payer",
    "created_at": "created_at",
}
_OVERDUE_SORTS = {"due_on": "due_on", "open": "open_minor", "number": "number", "company": "company_name"}
_MANUAL = "manual"


class PaymentPage(Page, frozen=True, kw_only=True):
    """``waiting``: only those of which something waits to be put somewhere."""

    company_id: str = ""
    waiting: bool = False


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """As the bank's statement has it. ``reference``: the bank's own; said twice it is one payment. ``text``: what the payer wrote."""

    amount: Figure
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")] = ""
    paid_on: Day
    reference: Reference
    payer: Annotated[str, msgspec.Meta(max_length=200)] = ""
    account: Annotated[str, msgspec.Meta(max_length=40)] = ""
    text: Text = ""


class Statement(msgspec.Struct, frozen=True):
    """A bank's statement: the content of its XML file (CAMT.053), or of a table (CSV) with columns for day, amount and text."""

    content: Annotated[str, msgspec.Meta(min_length=1)]


class PutTo(msgspec.Struct, frozen=True, kw_only=True):
    """To an invoice, or to a customer's credit. ``amount`` empty: as much as it needs."""

    invoice_id: str = ""
    company_id: str = ""
    amount: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,12}([.][0-9]{1,3})?)?$")] = ""


class UseCredit(msgspec.Struct, frozen=True, kw_only=True):
    """``amount`` empty: as much as the invoice needs. ``once``: a text of your own; said again for this invoice, nothing more is used."""

    amount: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,12}([.][0-9]{1,3})?)?$")] = ""
    once: Once = ""


class Back(msgspec.Struct, frozen=True):
    """Of the transfer with which money went back."""

    reference: Reference
    paid_on: Day


class NewRefund(msgspec.Struct, frozen=True, kw_only=True):
    amount: Figure
    reference: Reference
    paid_on: Day
    text: Text = ""


class WriteOff(msgspec.Struct, frozen=True):
    """``reclaims_tax``: the customer cannot pay, so the tax that is in it is not owed either. ``once``: a text of your own; said again for this invoice,
    nothing more is written off."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    reclaims_tax: bool = False
    once: Once = ""


class PutShown(msgspec.Struct, frozen=True):
    invoice_id: str | None
    invoice_number: str
    company_id: str
    minor: int
    at: Instant


class PaymentLine(msgspec.Struct, frozen=True):
    """Amounts in minor units (cents). Below 0: it went back."""

    id: str
    paid_on: str
    minor: int
    waiting_minor: int
    currency: str
    payer: str
    text: str
    reference: str
    company_id: str | None
    company_name: str


class Suggestion(msgspec.Struct, frozen=True):
    """An open invoice that a payment may be for. ``why``: its number is in the text, the payer paid for that customer before, or it is so much."""

    invoice_id: str
    number: str
    company_id: str
    company_name: str
    open_minor: int
    due_on: str
    why: str


class PaymentShown(msgspec.Struct, frozen=True):
    payment: PaymentLine
    puts: list[PutShown]
    suggestions: list[Suggestion]


class Imported(msgspec.Struct, frozen=True):
    """``known``: the ids of those that were taken down before. ``puts``: by a payment's id, what it is put to; what is put to nothing waits.
    ``refused``: the bank's references of those that were not taken, and why."""

    payments: list[PaymentLine]
    refused: dict[str, str]
    known: list[str]
    puts: dict[str, list[PutShown]]


class Account(msgspec.Struct, frozen=True):
    """``owed_minor``: what is open on all invoices; ``credit_minor``: paid in advance. ``transfer`` None: the provider has not said where to pay."""

    currency: str
    owed_minor: int
    credit_minor: int
    transfer: Transfer | None


class Bill(msgspec.Struct, frozen=True):
    """How to pay one invoice."""

    currency: str
    open_minor: int
    due_on: str | None
    transfer: Transfer | None


class Overdue(msgspec.Struct, frozen=True):
    """``days``: since it was due."""

    id: str
    number: str
    company_id: str
    company_name: str
    currency: str
    total_minor: int
    open_minor: int
    due_on: str
    days: int


# ------------------------------------------------------------------------------------------------------------ customers


async def show_account(desk: Desk, who: Who, asked: None) -> Account:
    company = await desk.customers.companies.of(who)
    where = (Where("open_minor", "gt", 0), Where("state", "ne", DRAFT))
    owed = (await desk.needs.db.sums(INVOICES, "open_minor", where=where, company_id=company.id))[1]
    credit = await desk.ledger.credit(desk.needs.db, company.id, company.currency)
    return Account(company.currency, owed, max(0, credit), _transfer(desk, matching.customer_reference(company.number)))


async def list_own(desk: Desk, who: Who, asked: Page) -> Found:
    return await verb.find(
        desk.needs.db, PAYMENTS, asked, sorts=_SORTS, default="-paid_on", words="words", shown=line, company_id=who.company_id or "",
    )  # fmt: skip


async def use_own_credit(desk: Desk, who: Who, asked: UseCredit, *, invoice_id: str) -> Bill:
    await show_bill(desk, who, None, invoice_id=invoice_id)
    return await use_credit(desk, who, asked, invoice_id=invoice_id)


async def show_bill(desk: Desk, who: Who, asked: None, *, invoice_id: str) -> Bill:
    invoice = await desk.needs.db.get(INVOICES, id=invoice_id, company_id=who.company_id or "")
    if invoice is None or invoice.state == DRAFT:
        raise NotThere("There is no such invoice.")
    return _bill(desk, invoice)


def _bill(desk: Desk, invoice: Invoice) -> Bill:
    amount = Amount.of_minor(invoice.open_minor, invoice.currency)
    transfer = _transfer(desk, invoice.number or "", amount) if invoice.open_minor > 0 else None
    return Bill(invoice.currency, max(0, invoice.open_minor), invoice.due_on, transfer)


def _transfer(desk: Desk, reference: str, amount: Amount | None = None) -> Transfer | None:
    way = DRIVERS[_MANUAL].way(desk.needs.config, reference, amount)
    return way if isinstance(way, Transfer) else None


def line(payment: Payment) -> PaymentLine:
    return PaymentLine(*(getattr(payment, name) for name in PaymentLine.__struct_fields__))


# ---------------------------------------------------------------------------------------------------------- the provider


async def list_all(desk: Desk, who: Who, asked: PaymentPage) -> Found:
    where = [Where("waiting_minor", "gt", 0)] if asked.waiting else []
    if asked.company_id:
        where.append(Where("company_id", "eq", asked.company_id))
    return await verb.find(
        desk.needs.db, PAYMENTS, asked, sorts=_SORTS, default="-paid_on", words="words", where=where, shown=line,
    )  # fmt: skip


async def show(desk: Desk, who: Who, asked: None, *, payment_id: str) -> PaymentShown:
    payment = await desk.needs.db.get(PAYMENTS, id=payment_id)
    if payment is None:
        raise NotThere("There is no such payment.")
    return await _shown(desk, payment)


async def record(desk: Desk, who: Who, asked: NewPayment) -> PaymentShown:
    currency = asked.currency or desk.needs.config.currency
    received = Received(
        asked.reference,
        currency,
        minor_of(asked.amount, currency),
        _day(asked.paid_on),
        asked.payer,
        asked.account,
        asked.text,
    )
    payment, _ = await desk.payments.booking.receive(who, _MANUAL, received)
    return await _shown(desk, payment)


async def import_statement(desk: Desk, who: Who, asked: Statement) -> Imported:
    """Each payment by itself: one that is refused keeps no other back, and what is there already is found again."""
    from wolke.business.payments.statements import payments  # lxml is loaded by those who need it

    taken, known, refused = list[PaymentLine](), list[str](), dict[str, str]()
    for received in payments(asked.content, desk.needs.config.currency):
        try:
            payment, new = await desk.payments.booking.receive(who, _MANUAL, received)
        except BusinessError as error:
            refused[received.reference] = error.message
            continue
        taken.append(line(payment))
        if not new:
            known.append(payment.id)
    return Imported(taken, refused, known, await _puts(desk, [one.id for one in taken]))


async def _puts(desk: Desk, payment_ids: list[str]) -> dict[str, list[PutShown]]:
    found: dict[str, list[PutShown]] = {}
    for first in range(0, len(payment_ids), _AT_ONCE):
        where = (Where("payment_id", "in", payment_ids[first : first + _AT_ONCE]),)
        for one in await desk.needs.db.find(PUTS, where=where, order=(Order("at"), Order("id"))):
            found.setdefault(one.payment_id, []).append(_put(one))
    return found


async def put(desk: Desk, who: Who, asked: PutTo, *, payment_id: str) -> PaymentShown:
    if bool(asked.invoice_id) == bool(asked.company_id):
        raise Invalid("Please say which invoice, or whose credit.")
    payment = await desk.needs.db.get(PAYMENTS, id=payment_id)
    if payment is None:
        raise NotThere("There is no such payment.")
    minor = minor_of(asked.amount, payment.currency) if asked.amount else None
    done = await desk.payments.booking.put(who, payment_id, asked.invoice_id or None, asked.company_id or None, minor)
    return await _shown(desk, done)


async def take_back(desk: Desk, who: Who, asked: None, *, payment_id: str) -> PaymentShown:
    return await _shown(desk, await desk.payments.booking.take_back(who, payment_id))


async def send_back(desk: Desk, who: Who, asked: Back, *, payment_id: str) -> PaymentShown:
    return await _shown(
        desk, await desk.payments.booking.send_back(who, payment_id, asked.reference, _day(asked.paid_on))
    )


async def refund(desk: Desk, who: Who, asked: NewRefund, *, company_id: str) -> PaymentShown:
    company = await desk.customers.companies.get(company_id)
    minor = minor_of(asked.amount, company.currency)
    back = await desk.payments.booking.refund(who, company_id, minor, asked.reference, _day(asked.paid_on), asked.text)
    return await _shown(desk, back)


async def use_credit(desk: Desk, who: Who, asked: UseCredit, *, invoice_id: str) -> Bill:
    invoice = await find_invoice(desk, invoice_id, None)
    minor = minor_of(asked.amount, invoice.currency) if asked.amount else None
    return _bill(desk, await desk.payments.booking.use_credit(who, invoice_id, minor, asked.once))


async def write_off(desk: Desk, who: Who, asked: WriteOff, *, invoice_id: str) -> Bill:
    booking = desk.payments.booking
    return _bill(
        desk,
        await booking.write_off(who, invoice_id, asked.reason, reclaims_tax=asked.reclaims_tax, once=asked.once),
    )


async def list_overdue(desk: Desk, who: Who, asked: Page) -> Found:
    today = desk.payments.reminders.today
    where = (Where("open_minor", "gt", 0), Where("due_on", "lt", today), Where("state", "ne", DRAFT))

    def shown(invoice: Invoice) -> Overdue:
        due = invoice.due_on or today
        return Overdue(
            invoice.id, invoice.number or "", invoice.company_id, invoice.company_name, invoice.currency, invoice.total_minor,
            invoice.open_minor, due, (date.fromisoformat(today) - date.fromisoformat(due)).days,
        )  # fmt: skip

    return await verb.find(
        desk.needs.db, INVOICES, asked, sorts=_OVERDUE_SORTS, default="due_on", words="words", where=where, shown=shown
    )


async def _shown(desk: Desk, payment: Payment) -> PaymentShown:
    puts = await desk.needs.db.find(PUTS, payment_id=payment.id, order=(Order("at"), Order("id")))
    offered = await _suggestions(desk, payment) if payment.waiting_minor > 0 else []
    return PaymentShown(line(payment), [_put(one) for one in puts], offered)


def _put(one: Put) -> PutShown:
    return PutShown(one.invoice_id, one.invoice_number, one.company_id, one.minor, one.at)


async def _suggestions(desk: Desk, payment: Payment) -> list[Suggestion]:
    """The surest first."""
    db, still = desk.needs.db, (Where("open_minor", "gt", 0), Where("state", "ne", DRAFT))
    order = (Order("due_on"), Order("id"))
    before = (
        await db.find(PAYMENTS, account=payment.account, order=(Order("paid_on", True),), limit=20)
        if payment.account
        else []
    )
    companies = sorted({one.company_id for one in before if one.company_id})
    asked: list[tuple[str, tuple[Where, ...]]] = [
        ("number", (*still, Where("number", "in", matching.numbers(payment.text)[:50]))),
        ("payer", (*still, Where("company_id", "in", companies))),
        ("amount", (Where("open_minor", "eq", payment.waiting_minor), still[1])),
    ]
    found: dict[str, Suggestion] = {}
    for why, where in asked:
        for i in await db.find(INVOICES, where=where, currency=payment.currency, order=order, limit=10):
            offered = Suggestion(i.id, i.number or "", i.company_id, i.company_name, i.open_minor, i.due_on or "", why)
            found.setdefault(i.id, offered)
    return list(found.values())


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Invalid("Please check what is marked below.", fields={"paid_on": "There is no such day."}) from None


_PAYMENTS, _ONE = "/provider/payments", "/provider/payments/{payment_id}"
VERBS = (
    Verb("account.show", "GET", "/account", show_account, ACCOUNTANTS, "What is owed, what is paid in advance, and where to pay", None, Account),
    Verb("payments.list", "GET", "/payments", list_own, ACCOUNTANTS, "What your company has paid", Page, Found),
    Verb("invoices.bill", "GET", "/invoices/{invoice_id}/payment", show_bill, ACCOUNTANTS, "How to pay an invoice", None, Bill),
    Verb("invoices.use_credit", "POST", "/invoices/{invoice_id}/use-credit", use_own_credit, ACCOUNTANTS, "Pay an invoice from your credit", UseCredit, Bill),
    Verb("invoices.settled", "GET", "/invoices/{invoice_id}/settled", show_own_settled, ACCOUNTANTS, "What an invoice was paid with", None, Settled),
    Verb("provider.payments.list", "GET", _PAYMENTS, list_all, STAFF, "Money that came and went back", PaymentPage, Found),
    Verb("provider.payments.show", "GET", _ONE, show, STAFF, "A payment, what it was put to, and what it may be for", None, PaymentShown),
    Verb("provider.payments.record", "POST", _PAYMENTS, record, STAFF, "Take a bank transfer down", NewPayment, PaymentShown, 201),
    Verb("provider.payments.import", "POST", f"{_PAYMENTS}/import", import_statement, STAFF, "Take a bank's statement down", Statement, Imported),
    Verb("provider.payments.put", "POST", f"{_ONE}/put", put, STAFF, "Put what waits to an invoice or a customer's credit", PutTo, PaymentShown),
    Verb("provider.payments.take_back", "POST", f"{_ONE}/take-back", take_back, STAFF, "It was for something else: let it wait again", None, PaymentShown),
    Verb("provider.payments.send_back", "POST", f"{_ONE}/send-back", send_back, ADMINISTRATORS, "What waits went back to its sender", Back, PaymentShown),
    Verb("provider.payments.refund", "POST", "/provider/customers/{company_id}/refunds", refund, ADMINISTRATORS, "A customer's credit was paid out", NewRefund, PaymentShown, 201),
    Verb("provider.invoices.use_credit", "POST", "/provider/invoices/{invoice_id}/use-credit", use_credit, STAFF, "Pay an invoice from the customer's credit", UseCredit, Bill),
    Verb("provider.invoices.write_off", "POST", "/provider/invoices/{invoice_id}/write-off", write_off, ADMINISTRATORS, "What is still open will not be paid", WriteOff, Bill),
    Verb("provider.invoices.settled", "GET", "/provider/invoices/{invoice_id}/settled", show_settled, STAFF, "What an invoice was paid with", None, Settled),
    Verb("provider.invoices.overdue", "GET", "/provider/overdue", list_overdue, STAFF, "Invoices that should be paid by now", Page, Found),
)  # fmt: skip
