"""What invoicing writes by mail, in the reader's language."""

from __future__ import annotations

from wolke.business.invoicing.model import CreditNote, Invoice
from wolke.business.mail import Letter
from wolke.business.money import Amount

_TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "en": {
        "invoice": (
            "Invoice {number} of {seller}",
            "Your invoice {number} for {month} is there: {total} {currency}.\n\n{payment}\n\nYou find it here: {link}\n",
        ),
        "due": ("", "Please pay {open} {currency} by {due} and name the invoice's number."),
        "paid": ("", "It is paid already, from your credit."),
        "credit": (
            "Credit note {number} of {seller}",
            "We have credited {total} {currency} of invoice {invoice}: {reason}\n\nYou find the credit note {number} here: {link}\n",
        ),
    },
    "de": {
        "invoice": (
            "Rechnung {number} von {seller}",
            "Ihre Rechnung {number} für {month} ist da: {total} {currency}.\n\n{payment}\n\nSie finden sie hier: {link}\n",
        ),
        "due": ("", "Bitte zahlen Sie {open} {currency} bis zum {due} und nennen Sie dabei die Rechnungsnummer."),
        "paid": ("", "Sie ist aus Ihrem Guthaben bereits bezahlt."),
        "credit": (
            "Gutschrift {number} von {seller}",
            "Wir haben Ihnen {total} {currency} der Rechnung {invoice} gutgeschrieben: {reason}\n\n"
            "Sie finden die Gutschrift {number} hier: {link}\n",
        ),
    },
}


def invoice_letter(to: str, locale: str, invoice: Invoice, url: str) -> Letter:
    texts = _TEXTS.get(locale[:2], _TEXTS["en"])
    values = {
        "number": invoice.number, "seller": invoice.seller.name, "month": invoice.month, "currency": invoice.currency,
        "total": _decimal(invoice.total_minor, invoice.currency), "open": _decimal(invoice.open_minor, invoice.currency),
        "due": invoice.due_on, "link": f"{url}/invoices/{invoice.id}",
    }  # fmt: skip
    payment = texts["due" if invoice.open_minor else "paid"][1].format(**values)
    subject, text = texts["invoice"]
    return Letter(to, subject.format(**values), text.format(**values, payment=payment))


def credit_letter(to: str, locale: str, note: CreditNote, url: str) -> Letter:
    subject, text = _TEXTS.get(locale[:2], _TEXTS["en"])["credit"]
    values = {
        "number": note.number, "seller": note.seller.name, "invoice": note.invoice_number, "currency": note.currency,
        "total": _decimal(note.total_minor, note.currency), "reason": note.reason, "link": f"{url}/credit-notes/{note.id}",
    }  # fmt: skip
    return Letter(to, subject.format(**values), text.format(**values))


def _decimal(minor: int, currency: str) -> str:
    return format(Amount.of_minor(minor, currency).value, "f")
