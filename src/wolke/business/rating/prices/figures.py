"""The figures of price terms: decimals as text, so that nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

_MOST_DIGITS = 12
_MOST = Decimal(10) ** 9
MISSING = "This is needed."
NO_NUMBER = "This must be a number."
TOO_FINE = "At most 12 digits after the point, please."
BELOW_ZERO = "A price cannot be below zero."
TOO_MUCH = "This is too much."


def wrong_figure(text: Any) -> str:
    """What is wrong with a figure, or ""."""
    if not isinstance(text, str) or not text:
        return MISSING
    try:
        figure = Decimal(text)
    except InvalidOperation:
        return NO_NUMBER
    return _out_of_bounds(figure) if figure.is_finite() else NO_NUMBER


def _out_of_bounds(figure: Decimal) -> str:
    exponent = figure.as_tuple().exponent
    checks: Sequence[tuple[bool, str]] = (
        (figure < 0, BELOW_ZERO),
        (figure > _MOST, TOO_MUCH),
        (isinstance(exponent, int) and exponent < -_MOST_DIGITS, TOO_FINE),
    )
    return next((sentence for broken, sentence in checks if broken), "")
