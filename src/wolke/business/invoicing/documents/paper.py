"""What stands on a document, whichever way it is written: the page and the e-invoice are made from one ``Paper``, so they cannot differ."""

from __future__ import annotations

import calendar
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from wolke.business.invoicing.model import Buyer, CreditLine, CreditNote, Invoice, Line, Seller, Tax
from wolke.business.money import Amount

_GERMAN = frozenset({"DE", "AT", "CH", "LI"})
_PRICE_DIGITS = 8


class Unsound(ValueError):
    """The document contradicts itself: a fault of ours, and it must not go out."""


@dataclass(frozen=True, slots=True)
class Row:
    """``quantity`` None: it takes back money, not so much of something. ``price``: of one ``unit``, where that says something."""

    position: int
    name: str
    project: str
    month: str
    correction: bool
    discount_percent: str
    quantity: Decimal | None
    unit: str
    price: Decimal | None
    net_minor: int
    tax: tuple[str, str]  # category, percent


@dataclass(frozen=True, slots=True)
class Paper:
    """``corrects``: the number of the invoice that a credit note is about. A credit note's amounts are above 0: so much the customer gets."""

    credit: bool
    number: str
    corrects: str
    reason: str
    locale: str
    currency: str
    seller: Seller
    buyer: Buyer
    issued_on: date
    due_on: date | None
    begins_on: date
    ends_on: date
    rows: tuple[Row, ...]
    taxes: tuple[Tax, ...]
    net_minor: int
    tax_minor: int
    total_minor: int
    prepaid_minor: int = 0  # paid from the customer's credit when it was issued

    @property
    def due_minor(self) -> int:
        return self.total_minor - self.prepaid_minor

    def amount(self, minor: int) -> Decimal:
        return Amount.of_minor(minor, self.currency).value


def locale_for(country: str) -> str:
    return "de" if country in _GERMAN else "en"


def of_invoice(invoice: Invoice, lines: Sequence[Line], prepaid_minor: int) -> Paper:
    """``Unsound`` if it is not issued yet, or does not add up. ``prepaid_minor``: paid from the customer's credit when it was issued."""
    if invoice.number is None or invoice.issued_on is None:
        raise Unsound("only an issued invoice is a document")
    locale = locale_for(invoice.buyer.country)
    year, month = map(int, invoice.month.split("-"))
    paper = Paper(
        credit=False, number=invoice.number, corrects="", reason="", locale=locale, currency=invoice.currency, seller=invoice.seller,
        buyer=invoice.buyer, issued_on=date.fromisoformat(invoice.issued_on),
        due_on=date.fromisoformat(invoice.due_on) if invoice.due_on else None, begins_on=date(year, month, 1),
        ends_on=date(year, month, calendar.monthrange(year, month)[1]),
        rows=tuple(_row(line, position, locale, invoice.currency) for position, line in enumerate(lines, 1)), taxes=tuple(invoice.taxes),
        net_minor=invoice.net_minor, tax_minor=invoice.tax_minor, total_minor=invoice.total_minor, prepaid_minor=prepaid_minor,
    )  # fmt: skip
    return checked(paper)


def of_credit_note(note: CreditNote, lines: Sequence[CreditLine]) -> Paper:
    """``Unsound`` if it does not add up."""
    locale = locale_for(note.buyer.country)
    issued = date.fromisoformat(note.issued_on)
    months = sorted(line.month for line in lines) or [note.issued_on[:7]]
    (first_year, first), (last_year, last) = (map(int, month.split("-")) for month in (months[0], months[-1]))
    paper = Paper(
        credit=True, number=note.number, corrects=note.invoice_number, reason=note.reason, locale=locale, currency=note.currency,
        seller=note.seller, buyer=note.buyer, issued_on=issued, due_on=None, begins_on=date(first_year, first, 1),
        ends_on=date(last_year, last, calendar.monthrange(last_year, last)[1]),
        rows=tuple(
            Row(
                position, _name(line.product_names, line.plan_name, locale), line.project_name, line.month, False, "0", None, "", None,
                line.net_minor, (line.tax_category, line.tax_percent),
            )
            for position, line in enumerate(lines, 1)
        ),
        taxes=tuple(note.taxes), net_minor=note.net_minor, tax_minor=note.tax_minor, total_minor=note.total_minor,
    )  # fmt: skip
    return checked(paper)


def _row(line: Line, position: int, locale: str, currency: str) -> Row:
    quantity = Decimal(line.quantity)
    whole = Amount.of_minor(line.net_minor, currency).value if line.correction else Decimal(line.exact)
    return Row(
        position, _name(line.product_names, line.plan_name, locale), line.project_name, line.month, line.correction,
        line.discount_percent, quantity, line.unit, _each(whole, quantity), line.net_minor, (line.tax_category, line.tax_percent),
    )  # fmt: skip


def _each(whole: Decimal, quantity: Decimal) -> Decimal | None:
    """The price of one, where that is a figure that people can follow: positive, and of few digits."""
    if not quantity or whole / quantity < 0:
        return None
    with localcontext() as context:
        context.prec = 40
        return (whole / quantity).quantize(Decimal(1).scaleb(-_PRICE_DIGITS)).normalize()


def _name(names: dict[str, str], plan: str, locale: str) -> str:
    product = names.get(locale) or names.get("en") or next(iter(names.values()), "")
    return f"{product} {plan}".strip() if plan not in product else product


def checked(paper: Paper) -> Paper:
    """EN 16931's rules about sums (BR-CO-10, -13, -14, -15, -17, BR-S-08 and its sisters): ``Unsound`` names what does not hold."""
    groups: dict[tuple[str, str], int] = {}
    for row in paper.rows:
        groups[row.tax] = groups.get(row.tax, 0) + row.net_minor
    taxed: dict[tuple[str, str], int] = {}
    for tax in paper.taxes:
        taxed[tax.category, tax.percent] = taxed.get((tax.category, tax.percent), 0) + tax.net_minor
    rules = {
        "the lines' sum is the net amount": sum(groups.values()) == paper.net_minor,
        "each tax is of its lines": groups == taxed,
        "the taxes' sum is the tax amount": sum(tax.tax_minor for tax in paper.taxes) == paper.tax_minor,
        "net and tax are the total": paper.net_minor + paper.tax_minor == paper.total_minor,
        "each tax is its part of its net amount": all(_follows(tax, paper.currency) for tax in paper.taxes),
        "seller and buyer are named": bool(
            paper.seller.name and paper.buyer.name and paper.seller.country and paper.buyer.country
        ),
        "reverse charge names both VAT ids": all(
            tax.category != "AE" or (paper.seller.vat_id and paper.buyer.vat_id) for tax in paper.taxes
        ),
    }
    if broken := [rule for rule, holds in rules.items() if not holds]:
        raise Unsound(f"{paper.number}: {'; '.join(broken)}")
    return paper


def _follows(tax: Tax, currency: str) -> bool:
    part = Amount(Amount.of_minor(tax.net_minor, currency).value * Decimal(tax.percent) / 100, currency)
    return part.rounded().minor == tax.tax_minor


def plain(text: str) -> str:
    """What somebody wrote, as one line of visible characters: nothing that steers a terminal, a direction or a parser, and nothing that XML cannot
    hold."""
    visible = (c if unicodedata.category(c) not in _UNSEEN else " " for c in text)
    return " ".join("".join(visible).split())


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
