"""The demonstration's first weeks: whatever it shows came about through the verbs, and holds together."""

from datetime import UTC, datetime
from typing import Any

from wolke.business import audit, demo
from wolke.business.customers.store import COMPANIES
from wolke.business.demo.cast import CUSTOMERS
from wolke.business.invoicing.store import CREDIT_NOTES, INVOICES
from wolke.business.mail import MAILS
from wolke.business.payments.store import PAYMENTS
from wolke.business.support.store import TICKETS

_UNTIL = datetime(2026, 5, 16, 12, tzinfo=UTC)


async def test_some_weeks_of_business_hold_together(shop: Any) -> None:
    desk, db = shop.desk, shop.desk.needs.db
    await desk.catalogue.seed()
    filled = await demo.fill(desk, shop.clock, _UNTIL, "admin@provider.example", "seven boats on a lake")
    there = [customer for customer in CUSTOMERS if customer.joins < 75]
    assert {company.name for company in await db.find(COMPANIES)} == {customer.name for customer in there}
    assert (filled.invoices, filled.tickets, await db.count(TICKETS)) == (6, 2, 2)
    assert set((await desk.ledger.trial_balance(db)).values()) == {0}
    assert (await db.sums(PAYMENTS, "waiting_minor"))[1] == 0
    assert {invoice.state for invoice in await db.find(INVOICES)} == {"issued"}
    assert await db.count(CREDIT_NOTES) == 0
    assert await db.count(MAILS, sent_at=None) == 0
    assert await audit.broken(db) is None
    assert shop.clock.time() == _UNTIL.timestamp()


def test_a_year_begins_a_year_before_it_ends() -> None:
    until = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
    assert demo.begins(until) == datetime(2025, 11, 22, 7, tzinfo=UTC)
    assert all(customer.joins < (until - demo.begins(until)).days for customer in CUSTOMERS)
