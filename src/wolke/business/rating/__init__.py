"""Rating: what usage costs, worked out by functions that know no database.

A month in which a plan's price changed has a part for each price. They are rated in order, each beginning where the one before ended: what
is free of charge, and the tiers of a graduated price, are counted over the whole month and not anew with each price. Whoever rates
more usage of the same month later gets the whole sum again; what was billed before is subtracted by whoever bills.
"""

from __future__ import annotations

from decimal import Decimal

from wolke.business.money import Amount, multiplied
from wolke.business.rating.model import Charge, Part, Parts, Quantity, Rated, Step, Tariff, plain
from wolke.business.rating.prices import MODELS

INCLUDED = "{quantity} {unit} used, of which {free} are free of charge (of {included} in each month)"
DISCOUNT = "{amount} {currency} less a discount of {percent} % = {left} {currency}"
ROUNDED = "rounded once: {amount} {currency}"
HOURS_OF_A_MONTH = 730
_HUNDRED = Decimal(100)

__all__ = ["HOURS_OF_A_MONTH", "Charge", "Part", "Quantity", "Rated", "Step", "Tariff", "cost", "plain", "rate"]


def rate(parts: Parts, hours: int, discount_percent: Decimal = Decimal(0)) -> list[Charge]:
    """What one project's usage of one plan in one month costs; ``parts`` in the order of time. ``hours``: of the month."""
    charges, before = [], Decimal(0)
    for part in parts:
        rated = cost(part.tariff, before, part.quantity, hours)
        before += part.quantity
        charges.append(_charge(part, rated, discount_percent))
    return charges


def cost(tariff: Tariff, before: Decimal, used: Decimal, hours: int) -> Rated:
    """What ``used`` units cost after ``before`` others in the same month: exact, before any discount."""
    begin = max(Decimal(0), before - tariff.included)
    end = max(begin, before + used - tariff.included)
    rated = MODELS[tariff.model].cost(Quantity(begin, end, hours), tariff.terms, tariff.currency)
    free = used - (end - begin)
    if not free:
        return rated
    values = {"quantity": plain(used), "unit": tariff.unit, "free": plain(free), "included": plain(tariff.included)}
    return Rated(rated.amount, (Step(INCLUDED, values), *(rated.steps if end > begin else ())))


def _charge(part: Part, rated: Rated, percent: Decimal) -> Charge:
    exact, currency = rated.amount, rated.amount.currency
    steps = list(rated.steps)
    if percent:
        left = Amount(multiplied(exact.value, (_HUNDRED - percent) / _HUNDRED), currency)
        values = {
            "amount": _shown(exact.value),
            "currency": currency,
            "percent": plain(percent),
            "left": _shown(left.value),
        }
        steps.append(Step(DISCOUNT, values))
        exact = left
    amount = exact.rounded()
    if amount.value != exact.value:
        steps.append(Step(ROUNDED, {"amount": format(amount.value, "f"), "currency": currency}))
    return Charge(part.key, part.quantity, exact.value, amount, tuple(steps))


def _shown(value: Decimal) -> str:
    """Exact values may have forty digits: twelve are read by nobody, but are enough to check the rounding."""
    return plain(value.quantize(Decimal("1e-12")))
