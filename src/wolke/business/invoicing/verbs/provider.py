"""What the provider's people do with invoices: make them, issue them, take them back, and see what another price would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from wolke.business import verb
from wolke.business.catalogue import checked
from wolke.business.catalogue.model import Price
from wolke.business.catalogue.verbs import NewPrice
from wolke.business.errors import Invalid, NotThere
from wolke.business.invoicing import store
from wolke.business.invoicing.costs import CompanyCosts, Costs
from wolke.business.invoicing.credits import left_of
from wolke.business.invoicing.model import CreditNote, Invoice, Line, Run
from wolke.business.invoicing.preview import Preview
from wolke.business.invoicing.verbs.shown import (
    CREDIT_SORTS,
    INVOICE_SORTS,
    CreditNoteShown,
    Explanation,
    InvoicePage,
    InvoiceShown,
    MonthAsked,
    default_sort,
    explain,
    find_credit_note,
    find_invoice,
    invoice_conditions,
    lines_of,
    minor_of,
    row,
    shown,
    today,
    uses_of,
)
from wolke.business.verb import ADMINISTRATORS, STAFF, Found, Page, Verb
from wolke.business.who import Who
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class ProviderInvoicePage(InvoicePage, frozen=True, kw_only=True):
    company_id: str = ""
    run_id: str = ""


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """``issues``: the invoices are issued too; else they stay drafts."""

    month: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    issues: bool = False


class LineCredit(msgspec.Struct, frozen=True):
    """So much of a line is taken back, before tax."""

    line_id: str
    net_minor: Annotated[int, msgspec.Meta(ge=1)]


class NewCredit(msgspec.Struct, frozen=True):
    """Some ``lines``, or an ``amount`` before tax (``100.00``) of all of them, each its share; neither: all that is left of the invoice. ``once``: a text
    of your own; said again for this invoice, it is the same credit note."""

    reason: Reason
    lines: Annotated[list[LineCredit], msgspec.Meta(max_length=1000)] = []
    amount: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,12}([.][0-9]{1,3})?)?$")] = ""
    once: Annotated[str, msgspec.Meta(max_length=60)] = ""


class LineLeft(msgspec.Struct, frozen=True):
    """A line, and how much of it (before tax) no credit note has taken back yet."""

    id: str
    product_names: dict[str, str]
    plan_name: str
    project_name: str
    month: str
    currency: str
    net_minor: int
    left_minor: int


class Cancelling(msgspec.Struct, frozen=True):
    reason: Reason


async def list_invoices(desk: Desk, who: Who, asked: ProviderInvoicePage) -> Found:
    day = today(desk)
    own = [
        Where(name, "eq", value)
        for name, value in (("company_id", asked.company_id), ("run_id", asked.run_id))
        if value
    ]
    return await verb.find(
        desk.needs.db, store.INVOICES, asked, sorts=INVOICE_SORTS, default=default_sort(asked), words="words",
        where=[*own, *invoice_conditions(asked, day)], shown=lambda invoice: row(invoice, day),
    )  # fmt: skip


async def show_invoice(desk: Desk, who: Who, asked: None, invoice_id: str) -> InvoiceShown:
    return await shown(desk, await find_invoice(desk, invoice_id, None))


async def list_lines(desk: Desk, who: Who, asked: Page, invoice_id: str) -> Found:
    return await lines_of(desk, await find_invoice(desk, invoice_id, None), asked)


async def explain_line(desk: Desk, who: Who, asked: None, invoice_id: str, line_id: str) -> Explanation:
    return await explain(desk, await find_invoice(desk, invoice_id, None), line_id)


async def list_uses(desk: Desk, who: Who, asked: Page, invoice_id: str, line_id: str) -> Found:
    return await uses_of(desk, await find_invoice(desk, invoice_id, None), line_id, asked)


async def issue_invoice(desk: Desk, who: Who, asked: None, invoice_id: str) -> Invoice:
    async with desk.needs.db.transaction() as tx:
        return await desk.invoicing.issuing.issue(tx, who, invoice_id)


async def list_left(desk: Desk, who: Who, asked: Page, invoice_id: str) -> Found:
    invoice = await find_invoice(desk, invoice_id, None)
    found = await lines_of(desk, invoice, asked)
    left = await left_of(desk.needs.db, invoice_id, found.items)
    return Found([_left(line, invoice.currency, left[line.id]) for line in found.items], found.total, found.after)


def _left(line: Line, currency: str, left: int) -> LineLeft:
    return LineLeft(
        line.id, line.product_names, line.plan_name, line.project_name, line.month, currency, line.net_minor, left
    )  # fmt: skip


async def credit_invoice(desk: Desk, who: Who, asked: NewCredit, invoice_id: str) -> CreditNote:
    if asked.lines and asked.amount:
        raise Invalid(
            "Please check what is marked below.", fields={"amount": "Either an amount or some lines, please."}
        )
    amounts = {line.line_id: line.net_minor for line in asked.lines} or None
    net = None
    if asked.amount:
        net = minor_of(asked.amount, (await find_invoice(desk, invoice_id, None)).currency)
    async with desk.needs.db.transaction() as tx:
        return await desk.invoicing.credits.credit(
            tx, who, invoice_id, asked.reason, amounts, net_minor=net, once=asked.once
        )


async def cancel_invoice(desk: Desk, who: Who, asked: Cancelling, invoice_id: str) -> CreditNote:
    async with desk.needs.db.transaction() as tx:
        return await desk.invoicing.credits.cancel(tx, who, invoice_id, asked.reason)


async def list_credit_notes(desk: Desk, who: Who, asked: Page) -> Found:
    return await verb.find(
        desk.needs.db, store.CREDIT_NOTES, asked, sorts=CREDIT_SORTS, default="-issued", words="words"
    )


async def show_credit_note(desk: Desk, who: Who, asked: None, credit_note_id: str) -> CreditNoteShown:
    return await find_credit_note(desk, credit_note_id, None)


async def create_run(desk: Desk, who: Who, asked: NewRun) -> Run:
    async with desk.needs.db.transaction() as tx:
        return await desk.invoicing.runs.begin(tx, who, asked.month, issues=asked.issues)


async def list_runs(desk: Desk, who: Who, asked: Page) -> Found:
    sorts = {"created": "created_at", "month": "month"}
    return await verb.find(desk.needs.db, store.RUNS, asked, sorts=sorts, default="-created")


async def show_run(desk: Desk, who: Who, asked: None, run_id: str) -> Run:
    run = await desk.needs.db.get(store.RUNS, id=run_id)
    if run is None:
        raise NotThere("There is no such run.")
    return run


async def issue_run(desk: Desk, who: Who, asked: None, run_id: str) -> Run:
    run = await show_run(desk, who, None, run_id)
    async with desk.needs.db.transaction() as tx:
        return await desk.invoicing.runs.issue(tx, who, run)


async def preview_price(desk: Desk, who: Who, asked: NewPrice, plan_id: str) -> Preview:
    catalogue, needs = desk.catalogue, desk.needs
    unit = await catalogue.unit_of(plan_id)
    terms = checked(asked.model, {**asked.figures(), "unit_name": unit}, asked.included)
    now, currency = needs.clock.now(), asked.currency or needs.config.currency
    price = Price("", plan_id, currency, now, asked.model, terms, asked.included or "0", now)
    return await desk.invoicing.previews.of(needs.db, price)


async def show_customer_costs(desk: Desk, who: Who, asked: MonthAsked, company_id: str) -> CompanyCosts:
    company = await desk.customers.companies.get(company_id)
    return await desk.invoicing.costs.company(desk.needs.db, company, asked.month)


async def show_project_costs(desk: Desk, who: Who, asked: MonthAsked, project_id: str) -> Costs:
    project = await desk.customers.projects.seen(who, project_id)
    return await desk.invoicing.costs.project(desk.needs.db, project, asked.month)


VERBS: tuple[Verb, ...] = (
    Verb(
        "provider.invoices.list", "GET", "/provider/invoices", list_invoices, STAFF, "All invoices",
        takes=ProviderInvoicePage, gives=Found,
    ),
    Verb(
        "provider.invoices.show", "GET", "/provider/invoices/{invoice_id}", show_invoice, STAFF, "An invoice or a draft",
        gives=InvoiceShown,
    ),
    Verb(
        "provider.invoices.lines", "GET", "/provider/invoices/{invoice_id}/lines", list_lines, STAFF, "An invoice's lines",
        takes=Page, gives=Found,
    ),
    Verb(
        "provider.invoices.explain", "GET", "/provider/invoices/{invoice_id}/lines/{line_id}", explain_line, STAFF,
        "Why a line is what it is", gives=Explanation,
    ),
    Verb(
        "provider.invoices.uses", "GET", "/provider/invoices/{invoice_id}/lines/{line_id}/uses", list_uses, STAFF,
        "What a line's quantity is made of", takes=Page, gives=Found,
    ),
    Verb(
        "provider.invoices.issue", "POST", "/provider/invoices/{invoice_id}/issue", issue_invoice, ADMINISTRATORS,
        "Issue a draft: it gets its number and never changes again", gives=Invoice,
    ),
    Verb(
        "provider.invoices.credit", "POST", "/provider/invoices/{invoice_id}/credit", credit_invoice, ADMINISTRATORS,
        "Credit an invoice, or some of its lines", takes=NewCredit, gives=CreditNote, status=201,
    ),
    Verb(
        "provider.invoices.left", "GET", "/provider/invoices/{invoice_id}/left", list_left, STAFF,
        "What is left of each line to be credited", takes=Page, gives=Found,
    ),
    Verb(
        "provider.invoices.cancel", "POST", "/provider/invoices/{invoice_id}/cancel", cancel_invoice, ADMINISTRATORS,
        "Take an invoice back, to bill its usage anew", takes=Cancelling, gives=CreditNote, status=201,
    ),
    Verb(
        "provider.credit_notes.list", "GET", "/provider/credit-notes", list_credit_notes, STAFF, "All credit notes",
        takes=Page, gives=Found,
    ),
    Verb(
        "provider.credit_notes.show", "GET", "/provider/credit-notes/{credit_note_id}", show_credit_note, STAFF,
        "A credit note", gives=CreditNoteShown,
    ),
    Verb(
        "provider.runs.create", "POST", "/provider/runs", create_run, ADMINISTRATORS, "Make a month's invoices",
        takes=NewRun, gives=Run, status=202,
    ),
    Verb("provider.runs.list", "GET", "/provider/runs", list_runs, STAFF, "Runs", takes=Page, gives=Found),
    Verb("provider.runs.show", "GET", "/provider/runs/{run_id}", show_run, STAFF, "A run", gives=Run),
    Verb(
        "provider.runs.issue", "POST", "/provider/runs/{run_id}/issue", issue_run, ADMINISTRATORS,
        "Issue the drafts of a run", gives=Run, status=202,
    ),
    Verb(
        "provider.prices.preview", "POST", "/provider/plans/{plan_id}/prices/preview", preview_price, STAFF,
        "What last month would have cost at another price", takes=NewPrice, gives=Preview,
    ),
    Verb(
        "provider.customers.costs", "GET", "/provider/customers/{company_id}/costs", show_customer_costs, STAFF,
        "What a customer's projects cost in a month", takes=MonthAsked, gives=CompanyCosts,
    ),
    Verb(
        "provider.projects.costs", "GET", "/provider/projects/{project_id}/costs", show_project_costs, STAFF,
        "What a project costs so far, and will", takes=MonthAsked, gives=Costs,
    ),
)  # fmt: skip
