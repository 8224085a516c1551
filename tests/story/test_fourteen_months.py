"""Fourteen months of a provider in Kiel, January 2027 to February 2028, three customers, every invoice to the cent. The arithmetic stands beside each figure:
quantity × price, rounded once, half up. Months are those of Berlin: March 2027 has 743 hours, October 745, February 2028 (leap day) 696.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.story.books import STAFF, Books, open_books
from tests.story.rules import broken
from wolke.business.invoicing.store import LINES
from wolke.core.clock import HeldClock
from wolke.core.db import Database, Order

#: Where each month ends (UTC): 23:00 in winter, 22:00 in summer.
ENDS = {
    "2027-01": "2027-01-31 23:00", "2027-02": "2027-02-28 23:00", "2027-03": "2027-03-31 22:00", "2027-04": "2027-04-30 22:00",
    "2027-05": "2027-05-31 22:00", "2027-06": "2027-06-30 22:00", "2027-07": "2027-07-31 22:00", "2027-08": "2027-08-31 22:00",
    "2027-09": "2027-09-30 22:00", "2027-10": "2027-10-31 23:00", "2027-11": "2027-11-30 23:00", "2027-12": "2027-12-31 23:00",
    "2028-01": "2028-01-31 23:00", "2028-02": "2028-02-29 23:00",
}  # fmt: skip
BEGIN = "2026-12-31 23:00"


@pytest.fixture
async def books(database: Database, tmp_path: Path) -> Books:
    books = open_books(database, HeldClock("2026-12-01T09:00:00.000000Z"), tmp_path)
    await books.desk.catalogue.seed()
    return books


async def close(books: Books, month: str, *, counted_until: str = "") -> None:
    """A month ends, its usage is counted, and a day and an hour later its invoices are made. Made again, nothing is added."""
    months = list(ENDS)
    begins = ENDS[months[months.index(month) - 1]] if month != months[0] else BEGIN
    books.at(ENDS[month])
    await books.count(begins, counted_until or ENDS[month])
    books.clock.move(25 * 3600)
    await books.run()
    before = await books.documents()
    async with books.db.transaction() as tx:
        await books.desk.invoicing.runs.begin(tx, STAFF, month, issues=True)
    await books.run()
    assert await books.documents() == before
    assert await books.in_balance()


async def test_fourteen_months_to_the_cent(books: Books) -> None:
    small = await books.plan("Small", "per-unit", {"unit": "0.0119"})
    medium = await books.plan("Medium", "per-unit", {"unit": "0.02"})
    backup = await books.plan("Backup", "flat", {"month": "29.00"})
    tiers = [{"up_to": "50000", "unit": "0.0001"}, {"up_to": "", "unit": "0.00005"}]
    storage = await books.plan("Files", "graduated", {"tiers": tiers}, product="object-storage", included="3650")
    await books.company("Kramer GmbH", 1001, "DE")
    await books.company("Vermeer BV", 1002, "NL", vat_id="NL123456789B01", discount="10")
    await books.company("Alpenrose AG", 1003, "CH")
    books.uses("kramer", "web-1", small, BEGIN, "2027-05-10 10:20")
    books.uses("kramer", "web-1", medium, "2027-05-10 10:20")
    books.uses("kramer", "files", storage, "2027-10-31 23:00", "2027-12-31 23:00", amount="100")
    books.uses("vermeer", "shop-1", small, "2027-02-15 09:00", "2027-04-20 15:30")
    books.uses("alpenrose", "vault", backup, "2027-02-10 00:00", "2027-03-31 22:00")

    await the_first_quarter(books, small.id)
    await a_resize_and_late_usage(books)
    await a_credit_note(books)
    await the_winter(books)

    everything = await books.balances()
    assert everything["bank"] == 952 + 1714
    assert {account: total for account, total in everything.items() if account.startswith("vat")} == {
        # Kramer's tax of fourteen invoices, 36.41, less 0.95 credited; Vermeer's 0.73 was taken back with its invoice.
        "vat:DE:19": -(168 + 152 + 173 + 171 + 250 + 270 + 287 + 283 + 274 + 283 + 386 + 397 + 283 + 264) + 95,
        "vat:NL:21": 0,
    }
    documents = await books.electronic()
    assert len(documents) == len(await books.documents())
    assert broken(documents) == {}


async def the_first_quarter(books: Books, small_id: str) -> None:
    await close(books, "2027-01")
    # 744 h × 0.0119 = 8.8536; tax 8.85 × 19 % = 1.6815
    assert await books.said("2027-000001") == [
        ("2027-01", "Small", "744", 885),
        ("", "tax", "", 168),
        ("", "total", "", 1053),
    ]

    # In February it is decided that Small costs 0.0125 from 15 March, 13:30 in Berlin, on: from the hour after, 13:00 UTC.
    async with books.db.transaction() as tx:
        await books.desk.catalogue.add_price(
            tx, small_id, "per-unit", {"unit": "0.0125"}, begins_at="2027-03-15T13:30:00+01:00"
        )
    await close(books, "2027-02")
    # Alpenrose in Switzerland, no tax: 10 February 00:00 to the month's end are 18 d 23 h = 455 h; 29.00 × 455 / 672 = 19.63541...
    assert await books.said("2027-000002") == [
        ("2027-02", "Backup", "455", 1964),
        ("", "tax", "", 0),
        ("", "total", "", 1964),
    ]
    # Kramer: 672 h × 0.0119 = 7.9968; tax 8.00 × 19 % = 1.52
    assert await books.said("2027-000003") == [
        ("2027-02", "Small", "672", 800),
        ("", "tax", "", 152),
        ("", "total", "", 952),
    ]
    # Vermeer's VAT id is not checked yet, so it is taxed in the Netherlands: 13 d 14 h = 326 h × 0.0119 = 3.8794, less 10 % = 3.49146;
    # tax 3.49 × 21 % = 0.7329
    assert await books.said("2027-000004") == [
        ("2027-02", "Small", "326", 349),
        ("", "tax", "", 73),
        ("", "total", "", 422),
    ]
    await books.pay("2027-000003")
    assert (await books.owed("kramer"), await books.owed("vermeer"), await books.owed("alpenrose")) == (1053, 422, 1964)

    # Then it is, and the invoice is cancelled, to be billed anew with reverse charge.
    books.at("2027-03-10 09:00")
    await books.change("vermeer", vat_checked_at=books.clock.now())
    async with books.db.transaction() as tx:
        note = await books.desk.invoicing.credits.cancel(
            tx, STAFF, (await books.invoice("2027-000004")).id, "The VAT id was checked late."
        )
    assert (note.number, note.net_minor, note.tax_minor, note.total_minor) == ("C2027-000001", 349, 73, 422)
    assert await books.owed("vermeer") == 0

    await close(books, "2027-03")
    # The month has 743 h. Until 15 March 13:00 UTC: 14 d 14 h = 350 h × 0.0119 = 4.165; then 393 h × 0.0125 = 4.9125; tax 9.08 × 19 % = 1.7252
    assert await books.said("2027-000006") == [
        ("2027-03", "Small", "350", 417), ("2027-03", "Small", "393", 491), ("", "tax", "", 173), ("", "total", "", 1081),
    ]  # fmt: skip
    # Alpenrose had it the whole month: 29.00 for 743 of 743 h
    assert await books.said("2027-000005") == [
        ("2027-03", "Backup", "743", 2900),
        ("", "tax", "", 0),
        ("", "total", "", 2900),
    ]
    # Vermeer: February anew, 3.49; 4.165 less 10 % = 3.7485; 4.9125 less 10 % = 4.42125; reverse charge
    assert await books.said("2027-000007") == [
        ("2027-02", "Small", "326", 349), ("2027-03", "Small", "350", 375), ("2027-03", "Small", "393", 442),
        ("", "tax", "", 0), ("", "total", "", 1166),
    ]  # fmt: skip
    vermeers = await books.invoice("2027-000007")
    assert [(tax.category, tax.percent) for tax in vermeers.taxes] == [("AE", "0")]
    assert vermeers.taxes[0].sentence.startswith("Reverse charge")
    assert vermeers.buyer.vat_id == "NL123456789B01"


async def a_resize_and_late_usage(books: Books) -> None:
    await close(books, "2027-04")
    # 720 h × 0.0125 = 9.00; tax 1.71
    assert await books.said("2027-000008") == [
        ("2027-04", "Small", "720", 900),
        ("", "tax", "", 171),
        ("", "total", "", 1071),
    ]
    # Vermeer until 20 April 15:30: 19 d 17.5 h = 473.5 h × 0.0125 = 5.91875, less 10 % = 5.326875
    assert await books.said("2027-000009") == [
        ("2027-04", "Small", "473.5", 533),
        ("", "tax", "", 0),
        ("", "total", "", 533),
    ]

    await close(books, "2027-05")
    # Small until 10 May 10:20 UTC: 9 d 12 h 20 min = 228.333333333 h × 0.0125 = 2.85416...; then Medium: 40 min and 515 h,
    # 515.666666667 h × 0.02 = 10.31333...; tax 13.16 × 19 % = 2.5004
    assert sorted(await books.said("2027-000010")) == [
        ("", "tax", "", 250), ("", "total", "", 1566), ("2027-05", "Medium", "515.666666667", 1031), ("2027-05", "Small", "228.333333333", 285),
    ]  # fmt: skip

    await close(books, "2027-06", counted_until="2027-06-30 12:00")
    # Of June's last 10 hours nothing was known in time: 710 h × 0.02 = 14.20; tax 2.698
    assert await books.said("2027-000011") == [
        ("2027-06", "Medium", "710", 1420),
        ("", "tax", "", 270),
        ("", "total", "", 1690),
    ]
    assert await books.count("2027-06-30 12:00", "2027-06-30 22:00") == 10
    assert await books.count("2027-06-30 12:00", "2027-06-30 22:00") == 0

    await close(books, "2027-07")
    # June: 720 h × 0.02 = 14.40 less 14.20; July: 744 h × 0.02 = 14.88; tax 15.08 × 19 % = 2.8652
    assert await books.said("2027-000012") == [
        ("2027-06", "Medium", "10", 20), ("2027-07", "Medium", "744", 1488), ("", "tax", "", 287), ("", "total", "", 1795),
    ]  # fmt: skip
    late, july = await books.db.find(
        LINES, invoice_id=(await books.invoice("2027-000012")).id, order=(Order("position"),)
    )
    assert (late.correction, july.correction) == (True, False)
    assert [str(step) for step in late.steps] == [
        "720 server-hour × 0.02 EUR = 14.4 EUR",
        "billed before: 14.20 EUR, so the difference is 0.20 EUR",
    ]


async def a_credit_note(books: Books) -> None:
    await close(books, "2027-08")
    # 744 h × 0.02 = 14.88; tax 2.8272
    assert await books.said("2027-000013") == [
        ("2027-08", "Medium", "744", 1488),
        ("", "tax", "", 283),
        ("", "total", "", 1771),
    ]
    await close(books, "2027-09")
    # 720 h × 0.02 = 14.40; tax 2.736
    assert await books.said("2027-000014") == [
        ("2027-09", "Medium", "720", 1440),
        ("", "tax", "", 274),
        ("", "total", "", 1714),
    ]
    await books.pay("2027-000014")
    before = await books.owed("kramer")

    # An outage: 5.00 of it are credited, with 0.95 of tax. It was paid already, so 5.95 wait as credit for the next invoice.
    invoice = await books.invoice("2027-000014")
    line = (await books.db.find(LINES, invoice_id=invoice.id))[0]
    async with books.db.transaction() as tx:
        note = await books.desk.invoicing.credits.credit(
            tx, STAFF, invoice.id, "Outage on 12 September", {line.id: 500}
        )
    assert (note.number, note.net_minor, note.tax_minor, note.total_minor) == ("C2027-000002", 500, 95, 595)
    assert (await books.owed("kramer"), await books.desk.ledger.credit(books.db, "kramer", "EUR")) == (
        before - 595,
        595,
    )
    assert (await books.invoice("2027-000014")).open_minor == 0

    await close(books, "2027-10")
    # 745 h × 0.02 = 14.90; tax 2.831; 17.73 less 5.95 of credit = 11.78 to pay
    assert await books.said("2027-000015") == [
        ("2027-10", "Medium", "745", 1490),
        ("", "tax", "", 283),
        ("", "total", "", 1773),
    ]
    assert (await books.invoice("2027-000015")).open_minor == 1178
    assert await books.desk.ledger.credit(books.db, "kramer", "EUR") == 0


async def the_winter(books: Books) -> None:
    await close(books, "2027-11")
    # 720 h × 0.02 = 14.40. Files: 100 GiB × 720 h = 72,000, of which 3,650 are free; 50,000 × 0.0001 = 5.00 and
    # 18,350 × 0.00005 = 0.9175, together 5.9175; tax 20.32 × 19 % = 3.8608
    assert sorted(await books.said("2027-000016")) == [
        ("", "tax", "", 386), ("", "total", "", 2418), ("2027-11", "Files", "72000", 592), ("2027-11", "Medium", "720", 1440),
    ]  # fmt: skip
    await close(books, "2027-12")
    # 744 h × 0.02 = 14.88. Files: 74,400 - 3,650 = 70,750: 5.00 and 20,750 × 0.00005 = 1.0375, together 6.0375; tax 20.92 × 19 % = 3.9748.
    # It is made in January, so numbers begin anew.
    assert sorted(await books.said("2028-000001")) == [
        ("", "tax", "", 397), ("", "total", "", 2489), ("2027-12", "Files", "74400", 604), ("2027-12", "Medium", "744", 1488),
    ]  # fmt: skip
    await close(books, "2028-01")
    # 744 h × 0.02 = 14.88; tax 2.8272
    assert await books.said("2028-000002") == [
        ("2028-01", "Medium", "744", 1488),
        ("", "tax", "", 283),
        ("", "total", "", 1771),
    ]
    await close(books, "2028-02")
    # With its leap day 696 h × 0.02 = 13.92; tax 2.6448
    assert await books.said("2028-000003") == [
        ("2028-02", "Medium", "696", 1392),
        ("", "tax", "", 264),
        ("", "total", "", 1656),
    ]
    assert await books.numbers() == [f"2027-{n:06}" for n in range(1, 17)] + [f"2028-{n:06}" for n in range(1, 4)]
