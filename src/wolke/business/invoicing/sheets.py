"""Tables for an accountant's program: text with a row on each line (RFC 4180), in the reader's own way of writing.

German programs want semicolons and decimal commas, others commas and points. A cell never begins a formula: names are people's own words, and
a spreadsheet would run them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from wolke.business.money import Amount
from wolke.business.verb import File

MOST_ROWS = 20_000
_MEDIA_TYPE = "text/csv; charset=utf-8"
_MARK = "\ufeff"  # without it a spreadsheet takes UTF-8 for something else
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: What columns are called.
HEADS: dict[str, dict[str, str]] = {
    "en": {
        "number": "Number", "kind": "Kind", "issued_on": "Issued on", "due_on": "Due on", "month": "Month", "net": "Net", "tax": "Tax",
        "total": "Total", "paid": "Paid", "open": "Open", "currency": "Currency", "reference": "For invoice", "invoice": "Invoice",
        "credit": "Credit note", "day": "Day", "project": "Project", "product": "Product", "plan": "Plan", "quantity": "Quantity", "unit": "Unit",
    },
    "de": {
        "number": "Nummer", "kind": "Art", "issued_on": "Ausgestellt am", "due_on": "Fällig am", "month": "Monat", "net": "Netto", "tax": "Steuer",
        "total": "Brutto", "paid": "Bezahlt", "open": "Offen", "currency": "Währung", "reference": "Zu Rechnung", "invoice": "Rechnung",
        "credit": "Gutschrift", "day": "Tag", "project": "Projekt", "product": "Produkt", "plan": "Tarif", "quantity": "Menge", "unit": "Einheit",
    },
}  # fmt: skip


class Sheet:
    """``locale``: whose words and figures it is in."""

    def __init__(self, locale: str, columns: Sequence[str]) -> None:
        self._german = locale == "de"
        self.words = HEADS["de" if self._german else "en"]
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, delimiter=";" if self._german else ",", lineterminator="\r\n")
        self._writer.writerow([self.words[name] for name in columns])

    def add(self, cells: Iterable[str | Amount | None]) -> None:
        self._writer.writerow([self._cell(cell) for cell in cells])

    def figure(self, text: str) -> str:
        """A decimal that is no money."""
        return text.replace(".", ",") if self._german else text

    def _cell(self, cell: str | Amount | None) -> str:
        if isinstance(cell, Amount):
            text = format(cell.value, "f")
            return text.replace(".", ",") if self._german else text
        text = cell or ""
        return f"'{text}" if text.startswith(_FORMULA) else text

    def file(self, name: str) -> File:
        return File(f"{name}.csv", _MEDIA_TYPE, (_MARK + self._text.getvalue()).encode())
