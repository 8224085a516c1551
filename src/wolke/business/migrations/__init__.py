"""The history of the point of purchase's own database."""

from __future__ import annotations

from pathlib import Path

from wolke.core.db.history import History

BUSINESS = History(
    Path(__file__).parent / "versions",
    (
        "wolke.core.loop",
        "wolke.business.audit",
        "wolke.business.mail",
        "wolke.business.customers.store",
        "wolke.business.catalogue.store",
        "wolke.business.resources.store",
        "wolke.business.metering.store",
        "wolke.business.ledger.store",
        "wolke.business.invoicing.store",
        "wolke.business.invoicing.documents.store",
        "wolke.business.payments.store",
        "wolke.business.support.store",
    ),
)
