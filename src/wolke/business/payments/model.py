"""Payments: money that came or went back, and what it was put to. Rows are added; what was wrong is put right by another row."""

from __future__ import annotations

import msgspec

from wolke.core.clock import Instant

#: Where money is that has come and that nobody has put to anything yet.
WAITING_ACCOUNT = "waiting"


class Payment(msgspec.Struct, frozen=True):
    """Money that came (``minor`` above 0) or went back (below). ``reference``: the bank's own name for it, taken once. ``text``: what the payer
    wrote. ``waiting_minor``: what is put to nothing yet. ``company_id`` None: nobody knows yet whose it is. ``paid_on``: 2026-11-30."""

    id: str
    driver: str
    reference: str
    company_id: str | None
    company_name: str
    currency: str
    minor: int
    waiting_minor: int
    paid_on: str
    payer: str
    account: str
    text: str
    words: str
    created_at: Instant


class Put(msgspec.Struct, frozen=True):
    """So much of a payment was put to an invoice, or (``invoice_id`` None) to the company's credit. Below 0: it was taken back."""

    id: str
    payment_id: str
    company_id: str
    invoice_id: str | None
    invoice_number: str
    minor: int
    at: Instant


class Reminder(msgspec.Struct, frozen=True):
    """That somebody was reminded of an invoice (``id``)."""

    id: str
    open_minor: int
    at: Instant


class Received(msgspec.Struct, frozen=True):
    """What a bank, or whoever else takes money for us, says of a payment."""

    reference: str
    currency: str
    minor: int
    paid_on: str
    payer: str
    account: str
    text: str
