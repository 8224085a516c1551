"""Invoices, credit notes and usage as tables for the accountant's own program; bounded, since a table is made at once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business.errors import Invalid
from wolke.business.invoicing import store
from wolke.business.invoicing.model import DRAFT, CreditNote, Invoice
from wolke.business.invoicing.sheets import MOST_ROWS, Sheet
from wolke.business.metering.model import decimal
from wolke.business.money import Amount
from wolke.business.rating import plain
from wolke.business.verb import ACCOUNTANTS, MEMBERS, File, Verb
from wolke.business.who import Who
from wolke.core.db import Order, Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Day = Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
_INVOICES = (
    "number",
    "kind",
    "issued_on",
    "due_on",
    "month",
    "net",
    "tax",
    "total",
    "paid",
    "open",
    "currency",
    "reference",
)
_USAGE = ("day", "project", "product", "plan", "quantity", "unit")


class Span(msgspec.Struct, frozen=True):
    """Both days are in it; empty: this year up to today."""

    first: Day = ""
    last: Day = ""


async def invoices(desk: Desk, who: Who, asked: Span) -> File:
    """What was issued on those days, in the order of time: credit notes below zero, each with the invoice that it is of."""
    company, (first, last) = await desk.customers.companies.of(who), _days(desk, asked)
    db, order = desk.needs.db, (Order("issued_at"), Order("id"))
    where = [Where("issued_on", "ge", first), Where("issued_on", "le", last)]
    issued = [*where, Where("state", "ne", DRAFT)]
    most = MOST_ROWS + 1
    documents: list[Invoice | CreditNote] = [
        *await db.find(store.INVOICES, where=issued, order=order, limit=most, company_id=company.id),
        *await db.find(store.CREDIT_NOTES, where=where, order=order, limit=most, company_id=company.id),
    ]
    _bounded(len(documents))
    sheet = Sheet(who.locale, _INVOICES)
    for document in sorted(documents, key=lambda one: (one.issued_at or "", one.number or "")):
        sheet.add(_row(sheet, document))
    return sheet.file(f"{sheet.words['invoice']}-{first}-{last}")


def _row(sheet: Sheet, one: Invoice | CreditNote) -> list[str | Amount | None]:
    if isinstance(one, CreditNote):
        net, tax, total = (
            Amount.of_minor(-minor, one.currency) for minor in (one.net_minor, one.tax_minor, one.total_minor)
        )
        return [
            one.number,
            sheet.words["credit"],
            one.issued_on,
            "",
            "",
            net,
            tax,
            total,
            "",
            "",
            one.currency,
            one.invoice_number,
        ]
    figures = (one.net_minor, one.tax_minor, one.total_minor, one.paid_minor, one.open_minor)
    amounts = [Amount.of_minor(minor, one.currency) for minor in figures]
    return [one.number, sheet.words["invoice"], one.issued_on, one.due_on, one.month, *amounts, one.currency, ""]


async def usage(desk: Desk, who: Who, asked: Span, project_id: str) -> File:
    """What a project used of each plan on each day."""
    project, (first, last) = await desk.customers.projects.seen(who, project_id), _days(desk, asked)
    days = await desk.metering.days(desk.needs.db, project.id, first, last)
    _bounded(len(days))
    plans = {plan.id: plan for plan in await desk.catalogue.plans()}
    products = {product.id: product for product in await desk.catalogue.products()}
    sheet = Sheet(who.locale, _USAGE)
    for day in days:
        plan = plans[day.plan_id]
        product = products[plan.product_id]
        name = product.names.get(who.locale) or product.names["en"]
        sheet.add([day.day, project.name, name, plan.name, sheet.figure(plain(decimal(day.nano))), product.unit])
    return sheet.file(f"{project.name}-{first}-{last}")


def _days(desk: Desk, asked: Span) -> tuple[str, str]:
    today = desk.metering.calendar.day_of(desk.needs.clock.now())
    first, last = asked.first or f"{today[:4]}-01-01", asked.last or today
    for name, text in (("first", first), ("last", last)):
        try:
            date.fromisoformat(text)
        except ValueError:
            raise Invalid("Please check what is marked below.", fields={name: "This is not a date."}) from None
    if first > last:
        raise Invalid("Please check what is marked below.", fields={"last": "This is before the first day."})
    return first, last


def _bounded(rows: int) -> None:
    if rows > MOST_ROWS:
        raise Invalid(
            "Please check what is marked below.",
            fields={"first": "This is too much for one table. Please choose fewer days."},
        )


VERBS: tuple[Verb, ...] = (
    Verb("invoices.table", "GET", "/tables/invoices", invoices, ACCOUNTANTS, "Invoices and credit notes as CSV", takes=Span, gives=bytes),
    Verb("usage.table", "GET", "/projects/{project_id}/tables/usage", usage, MEMBERS, "What a project used, as CSV", takes=Span, gives=bytes),
)  # fmt: skip
