"""So much for a month, and of it the share of its hours: ``{"month": "29.00", "unit_name": "server-hour"}``.

Whoever has it the whole month pays just that, be the month's hours 672 or 745.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

from wolke.business.money import Amount
from wolke.business.rating.model import Quantity, Rated, Step, Terms, plain
from wolke.business.rating.prices.figures import wrong_figure

SHARE = "{price} {currency} a month × {quantity} of {hours} hours = {amount} {currency}"
_PRECISION, _SHOWN = 40, Decimal("1e-12")


def cost(quantity: Quantity, terms: Terms, currency: str) -> Rated:
    with localcontext() as context:
        context.prec = _PRECISION
        value = Decimal(str(terms["month"])) * quantity.used / quantity.hours
        shown = value.quantize(_SHOWN)
    values = {
        "price": str(terms["month"]), "currency": currency, "quantity": plain(quantity.used), "hours": str(quantity.hours), "amount": plain(shown),
    }  # fmt: skip
    return Rated(Amount(value, currency), (Step(SHARE, values),))


def check(terms: Terms) -> dict[str, str]:
    wrong = wrong_figure(terms.get("month"))
    return {"month": wrong} if wrong else {}
