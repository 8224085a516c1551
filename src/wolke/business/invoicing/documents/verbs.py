"""A document's verbs: as PDF, and as the e-invoice alone, for customers and for the provider's people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business.errors import NotThere
from wolke.business.invoicing.documents.store import Document
from wolke.business.invoicing.model import DRAFT
from wolke.business.invoicing.store import CREDIT_NOTES, INVOICES
from wolke.business.verb import ACCOUNTANTS, STAFF, File, Verb
from wolke.business.who import Who

if TYPE_CHECKING:
    from wolke.business.desk import Desk


async def invoice_pdf(desk: Desk, who: Who, asked: None, *, invoice_id: str) -> File:
    return _pdf(await _invoice(desk, who, invoice_id))


async def invoice_xml(desk: Desk, who: Who, asked: None, *, invoice_id: str) -> File:
    return _xml(await _invoice(desk, who, invoice_id))


async def credit_note_pdf(desk: Desk, who: Who, asked: None, *, credit_note_id: str) -> File:
    return _pdf(await _credit_note(desk, who, credit_note_id))


async def credit_note_xml(desk: Desk, who: Who, asked: None, *, credit_note_id: str) -> File:
    return _xml(await _credit_note(desk, who, credit_note_id))


async def _invoice(desk: Desk, who: Who, invoice_id: str) -> Document:
    invoice = await desk.needs.db.get(INVOICES, id=invoice_id)
    if invoice is None or invoice.state == DRAFT or not (who.staff or invoice.company_id == who.company_id):
        raise NotThere("There is no such invoice.")
    return await desk.invoicing.documents.of_invoice(invoice)


async def _credit_note(desk: Desk, who: Who, credit_note_id: str) -> Document:
    note = await desk.needs.db.get(CREDIT_NOTES, id=credit_note_id)
    if note is None or not (who.staff or note.company_id == who.company_id):
        raise NotThere("There is no such credit note.")
    return await desk.invoicing.documents.of_credit_note(note)


def _pdf(document: Document) -> File:
    return File(f"{document.number}.pdf", "application/pdf", document.pdf)


def _xml(document: Document) -> File:
    return File(f"{document.number}.xml", "application/xml", document.xml)


_WHAT = (
    ("invoices", "/invoices/{invoice_id}", "invoice", invoice_pdf, invoice_xml),
    ("credit_notes", "/credit-notes/{credit_note_id}", "credit note", credit_note_pdf, credit_note_xml),
)
_SIDES = (("", "", ACCOUNTANTS), ("provider.", "/provider", STAFF))
VERBS = tuple(
    Verb(f"{before}{name}.{kind}", "GET", f"{under}{path}/{kind}", run, may, f"The {what} as {how}", None, bytes)
    for before, under, may in _SIDES
    for name, path, what, pdf, xml in _WHAT
    for kind, how, run in (("pdf", "PDF, with the e-invoice inside", pdf), ("xml", "e-invoice (EN 16931)", xml))
)
