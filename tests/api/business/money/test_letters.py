"""Whoever keeps a company's accounts is told of its invoices and credit notes."""

from __future__ import annotations

from typing import Any

from wolke.business.who import ACCOUNTANT, ADMINISTRATOR, TECHNICIAN


async def test_an_invoice_goes_to_owners_and_accountants(shop: Any) -> None:
    owner = await shop.company()
    await shop.colleague(owner, ACCOUNTANT)
    await shop.colleague(owner, TECHNICIAN)
    boss = await shop.staff(ADMINISTRATOR)
    invoice = await shop.invoice(owner, 1000)
    invoices = [mail for mail in await shop.mails() if mail.subject.startswith("Invoice 2026-")]
    assert len(invoices) == 2
    assert "11.90 EUR" in invoices[0].text
    assert f"https://cloud.example/invoices/{invoice.id}" in invoices[0].text
    from wolke.business.invoicing.verbs.provider import NewCredit

    await shop.desk.call(boss, "provider.invoices.credit", NewCredit("Outage"), invoice_id=invoice.id)
    notes = [mail for mail in await shop.mails() if mail.subject.startswith("Credit note C2026-")]
    assert len(notes) == 2
    assert "Outage" in notes[0].text
