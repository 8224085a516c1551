"""From a price to a statement of account: the verbs of catalogue, metering, invoicing and ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.story.books import Books, open_books
from wolke.business.audit import ENTRIES
from wolke.business.catalogue.model import Plan
from wolke.business.catalogue.store import PLANS, PRICES
from wolke.business.catalogue.verbs import Asked, NewPlan, NewPrice, Tier
from wolke.business.errors import Invalid, NotAllowed, NotNow, NotThere
from wolke.business.invoicing.store import INVOICES
from wolke.business.invoicing.verbs.customers import MonthAsked
from wolke.business.invoicing.verbs.provider import Cancelling, LineCredit, NewCredit, NewRun, ProviderInvoicePage
from wolke.business.invoicing.verbs.shown import InvoicePage
from wolke.business.ledger import Unbalanced
from wolke.business.ledger.model import BANK, REVENUE, Leg
from wolke.business.metering.verbs import Days
from wolke.business.verb import Page
from wolke.business.who import ACCOUNTANT, ADMINISTRATOR, NOBODY, SUPPORT, TECHNICIAN, Who
from wolke.core.clock import HeldClock
from wolke.core.db import Database

BOSS, HELP = Who("boss", staff=frozenset({ADMINISTRATOR})), Who("help", staff=frozenset({SUPPORT}))


def of(company: str, role: str = ACCOUNTANT) -> Who:
    return Who("kim", company_id=company, roles=frozenset({role}))


@pytest.fixture
async def books(database: Database, tmp_path: Path) -> Books:
    books = open_books(database, HeldClock("2027-01-01T09:00:00.000000Z"), tmp_path)
    await books.desk.catalogue.seed()
    await books.company("Kramer GmbH", 1001, "DE", discount="10")
    await books.company("Vermeer BV", 1002, "NL", vat_id="NL123456789B01", checked=True)
    return books


async def call(books: Books, who: Who, name: str, asked: Any = None, /, **places: str) -> Any:
    return await books.desk.call(who, name, asked, **places)


async def used_in_january(books: Books, plan: Plan, company: str = "kramer") -> None:
    """Two servers, one for 100 hours, one for 50."""
    books.uses(company, f"{company}-a", plan, "2027-01-10 00:00", "2027-01-14 04:00")
    books.uses(company, f"{company}-b", plan, "2027-01-10 00:00", "2027-01-12 02:00")
    books.at("2027-02-01 09:00")
    await books.count("2027-01-09 00:00", "2027-01-15 00:00")


async def billed(books: Books, company: str = "kramer") -> Any:
    """January's only invoice, issued."""
    await used_in_january(books, await books.plan("Small", "per-unit", {"unit": "0.01"}), company)
    await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01", issues=True))
    await books.run()
    return (await call(books, of(company), "invoices.list", InvoicePage())).items[0]


# ------------------------------------------------------------------------------------------------ the catalogue


async def test_a_provider_that_has_just_begun_has_something_to_sell(books: Books) -> None:
    await books.desk.catalogue.seed()
    found = await call(books, NOBODY, "shop.show")
    assert [(product.kind, [plan.name for plan in product.plans]) for product in found.products] == [
        ("disk", ["Standard"]), ("address", ["IPv4"]), ("object-storage", ["Standard"]),
    ]  # fmt: skip


async def test_sizes_of_the_cloud_are_offered_once_and_named_by_what_they_give(books: Books) -> None:
    offer = books.desk.catalogue.offer
    sizes = (
        ("m1.small", 1, 2048, 20),
        ("m1.medium", 2, 4096, 40),
        ("c1.medium", 4, 4096, 40),
        ("m1.small", 1, 2048, 20),
    )
    plans = [await offer("server", *size) for size in sizes]
    assert [plan.name for plan in plans] == ["S", "M", "M-4", "S"]
    assert plans[0] == plans[3]
    # 1 × 0.0036 + 2 × 0.0024 + 20 × 0.00004 = 0.0092 an hour; × 730 = 6.716; tax 6.72 × 19 % = 1.2768
    servers = (await call(books, NOBODY, "shop.show")).products[0]
    cost = servers.plans[0].cost
    assert (servers.kind, cost.hour_net, cost.hour_gross) == ("server", "0.0092", "0.010948")
    assert (cost.month_net_minor, cost.month_tax_minor, cost.month_gross_minor) == (672, 128, 800)


async def test_everybody_sees_their_own_price(books: Books) -> None:
    plan = await books.plan("Small", "per-unit", {"unit": "0.01"})
    # 0.01 × 730 × 3 = 21.90; less 10 % = 19.71, tax 3.7449; with reverse charge there is none
    kramers = (await call(books, of("kramer"), "shop.quote", Asked(count=3), plan_id=plan.id)).cost
    vermeers = (await call(books, of("vermeer"), "shop.quote", Asked(count=3), plan_id=plan.id)).cost
    assert (kramers.month_net_minor, kramers.month_gross_minor, kramers.tax_sentence) == (1971, 2345, "")
    assert (vermeers.month_net_minor, vermeers.month_gross_minor) == (2190, 2190)
    assert vermeers.tax_sentence.startswith("Reverse charge")


async def test_a_price_is_for_now_or_later_and_stays(books: Books) -> None:
    plan = await books.plan("Small", "per-unit", {"unit": "0.01"})
    with pytest.raises(Invalid) as refused:
        await call(
            books, BOSS, "provider.prices.create", NewPrice(unit="0.02", begins_at="2026-12-31"), plan_id=plan.id
        )
    assert list(refused.value.fields) == ["begins_at"]
    later = NewPrice(unit="0.02", begins_at="2027-02-01T00:00:00+01:00")
    await call(books, BOSS, "provider.prices.create", later, plan_id=plan.id)
    with pytest.raises(NotNow):
        await call(books, BOSS, "provider.prices.create", later, plan_id=plan.id)
    prices = (await call(books, HELP, "provider.prices.list", plan_id=plan.id)).items
    assert [(price.terms["unit"], price.begins_at[:13]) for price in prices] == [
        ("0.01", "2027-01-01T09"),
        ("0.02", "2027-01-31T23"),
    ]
    at = books.desk.catalogue.price_at
    assert [await at(plan.id, when) for when in ("2027-01-01T08", "2027-01-31T22", "2027-01-31T23:30")] == [
        None,
        *prices,
    ]
    shown = (await call(books, NOBODY, "shop.show")).products[0].plans[0]
    assert (shown.cost.hour_net, shown.next_at, shown.next_cost.hour_net) == ("0.01", prices[1].begins_at, "0.02")


async def test_a_new_plan_is_for_sale_until_it_is_withdrawn(books: Books) -> None:
    asked = NewPlan(product_id="server", name="Flat", model="flat", month="29.00", vcpus=2, ram_mib=4096)
    plan = await call(books, BOSS, "provider.plans.create", asked)
    with pytest.raises(NotNow):
        await call(books, BOSS, "provider.plans.create", asked)
    assert (await call(books, NOBODY, "shop.quote", Asked(), plan_id=plan.id)).cost.month_net_minor == 2900
    assert (await call(books, BOSS, "provider.plans.withdraw", plan_id=plan.id)).state == "withdrawn"
    with pytest.raises(NotThere):
        await call(books, NOBODY, "shop.quote", Asked(), plan_id=plan.id)
    assert (await call(books, BOSS, "provider.plans.restore", plan_id=plan.id)).state == "offered"
    assert [entry.action for entry in await books.db.find(ENTRIES)][-3:] == [
        "provider.plans.create", "provider.plans.withdraw", "provider.plans.restore",
    ]  # fmt: skip


async def test_nothing_of_a_plan_is_left_when_its_price_is_refused(books: Books) -> None:
    with pytest.raises(Invalid):
        await call(books, BOSS, "provider.plans.create", NewPlan(product_id="server", name="Wrong", unit="-1"))
    assert await books.db.find(PLANS, name="Wrong") == []


async def test_another_price_is_tried_on_last_months_usage_and_nothing_is_written(books: Books) -> None:
    plan = await books.plan("Small", "per-unit", {"unit": "0.01"})
    await used_in_january(books, plan)
    await used_in_january(books, plan, "vermeer")
    before = await books.db.count(PRICES)
    tiers = [Tier("100", "0.02"), Tier("", "0.01")]
    asked = NewPrice(model="graduated", tiers=tiers)
    found = await call(books, HELP, "provider.prices.preview", asked, plan_id=plan.id)
    # 150 h × 0.01 = 1.50, Kramer less 10 % = 1.35; 100 × 0.02 + 50 × 0.01 = 2.50, Kramer 2.25
    assert [(row.company_id, row.was_minor, row.would_minor) for row in found.rows] == [
        ("vermeer", 150, 250),
        ("kramer", 135, 225),
    ]
    assert (found.month, found.was_minor, found.would_minor, found.customers) == ("2027-01", 285, 475, 2)
    assert await books.db.count(PRICES) == before


# ----------------------------------------------------------------------------------------------- usage and costs


async def test_what_is_recorded_twice_counts_once(books: Books) -> None:
    plan = await books.plan("Small", "per-unit", {"unit": "0.01"})
    await used_in_january(books, plan)
    assert await books.count("2027-01-09 00:00", "2027-01-15 00:00") == 0
    found = await call(books, of("kramer"), "usage.list", Days("2027-01-01", "2027-01-31"), project_id="kramer-web")
    # Until midnight in Berlin the first day has 23 hours of two servers.
    assert [(use.day, use.quantity) for use in found.items] == [
        ("2027-01-10", "46"), ("2027-01-11", "48"), ("2027-01-12", "27"), ("2027-01-13", "24"), ("2027-01-14", "5"),
    ]  # fmt: skip
    with pytest.raises(Invalid):
        await call(books, of("kramer"), "usage.list", Days("2020-01-01", "2027-01-31"), project_id="kramer-web")


async def test_costs_so_far_and_at_the_months_end(books: Books) -> None:
    plan = await books.plan("Small", "per-unit", {"unit": "0.1"})
    books.uses("kramer", "web-1", plan, "2027-01-10 23:00")
    books.at("2027-01-21 00:30")
    await books.count("2027-01-10 23:00", "2027-01-21 00:00")
    found = await call(books, of("kramer"), "costs.show", MonthAsked(), project_id="kramer-web")
    # 241 h × 0.1 less 10 % = 21.69; until the month's end 263 h more: 504 × 0.1 less 10 % = 45.36
    assert (found.net_minor, found.forecast_minor, found.budget.state) == (2169, 4536, "none")
    assert found.counted_until == "2027-01-21T00:00:00.000000Z"
    # 24 h × 0.1 less 10 % = 2.16 a day, and the first hour of the 21st
    assert [day.net_minor for day in found.days] == [216] * 10 + [9]
    assert sum(day.net_minor for day in found.days) == found.net_minor
    books.at("2027-01-21 09:00")
    stopped = await call(books, of("kramer"), "costs.show", MonthAsked(), project_id="kramer-web")
    assert stopped.forecast_minor == stopped.net_minor
    whole = await call(books, of("kramer"), "costs.list", MonthAsked())
    assert [(row.project_id, row.net_minor) for row in whole.projects] == [("kramer-web", 2169)]


async def test_costs_split_where_a_price_changed_within_a_day(books: Books) -> None:
    plan = await books.plan("Small", "per-unit", {"unit": "0.1"})
    new = NewPrice(unit="1", begins_at="2027-01-12T10:00:00Z")
    await call(books, BOSS, "provider.prices.create", new, plan_id=plan.id)
    await used_in_january(books, plan, "vermeer")
    found = await call(books, of("vermeer"), "costs.show", MonthAsked("2027-01"), project_id="vermeer-web")
    # Until the 12th 10:00: 58 h and 50 h × 0.1 = 10.80; then 42 h × 1 = 42.00
    assert (found.net_minor, found.forecast_minor, found.plans[0].quantity) == (5280, 5280, "150")
    # The 12th in Berlin: of one server 11 h × 0.1 and 13 h × 1, of the other 3 h × 0.1
    assert [day.net_minor for day in found.days] == [460, 480, 1440, 2400, 500]


# ------------------------------------------------------------------------------------------------------ invoices


async def test_a_month_that_is_not_over_cannot_be_billed(books: Books) -> None:
    with pytest.raises(Invalid):
        await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01"))


async def test_drafts_are_looked_at_and_then_issued(books: Books) -> None:
    await used_in_january(books, await books.plan("Small", "per-unit", {"unit": "0.01"}))
    run = await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01"))
    await books.run()
    drafts = await call(books, HELP, "provider.invoices.list", ProviderInvoicePage(run_id=run.id))
    assert [(row.standing, row.number, row.net_minor) for row in drafts.items] == [("draft", None, 135)]
    assert (await call(books, of("kramer"), "invoices.list", InvoicePage())).total == 0
    with pytest.raises(NotThere):
        await call(books, of("kramer"), "invoices.show", invoice_id=drafts.items[0].id)
    assert await books.balances() == {}
    await call(books, BOSS, "provider.runs.issue", run_id=run.id)
    await books.run()
    done = await call(books, HELP, "provider.runs.show", run_id=run.id)
    assert (done.invoices, done.net_minor, done.failures, done.ended_at is None) == (1, 135, [], False)
    (row,) = (await call(books, of("kramer"), "invoices.list", InvoicePage())).items
    assert (row.id, row.number, row.standing, row.due_on) == (drafts.items[0].id, "2027-000001", "open", "2027-02-15")
    with pytest.raises(NotNow):
        await call(books, BOSS, "provider.invoices.issue", invoice_id=row.id)


async def test_what_is_free_of_charge_alone_makes_no_invoice(books: Books) -> None:
    plan = await books.plan("Small", "per-unit", {"unit": "0.01"}, included="150")
    await used_in_january(books, plan)
    await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01", issues=True))
    await books.run()
    assert await books.db.count(INVOICES) == 0
    # One hour more that comes late, beyond the 150: 0.01 less 10 % = 0.009
    books.uses("kramer", "kramer-c", plan, "2027-01-20 00:00", "2027-01-20 01:00")
    await books.count("2027-01-20 00:00", "2027-01-20 01:00")
    await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01", issues=True))
    await books.run()
    row = (await call(books, of("kramer"), "invoices.list", InvoicePage())).items[0]
    line = (await call(books, of("kramer"), "invoices.lines", Page(), invoice_id=row.id)).items[0]
    assert (line.quantity, line.net_minor) == ("151", 1)
    assert str(line.steps[0]) == "151 server-hour used, of which 150 are free of charge (of 150 in each month)"


async def test_a_draft_made_again_is_the_same_draft_with_what_is_known_now(books: Books) -> None:
    plan = await books.plan("Small", "per-unit", {"unit": "0.01"})
    await used_in_january(books, plan)
    drafts = []
    for _ in range(2):
        await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01"))
        await books.run()
        drafts.append((await call(books, HELP, "provider.invoices.list", ProviderInvoicePage())).items)
        books.uses("kramer", "kramer-c", plan, "2027-01-20 00:00", "2027-01-20 10:00")
        await books.count("2027-01-20 00:00", "2027-01-20 10:00")
    assert [[row.net_minor for row in rows] for rows in drafts] == [[135], [144]]
    assert drafts[0][0].id == drafts[1][0].id


async def test_a_line_explains_itself(books: Books) -> None:
    row = await billed(books)
    shown = await call(books, of("kramer"), "invoices.show", invoice_id=row.id)
    line = shown.lines.items[0]
    found = await call(books, of("kramer"), "invoices.explain", invoice_id=row.id, line_id=line.id)
    assert [str(step) for step in found.steps] == [
        "150 server-hour × 0.01 EUR = 1.5 EUR", "1.5 EUR less a discount of 10 % = 1.35 EUR",
    ]  # fmt: skip
    assert [(use.resource_name, use.quantity) for use in found.uses.items] == [("kramer-a", "100"), ("kramer-b", "50")]
    assert found.price.terms["unit"] == "0.01"


async def test_what_belongs_to_another_company_is_not_there(books: Books) -> None:
    row = await billed(books)
    line = (await call(books, of("kramer"), "invoices.lines", Page(), invoice_id=row.id)).items[0]
    assert (await call(books, of("vermeer"), "invoices.list", InvoicePage())).total == 0
    places = {"invoice_id": row.id}
    asked: list[tuple[str, Any, dict[str, str]]] = [
        ("invoices.show", None, places), ("invoices.lines", Page(), places), ("invoices.explain", None, places | {"line_id": line.id}),
        ("invoices.uses", Page(), places | {"line_id": line.id}), ("costs.show", MonthAsked(), {"project_id": "kramer-web"}),
        ("usage.list", Days(), {"project_id": "kramer-web"}),
    ]  # fmt: skip
    for name, body, at in asked:
        with pytest.raises(NotThere):
            await call(books, of("vermeer"), name, body, **at)
    with pytest.raises(NotAllowed):
        await call(books, of("kramer", TECHNICIAN), "invoices.show", invoice_id=row.id)
    with pytest.raises(NotAllowed):
        await call(books, HELP, "provider.invoices.credit", NewCredit("No"), invoice_id=row.id)


async def test_whoever_cannot_be_billed_keeps_nobody_waiting(books: Books) -> None:
    """A country that an e-invoice cannot name."""
    await used_in_january(books, await books.plan("Small", "per-unit", {"unit": "0.01"}))
    await used_in_january(books, (await books.db.find(PLANS, name="Small"))[0], "vermeer")
    await books.change("kramer", country="")
    run = await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01", issues=True))
    await books.run()
    done = await call(books, HELP, "provider.runs.show", run_id=run.id)
    assert [failure.company_id for failure in done.failures] == ["kramer"]
    states = {
        row.company_id: row.standing
        for row in (await call(books, HELP, "provider.invoices.list", ProviderInvoicePage())).items
    }
    assert states == {"kramer": "draft", "vermeer": "open"}


async def test_no_seller_no_invoice(books: Books) -> None:
    books.desk.needs.config = replace(books.desk.needs.config, vat_id="")
    books.at("2027-02-02 09:00")
    with pytest.raises(NotNow):
        await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01", issues=True))


# ------------------------------------------------------------------------------------- credit notes and the ledger


async def test_lines_are_credited_up_to_what_is_left_and_tax_to_the_cent(books: Books) -> None:
    row = await billed(books)  # 1.35 + 0.26 (0.2565)
    line = (await call(books, of("kramer"), "invoices.lines", Page(), invoice_id=row.id)).items[0]
    part = NewCredit("Outage", [LineCredit(line.id, 50)])
    first = await call(books, BOSS, "provider.invoices.credit", part, invoice_id=row.id)
    assert (first.number, first.net_minor, first.tax_minor) == ("C2027-000001", 50, 10)  # 0.50 × 19 % = 0.095
    with pytest.raises(Invalid) as refused:
        await call(
            books, BOSS, "provider.invoices.credit", NewCredit("More", [LineCredit(line.id, 86)]), invoice_id=row.id
        )
    assert list(refused.value.fields) == [line.id]
    rest = await call(books, BOSS, "provider.invoices.credit", NewCredit("All of it"), invoice_id=row.id)
    assert (rest.net_minor, rest.tax_minor) == (85, 16)  # 0.85 × 19 % = 0.1615, and 26 - 10 = 16 is what is left
    with pytest.raises(NotNow):
        await call(books, BOSS, "provider.invoices.credit", NewCredit("Again"), invoice_id=row.id)
    assert (await call(books, of("kramer"), "balance.show")).owed_minor == 0
    notes = await call(books, of("kramer"), "credit_notes.list", Page())
    assert sorted(note.number for note in notes.items) == [first.number, rest.number]
    assert (await call(books, of("kramer"), "invoices.show", invoice_id=row.id)).standing == "settled"


async def test_what_is_credited_stays_billed_and_what_is_cancelled_is_billed_anew(books: Books) -> None:
    kramers = await billed(books)
    vermeers = await billed_also(books, "vermeer")
    await call(books, BOSS, "provider.invoices.credit", NewCredit("A gift"), invoice_id=kramers.id)
    await call(books, BOSS, "provider.invoices.cancel", Cancelling("Wrong address"), invoice_id=vermeers.id)
    with pytest.raises(NotNow):
        await call(books, BOSS, "provider.invoices.cancel", Cancelling("Again"), invoice_id=vermeers.id)
    await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01", issues=True))
    await books.run()
    invoices = await books.db.find(INVOICES)
    assert sorted((i.company_id, i.state, i.net_minor) for i in invoices) == [
        ("kramer", "issued", 135), ("vermeer", "cancelled", 150), ("vermeer", "issued", 150),
    ]  # fmt: skip
    assert await books.in_balance()


async def billed_also(books: Books, company: str) -> Any:
    await used_in_january(books, (await books.db.find(PLANS, name="Small"))[0], company)
    await call(books, BOSS, "provider.runs.create", NewRun(month="2027-01", issues=True))
    await books.run()
    return (await call(books, of(company), "invoices.list", InvoicePage())).items[0]


async def test_a_statement_says_what_was_owed_after_each_row(books: Books) -> None:
    row = await billed(books)
    await books.pay(row.number)
    await call(books, BOSS, "provider.invoices.credit", NewCredit("Outage"), invoice_id=row.id)
    found = await call(books, of("kramer"), "statement.list", Page())
    assert [(entry.kind, entry.minor, entry.balance_minor) for entry in found.items] == [
        ("credit-note", -161, -161), ("payment", -161, 0), ("invoice", 161, 161),
    ]  # fmt: skip
    second = await call(
        books, HELP, "provider.customers.statement", Page(limit=1, after=found.items[0].id), company_id="kramer"
    )
    assert [(entry.kind, entry.balance_minor) for entry in second.items] == [("payment", 0)]
    balance = await call(books, of("kramer"), "balance.show")
    assert (balance.owed_minor, balance.credit_minor) == (-161, 161)
    trial = await call(books, HELP, "provider.ledger.balance")
    assert (trial.sums, trial.unbalanced) == ({"EUR": 0}, [])
    posted = await call(books, HELP, "provider.ledger.list", Page(search="invoice"))
    shown = await call(books, HELP, "provider.ledger.show", transaction_id=posted.items[-1].id)
    assert [(entry.account, entry.minor) for entry in shown.entries] == [
        ("receivable:kramer", 161), ("revenue", -135), ("vat:DE:19", -26),
    ]  # fmt: skip


async def test_the_same_business_is_posted_once_and_never_out_of_balance(books: Books) -> None:
    post, legs = books.desk.ledger.post, [Leg(BANK, 100), Leg(REVENUE, -100)]
    posted = []
    for _ in range(2):
        async with books.db.transaction() as tx:
            posted.append(await post(tx, "payment:1", "payment", "x", "EUR", legs, document_id="1"))
    assert posted == [True, False]
    with pytest.raises(Unbalanced):
        async with books.db.transaction() as tx:
            await post(tx, "payment:2", "payment", "x", "EUR", [Leg(BANK, 100), Leg(REVENUE, -99)], document_id="2")
    assert await books.balances() == {"bank": 100, "revenue": -100}
