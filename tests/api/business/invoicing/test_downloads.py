"""Invoices as files: made once, kept, and only for those whose they are."""

from typing import Any

import pytest

from wolke.business.errors import NotAllowed, NotThere
from wolke.business.invoicing.documents.store import DOCUMENTS
from wolke.business.invoicing.store import LINES
from wolke.business.support.verbs import NewTicket
from wolke.business.who import TECHNICIAN


async def test_an_invoice_is_downloaded_as_page_and_as_e_invoice_and_never_made_again(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    invoice = await shop.invoice(customer)
    pdf = await shop.desk.call(customer, "invoices.pdf", invoice_id=invoice.id)
    assert (pdf.name, pdf.media_type, pdf.content[:5]) == (f"{invoice.number}.pdf", "application/pdf", b"%PDF-")
    xml = await shop.desk.call(staff, "provider.invoices.xml", invoice_id=invoice.id)
    assert b"<ram:GrandTotalAmount>11.90<" in xml.content
    async with shop.desk.needs.db.transaction() as tx:
        await tx.delete(LINES, invoice_id=invoice.id)
    assert (await shop.desk.call(customer, "invoices.pdf", invoice_id=invoice.id)).content == pdf.content
    assert await shop.desk.needs.db.count(DOCUMENTS) == 1


async def test_a_credit_note_is_a_document_too(shop: Any) -> None:
    customer, staff = await shop.company(), await shop.staff()
    invoice = await shop.invoice(customer)
    async with shop.desk.needs.db.transaction() as tx:
        note = await shop.desk.invoicing.credits.credit(tx, staff, invoice.id, "Two days down")
    xml = await shop.desk.call(customer, "credit_notes.xml", credit_note_id=note.id)
    assert b"<ram:TypeCode>381<" in xml.content and invoice.number.encode() in xml.content


async def test_a_document_is_nobody_elses(shop: Any) -> None:
    customer, stranger = await shop.company(), await shop.company("Fremd AG")
    invoice = await shop.invoice(customer)
    with pytest.raises(NotThere):
        await shop.desk.call(stranger, "invoices.pdf", invoice_id=invoice.id)
    with pytest.raises(NotAllowed):
        await shop.desk.call(await shop.colleague(customer, TECHNICIAN), "invoices.pdf", invoice_id=invoice.id)
    with pytest.raises(NotAllowed):
        await shop.desk.call(customer, "provider.invoices.pdf", invoice_id=invoice.id)


async def test_a_ticket_about_an_invoice_has_its_figures_as_they_were(shop: Any) -> None:
    customer, stranger = await shop.company(), await shop.company("Fremd AG")
    invoice = await shop.invoice(customer)
    asked = NewTicket("Too much?", "Is this right?", about_kind="invoice", about_id=invoice.id)
    shown = await shop.desk.call(customer, "tickets.open", asked)
    assert {fact.name: fact.value for fact in shown.about.facts}["Still to pay"] == "11.90 EUR"
    with pytest.raises(NotThere):
        await shop.desk.call(stranger, "tickets.open", asked)


async def test_what_was_paid_from_credit_is_not_asked_for_again(shop: Any) -> None:
    from wolke.business.payments.verbs import NewPayment

    customer, staff = await shop.company(), await shop.staff()
    for amount, reference in (("5.00", "B-1"), ("6.90", "B-2")):
        asked = NewPayment(amount=amount, paid_on="2026-03-02", reference=reference, text="K1001")
        await shop.desk.call(staff, "provider.payments.record", asked)
        if reference == "B-1":
            partly = await shop.invoice(customer)
    late = NewPayment(amount="6.90", paid_on="2026-03-09", reference="B-3", text=partly.number)
    await shop.desk.call(staff, "provider.payments.record", late)
    xml = (await shop.desk.call(customer, "invoices.xml", invoice_id=partly.id)).content
    assert b"<ram:TotalPrepaidAmount>5.00<" in xml and b"<ram:DuePayableAmount>6.90<" in xml
