"""What customers ask: what it costs so far, their invoices, and why a line is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business import verb
from wolke.business.errors import NotThere
from wolke.business.invoicing import store
from wolke.business.invoicing.costs import CompanyCosts, Costs
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
    row,
    shown,
    today,
    uses_of,
)
from wolke.business.verb import ACCOUNTANTS, MEMBERS, Found, Page, Verb
from wolke.business.who import Who
from wolke.core.db import Where

if TYPE_CHECKING:
    from wolke.business.desk import Desk


async def show_costs(desk: Desk, who: Who, asked: MonthAsked, project_id: str) -> Costs:
    project = await desk.customers.projects.seen(who, project_id)
    return await desk.invoicing.costs.project(desk.needs.db, project, asked.month)


async def show_company_costs(desk: Desk, who: Who, asked: MonthAsked) -> CompanyCosts:
    company = await desk.customers.companies.of(who)
    return await desk.invoicing.costs.company(desk.needs.db, company, asked.month, projects=who.projects)


async def list_invoices(desk: Desk, who: Who, asked: InvoicePage) -> Found:
    """Drafts are the provider's business."""
    day = today(desk)
    return await verb.find(
        desk.needs.db, store.INVOICES, asked, sorts=INVOICE_SORTS, default=default_sort(asked), words="words",
        where=[Where("state", "ne", "draft"), *invoice_conditions(asked, day)], shown=lambda invoice: row(invoice, day),
        company_id=_company(who),
    )  # fmt: skip


async def show_invoice(desk: Desk, who: Who, asked: None, invoice_id: str) -> InvoiceShown:
    return await shown(desk, await find_invoice(desk, invoice_id, _company(who)))


async def list_lines(desk: Desk, who: Who, asked: Page, invoice_id: str) -> Found:
    return await lines_of(desk, await find_invoice(desk, invoice_id, _company(who)), asked)


async def explain_line(desk: Desk, who: Who, asked: None, invoice_id: str, line_id: str) -> Explanation:
    return await explain(desk, await find_invoice(desk, invoice_id, _company(who)), line_id)


async def list_uses(desk: Desk, who: Who, asked: Page, invoice_id: str, line_id: str) -> Found:
    return await uses_of(desk, await find_invoice(desk, invoice_id, _company(who)), line_id, asked)


async def list_credit_notes(desk: Desk, who: Who, asked: Page) -> Found:
    return await verb.find(
        desk.needs.db, store.CREDIT_NOTES, asked, sorts=CREDIT_SORTS, default="-issued", words="words", company_id=_company(who)
    )  # fmt: skip


async def show_credit_note(desk: Desk, who: Who, asked: None, credit_note_id: str) -> CreditNoteShown:
    return await find_credit_note(desk, credit_note_id, _company(who))


def _company(who: Who) -> str:
    if who.company_id is None:
        raise NotThere("There is no such invoice.")
    return who.company_id


VERBS: tuple[Verb, ...] = (
    Verb(
        "costs.show", "GET", "/projects/{project_id}/costs", show_costs, MEMBERS, "What a project costs so far, and will",
        takes=MonthAsked, gives=Costs,
    ),
    Verb(
        "costs.list", "GET", "/costs", show_company_costs, MEMBERS, "What each project costs in a month",
        takes=MonthAsked, gives=CompanyCosts,
    ),
    Verb(
        "invoices.list", "GET", "/invoices", list_invoices, ACCOUNTANTS, "Your invoices", takes=InvoicePage, gives=Found
    ),
    Verb(
        "invoices.show", "GET", "/invoices/{invoice_id}", show_invoice, ACCOUNTANTS, "An invoice", gives=InvoiceShown
    ),
    Verb(
        "invoices.lines", "GET", "/invoices/{invoice_id}/lines", list_lines, ACCOUNTANTS, "An invoice's lines",
        takes=Page, gives=Found,
    ),
    Verb(
        "invoices.explain", "GET", "/invoices/{invoice_id}/lines/{line_id}", explain_line, ACCOUNTANTS,
        "Why a line is what it is", gives=Explanation,
    ),
    Verb(
        "invoices.uses", "GET", "/invoices/{invoice_id}/lines/{line_id}/uses", list_uses, ACCOUNTANTS,
        "What a line's quantity is made of", takes=Page, gives=Found,
    ),
    Verb(
        "credit_notes.list", "GET", "/credit-notes", list_credit_notes, ACCOUNTANTS, "Your credit notes",
        takes=Page, gives=Found,
    ),
    Verb(
        "credit_notes.show", "GET", "/credit-notes/{credit_note_id}", show_credit_note, ACCOUNTANTS, "A credit note",
        gives=CreditNoteShown,
    ),
)  # fmt: skip
