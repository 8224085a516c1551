"""The page: a ``Paper`` as PDF/A-3 with its e-invoice inside, set by typst.

Whatever people wrote goes in as data and is shown as it is: typst never reads it as markup. Fonts that every installation has come first;
a sign that no font has is shown as a question mark on the page, and stands right in the e-invoice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst
from babel import Locale

from wolke.business import qr
from wolke.business.invoicing.documents.electronic import NAME
from wolke.business.invoicing.documents.paper import Paper, Row, plain
from wolke.business.invoicing.documents.words import Words

_TEMPLATE = Path(__file__).with_name("document.typ")
#: Letters that the fonts which typst brings along surely have: Latin, Greek, Cyrillic, punctuation, currencies.
_SURE = ((0x20, 0x24F), (0x370, 0x3FF), (0x400, 0x45F), (0x1E00, 0x1EFF), (0x2010, 0x2027), (0x20A0, 0x20BF))


def page(paper: Paper, xml: bytes, brand: str) -> bytes:
    """It takes a tenth of a second, during which Python's other threads go on."""
    said = shown(paper, brand)
    try:
        return _set(paper, said, xml)
    except typst.TypstError:
        return _set(paper, _sure(said), xml)


def _set(paper: Paper, said: Mapping[str, Any], xml: bytes) -> bytes:
    data = {"data": json.dumps(said), "xml": xml.decode()}
    at = datetime.combine(paper.issued_on, time(12), UTC)
    return typst.compile(_TEMPLATE.read_bytes(), sys_inputs=data, pdf_standards="a-3b", timestamp=at)


def _sure(said: Any) -> Any:
    if isinstance(said, str):
        return "".join(c if any(first <= ord(c) <= last for first, last in _SURE) else "?" for c in said)
    if isinstance(said, dict):
        return {name: _sure(value) for name, value in said.items()}
    return [_sure(value) for value in said] if isinstance(said, list) else said


def shown(paper: Paper, brand: str) -> dict[str, Any]:
    """What the template shows, in the reader's language."""
    words = Words(paper.locale, paper.currency)
    seller, buyer = paper.seller, paper.buyer
    address = [plain(line) for line in seller.address]
    total = words.money(paper.amount(paper.total_minor))
    return {
        "lang": paper.locale, "title": f"{words('credit' if paper.credit else 'invoice')} {paper.number}", "brand": plain(brand),
        "attachment": NAME, "attached": words("electronic"), "page": words("page", page="{page}", pages="{pages}"),
        "seller": {"name": plain(seller.name), "lines": [plain(seller.name), *address]},
        "sender": " · ".join([plain(seller.name), *address]),
        "buyer": [plain(line) for line in (buyer.name, buyer.street, f"{buyer.postcode} {buyer.city}", _country(buyer.country, paper))],
        "facts": _facts(paper, words), "opening": _opening(paper, words),
        "head": [words(name) if name else "" for name in _head(paper)],
        "rows": [_row(row, paper, words) for row in paper.rows], "sums": _sums(paper, words),
        "total": [words("credited" if paper.credit else "total"), total], "sentences": _sentences(paper, words),
        **_payment(paper, words),
        "footer": [
            [plain(seller.name), ", ".join(address), *([f"{words('vat_id')} {seller.vat_id}"] if seller.vat_id else [])],
            [*([f"{words('iban')} {_spaced(seller.iban)}"] if seller.iban else []), *([f"{words('bic')} {seller.bic}"] if seller.bic else [])],
        ],
    }  # fmt: skip


def _head(paper: Paper) -> tuple[str, ...]:
    """A document that takes back money names no quantities."""
    counted = any(row.quantity is not None for row in paper.rows)
    return ("position", "item", *(("quantity", "price") if counted else ("", "")), "net")


def _facts(paper: Paper, words: Words) -> list[tuple[str, str]]:
    facts = [(words("number"), paper.number), (words("issued"), words.day(paper.issued_on))]
    if paper.due_on is not None:
        facts.append((words("due"), words.day(paper.due_on)))
    if paper.corrects:
        facts.append((words("corrects"), paper.corrects))
    facts.append((words("customer"), str(paper.buyer.number)))
    if paper.buyer.vat_id:
        facts.append((words("vat_id"), plain(paper.buyer.vat_id)))
    return facts


def _opening(paper: Paper, words: Words) -> list[str]:
    opening = [f"{words('period')}: {words.days(paper.begins_on, paper.ends_on)}"]
    if plain(paper.reason):
        opening.append(f"{words('reason')}: {plain(paper.reason)}")
    return opening


def _row(row: Row, paper: Paper, words: Words) -> dict[str, str]:
    about = [plain(row.project)]
    if row.correction or paper.credit:
        about.append(words("correction" if row.correction else "of", month=words.month(row.month)))
    if Decimal(row.discount_percent):
        about.append(words("discount", percent=words.percent(row.discount_percent)))
    quantity = f"{words.figure(row.quantity)} {words.unit(row.unit)}" if row.quantity is not None else ""
    price = words.price(row.price) if row.price is not None else ""
    return {
        "position": str(row.position), "name": plain(row.name), "about": " · ".join(part for part in about if part),
        "quantity": quantity, "price": price, "net": words.money(paper.amount(row.net_minor)),
    }  # fmt: skip


def _sums(paper: Paper, words: Words) -> list[tuple[str, str]]:
    sums = [(words("sum"), words.money(paper.amount(paper.net_minor)))]
    for tax in paper.taxes:
        name = words("tax", percent=words.percent(tax.percent)) if tax.category == "S" else words("untaxed")
        of = words("tax_of", net=words.money(paper.amount(tax.net_minor)))
        sums.append((f"{name} {of}", words.money(paper.amount(tax.tax_minor))))
    return sums


def _sentences(paper: Paper, words: Words) -> list[str]:
    sentences = [plain(words.tax_sentence(tax.category, tax.sentence)) for tax in paper.taxes]
    if paper.credit:
        sentences.append(words("given_back", total=words.money(paper.amount(paper.total_minor))))
    if paper.prepaid_minor > 0:
        sentences.append(words("prepaid", paid=words.money(paper.amount(paper.prepaid_minor))))
    if paper.due_on is not None and paper.due_minor > 0:
        left = words.money(paper.amount(paper.due_minor))
        sentences.append(words("pay_until", total=left, due=words.day(paper.due_on)))
    return [sentence for sentence in dict.fromkeys(sentences) if sentence]


def _payment(paper: Paper, words: Words) -> dict[str, Any]:
    """Where to pay to, and the same for a banking app to scan (EPC069-12, of euros alone)."""
    seller = paper.seller
    if paper.credit or paper.due_minor <= 0 or not seller.iban:
        return {"pay": "", "payment": [], "code": [], "scan": ""}
    payment = [(words("account"), plain(seller.name)), (words("iban"), _spaced(seller.iban))]
    if seller.bic:
        payment.append((words("bic"), seller.bic))
    payment += [(words("reference"), paper.number), (words("left"), words.money(paper.amount(paper.due_minor)))]
    scanned: list[str] = []
    if paper.currency == "EUR":
        amount = str(paper.amount(paper.due_minor))
        scanned = qr.code(qr.transfer(plain(seller.name), seller.iban, seller.bic, amount, paper.number))
    return {"pay": words("pay"), "payment": payment, "code": scanned, "scan": words("scan")}


def _spaced(iban: str) -> str:
    joined = "".join(iban.split())
    return " ".join(joined[at : at + 4] for at in range(0, len(joined), 4))


def _country(country: str, paper: Paper) -> str:
    """By name, for the post office, where the letter leaves the country."""
    if country == paper.seller.country:
        return ""

    return str(Locale(paper.locale).territories.get(country, country))
