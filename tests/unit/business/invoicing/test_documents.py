"""Documents: one ``Paper`` as a page and as an e-invoice, whatever people wrote."""

import io
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pypdf
import pytest
from lxml import etree

from tests.story.rules import broken
from wolke.business.invoicing.documents.electronic import electronic, validated
from wolke.business.invoicing.documents.page import page, shown
from wolke.business.invoicing.documents.paper import Paper, Row, Unsound, checked, plain
from wolke.business.invoicing.model import Buyer, Seller, Tax

_NAMES = {"ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"}
HOSTILE = '#import "/etc/passwd" ] $x^2$ \\ "\'<&>*_`\0\x1b[31m\u202egnirts\u200f\ufffe\n#panic()'


def paper(**more: Any) -> Paper:
    """31 days of a server and a correction of the month before, taxed in Germany."""
    rows = (
        Row(
            1,
            "Server S",
            "Web shop",
            "2026-03",
            False,
            "0",
            Decimal(744),
            "server-hour",
            Decimal("0.0119"),
            885,
            ("S", "19"),
        ),
        Row(
            2,
            "Disk",
            "Web shop",
            "2026-02",
            True,
            "10",
            Decimal("-100.5"),
            "GiB-hour",
            Decimal("0.0002"),
            -2,
            ("S", "19"),
        ),
    )
    values: dict[str, Any] = {
        "credit": False, "number": "2026-000042", "corrects": "", "reason": "", "locale": "de", "currency": "EUR",
        "seller": Seller(
            "Nordlicht Rechenzentrum GmbH", ["Am Kai 7", "24103 Kiel"], "DE", "DE123456789", "DE02120300000000202051", "BYLADEM1001"
        ),
        "buyer": Buyer("c", 1001, "Kramer & Söhne GmbH", "Lange Reihe 12", "20099", "Hamburg", "DE", ""),
        "issued_on": date(2026, 4, 1), "due_on": date(2026, 4, 15), "begins_on": date(2026, 3, 1), "ends_on": date(2026, 3, 31),
        "rows": rows, "taxes": (Tax("S", "DE", "19", 883, 168, ""),), "net_minor": 883, "tax_minor": 168, "total_minor": 1051,
    }  # fmt: skip
    return Paper(**(values | more))


def reverse_charge() -> Paper:
    rows = tuple(replace(row, tax=("AE", "0")) for row in paper().rows)
    buyer = replace_struct(paper().buyer, country="AT", vat_id="ATU12345675")
    taxes = (Tax("AE", "", "0", 883, 0, "Reverse charge"),)
    return paper(rows=rows, taxes=taxes, tax_minor=0, total_minor=883, buyer=buyer, locale="en")


def replace_struct(record: Any, **more: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(record, **more)


def found(xml: bytes, path: str) -> list[str]:
    return [str(element.text) for element in etree.fromstring(xml).findall(f".//{path}", _NAMES)]


def read(pdf: bytes) -> tuple[str, bytes, int]:
    """Its text, the e-invoice inside, and how many pages there are."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return "\n".join(p.extract_text() for p in reader.pages), reader.attachments["factur-x.xml"][0], len(reader.pages)


def test_the_e_invoice_says_what_the_page_says() -> None:
    xml = electronic(paper())
    assert found(xml, "ram:GrandTotalAmount") == ["10.51"]
    assert found(xml, "ram:LineTotalAmount") == ["8.85", "-0.02", "8.83"]
    assert found(xml, "ram:BilledQuantity") == ["744", "-100.5"]
    text, inside, pages = read(page(paper(), xml, "Nordlicht"))
    assert (inside, pages) == (xml, 1)
    for part in (
        "Rechnung 2026-000042",
        "10,51",
        "−0,02",
        "Korrektur für Februar 2026",
        "DE02 1203 0000 0000 2020 51",
        "15. April 2026",
    ):
        assert part in text


def test_a_document_is_a_pdf_a_3_that_names_its_invoice() -> None:
    pdf = page(paper(), electronic(paper()), "Nordlicht")
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    metadata = reader.root_object["/Metadata"].get_data()
    assert b"pdfaid:part>3" in metadata and b"pdfaid:conformance>B" in metadata
    assert reader.root_object["/AF"][0]["/AFRelationship"] == "/Alternative"


def test_reverse_charge_names_both_and_says_so() -> None:
    xml = electronic(reverse_charge())
    assert found(xml, "ram:CategoryCode") == ["AE", "AE", "AE"]
    assert found(xml, "ram:ExemptionReasonCode") == ["VATEX-EU-AE"]
    assert found(xml, "ram:SpecifiedTaxRegistration/ram:ID") == ["DE123456789", "ATU12345675"]
    text, _, _ = read(page(reverse_charge(), xml, "Nordlicht"))
    assert "Reverse charge" in text and "Austria" in text
    with pytest.raises(Unsound, match="VAT ids"):
        checked(replace(reverse_charge(), buyer=paper().buyer))


def without_tax(category: str, **more: Any) -> Paper:
    rows = tuple(replace(row, tax=(category, "0")) for row in paper().rows)
    return paper(
        rows=rows, taxes=(Tax(category, "", "0", 883, 0, ""),), tax_minor=0, total_minor=883, locale="en", **more
    )


def test_every_kind_of_document_keeps_en_16931s_own_rules() -> None:
    """Whatever tax it has, and whatever people wrote; and that a sum which is wrong would be seen."""
    swiss, one = replace_struct(paper().buyer, country="CH"), replace(paper().rows[0], quantity=None, net_minor=883)
    outside = replace_struct(paper().seller, country="CH", vat_id="CHE123456789")
    papers = {
        "taxed": paper(),
        "reverse charge": reverse_charge(),
        "out of the union": without_tax("G", buyer=swiss),
        "a seller outside": without_tax("O", buyer=swiss, seller=outside),
        "paid ahead": paper(prepaid_minor=500),
        "hostile": paper(rows=tuple(replace(row, name=HOSTILE, project=HOSTILE) for row in paper().rows)),
        "a credit note": paper(
            credit=True, number="C2026-1", corrects="2026-000042", reason="Down", due_on=None, rows=(one,)
        ),
    }
    documents = {name: electronic(checked(each)) for name, each in papers.items()}
    documents["wrong"] = documents["taxed"].replace(b">10.51<", b">10.52<", 1)
    assert documents["wrong"] != documents["taxed"]
    assert broken(documents) == {"wrong": ["BR-CO-15", "BR-CO-16"]}


def test_a_credit_note_is_one_and_asks_for_no_money() -> None:
    rows = (Row(1, "Server S", "Web shop", "2026-03", False, "0", None, "", None, 883, ("S", "19")),)
    note = checked(
        paper(
            credit=True, number="C2026-000001", corrects="2026-000042", reason="Two days down", due_on=None, rows=rows
        )
    )
    xml = electronic(note)
    assert found(xml, "ram:TypeCode")[0] == "381"
    assert found(xml, "ram:IssuerAssignedID") == ["2026-000042"]
    assert "SpecifiedTradeSettlementPaymentMeans" not in xml.decode()
    text, _, _ = read(page(note, xml, "Nordlicht"))
    assert "Two days down" in text and "Verwendungszweck" not in text


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"net_minor": 884}, "lines' sum"),
        ({"total_minor": 1052}, "total"),
        ({"tax_minor": 167}, "taxes' sum"),
        ({"taxes": (Tax("S", "DE", "19", 883, 169, ""),), "tax_minor": 169, "total_minor": 1052}, "its part"),
        ({"taxes": (Tax("S", "DE", "7", 883, 62, ""),), "tax_minor": 62, "total_minor": 945}, "of its lines"),
    ],
)
def test_what_does_not_add_up_does_not_go_out(wrong: dict[str, Any], rule: str) -> None:
    with pytest.raises(Unsound, match=rule):
        checked(paper(**wrong))


def test_what_does_not_fit_the_schema_does_not_go_out() -> None:
    with pytest.raises(Unsound, match="schema"):
        validated(electronic(paper()).replace(b"<ram:TypeCode>380</ram:TypeCode>", b""))


def test_what_people_write_is_never_read_as_markup() -> None:
    row = replace(paper().rows[0], name=HOSTILE, project=HOSTILE)
    buyer = Buyer("c", 1, HOSTILE, HOSTILE, HOSTILE, HOSTILE, "DE", "")
    hostile = paper(rows=(row, paper().rows[1]), buyer=buyer, reason=HOSTILE)
    xml = electronic(hostile)
    text, inside, _ = read(page(hostile, xml, HOSTILE))
    assert inside == xml
    assert '#import "/etc/passwd"' in text and "#panic()" in text and "root:" not in text
    assert "gnirts" in text and "\u202e" not in text and "\x1b" not in xml.decode() and "\x1b" not in text


def test_a_sign_that_no_font_has_does_not_keep_the_document_back() -> None:
    strange = paper(buyer=Buyer("c", 1, "Acme \U00013000 \ufdfa", "Street", "1", "City", "DE", ""))
    xml = electronic(strange)
    text, _, _ = read(page(strange, xml, "Nordlicht"))
    assert "Acme ? ?" in text and "\U00013000" in xml.decode()


def test_many_lines_take_more_pages_and_lose_none() -> None:
    rows = tuple(replace(paper().rows[0], position=n, name=f"Server no. {n}") for n in range(1, 61))
    long = checked(
        paper(
            rows=rows,
            net_minor=53100,
            taxes=(Tax("S", "DE", "19", 53100, 10089, ""),),
            tax_minor=10089,
            total_minor=63189,
        )
    )
    text, _, pages = read(page(long, electronic(long), "Nordlicht"))
    assert pages > 1 and f"Seite {pages} von {pages}" in text
    assert all(f"Server no. {n}" in text for n in range(1, 61))


def test_a_document_made_twice_is_the_same() -> None:
    assert page(paper(), electronic(paper()), "N") == page(paper(), electronic(paper()), "N")


def test_what_is_paid_already_is_not_asked_for() -> None:
    partly, wholly = shown(paper(prepaid_minor=1000), "N"), shown(paper(prepaid_minor=1051), "N")
    assert any("0,51" in sentence for sentence in partly["sentences"]) and partly["payment"]
    assert not wholly["payment"] and wholly["code"] == []
    assert "bereits aus Ihrem Guthaben" in wholly["sentences"][0]


def test_a_currency_that_banking_apps_do_not_know_has_no_code() -> None:
    assert shown(paper(currency="CHF"), "N")["code"] == []
    assert shown(paper(), "N")["code"]


def test_plain_text_is_one_line_of_what_can_be_seen() -> None:
    assert plain(" a\tb\r\n\0c\u202ed ") == "a b c d"
