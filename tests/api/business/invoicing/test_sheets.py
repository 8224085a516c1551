"""Tables for the accountant: what was issued and used, in the reader's way of writing, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import Any

import pytest

from wolke.business.errors import Invalid, NotAllowed
from wolke.business.invoicing.sheets import Sheet
from wolke.business.money import Amount
from wolke.business.verb import read


async def table(shop: Any, who: Any, **asked: str) -> list[list[str]]:
    verb = shop.desk.verbs["invoices.table"]
    found = await shop.desk.call(who, verb.name, read(verb.takes, asked))
    assert found.media_type == "text/csv; charset=utf-8" and found.name.endswith(".csv")
    text = found.content.decode("utf-8-sig")
    assert text.endswith("\r\n")
    return list(csv.reader(text.splitlines(), delimiter=";" if who.locale == "de" else ","))


async def test_invoices_and_credit_notes_are_rows_and_their_sum_is_what_was_billed(shop: Any) -> None:
    owner, other = await shop.company(), await shop.company("Other GmbH")
    boss = await shop.staff("administrator")
    invoice = await shop.invoice(owner, 100_000)
    await shop.invoice(other, 777)
    credit = shop.desk.verbs["provider.invoices.cancel"]
    await shop.desk.call(boss, credit.name, read(credit.takes, {"reason": "=1+1"}), invoice_id=invoice.id)
    head, *rows = await table(shop, owner)
    assert head[:3] == ["Number", "Kind", "Issued on"]
    assert [row[0] for row in rows] == [invoice.number, rows[1][0]] and rows[1][11] == invoice.number
    assert [row[7] for row in rows] == ["1190.00", "-1190.00"]
    german = await table(shop, replace(owner, locale="de"))
    assert german[0][7] == "Brutto" and german[1][7] == "1190,00" and german[2][1] == "Gutschrift"
    assert await table(shop, owner, first="2025-01-01", last="2025-12-31") == [head]


async def test_only_those_who_see_bills_get_them_and_a_wrong_day_is_said(shop: Any) -> None:
    owner = await shop.company()
    with pytest.raises(NotAllowed):
        await table(shop, await shop.colleague(owner, "technician"))
    for asked in ({"first": "2026-02-31"}, {"first": "2026-03-02", "last": "2026-03-01"}):
        with pytest.raises(Invalid):
            await table(shop, owner, **asked)


def test_a_cell_never_begins_a_formula_and_amounts_stay_amounts() -> None:
    sheet = Sheet("en", ("project", "net"))
    sheet.add(['=HYPERLINK("http://evil")', Amount.of_minor(-5, "EUR")])
    text = sheet.file("x").content
    assert isinstance(text, bytes)
    assert list(csv.reader(text.decode("utf-8-sig").splitlines()))[1] == ['\'=HYPERLINK("http://evil")', "-0.05"]
