"""A bank's statement (CAMT.053), as banks write it and as nobody should."""

import pytest

from wolke.business.errors import Invalid
from wolke.business.payments.model import Received
from wolke.business.payments.statement import payments

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
