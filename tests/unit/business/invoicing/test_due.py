"""What should be billed less what has been, the budget's state and the forecast: pure functions."""

from decimal import Decimal as D

from tests.story.books import utc
from wolke.business.catalogue.model import Price
from wolke.business.invoicing.costs import budget_state, foreseen
from wolke.business.invoicing.due import Billed, differences, due, spans

BEGINS, ENDS = utc("2027-02-28 23:00"), utc("2027-03-31 22:00")


def price(name: str, begins: str, unit: str) -> Price:
    return Price(
        name, "plan", "EUR", utc(begins), "per-unit", {"unit": unit, "unit_name": "h"}, "0", utc("2026-01-01 00:00")
    )


OLD, NEW, LATER = (
    price("old", "2026-01-01 00:00", "0.01"),
    price("new", "2027-03-15 12:30", "0.02"),
    price("later", "2027-05-01 00:00", "9"),
)


def test_an_hour_has_the_price_in_force_where_it_begins() -> None:
    found = [(span.price.id, span.begins, span.ends) for span in spans([OLD, NEW, LATER], BEGINS, ENDS)]
    change = utc("2027-03-15 13:00")
    assert found == [("old", BEGINS, change), ("new", change, ENDS)]


def test_of_two_prices_that_begin_within_an_hour_the_later_is_in_force() -> None:
    wrong = price("mistaken", "2027-03-15 12:10", "2000")
    assert [span.price.id for span in spans([OLD, wrong, NEW], BEGINS, ENDS)] == ["old", "new"]


def test_before_the_first_price_nothing_is_sold() -> None:
    assert [span.begins for span in spans([NEW], BEGINS, ENDS)] == [utc("2027-03-15 13:00")]


def dues(first: str, second: str) -> list:  # type: ignore[type-arg]
    return due("plan", list(zip(spans([OLD, NEW], BEGINS, ENDS), (D(first), D(second)), strict=True)), 743, D(0))


def test_the_second_time_there_is_nothing() -> None:
    first = differences(dues("350", "393"), {}, late=False)
    assert [(d.net_minor, d.correction) for d in first] == [(350, False), (786, False)]
    billed = {("plan", d.due.span.price.id): Billed(d.quantity, d.net_minor) for d in first}
    assert differences(dues("350", "393"), billed, late=True) == []


def test_what_came_late_is_a_difference_and_says_so() -> None:
    (found,) = differences(dues("350", "0"), {("plan", "old"): Billed(D(340), 340)}, late=True)
    assert (found.quantity, found.net_minor, found.correction) == (D(10), 10, True)
    assert str(found.steps[-1]) == "billed before: 3.40 EUR, so the difference is 0.10 EUR"


def test_late_usage_of_less_than_a_cent_waits_until_it_is_one() -> None:
    before = {("plan", "old"): Billed(D(340), 340)}
    assert differences(dues("340.4", "0"), before, late=True) == []
    assert [d.net_minor for d in differences(dues("340.6", "0"), before, late=True)] == [1]


def test_a_budget_warns_at_eighty_percent_and_ends_at_hundred() -> None:
    states = [budget_state(10000, spent).state for spent in (0, 7999, 8000, 9999, 10000, 12000)]
    assert states == ["within", "within", "warned", "warned", "reached", "reached"]
    assert (budget_state(None, 5).state, budget_state(0, 0).state, budget_state(10000, 2500).left_minor) == (
        "none",
        "reached",
        7500,
    )


def test_the_forecast_goes_on_as_the_last_hour_and_at_the_prices_to_come() -> None:
    used = list(zip(spans([OLD, NEW], BEGINS, ENDS), (D(100), D(0)), strict=True))
    # From 15 March 03:00: 10 hours more at the old price, 16 d 9 h = 393 hours at the new one, two servers.
    assert [quantity for _, quantity in foreseen(used, D(2), utc("2027-03-15 03:00"))] == [D(120), D(786)]
    assert [quantity for _, quantity in foreseen(used, D(0), utc("2027-03-15 03:00"))] == [D(100), D(0)]
    assert [quantity for _, quantity in foreseen(used, D(2), utc("2027-04-02 00:00"))] == [D(100), D(0)]
