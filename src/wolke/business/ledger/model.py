"""Double entry: each transaction moves money between accounts, and its entries sum to zero."""

from __future__ import annotations

import msgspec

from wolke.core.clock import Instant

#: Accounts that are there once. A debit is above 0, a credit below: what the bank has is positive, what was earned is negative.
BANK, REVENUE, WRITTEN_OFF = "bank", "revenue", "written-off"


#: Accounts that each company has.
RECEIVABLE, PREPAID = "receivable", "prepaid"


def receivable(company_id: str) -> str:
    """What a company owes us."""
    return f"{RECEIVABLE}:{company_id}"


def prepaid(company_id: str) -> str:
    """What a company has paid before there was an invoice: below 0, we owe it."""
    return f"{PREPAID}:{company_id}"


def vat(country: str, percent: str) -> str:
    """Value added tax that we owe to a country: ``vat:DE:19``."""
    return f"vat:{country}:{percent}"


class Leg(msgspec.Struct, frozen=True):
    """What a transaction does to one account: ``minor`` above 0 is a debit, below a credit."""

    account: str
    minor: int


class Transaction(msgspec.Struct, frozen=True):
    """``number`` counts from 1 without a gap. ``key`` says what business it is (``invoice:ID``) and is there once, so that the same business is
    posted once. ``kind``: invoice, credit-note, payment (it came, or was put to an invoice), refund, prepayment, settlement (credit pays an invoice),
    surplus (what was paid of a credited invoice becomes credit), write-off. ``document_id``: the invoice, credit note or payment."""

    id: str
    number: int
    key: str
    kind: str
    text: str
    company_id: str | None
    document_id: str
    at: Instant
    words: str  # what it is found by, in lower case


class Entry(msgspec.Struct, frozen=True):
    """One leg as it is kept. ``id`` sorts as entries were made. ``company_id``: whose account it is, where it is one's (owed or prepaid). The other fields
    are the transaction's, so that a statement needs no join."""

    id: str
    transaction_id: str
    account: str
    company_id: str | None
    currency: str
    minor: int
    at: Instant
    kind: str
    text: str
    document_id: str
