"""A bank's statement as XML (ISO 20022, CAMT.053): hardened against what XML can do to its reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from lxml import etree

from wolke.business.errors import Invalid
from wolke.business.money import Amount
from wolke.business.payments.model import Received
from wolke.business.payments.statements.names import unnamed

_TEXT_LENGTH = 500
_DECLARED = re.compile(r"\s*<\?xml[^>]{0,200}\?>")
_FIGURE = re.compile(r"\d{1,15}(\.\d{1,5})?", re.ASCII)


def payments(content: str, currency: str) -> Iterator[Received]:
    """What came in, in the statement's order; what went out is left out. Each amount says its currency. ``Invalid`` if it is no such statement."""
    raw = _DECLARED.sub("", content, 1).encode()  # it is text by now, whatever it was written in
    # Neither entities nor anything from elsewhere; lxml bounds depth and the length of texts by itself.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Invalid("This is not XML as banks write it.") from None
    if root.getroottree().docinfo.doctype or etree.QName(root).localname != "Document":
        raise Invalid("This is no bank statement (CAMT.053).")
    statements = list(root.iterfind(".//{*}BkToCstmrStmt/{*}Stmt"))
    if not statements:
        raise Invalid("This is no bank statement (CAMT.053).")
    for statement in statements:
        account = _text(statement, "{*}Acct/{*}Id/{*}IBAN")
        for entry in statement.iterfind("{*}Ntry"):
            yield from _entry(entry, account)


def _entry(entry: Any, account: str) -> Iterator[Received]:
    """One booking; a batch has several transactions in it, each with an amount of its own."""
    if _text(entry, "{*}CdtDbtInd") != "CRDT" or _text(entry, "{*}Sts/{*}Cd", "{*}Sts") not in ("BOOK", ""):
        return
    single = list(entry.iterfind("{*}NtryDtls/{*}TxDtls"))
    day = _text(entry, "{*}BookgDt/{*}Dt", "{*}BookgDt/{*}DtTm", "{*}ValDt/{*}Dt")[:10]
    whole = _text(entry, "{*}AcctSvcrRef", "{*}NtryRef")
    for number, details in enumerate(single or [entry], 1):
        amount = next(details.iterfind("{*}Amt"), None)
        if amount is None:
            amount = next(details.iterfind("{*}AmtDtls/{*}TxAmt/{*}Amt"), None)
        if amount is None and len(single) <= 1:
            amount = next(entry.iterfind("{*}Amt"), None)
        if amount is None or len(day) != 10:
            raise Invalid("A booking in this statement has no amount or no day.")
        texts = [str(part.text or "") for part in details.iterfind(".//{*}RmtInf//{*}Ustrd")]
        texts += [str(part.text or "") for part in details.iterfind(".//{*}RmtInf//{*}Strd//{*}Ref")]
        text = " ".join(" ".join(texts).split())[:_TEXT_LENGTH]
        payer = _text(details, ".//{*}RltdPties/{*}Dbtr/{*}Pty/{*}Nm", ".//{*}RltdPties/{*}Dbtr/{*}Nm")
        own = _text(details, "{*}Refs/{*}AcctSvcrRef")
        end_to_end = _text(details, "{*}Refs/{*}EndToEndId")
        iban = _text(details, ".//{*}RltdPties/{*}DbtrAcct/{*}Id/{*}IBAN")
        minor, currency = _minor(amount)
        if minor <= 0:
            continue
        reference = own or (f"{whole}/{number}" if whole and len(single) > 1 else whole)
        if not reference:
            reference = unnamed(account, day, str(minor), currency, end_to_end, payer, iban, text, str(number))
        yield Received(reference[:100], currency, minor, day, payer, iban, text)


def _minor(amount: Any) -> tuple[int, str]:
    currency = str(amount.get("Ccy") or "")
    text = str(amount.text or "").strip()
    try:
        if not _FIGURE.fullmatch(text):
            raise ValueError(text)
        return Amount(Decimal(text), currency).minor, currency
    except ValueError:
        raise Invalid("An amount in this statement cannot be read.") from None


def _text(element: Any, *paths: str) -> str:
    for path in paths:
        found = element.find(path)
        if found is not None and found.text and found.text.strip():
            return " ".join(found.text.split())[:_TEXT_LENGTH]
    return ""
