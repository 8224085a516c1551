"""Value added tax on documents: worked out once for each group of lines that are taxed alike, from the group's sum (EN 16931, BR-CO-17)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Protocol

from wolke.business.invoicing.model import Tax
from wolke.business.ledger.model import Leg, vat
from wolke.business.money import Amount
from wolke.business.rating.vat import SENTENCES

_HUNDRED = Decimal(100)


class Taxed(Protocol):
    @property
    def net_minor(self) -> int: ...
    @property
    def tax_category(self) -> str: ...
    @property
    def tax_country(self) -> str: ...
    @property
    def tax_percent(self) -> str: ...


def taxes(lines: Iterable[Taxed], currency: str) -> list[Tax]:
    sums: dict[tuple[str, str, str], int] = {}
    for line in lines:
        key = (line.tax_category, line.tax_country, line.tax_percent)
        sums[key] = sums.get(key, 0) + line.net_minor
    return [
        Tax(category, country, percent, net, tax_on(net, percent, currency), SENTENCES.get(category, ""))
        for (category, country, percent), net in sorted(sums.items())
    ]


def tax_on(net_minor: int, percent: str, currency: str) -> int:
    return (Amount.of_minor(net_minor, currency) * (Decimal(percent) / _HUNDRED)).rounded().minor


def tax_legs(groups: Iterable[Tax], sign: int) -> list[Leg]:
    """``sign`` -1: we owe it to the country; 1: no more."""
    return [Leg(vat(group.country, group.percent), sign * group.tax_minor) for group in groups if group.tax_minor]


def totals(groups: Sequence[Tax]) -> tuple[int, int, int]:
    """Net, tax and both."""
    net, tax = sum(group.net_minor for group in groups), sum(group.tax_minor for group in groups)
    return net, tax, net + tax
