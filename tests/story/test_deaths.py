"""``kill -9`` at every write of what moves money: whatever happens then is done again, and changes no cent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import create_tables
from tests.crash.points import Killed, Points, Story
from tests.story.books import STAFF, Books, open_books
from wolke.business.invoicing.store import CREDIT_NOTES, INVOICES, LINE_USES, LINES
from wolke.business.metering.store import PROJECT_DAYS, RESOURCE_DAYS, USAGE
from wolke.core.clock import HeldClock
from wolke.core.db import Order, open_database

NOW = "2027-02-02T09:00:00.000000Z"
Act = Callable[[Books], Awaitable[Any]]


async def opened(folder: Path, points: Points | None = None) -> Books:
    db = await open_database(f"sqlite:///{folder}/business.db")
    if points is not None:
        with_points_at_writes(db, points)
    return open_books(db, HeldClock(NOW), folder)


def with_points_at_writes(db: Any, points: Points) -> None:
    begin = db.transaction

    @asynccontextmanager
    async def transaction() -> Any:
        points("before a transaction")
        async with begin() as tx:
            tx.execute, tx.fetch = pointed(tx.execute, points), pointed(tx.fetch, points)
            yield tx
            points("before a commit")
        points("after a commit")

    db.transaction = transaction


def pointed(call: Callable[..., Awaitable[Any]], points: Points) -> Callable[..., Awaitable[Any]]:
    """Many rows are written by a statement that gives some back, which is a fetch."""

    async def run(statement: Any, values: Any) -> Any:
        if statement.writes:
            points(f"before a write to {statement.writes}")
        return await call(statement, values)

    return run


async def count_usage(books: Books) -> None:
    await books.count("2027-01-10 00:00", "2027-01-31 23:00")


async def make_invoices(books: Books) -> None:
    await books.run()


async def pay_one(books: Books) -> None:
    """Whoever is told of a payment twice takes it once: its posting says whether it is new."""
    if (await books.invoice("2027-000001")).open_minor:
        await books.pay("2027-000001")


async def credit_one(books: Books) -> None:
    """A person who got no answer looks first."""
    invoice = await books.invoice("2027-000001")
    if not invoice.credited_minor:
        async with books.db.transaction() as tx:
            await books.desk.invoicing.credits.credit(tx, STAFF, invoice.id, "Outage")


async def cancel_one(books: Books) -> None:
    invoice = await books.invoice("2027-000002")
    if invoice.state == "issued":
        async with books.db.transaction() as tx:
            await books.desk.invoicing.credits.cancel(tx, STAFF, invoice.id, "Wrong address")


async def bill_anew(books: Books) -> None:
    """What was cancelled and what was used since, by the next month's run."""
    await books.count("2027-01-31 23:00", "2027-02-01 05:00")
    books.at("2027-03-02 09:00")
    await books.run()


#: In this order; each begins where those before it have ended.
SCENES: dict[str, Act] = {
    "usage is counted": count_usage, "invoices are made": make_invoices, "an invoice is paid": pay_one, "it is credited": credit_one,
    "another is cancelled": cancel_one, "and billed anew": bill_anew,
}  # fmt: skip


async def prepare(folder: Path, scene: str) -> None:
    """Two customers, and all that comes before the scene."""
    folder.mkdir()
    await create_tables(f"sqlite:///{folder}/business.db", annex=True)
    books = await opened(folder)
    books.at("2026-12-01 09:00")
    await books.desk.catalogue.seed()
    small = await books.plan("Small", "per-unit", {"unit": "0.0119"})
    (folder / "plan").write_text(small.id)
    await books.company("Kramer GmbH", 1001, "DE")
    await books.company("Vermeer BV", 1002, "NL", vat_id="NL123456789B01", checked=True, discount="10")
    books.at("2027-02-02 09:00")
    await use(books, folder)
    names = list(SCENES)
    for name in names[: names.index(scene)]:
        await SCENES[name](books)
    await books.db.close()


async def use(books: Books, folder: Path) -> None:
    small = await books.desk.catalogue.plan((folder / "plan").read_text())
    books.uses("kramer", "web-1", small, "2027-01-10 09:20")
    books.uses("vermeer", "shop-1", small, "2027-01-20 10:00")


async def play(folder: Path, scene: str, points: Points) -> None:
    books = await opened(folder, points)
    await use(books, folder)
    try:
        await SCENES[scene](books)
    except Killed:
        pass
    finally:
        await books.db.close()


async def settled(folder: Path, scene: str) -> list[str]:
    """The scene again, as a loop or a person would, and all that comes after it; then the books must say what they always say."""
    books = await opened(folder)
    await use(books, folder)
    names = list(SCENES)
    for name in names[names.index(scene) :]:
        await SCENES[name](books)
    wrong = [] if await books.in_balance() else ["the trial balance is not 0"]
    said = await everything(books)
    wrong += [f"{what}: {said[what]}" for what, wanted in WANTED.items() if said[what] != wanted]
    await books.db.close()
    return wrong


async def everything(books: Books) -> dict[str, Any]:
    db = books.db
    lines = await db.find(LINES, order=(Order("invoice_id"), Order("position")))
    return {
        "documents": await books.documents(),
        "balances": await books.balances(),
        "lines": sorted((line.company_id, line.month, line.quantity, line.net_minor) for line in lines),
        "hours": await db.sums(USAGE, "nano"),
        "days": (await db.sums(RESOURCE_DAYS, "nano"))[1] - (await db.sums(PROJECT_DAYS, "nano"))[1],
        "uses": await db.count(LINE_USES),
        "drafts": await db.count(INVOICES, state="draft"),
        "notes": await db.count(CREDIT_NOTES),
    }


#: 10 January 09:20 to 31 January 23:00 UTC: 21 d 13 h 40 min = 517.666666667 h × 0.0119 = 6.16023...; tax 6.16 × 19 % = 1.1704.
#: 20 January 10:00 to 23:00 on the 31st: 11 d 13 h = 277 h × 0.0119 = 3.2963, less 10 % = 2.96667; reverse charge. Then 6 h of February each:
#: 0.0714 and, less 10 %, 0.06426; tax 0.07 × 19 % = 0.0133.
WANTED: dict[str, Any] = {
    "documents": [
        ("2027-000001", "kramer", 616, 117, 0),
        ("2027-000002", "vermeer", 297, 0, 0),
        ("2027-000003", "kramer", 7, 1, 0),
        ("2027-000004", "vermeer", 303, 0, 303),
        ("C2027-000001", "kramer", 616, 117, 0),
        ("C2027-000002", "vermeer", 297, 0, 0),
    ],
    # Kramer has paid 7.33, which became credit, of which 0.08 was used.
    "balances": {
        "bank": 733, "prepaid:kramer": -725, "receivable:kramer": 0, "receivable:vermeer": 303, "revenue": -310, "vat:DE:19": -1,
    },
    "lines": [
        ("kramer", "2027-01", "517.666666667", 616), ("kramer", "2027-02", "6", 7),
        ("vermeer", "2027-01", "277", 297), ("vermeer", "2027-01", "277", 297), ("vermeer", "2027-02", "6", 6),
    ],
    # 518 + 277 + 12 hours; 794.666666667 + 12 of use
    "hours": (807, 806_666_666_667),
    "days": 0,
    "uses": 5,
    "drafts": 0,
    "notes": 2,
}  # fmt: skip


@pytest.mark.parametrize("scene", SCENES)
async def test_a_death_at_any_write_changes_no_cent(scene: str, tmp_path: Path) -> None:
    story = Story(prepare, play, settled, least=3)
    assert await story.wrong_after_deaths(scene, tmp_path) == []
