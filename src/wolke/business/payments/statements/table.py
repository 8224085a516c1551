"""A bank's statement as a table (CSV), as banks write it in English and German: separators, columns and figures differ from bank to bank, so
they are found by what they are called and what they look like.

A day that could be two (10/04/2026) is refused rather than guessed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from wolke.business.errors import Invalid
from wolke.business.money import Amount, digits, typed
from wolke.business.payments.model import Received
from wolke.business.payments.statements.names import unnamed

_TEXT_LENGTH, _HEAD_LINES, _SEPARATORS = 500, 20, ";,\t"
#: What a column is called, without blanks, signs and case; the first that is there counts.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "amount": ("betrag", "betrageur", "betragineur", "amount", "amounteur", "umsatz", "credit", "haben", "gutschrift"),
    "currency": ("währung", "waehrung", "currency"),
    "day": ("buchungstag", "buchungsdatum", "buchung", "bookingdate", "transactiondate", "datum", "date", "valutadatum", "valuta", "valuedate"),
    "payer": (
        "namezahlungsbeteiligter", "zahlungspflichtiger", "beguenstigterzahlungspflichtiger", "begünstigterzahlungspflichtiger",
        "auftraggeberempfänger", "auftraggeber", "zahlungspflichtigere", "zahlungspflichtigerempfänger", "payer", "payername", "partnername", "debtor",
        "counterparty", "name",
    ),
    "account": ("ibanzahlungsbeteiligter", "kontonummeriban", "kontonummer", "partneriban", "payeriban", "iban", "account", "accountnumber"),
    "text": ("verwendungszweck", "paymentreference", "purpose", "remittanceinformation", "description", "text", "details", "memo", "reference", "referenz"),
    "reference": ("bankreferenz", "bankreference", "transactionid", "transaktionsid", "umsatzid"),
    "state": ("info", "status", "state"),
}  # fmt: skip
_NEEDED = ("amount", "day", "text")
_NOT_YET = ("vorgemerkt", "pending")
_DAYS = (
    (re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII), (1, 2, 3)),
    (re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4}|\d\d)", re.ASCII), (3, 2, 1)),
)


def payments(content: str, currency: str) -> Iterator[Received]:
    """What came in, in the statement's order. ``currency``: where no column says it."""
    rows = _rows(content)
    head: dict[str, int] = {}
    for number, row in enumerate(rows):
        head = _head(row)
        if head or number >= _HEAD_LINES:
            break
    if not head:
        raise Invalid("This is neither a CAMT.053 file nor a table with columns for day, amount and text.")
    for row in rows:
        cells = {name: " ".join(row[at].split())[:_TEXT_LENGTH] for name, at in head.items() if at < len(row)}
        if not cells.get("amount") or any(word in cells.get("state", "").lower() for word in _NOT_YET):
            continue
        received = _received(cells, currency)
        if received.minor > 0:
            yield received


def _rows(content: str) -> Iterator[Sequence[str]]:
    """The separator is the one that the line of the columns has most of."""
    first = content.splitlines()[:_HEAD_LINES]
    named = next((line for line in first if any(_head(_cells(line, mark)) for mark in _SEPARATORS)), "")
    mark = max(_SEPARATORS, key=named.count)
    try:
        yield from csv.reader(io.StringIO(content, newline=""), delimiter=mark)
    except csv.Error:
        raise Invalid("This table cannot be read.") from None


def _cells(line: str, mark: str) -> Sequence[str]:
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []


def _head(row: Sequence[str]) -> dict[str, int]:
    """Where each column is; empty if this is not the line that names them."""
    called = [re.sub(r"[^a-zäöüß]", "", cell.lower()) for cell in row]
    found = {}
    for name, words in _COLUMNS.items():
        known = next((word for word in words if word in called), None)
        if known is not None:
            found[name] = called.index(known)
    return found if all(name in found for name in _NEEDED) else {}


def _received(cells: Mapping[str, str], currency: str) -> Received:
    currency = cells.get("currency") or currency
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise Invalid("A currency in this statement cannot be read.")
    try:
        figure = re.sub(rf"({currency}|€)", "", cells["amount"])
        minor = Amount(typed(figure, digits(currency)), currency).minor
    except ValueError:
        raise Invalid("An amount in this statement cannot be read.") from None
    day, said = _day(cells.get("day", "")), cells.get("text", "")
    payer, account = cells.get("payer", ""), cells.get("account", "").replace(" ", "")[:40]
    reference = cells.get("reference") or unnamed(day, str(minor), currency, payer, account, said)
    return Received(reference[:100], currency, minor, day, payer[:200], account, said)


def _day(text: str) -> str:
    for pattern, (year, month, day) in _DAYS:
        found = pattern.match(text)
        if found:
            whole = found[year] if len(found[year]) == 4 else f"20{found[year]}"
            try:
                return date(int(whole), int(found[month]), int(found[day])).isoformat()
            except ValueError:
                break
    raise Invalid("A day in this statement cannot be read. Please write it as 2026-04-10 or 10.04.2026.")
