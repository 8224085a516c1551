"""A bank's statement (CAMT.053), as banks write it and as nobody should."""

import pytest

from wolke.business.errors import Invalid
from wolke.business.payments.model import Received
from wolke.business.payments.statements import payments, text

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def statement(*entries: str, version: str = "001.08") -> str:
    return (
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.{version}"><BkToCstmrStmt><Stmt>'
        f"<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    )


def entry(
    amount: str = "10.51", sign: str = "CRDT", reference: str = "<AcctSvcrRef>B-1</AcctSvcrRef>", details: str = ""
) -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>2026-04-10</Dt></BookgDt>{reference}<NtryDtls>{details}</NtryDtls></Ntry>"
    )


DETAILS = (
    "<TxDtls><RltdPties><Dbtr><Pty><Nm>Kramer &amp; Söhne</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct>"
    "</RltdPties><RmtInf><Ustrd>RE 2026-</Ustrd><Ustrd>000042</Ustrd></RmtInf></TxDtls>"
)


def test_what_came_in_is_read_and_what_went_out_is_not() -> None:
    found = payments(statement(entry(details=DETAILS), entry(sign="DBIT")))
    assert found == [
        Received("B-1", "EUR", 1051, "2026-04-10", "Kramer & Söhne", "DE89370400440532013000", "RE 2026- 000042")
    ]


def test_older_statements_name_the_payer_elsewhere() -> None:
    old = DETAILS.replace("<Pty>", "").replace("</Pty>", "")
    assert payments(statement(entry(details=old), version="001.02"))[0].payer == "Kramer & Söhne"


def test_a_batch_is_as_many_payments_as_it_has() -> None:
    one = '<TxDtls><Amt Ccy="EUR">5.00</Amt></TxDtls>'
    assert [(p.reference, p.minor) for p in payments(statement(entry("10.00", details=one + one)))] == [
        ("B-1/1", 500),
        ("B-1/2", 500),
    ]
    with pytest.raises(Invalid, match="no amount"):
        payments(statement(entry("10.00", details="<TxDtls/><TxDtls/>")))


def test_payments_that_the_bank_did_not_name_are_told_apart_and_known_again() -> None:
    twice = statement(entry(reference="", details=DETAILS), entry(reference="", details=DETAILS))
    first, second = payments(twice)
    assert first.reference != second.reference
    assert payments(twice) == [first, second]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not XML",
        "<Document/>",
        "<html><body/></html>",
        f'{HEAD}<!DOCTYPE Document [<!ENTITY a "aaaa">]>{statement(entry("&a;"))}',
        f'{HEAD}<!DOCTYPE Document SYSTEM "file:///etc/passwd">{statement()}',
        statement(entry("1e400000")),
        statement(entry("-1")),
        statement(entry("1.999")),
        statement(entry("NaN")),
        statement(entry("٣")),
        statement(entry().replace("2026-04-10", "")),
        "<a>" * 100_000,
    ],
)
def test_what_is_no_statement_is_refused_in_words(content: str) -> None:
    with pytest.raises(Invalid):
        payments(content)


def test_a_statement_has_bounds() -> None:
    with pytest.raises(Invalid, match="too large"):
        payments(" " * (8 * 1024 * 1024 + 1))


# ----------------------------------------------------------------------------------------------------------------- tables

GERMAN = (
    "Konto;Girokonto\n\nBuchungstag;Valutadatum;Name Zahlungsbeteiligter;IBAN Zahlungsbeteiligter;Verwendungszweck;Betrag;Waehrung;Info\n"
    '10.04.26;10.04.26;"Kramer; Söhne";DE89 3704 0044 0532 0130 00;RE 2026-000042;1.010,51;EUR;Umsatz gebucht\n'
    "10.04.26;10.04.26;Stadtwerke;;Strom;-40,00;EUR;Umsatz gebucht\n"
    "11.04.26;11.04.26;Kramer;;RE 2026-000043;5,00;EUR;Umsatz vorgemerkt\n"
)


def test_a_table_in_german_is_read_from_the_line_that_names_its_columns() -> None:
    (found,) = payments(GERMAN)
    assert found.reference.startswith("sha:")
    assert (found.minor, found.currency, found.paid_on) == (101051, "EUR", "2026-04-10")
    assert (found.payer, found.account, found.text) == ("Kramer; Söhne", "DE89370400440532013000", "RE 2026-000042")


def test_a_table_in_english_is_read_alike_and_what_the_bank_did_not_name_is_known_again() -> None:
    row = '2026-04-10,"1,010.51",RE 2026-000042,Kramer\n'
    twice = payments(f"Date,Amount,Description,Payer\n{row}{row}", "CHF")
    assert [(one.minor, one.currency) for one in twice] == [(101051, "CHF")] * 2
    assert twice[0].reference != twice[1].reference
    assert payments(f"Date,Amount,Description,Payer\n{row}", "CHF") == twice[:1]


def test_a_bank_that_names_its_payments_is_taken_at_its_word_and_never_loses_one() -> None:
    head = "Booking date\tAmount\tText\tTransaction ID\n"
    assert payments(head + "2026-04-10\t5.00\tfoo\tT-1\n")[0].reference == "T-1"
    with pytest.raises(Invalid, match="same reference"):
        payments(head + "2026-04-10\t5.00\tfoo\tT-1\n2026-04-10\t6.00\tbar\tT-1\n")


@pytest.mark.parametrize("day", ["10/04/2026", "31.02.2026", "", "yesterday"])
def test_a_day_that_could_be_two_or_none_is_not_guessed(day: str) -> None:
    with pytest.raises(Invalid, match="day"):
        payments(f"Date,Amount,Text\n{day},5.00,foo\n")


@pytest.mark.parametrize(
    "content", ["a,b\n1,2\n", "Date,Text\n2026-04-10,foo\n", "Date,Amount,Text\n2026-04-10,5.0012,foo\n"]
)
def test_a_table_without_what_a_payment_needs_is_refused_in_words(content: str) -> None:
    with pytest.raises(Invalid):
        payments(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_file_is_read_in_whatever_the_bank_wrote_it(encoding: str) -> None:
    assert payments(text(GERMAN.encode(encoding)))[0].payer == "Kramer; Söhne"


def test_xml_is_read_as_it_declares_itself() -> None:
    raw = ('<?xml version="1.0" encoding="ISO-8859-1"?>' + statement(entry(details=DETAILS))).encode("latin-1")
    assert payments(text(raw))[0].payer == "Kramer & Söhne"
