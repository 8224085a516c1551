"""What a payment is for, from what its payer wrote: pure.

People write ``RE 2026-000042``, ``Rechnung 2026 000042``, banks break lines in the middle of it. So only letters and digits count. A customer
who names no invoice but the customer's number (``K1001``) pays in advance.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

#: Invoices' numbers begin with a year; those of credit notes have a C before it.
_NUMBER = re.compile(r"(?<![0-9C])(?=(20\d{2})(\d{6})(?!\d))")
_LOOSE = re.compile(r"(?=(20\d{2})(\d{6}))")
_CUSTOMER = re.compile(r"(?<![A-Z])K(\d{4,9})(?!\d)")


class Open(msgspec.Struct, frozen=True):
    """An invoice that is not paid yet."""

    id: str
    company_id: str
    number: str
    due_on: str
    minor: int


class Part(msgspec.Struct, frozen=True):
    invoice_id: str
    company_id: str
    minor: int


def numbers(text: str) -> list[str]:
    """The invoices' numbers in it, in their order. Where none stands free, those that other digits may hide."""
    squeezed = re.sub(r"[^0-9A-Z]", "", text.upper())
    found = _NUMBER.findall(squeezed) or _LOOSE.findall(squeezed)
    return list(dict.fromkeys(f"{year}-{number}" for year, number in found))


def customer_number(text: str) -> int | None:
    """From ``K1001``, also with blanks or a hyphen behind the K."""
    found = _CUSTOMER.search(re.sub(r"(?<=K)[\s\-.:#]+(?=\d)", "", text.upper()))
    return int(found[1]) if found else None


def customer_reference(number: int) -> str:
    """What a customer writes who pays in advance."""
    return f"K{number}"


def split(minor: int, named: Sequence[Open]) -> tuple[list[Part], str | None, int]:
    """How a payment is shared among the invoices that it names: the oldest debt first. Also whose credit the rest becomes (None: it must wait,
    for the invoices are of several companies, or it names none), and how much that is."""
    parts, rest = [], minor
    for invoice in sorted(named, key=lambda one: (one.due_on, one.number)):
        if (share := min(rest, invoice.minor)) > 0:
            parts.append(Part(invoice.id, invoice.company_id, share))
            rest -= share
    companies = {invoice.company_id for invoice in named}
    return parts, companies.pop() if len(companies) == 1 else None, rest
