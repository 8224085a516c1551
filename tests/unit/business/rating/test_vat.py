"""Who charges which value added tax."""

import pytest

from wolke.business.rating.vat import RATES, rate_of, treatment

EU = {
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "HU",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL",
    "PL",
    "PT",
    "RO",
    "SE",
    "SI",
    "SK",
}


@pytest.mark.parametrize(
    ("seller", "buyer", "checked", "expected"),
    [
        ("DE", "DE", False, ("S", "DE", "19")),
        ("DE", "DE", True, ("S", "DE", "19")),
        ("DE", "NL", True, ("AE", "", "0")),
        ("DE", "NL", False, ("S", "NL", "21")),
        ("FI", "FI", False, ("S", "FI", "25.5")),
        ("DE", "CH", False, ("G", "", "0")),
        ("DE", "CH", True, ("G", "", "0")),
        ("CH", "DE", True, ("O", "", "0")),
    ],
)
def test_tax_is_by_seller_customer_and_vat_id(
    seller: str, buyer: str, checked: bool, expected: tuple[str, str, str]
) -> None:
    found = treatment(seller, buyer, vat_id_checked=checked, day="2026-11-30")
    assert (found.category, found.country, found.percent) == expected
    assert bool(found.sentence) == (found.category != "S")


def test_every_country_of_the_union_has_rates_in_the_order_of_time() -> None:
    assert set(RATES) == EU
    for rates in RATES.values():
        assert [since for since, _ in rates] == sorted(since for since, _ in rates)


def test_a_rate_is_that_of_its_day() -> None:
    days = ("2020-06-30", "2020-07-01", "2020-12-31", "2021-01-01")
    assert [rate_of("DE", day) for day in days] == ["19", "16", "16", "19"]
    assert (rate_of("EE", "2025-06-30"), rate_of("EE", "2025-07-01")) == ("22", "24")
