"""From intervals to hours, and from hours to days and months."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.story.books import Stay, utc
from wolke.business.metering.calendar import Calendar, days
from wolke.business.metering.hours import hourly

BERLIN, KOLKATA = Calendar("Europe/Berlin"), Calendar("Asia/Kolkata")


def stay(begins: str, ends: str | None, plan: str = "s", amount: str = "1") -> Stay:
    return Stay("web-1", plan, "p", "c", utc(begins), utc(ends) if ends else None, amount)


def used(*stays: Stay, begins: str = "2027-01-01 00:00", ends: str = "2027-01-02 00:00") -> list[tuple[str, str, str]]:
    return [(u.plan_id, u.window[11:16], u.quantity) for u in hourly(stays, utc(begins), utc(ends))]


def test_a_server_that_lived_two_minutes_is_not_lost() -> None:
    assert used(stay("2027-01-01 09:10", "2027-01-01 09:12")) == [("s", "09:00", "0.033333333")]


def test_a_whole_hour_is_exactly_one_and_a_disk_counts_its_size() -> None:
    found = used(stay("2027-01-01 09:30", None, amount="50"), ends="2027-01-01 11:00")
    assert found == [("s", "09:00", "25"), ("s", "10:00", "50")]


def test_a_resize_within_an_hour_is_of_both_sizes() -> None:
    found = used(stay("2027-01-01 09:00", "2027-01-01 09:45"), stay("2027-01-01 09:45", "2027-01-01 10:00", "m"))
    assert found == [("s", "09:00", "0.75"), ("m", "09:00", "0.25")]


def test_twice_of_one_size_within_an_hour_is_one_usage() -> None:
    found = used(stay("2027-01-01 09:00", "2027-01-01 09:10"), stay("2027-01-01 09:50", "2027-01-01 10:00"))
    assert found == [("s", "09:00", "0.333333333")]


def test_only_whole_hours_are_asked_for() -> None:
    with pytest.raises(ValueError, match="no hour begins"):
        used(stay("2027-01-01 09:00", None), ends="2027-01-01 09:30")


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 40))
def test_hours_counted_in_parts_are_those_counted_at_once(start: int, length: int, cut: int) -> None:
    """Whenever the loop looks, and however often."""
    from datetime import timedelta

    from wolke.core.clock import instant, moment

    zero, end = utc("2027-01-01 00:00"), utc("2027-02-01 00:00")
    begins = moment(zero) + timedelta(seconds=start)
    one = Stay("r", "s", "p", "c", instant(begins), instant(begins + timedelta(seconds=length)))
    middle = instant(moment(zero) + timedelta(hours=cut * 17))
    whole, parts = hourly([one], zero, end), hourly([one], zero, middle) + hourly([one], middle, end)
    assert parts == whole
    assert abs(sum(D(usage.quantity) for usage in whole) * 3600 - min(length, 31 * 86400 - start)) < D("0.00001")


def test_months_have_the_hours_that_the_clocks_on_the_wall_give_them() -> None:
    hours = {month: BERLIN.hours(month) for month in ("2027-02", "2028-02", "2027-03", "2027-10", "2027-12")}
    assert hours == {"2027-02": 672, "2028-02": 696, "2027-03": 743, "2027-10": 745, "2027-12": 744}


@pytest.mark.parametrize("calendar", [BERLIN, KOLKATA])
def test_every_hour_is_in_one_day_and_one_month(calendar: Calendar) -> None:
    """Also where days begin at half past."""
    begins = [calendar.day_begins(day) for month in ("2027-10", "2027-11") for day in days(month)]
    assert [calendar.day_of(at) for at in begins] == [day for month in ("2027-10", "2027-11") for day in days(month)]
    assert calendar.ends("2027-10") == calendar.begins("2027-11")
    assert calendar.month_of(calendar.begins("2027-11")) == "2027-11"


def test_whole_days_between_two_hours() -> None:
    assert BERLIN.whole_days(utc("2027-02-28 23:00"), utc("2027-03-31 22:00")) == ("2027-03-01", "2027-04-01")
    assert BERLIN.whole_days(utc("2027-03-01 00:00"), utc("2027-03-03 12:00")) == ("2027-03-02", "2027-03-03")
    first, last = BERLIN.whole_days(utc("2027-03-01 10:00"), utc("2027-03-01 12:00"))
    assert first == last
