"""The more, the cheaper (or dearer): each unit costs what its tier says.

``{"tiers": [{"up_to": "730000", "unit": "0.000027"}, {"up_to": "", "unit": "0.00002"}], "unit_name": "GiB-hour"}``: the first 730,000 of a
month cost the first price each, those above the second. The last tier has no end.
"""

from __future__ import annotations

from decimal import Decimal

from wolke.business.money import Amount, zero
from wolke.business.rating.model import Quantity, Rated, Step, Terms
from wolke.business.rating.prices.figures import MISSING, wrong_figure
from wolke.business.rating.prices.per_unit import times

RISING = "Each step must end above the one before it, and only the last may be without an end."


def cost(quantity: Quantity, terms: Terms, currency: str) -> Rated:
    amount, steps = zero(currency), list[Step]()
    floor = Decimal(0)
    for tier in terms["tiers"]:
        ceiling = Decimal(tier["up_to"]) if tier["up_to"] else None
        end = quantity.end if ceiling is None else min(quantity.end, ceiling)
        within = end - max(quantity.begin, floor)
        if within > 0:
            rated = times(within, str(tier["unit"]), str(terms["unit_name"]), currency)
            amount, steps = amount + rated.amount, [*steps, *rated.steps]
        if ceiling is None or quantity.end <= ceiling:
            break
        floor = ceiling
    return Rated(Amount(amount.value, currency), tuple(steps))


def check(terms: Terms) -> dict[str, str]:
    tiers = terms.get("tiers")
    if not isinstance(tiers, list) or not tiers:
        return {"tiers": MISSING}
    figures = [tier.get("unit") for tier in tiers] + [tier.get("up_to") for tier in tiers[:-1]]
    for figure in figures:
        if wrong := wrong_figure(figure):
            return {"tiers": wrong}
    ends = [Decimal(tier["up_to"]) for tier in tiers[:-1]]
    rising = all(low < high for low, high in zip([Decimal(0), *ends], ends, strict=False))
    return {} if rising and not tiers[-1].get("up_to") else {"tiers": RISING}
