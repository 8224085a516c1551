"""What billing costs: rating a usage record, recording it, and a month's invoices for 10,000 servers."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

from tests.bench.rows import Row
from tests.conftest import create_tables
from tests.story.books import Books, open_books
from wolke.business.invoicing.store import INVOICES
from wolke.business.metering.calendar import days
from wolke.business.metering.model import Usage
from wolke.business.rating import Part, Tariff, rate
from wolke.core.clock import HeldClock
from wolke.core.db import Order, open_database

MONTH = "2027-01"


def measures(folder: Path, *, quick: bool) -> list[Row]:
    companies = 100 if quick else 1000
    seconds, recorded, document = asyncio.run(a_month(folder, companies, 10))
    share = 10_000 / (companies * 10)
    return [
        Row(
            "usage records rated a second, one core",
            rated_a_second(5_000 if quick else 50_000),
            "/s",
            10_000,
            at_least=True,
        ),
        Row("usage records recorded a second", recorded, "/s", 1_000, at_least=True),
        Row("a month's invoices for 10,000 servers of 1,000 customers", seconds * share, " s", 60),
        Row(
            "an invoice's document (PDF and e-invoice), made when it is first asked for", document * 1000, " ms", 1_000
        ),
    ]


def rated_a_second(count: int) -> float:
    """Each with its discount, its rounding and its arithmetic as steps."""
    tariff = Tariff("per-unit", {"unit": "0.0119", "unit_name": "server-hour"}, Decimal(0), "EUR")
    quantities = [Decimal(n % 744) for n in range(count)]
    began = time.process_time()
    for quantity in quantities:
        rate([Part("price", tariff, quantity)], 744, Decimal(10))
    return count / (time.process_time() - began)


async def a_month(folder: Path, companies: int, servers: int) -> tuple[float, float, float]:
    """How long the run takes that issues all invoices (each is checked as an e-invoice first; its document is made when somebody wants it), how many
    records a second were recorded before, and how long a document takes. A day of a server is one record of 24
    hours here: the run reads sums of days, however many hours they are made of."""
    folder.mkdir(parents=True)
    await create_tables(f"sqlite:///{folder}/business.db")
    db = await open_database(f"sqlite:///{folder}/business.db")
    books = open_books(db, HeldClock("2026-12-01T09:00:00.000000Z"), folder)
    await books.desk.catalogue.seed()
    plan = await books.plan("Small", "per-unit", {"unit": "0.0119"})
    for number in range(companies):
        await books.company(f"c{number:05} GmbH", 1000 + number, "DE")
    books.at("2027-02-02 09:00")
    recorded = await used(books, plan.id, companies, servers)
    began = time.perf_counter()
    await books.run()
    seconds = time.perf_counter() - began
    assert await db.count(INVOICES, state="issued") == companies
    assert await books.in_balance()
    document = await a_document(books)
    await db.close()
    return seconds, recorded, document


async def a_document(books: Books) -> float:
    """The least of some; the first one also loads what makes them."""
    times = []
    for invoice in await books.db.find(INVOICES, order=(Order("number"),), limit=6):
        began = time.perf_counter()
        await books.desk.invoicing.documents.of_invoice(invoice)
        times.append(time.perf_counter() - began)
    return min(times[1:])


async def used(books: Books, plan_id: str, companies: int, servers: int) -> float:
    count, began = 0, time.perf_counter()
    for number in range(companies):
        company = f"c{number:05}"
        usages = [
            Usage(
                "servers",
                f"{company}-{n}",
                f"web-{n}",
                f"{company}-web",
                company,
                plan_id,
                f"{day}T12:00:00.000000Z",
                "24",
            )
            for n in range(servers)
            for day in days(MONTH)
        ]
        async with books.db.transaction() as tx:
            count += await books.desk.metering.record(tx, usages)
    return count / (time.perf_counter() - began)
