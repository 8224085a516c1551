"""Invoices, their lines, and credit notes: what they say once they are issued never changes.

Amounts are in minor units (cents) of ``currency``. Names of what is sold are kept by locale, so that one document can be read in each.
"""

from __future__ import annotations

import msgspec

from wolke.business.rating import Step
from wolke.core.clock import Instant

DRAFT, ISSUED, CANCELLED = "draft", "issued", "cancelled"


class Buyer(msgspec.Struct, frozen=True):
    """A company as it was when the document was issued. ``number``: the customer's number. ``vat_id`` only if it was checked."""

    company_id: str
    number: int
    name: str
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str


class Seller(msgspec.Struct, frozen=True):
    """We, as the configuration said when the document was issued. ``address``: its lines."""

    name: str
    address: list[str]
    country: str
    vat_id: str
    iban: str
    bic: str


class Tax(msgspec.Struct, frozen=True):
    """One group of a document's lines that are taxed alike. ``category``: as in ``rating.vat``. ``tax_minor`` is worked out from the group's sum and rounded once (EN 16931 BR-CO-17).
    ``country``: whose tax it is ("" with none). ``percent``: a decimal as text. ``sentence``: what the document must say about it, or ""."""

    category: str
    country: str
    percent: str
    net_minor: int
    tax_minor: int
    sentence: str


class SettledMonth(msgspec.Struct, frozen=True):
    """Up to how much usage (``count``, see ``metering.UsageMonth``) a project's month is billed."""

    project_id: str
    month: str
    count: int


class Invoice(msgspec.Struct, frozen=True):
    """``state``: draft (may still change, has no number), issued, or cancelled (issued, and credited whole to be billed anew). ``month``: 2026-11, of
    which it is; lines may correct earlier ones. ``number``: gapless within a year. ``issued_on``, ``due_on``: days in the config's time zone.

    ``open_minor`` = ``total_minor`` - ``paid_minor`` - ``credited_minor``: above 0 is to be paid, 0 is settled. Payments move ``paid_minor`` through
    ``Invoicing.settle``, credit notes move ``credited_minor``; nothing else of an issued invoice ever changes. ``words``: what a search looks in.
    ``settles``: what becomes of ``SettledMonth`` when it is issued. ``unpaid_due_on``: ``due_on`` while something is to be paid, so that the few that are open
    are found among the many that are not."""

    id: str
    number: str | None
    state: str
    company_id: str
    company_name: str
    month: str
    currency: str
    buyer: Buyer
    seller: Seller
    net_minor: int
    tax_minor: int
    total_minor: int
    taxes: list[Tax]
    paid_minor: int
    credited_minor: int
    open_minor: int
    created_at: Instant
    issued_at: Instant | None
    issued_on: str | None
    due_on: str | None
    run_id: str | None
    words: str
    settles: list[SettledMonth]
    unpaid_due_on: str | None = None

    def standing_at(self, paid_minor: int, credited_minor: int) -> dict[str, int | str | None]:
        """The columns that change when so much of it is paid and credited in all."""
        open_minor = self.total_minor - paid_minor - credited_minor
        return {
            "paid_minor": paid_minor, "credited_minor": credited_minor, "open_minor": open_minor,
            "unpaid_due_on": self.due_on if open_minor > 0 else None,
        }  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """What a project used of a plan at one price in one month. ``quantity`` (a decimal as text) in ``unit``; ``net_minor`` is rounded once.
    ``begins_at`` to ``ends_at``: when that price was in force in that month. ``correction``: the month (or this part of it) was billed before and this is the
    difference, which may be below 0. ``exact``: before rounding, of all that should be billed. ``steps``: its arithmetic."""

    id: str
    invoice_id: str
    position: int
    company_id: str
    project_id: str
    project_name: str
    month: str
    plan_id: str
    price_id: str
    product_names: dict[str, str]
    plan_name: str
    quantity: str
    unit: str
    begins_at: Instant
    ends_at: Instant
    correction: bool
    discount_percent: str
    exact: str
    net_minor: int
    tax_category: str
    tax_country: str
    tax_percent: str
    steps: list[Step]


class LineUse(msgspec.Struct, frozen=True):
    """How much of a line's quantity one resource used. Kept with the line, so that an old line can be explained whatever came after it."""

    id: str
    line_id: str
    resource_id: str
    resource_name: str
    nano: int


class CreditNote(msgspec.Struct, frozen=True):
    """Takes back an issued invoice or some of its lines. Amounts are above 0: so much the customer gets. ``cancels``: the whole invoice was wrong and its
    usage will be billed anew; otherwise the usage stays billed and the customer simply pays less."""

    id: str
    number: str
    invoice_id: str
    invoice_number: str
    company_id: str
    company_name: str
    reason: str
    cancels: bool
    currency: str
    buyer: Buyer
    seller: Seller
    net_minor: int
    tax_minor: int
    total_minor: int
    taxes: list[Tax]
    issued_at: Instant
    issued_on: str
    words: str


class CreditLine(msgspec.Struct, frozen=True):
    """So much (``net_minor``, above 0 where the line was) of the invoice's line ``line_id`` is taken back."""

    id: str
    credit_note_id: str
    line_id: str
    position: int
    company_id: str
    project_id: str
    project_name: str
    month: str
    plan_id: str
    price_id: str
    product_names: dict[str, str]
    plan_name: str
    cancels: bool
    net_minor: int
    tax_category: str
    tax_country: str
    tax_percent: str


class RunFailure(msgspec.Struct, frozen=True):
    """A company whose invoice could not be issued, and why; it stays a draft until somebody has put that right and issues it, or the next run does."""

    company_id: str
    reason: str


class Run(msgspec.Struct, frozen=True):
    """The making of a month's invoices. ``issues``: they are issued too, else they stay drafts to be looked at. ``ended_at`` None: it is still at work.
    ``person_id`` None: it began by itself."""

    id: str
    month: str
    issues: bool
    person_id: str | None
    created_at: Instant
    ended_at: Instant | None
    invoices: int
    net_minor: int
    currency: str
    failures: list[RunFailure]
