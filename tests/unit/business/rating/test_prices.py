"""Price models: what a quantity costs, exactly, and the arithmetic that is shown for it."""

from decimal import Decimal as D
from typing import Any

import pytest

from wolke.business.catalogue import checked
from wolke.business.errors import Invalid
from wolke.business.rating import Part, Tariff, rate
from wolke.business.rating.prices import MODELS

HOUR = {"unit": "0.0119", "unit_name": "server-hour"}
TIERS = {"tiers": [{"up_to": "100", "unit": "0.01"}, {"up_to": "", "unit": "0.005"}], "unit_name": "GiB-hour"}


def tariff(model: str, terms: dict[str, Any], included: str = "0") -> Tariff:
    return Tariff(model, terms, D(included), "EUR")


def costs(*parts: tuple[Tariff, str], hours: int = 720, discount: str = "0") -> list[tuple[D, int]]:
    charges = rate([Part(str(n), t, D(used)) for n, (t, used) in enumerate(parts)], hours, D(discount))
    return [(charge.exact, charge.amount.minor) for charge in charges]


def test_each_unit_costs_the_same() -> None:
    assert costs((tariff("per-unit", HOUR), "744")) == [(D("8.8536"), 885)]


def test_a_cent_is_rounded_half_up_once_and_after_the_discount() -> None:
    assert costs((tariff("per-unit", {"unit": "0.005", "unit_name": "piece"}), "1")) == [(D("0.005"), 1)]
    # 10 × 0.00555 = 0.0555, less 10 % = 0.04995: rounded once it is 0.05, rounded before the discount it would be 0.054
    assert costs((tariff("per-unit", {"unit": "0.00555", "unit_name": "piece"}), "10"), discount="10") == [
        (D("0.049950"), 5)
    ]


def test_a_flat_price_is_for_the_month_however_long_it_is() -> None:
    flat = tariff("flat", {"month": "29.00", "unit_name": "server-hour"})
    assert [costs((flat, str(hours)), hours=hours)[0][1] for hours in (672, 696, 743, 744, 745)] == [2900] * 5
    assert costs((flat, "455"), hours=672)[0][1] == 1964


def test_tiers_cost_what_each_says() -> None:
    graduated = tariff("graduated", TIERS)
    assert [costs((graduated, used))[0][0] for used in ("0", "100", "100.5", "300")] == [
        D(0),
        D("1.00"),
        D("1.0025"),
        D("2.000"),
    ]


def test_what_is_free_is_counted_over_the_month_and_not_anew_with_each_price() -> None:
    old, new = (
        tariff("per-unit", {"unit": "0.01", "unit_name": "h"}, "50"),
        tariff("per-unit", {"unit": "0.02", "unit_name": "h"}, "50"),
    )
    assert costs((old, "30"), (new, "30")) == [(D(0), 0), (D("0.20"), 20)]


def test_tiers_go_on_where_the_price_before_ended() -> None:
    graduated = tariff("graduated", TIERS)
    split, whole = costs((graduated, "80"), (graduated, "40")), costs((graduated, "120"))
    assert split == [(D("0.80"), 80), (D("0.300"), 30)]
    assert sum(exact for exact, _ in split) == whole[0][0]


def test_the_arithmetic_is_shown_in_steps() -> None:
    part = Part("p", tariff("graduated", TIERS, "20"), D("150.5"))
    (charge,) = rate([part], 720, D(10))
    assert [str(step) for step in charge.steps] == [
        "150.5 GiB-hour used, of which 20 are free of charge (of 20 in each month)",
        "100 GiB-hour × 0.01 EUR = 1 EUR",
        "30.5 GiB-hour × 0.005 EUR = 0.1525 EUR",
        "1.1525 EUR less a discount of 10 % = 1.03725 EUR",
        "rounded once: 1.04 EUR",
    ]


@pytest.mark.parametrize(
    ("model", "terms", "field"),
    [
        ("per-unit", {"unit": ""}, "unit"),
        ("per-unit", {"unit": "-1"}, "unit"),
        ("per-unit", {"unit": "NaN"}, "unit"),
        ("per-unit", {"unit": "1e99"}, "unit"),
        ("per-unit", {"unit": "0.0000000000001"}, "unit"),
        ("flat", {"month": "many"}, "month"),
        ("graduated", {"tiers": []}, "tiers"),
        ("graduated", {"tiers": [{"up_to": "5", "unit": "1"}]}, "tiers"),
        (
            "graduated",
            {"tiers": [{"up_to": "5", "unit": "1"}, {"up_to": "4", "unit": "1"}, {"up_to": "", "unit": "1"}]},
            "tiers",
        ),
        ("by the moon", {}, "model"),
    ],
)
def test_terms_that_cannot_be_reckoned_with_are_refused_beside_the_field(
    model: str, terms: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        checked(model, terms, "0")
    assert list(refused.value.fields) == [field]


def test_the_terms_of_every_model_are_checked() -> None:
    for model in MODELS.values():
        assert model.check({})
