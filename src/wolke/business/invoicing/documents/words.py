"""A document's words in each language, and how that language writes figures and days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel.dates import format_date, format_interval
from babel.numbers import format_currency, format_decimal

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "invoice": "Invoice", "credit": "Credit note", "number": "Number", "issued": "Date", "due": "Due", "period": "Service period",
        "customer": "Customer number", "vat_id": "VAT id", "corrects": "For invoice", "position": "#", "item": "Description",
        "quantity": "Quantity", "price": "Price", "net": "Amount", "sum": "Net amount", "total": "Total", "credited": "Credited",
        "correction": "Correction for {month}", "of": "for {month}", "discount": "{percent} % discount included", "reason": "Reason",
        "tax": "VAT {percent} %", "untaxed": "VAT 0 %", "tax_of": "on {net}", "pay": "Please pay by bank transfer",
        "pay_until": "Please transfer {total} by {due}, and name the reference, so that we know what it is for.", "account": "Account holder",
        "iban": "IBAN", "bic": "BIC", "reference": "Reference", "scan": "Scan to pay", "page": "Page {page} of {pages}",
        "given_back": "We have credited {total} to your account. It lowers what you have to pay.", "prepaid": "{paid} of it are paid already, from your credit.", "left": "To pay",
        "electronic": "This document contains an electronic invoice (EN 16931, Factur-X).",
    },
    "de": {
        "invoice": "Rechnung", "credit": "Rechnungskorrektur", "number": "Nummer", "issued": "Datum", "due": "Fällig am",
        "period": "Leistungszeitraum", "customer": "Kundennummer", "vat_id": "USt-IdNr.", "corrects": "Zur Rechnung", "position": "Pos.",
        "item": "Beschreibung", "quantity": "Menge", "price": "Einzelpreis", "net": "Betrag", "sum": "Nettobetrag", "total": "Gesamtbetrag",
        "credited": "Gutschriftbetrag", "correction": "Korrektur für {month}", "of": "für {month}",
        "discount": "inklusive {percent} % Rabatt", "reason": "Grund", "tax": "Umsatzsteuer {percent} %", "untaxed": "Umsatzsteuer 0 %",
        "tax_of": "auf {net}", "pay": "Zahlung per Überweisung",
        "pay_until": "Bitte überweisen Sie {total} bis zum {due} und nennen Sie den Verwendungszweck, damit wir Ihre Zahlung zuordnen können.",
        "account": "Kontoinhaber", "iban": "IBAN", "bic": "BIC", "reference": "Verwendungszweck", "scan": "Scannen und zahlen",
        "page": "Seite {page} von {pages}", "given_back": "Wir haben Ihrem Konto {total} gutgeschrieben. So viel weniger haben Sie zu zahlen.",
        "prepaid": "{paid} davon sind bereits aus Ihrem Guthaben bezahlt.", "left": "Zu zahlen", "electronic": "Dieses Dokument enthält eine elektronische Rechnung (EN 16931, ZUGFeRD).",
    },
}  # fmt: skip
UNITS: Mapping[str, Mapping[str, str]] = {
    "en": {"server-hour": "h", "address-hour": "h", "GiB-hour": "GiB·h", "GiB-month": "GiB·month", "piece": "pcs"},
    "de": {
        "server-hour": "Std.",
        "address-hour": "Std.",
        "GiB-hour": "GiB·Std.",
        "GiB-month": "GiB·Monat",
        "piece": "Stk.",
    },
}
#: EN 16931's sentences for taxes that are not charged here.
TAXES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "AE": "Reverse charge: VAT is to be accounted for by the recipient (Article 196 of Directive 2006/112/EC).",
        "O": "Not subject to VAT: the place of supply is outside the European Union.",
    },
    "de": {
        "AE": "Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge, Art. 196 der Richtlinie 2006/112/EG).",
        "O": "Nicht steuerbar: Der Leistungsort liegt außerhalb der Europäischen Union.",
    },
}


#: How figures and days are written: English as in Europe.
_FIGURES = {"en": "en_GB", "de": "de"}
_PRICES = {"en": "¤#,##0.00######", "de": "#,##0.00######\N{NO-BREAK SPACE}¤"}


@dataclass(frozen=True, slots=True)
class Words:
    locale: str
    currency: str

    def __call__(self, name: str, **values: str) -> str:
        return TEXTS[self.locale][name].format(**values)

    def unit(self, unit: str) -> str:
        return UNITS[self.locale].get(unit, unit)

    def money(self, value: Decimal) -> str:
        return _minus(format_currency(value, self.currency, locale=_FIGURES[self.locale]))

    def price(self, value: Decimal) -> str:
        """With as many digits as it has, but two at least."""
        return str(
            format_currency(
                value, self.currency, _PRICES[self.locale], locale=_FIGURES[self.locale], currency_digits=False
            )
        )

    def figure(self, value: Decimal) -> str:
        return _minus(format_decimal(value, "#,##0.####", locale=_FIGURES[self.locale]))

    def percent(self, text: str) -> str:
        return str(format_decimal(Decimal(text), "0.##", locale=_FIGURES[self.locale]))

    def day(self, day: date) -> str:
        return str(format_date(day, "long", locale=_FIGURES[self.locale]))

    def days(self, first: date, last: date) -> str:
        return str(format_interval(first, last, "yMMMd", locale=_FIGURES[self.locale]))

    def month(self, month: str) -> str:
        return str(format_date(date.fromisoformat(f"{month}-01"), "LLLL y", locale=_FIGURES[self.locale]))

    def tax_sentence(self, category: str, otherwise: str) -> str:
        return TAXES[self.locale].get(category, otherwise)


def _minus(figure: object) -> str:
    """With the sign that is as wide as a digit."""
    return str(figure).replace("-", "\N{MINUS SIGN}")
