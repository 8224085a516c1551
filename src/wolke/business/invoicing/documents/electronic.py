"""The e-invoice: a ``Paper`` as Cross Industry Invoice in the profile EN 16931 (Factur-X 1.0, ZUGFeRD 2), checked against its schema."""

from __future__ import annotations

import functools
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import drafthorse
from drafthorse.models.accounting import ApplicableTradeTax
from drafthorse.models.document import Document
from drafthorse.models.note import IncludedNote
from drafthorse.models.party import TaxRegistration
from drafthorse.models.payment import PaymentMeans, PaymentTerms
from drafthorse.models.tradelines import LineItem
from lxml import etree

from wolke.business.invoicing.documents.paper import Paper, Row, Unsound, plain
from wolke.business.invoicing.documents.words import Words

NAME = "factur-x.xml"
PROFILE = "urn:cen.eu:en16931:2017"
#: What a document is (UNTDID 1001), how it is paid (UNTDID 4461), and in what things are counted (UN/ECE Recommendation 20).
_INVOICE, _CREDIT_NOTE, _TRANSFER = "380", "381", "58"
_CODES = {"server-hour": "HUR", "address-hour": "HUR"}
_ONE = "C62"
#: Why no tax is charged (VATEX).
_EXEMPT = {"AE": "VATEX-EU-AE", "G": "VATEX-EU-G", "O": "VATEX-EU-O"}
_OUTSIDE = "O"
_SCHEMA = Path(drafthorse.__file__).parent / "schema" / "Factur-X_1.0.07_EN16931.xsd"


def electronic(paper: Paper) -> bytes:
    """``Unsound`` if what comes out does not fit its schema."""
    words = Words(paper.locale, paper.currency)
    document = Document()
    document.context.guideline_parameter.id = PROFILE
    header = document.header
    header.id, header.issue_date_time = paper.number, datetime.combine(paper.issued_on, time())
    header.type_code = _CREDIT_NOTE if paper.credit else _INVOICE
    for text in (paper.reason, *(words.tax_sentence(t.category, t.sentence) for t in paper.taxes)):
        if plain(text):
            note = IncludedNote()
            note.content = plain(text)
            header.notes.add(note)
    _parties(document.trade.agreement, paper)
    for row in paper.rows:
        document.trade.items.add(_line(row, paper, words))
    document.trade.delivery.event.occurrence = datetime.combine(paper.ends_on, time())
    _settlement(document.trade.settlement, paper, words)
    return validated(document.serialize(schema=None))


def validated(xml: bytes) -> bytes:
    """As it is, or ``Unsound`` with the schema's first complaint."""
    root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))
    schema = _schema()
    if not schema.validate(root):
        raise Unsound(f"the e-invoice does not fit its schema: {schema.error_log[0].message}")
    return xml


@functools.cache
def _schema() -> Any:
    return etree.XMLSchema(etree.parse(str(_SCHEMA)))


def _parties(agreement: Any, paper: Paper) -> None:
    seller, buyer = paper.seller, paper.buyer
    outside = any(tax.category == _OUTSIDE for tax in paper.taxes)  # then it names no VAT id (BR-O-02)
    agreement.seller.name = plain(seller.name)
    lines = [plain(line) for line in seller.address if plain(line)]
    agreement.seller.address.line_one = lines[0] if lines else ""
    postcode, _, city = lines[-1].partition(" ") if len(lines) > 1 else ("", "", "")
    agreement.seller.address.postcode, agreement.seller.address.city_name = postcode, city
    agreement.seller.address.country_id = seller.country
    if seller.vat_id and not outside:
        agreement.seller.tax_registrations.add(TaxRegistration(id=("VA", seller.vat_id)))
    elif seller.vat_id:
        agreement.seller.id = seller.vat_id  # by something it must be known (BR-CO-26)
        agreement.seller.tax_registrations.add(TaxRegistration(id=("FC", seller.vat_id)))
    agreement.buyer.id = str(buyer.number)
    agreement.buyer.name = plain(buyer.name)
    agreement.buyer.address.postcode = plain(buyer.postcode)
    agreement.buyer.address.line_one = plain(buyer.street)
    agreement.buyer.address.city_name = plain(buyer.city)
    agreement.buyer.address.country_id = buyer.country
    if buyer.vat_id and not outside:
        agreement.buyer.tax_registrations.add(TaxRegistration(id=("VA", buyer.vat_id)))


def _line(row: Row, paper: Paper, words: Words) -> LineItem:
    """Net amount = quantity / basis x price, exactly: the price is that of the whole quantity, for a graduated price has no other that is true of it."""
    line = LineItem()
    line.document.line_id = str(row.position)
    line.product.name = plain(row.name)
    about = words("correction" if row.correction else "of", month=words.month(row.month))
    line.product.description = plain(f"{row.project}, {about}")
    net = paper.amount(row.net_minor)
    quantity, code = row.quantity, _CODES.get(row.unit, _ONE)
    if not quantity or (quantity < 0) != (net < 0):
        quantity, code = Decimal(-1 if net < 0 else 1), _ONE
    line.agreement.net.amount = abs(net)
    line.agreement.net.basis_quantity = (abs(quantity), code)
    line.delivery.billed_quantity = (quantity, code)
    tax = line.settlement.trade_tax
    tax.type_code, tax.category_code = "VAT", row.tax[0]
    if row.tax[0] != _OUTSIDE:
        tax.rate_applicable_percent = Decimal(row.tax[1])
    line.settlement.monetary_summation.total_amount = net
    return line


def _settlement(settlement: Any, paper: Paper, words: Words) -> None:
    settlement.currency_code = paper.currency
    settlement.payment_reference = paper.number
    if paper.seller.iban and not paper.credit:
        means = PaymentMeans()
        means.type_code = _TRANSFER
        means.payee_account.iban = "".join(paper.seller.iban.split())
        means.payee_account.account_name = plain(paper.seller.name)
        if paper.seller.bic:
            means.payee_institution.bic = paper.seller.bic
        settlement.payment_means.add(means)
    for tax in paper.taxes:
        group = ApplicableTradeTax()
        group.calculated_amount, group.basis_amount = paper.amount(tax.tax_minor), paper.amount(tax.net_minor)
        group.type_code, group.category_code = "VAT", tax.category
        if tax.category != _OUTSIDE:
            group.rate_applicable_percent = Decimal(tax.percent)
        if tax.category in _EXEMPT:
            group.exemption_reason = plain(words.tax_sentence(tax.category, tax.sentence))
            group.exemption_reason_code = _EXEMPT[tax.category]
        settlement.trade_tax.add(group)
    settlement.period.start = datetime.combine(paper.begins_on, time())
    settlement.period.end = datetime.combine(paper.ends_on, time())
    if paper.due_on is not None:
        terms = PaymentTerms()
        terms.due = datetime.combine(paper.due_on, time())
        settlement.terms.add(terms)
    sums = settlement.monetary_summation
    net, total = paper.amount(paper.net_minor), paper.amount(paper.total_minor)
    sums.line_total, sums.charge_total, sums.allowance_total = net, Decimal(0), Decimal(0)
    sums.tax_basis_total, sums.tax_total = net, (paper.amount(paper.tax_minor), paper.currency)
    sums.grand_total, sums.due_amount = total, paper.amount(paper.due_minor)
    if paper.prepaid_minor:
        sums.prepaid_total = paper.amount(paper.prepaid_minor)
    if paper.corrects:
        settlement.invoice_referenced_document.issuer_assigned_id = paper.corrects
