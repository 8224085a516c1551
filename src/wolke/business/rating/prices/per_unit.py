"""So much for each unit: ``{"unit": "0.0119", "unit_name": "server-hour"}``."""

from __future__ import annotations

from decimal import Decimal

from wolke.business.money import Amount
from wolke.business.rating.model import Quantity, Rated, Step, Terms, plain
from wolke.business.rating.prices.figures import wrong_figure

TIMES = "{quantity} {unit} × {price} {currency} = {amount} {currency}"


def cost(quantity: Quantity, terms: Terms, currency: str) -> Rated:
    return times(quantity.used, str(terms["unit"]), str(terms["unit_name"]), currency)


def times(used: Decimal, price: str, unit: str, currency: str) -> Rated:
    amount = Amount(Decimal(price), currency) * used
    values = {
        "quantity": plain(used),
        "unit": unit,
        "price": price,
        "currency": currency,
        "amount": plain(amount.value),
    }
    return Rated(amount, (Step(TIMES, values),))


def check(terms: Terms) -> dict[str, str]:
    wrong = wrong_figure(terms.get("unit"))
    return {"unit": wrong} if wrong else {}
