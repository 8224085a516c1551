"""What goes into a price model and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from wolke.business.money import Amount

Terms = Mapping[str, Any]


class Step(msgspec.Struct, frozen=True):
    """One step of arithmetic, for people. ``text`` is an English sentence with ``{names}`` and the key of its translations; ``values`` fill them."""

    text: str
    values: dict[str, str]

    def __str__(self) -> str:
        return self.text.format(**self.values)


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a price model is asked about: units number ``begin`` to ``end`` of a month, counted from 0 and without those that are free of charge. ``begin`` is
    above 0 where another price was in force earlier in the month. ``hours``: of that month, daylight saving and leap days as they come."""

    begin: Decimal
    end: Decimal
    hours: int

    @property
    def used(self) -> Decimal:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Rated:
    """``amount`` is exact: not rounded yet."""

    amount: Amount
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """``cost(quantity, terms, currency)``; ``check(terms)``: a sentence for each field that is not as it must be."""

    cost: Callable[[Quantity, Terms, str], Rated]
    check: Callable[[Terms], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price, as rating needs it. ``included``: of each month, free of charge."""

    model: str
    terms: Terms
    included: Decimal
    currency: str

    @property
    def unit(self) -> str:
        return str(self.terms["unit_name"])


@dataclass(frozen=True, slots=True)
class Part:
    """What was used while one price was in force; ``key`` says which."""

    key: str
    tariff: Tariff
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Charge:
    """What a part costs: ``exact`` after the discount, ``amount`` rounded once."""

    key: str
    quantity: Decimal
    exact: Decimal
    amount: Amount
    steps: tuple[Step, ...]


Parts = Sequence[Part]


def decimal(text: str) -> Decimal:
    return Decimal(text or "0")


def plain(number: Decimal) -> str:
    """``720``, ``0.033333333``: without an exponent or zeros that say nothing."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
