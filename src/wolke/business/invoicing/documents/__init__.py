"""Documents: invoices and credit notes as PDF/A-3 with the e-invoice (EN 16931) inside, made when they are first asked for and then kept.

What makes them (typst, the e-invoice's schema) is loaded with the first one: a cloud starts without it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wolke.business.invoicing import store as invoicing
from wolke.business.invoicing.documents.paper import Paper, of_credit_note, of_invoice
from wolke.business.invoicing.documents.store import DOCUMENTS, Document
from wolke.business.invoicing.model import CreditNote, Invoice, Line
from wolke.business.ledger.model import prepaid
from wolke.business.ledger.store import ENTRIES, TRANSACTIONS
from wolke.core.db import DuplicateRow, Order, equalities

if TYPE_CHECKING:
    from wolke.business.desk import Needs


def check(invoice: Invoice, lines: Sequence[Line]) -> None:
    """``Unsound`` if the invoice could not go out as a document: asked before it is issued. It takes a few milliseconds of this thread."""
    from wolke.business.invoicing.documents.electronic import electronic

    electronic(of_invoice(invoice, lines, invoice.paid_minor))


class Documents:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def of_invoice(self, invoice: Invoice) -> Document:
        """``Unsound`` for a draft."""
        kept = await self._needs.db.get(DOCUMENTS, id=invoice.id)
        return kept or await self._made(invoice.id, await self.paper_of_invoice(invoice))

    async def paper_of_invoice(self, invoice: Invoice) -> Paper:
        lines = await self._needs.db.find(
            invoicing.LINES, invoice_id=invoice.id, order=(Order("position"), Order("id"))
        )
        settled = await self._needs.db.get(TRANSACTIONS, key=f"settlement:{invoice.id}")
        equal = {"transaction_id": settled.id if settled else "", "account": prepaid(invoice.company_id)}
        _, used = await self._needs.db.sums(ENTRIES, "minor", where=equalities(equal))
        return of_invoice(invoice, lines, used)

    async def of_credit_note(self, note: CreditNote) -> Document:
        kept = await self._needs.db.get(DOCUMENTS, id=note.id)
        return kept or await self._made(note.id, await self.paper_of_credit_note(note))

    async def paper_of_credit_note(self, note: CreditNote) -> Paper:
        order = (Order("position"), Order("id"))
        lines = await self._needs.db.find(invoicing.CREDIT_LINES, credit_note_id=note.id, order=order)
        return of_credit_note(note, lines)

    async def _made(self, document_id: str, paper: Paper) -> Document:
        """In a thread. Of two who make it at once, the first one's is kept and given to both."""
        pdf, xml = await asyncio.to_thread(_both, paper, self._needs.config.name)
        digest = hashlib.sha256(pdf).hexdigest()
        document = Document(document_id, paper.number, pdf, xml, digest, self._needs.clock.now())
        try:
            async with self._needs.db.transaction() as tx:
                await tx.insert(DOCUMENTS, document)
        except DuplicateRow:
            return await self._needs.db.get(DOCUMENTS, id=document_id) or document
        return document


def _both(paper: Paper, brand: str) -> tuple[bytes, bytes]:
    from wolke.business.invoicing.documents.electronic import electronic
    from wolke.business.invoicing.documents.page import page

    xml = electronic(paper)
    return page(paper, xml, brand), xml
