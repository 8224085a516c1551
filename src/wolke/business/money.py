"""Money: a decimal with its currency, exact until it is rounded once, half up, to what the currency can pay.

Amount(Decimal("0.0119"), "EUR") * 720        # 8.568 EUR, exact
Amount.of_minor(857, "EUR")                    # 8.57 EUR: a database keeps minor units, so that its sums are exact too
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

#: How many digits stand behind the point where it is not two (ISO 4217).
_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "HUF": 2, "KWD": 3, "BHD": 3, "OMR": 3, "TND": 3, "JOD": 3}
_PRECISION = 40


_PLAIN = re.compile(r"([+-]?)(\d{1,15})(?:[.,](\d{1,12}))?", re.ASCII)
#: With marks between thousands: ``1.234,56`` and ``1,234.56``.
_MARKED = tuple(
    re.compile(rf"([+-]?)(\d{{1,3}}(?:{mark}\d{{3}})+)(?:{point}(\d{{1,2}}))?", re.ASCII)
    for mark, point in ((r"\.", ","), (",", r"\."))
)
_BLANKS = re.compile(r"[\s'\u2019]")


class MixedCurrencies(ValueError):
    """Two amounts in different currencies were to be one."""


def digits(currency: str) -> int:
    return _DIGITS.get(currency, 2)


def multiplied(left: Decimal, right: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = _PRECISION
        return left * right


def typed(text: str, behind: int = 2) -> Decimal:
    """A figure as people and banks write it: ``1.234,56``, ``1,234.56``, ``1234,5``. With at most two digits behind the point no mark can be taken
    for the other; beyond that (``behind``) marks between thousands are refused. ``ValueError`` if it is no figure."""
    squeezed = _BLANKS.sub("", text).replace("\u2212", "-")
    for pattern in (_PLAIN, *(_MARKED if behind <= 2 else ())):
        found = pattern.fullmatch(squeezed)
        if found and len(found[3] or "") <= behind:
            fraction = f".{found[3]}" if found[3] else ""
            return Decimal(f"{found[1]}{re.sub('[.,]', '', found[2])}{fraction}")
    raise ValueError(f"{text!r} is no figure")


@dataclass(frozen=True, slots=True)
class Amount:
    value: Decimal
    currency: str

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Amount:
        return cls(Decimal(minor).scaleb(-digits(currency)), currency)

    @property
    def minor(self) -> int:
        """In the currency's smallest unit. ``ValueError`` if it is finer than that: round first."""
        scaled = self.value.scaleb(digits(self.currency))
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{self.value} {self.currency} is finer than the currency")
        return int(scaled)

    def rounded(self) -> Amount:
        return Amount(self.value.quantize(Decimal(1).scaleb(-digits(self.currency)), ROUND_HALF_UP), self.currency)

    def __add__(self, other: Amount) -> Amount:
        self._same(other)
        return Amount(self.value + other.value, self.currency)

    def __sub__(self, other: Amount) -> Amount:
        self._same(other)
        return Amount(self.value - other.value, self.currency)

    def __mul__(self, factor: Decimal | int) -> Amount:
        return Amount(multiplied(self.value, Decimal(factor)), self.currency)

    def __neg__(self) -> Amount:
        return Amount(-self.value, self.currency)

    def __bool__(self) -> bool:
        return bool(self.value)

    def _same(self, other: Amount) -> None:
        if self.currency != other.currency:
            raise MixedCurrencies(f"{self.currency} and {other.currency}")


def zero(currency: str) -> Amount:
    return Amount(Decimal(0), currency)
