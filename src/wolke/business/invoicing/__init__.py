"""Invoicing: what should be billed less what has been billed.

``drafts`` works it out for a company, ``issuing`` makes it an invoice, ``credits`` takes one back, ``runs`` does it for everybody once a month;
``costs`` and ``preview`` ask the same question without billing. Nothing here remembers how far it had come: what is issued is subtracted
from all that is due, so whatever is done twice, or again after a crash, adds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wolke.business.errors import NotThere
from wolke.business.invoicing import store
from wolke.business.invoicing.costs import Costing
from wolke.business.invoicing.credits import Credits
from wolke.business.invoicing.documents import Documents
from wolke.business.invoicing.drafts import Drafts
from wolke.business.invoicing.issuing import Issuing
from wolke.business.invoicing.model import CANCELLED, ISSUED, Invoice
from wolke.business.invoicing.preview import Previews
from wolke.business.invoicing.reckoning import Reckoning
from wolke.business.invoicing.runs import Runs
from wolke.core.db import Transaction
from wolke.core.loop import Leases, Loop

if TYPE_CHECKING:
    from wolke.business.catalogue import Catalogue
    from wolke.business.customers import Customers
    from wolke.business.desk import Needs
    from wolke.business.ledger import Ledger
    from wolke.business.metering import Metering


class Invoicing:
    def __init__(
        self, needs: Needs, customers: Customers, catalogue: Catalogue, metering: Metering, ledger: Ledger
    ) -> None:
        reckoning = Reckoning(catalogue, metering)
        self.drafts = Drafts(needs, customers, catalogue, reckoning)
        self.issuing = Issuing(needs, customers, ledger, metering.calendar)
        self.credits = Credits(needs, customers, ledger, metering.calendar)
        self.runs = Runs(needs, self.drafts, self.issuing, metering.calendar)
        self.costs = Costing(needs, customers, catalogue, metering, self.drafts, reckoning)
        self.previews = Previews(needs, catalogue, metering, reckoning)
        self.documents = Documents(needs)

    def loops(self, leases: Leases | None) -> list[Loop]:
        return [self.runs.loop(leases)]

    async def settle(self, tx: Transaction, invoice_id: str, minor: int) -> Invoice:
        """So much of an issued invoice is paid (below 0: was paid and went back); the ledger's posting is the caller's, in the same ``tx``. Returns it as it
        is then. ``NotThere`` if it is no issued invoice."""
        await tx.lock(f"business-invoice:{invoice_id}")
        invoice = await tx.get(store.INVOICES, id=invoice_id)
        if invoice is None or invoice.state not in (ISSUED, CANCELLED):
            raise NotThere("There is no such invoice.")
        changes = invoice.standing_at(invoice.paid_minor + minor, invoice.credited_minor)
        await tx.update(store.INVOICES, changes, id=invoice_id)
        settled = await tx.get(store.INVOICES, id=invoice_id)
        assert settled is not None
        return settled
