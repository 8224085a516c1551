"""What should be billed, less what has been: pure functions.

``due`` rates all usage of a project's month that is known now, whatever has been billed of it. ``differences`` takes away what has been.
So whoever runs it twice gets nothing the second time, usage that came late becomes a line of the next invoice, and no part of it has to
remember how far a run had come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from wolke.business.catalogue.model import Price
from wolke.business.metering.calendar import next_hour
from wolke.business.money import Amount
from wolke.business.rating import Charge, Part, Step, rate
from wolke.core.clock import Instant, instant, moment

BILLED = "billed before: {before} {currency}, so the difference is {difference} {currency}"
Key = tuple[str, str]  # of a plan and a price: there is one line for it in a project's month, and its corrections


@dataclass(frozen=True, slots=True)
class Span:
    """When a price was in force within a month, from the first hour that begins under it."""

    price: Price
    begins: Instant
    ends: Instant


@dataclass(frozen=True, slots=True)
class Due:
    """All of it that should be billed."""

    plan_id: str
    span: Span
    charge: Charge


@dataclass(frozen=True, slots=True)
class Billed:
    """What issued invoices say of one ``Key`` in one project's month, all of them together."""

    quantity: Decimal
    net_minor: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A line to be. ``quantity`` and ``net_minor``: what is to be added to the bill, or taken from it."""

    due: Due
    quantity: Decimal
    net_minor: int
    correction: bool
    steps: tuple[Step, ...]


def spans(prices: Sequence[Price], begins: Instant, ends: Instant) -> list[Span]:
    """The prices that were in force between two instants where hours begin, each with its time. Before the first price nothing is sold."""
    starts = [instant(next_hour(moment(price.begins_at))) for price in prices]
    stops = [*starts[1:], ends]
    found = [Span(p, max(start, begins), min(stop, ends)) for p, start, stop in zip(prices, starts, stops, strict=True)]
    return [span for span in found if span.begins < span.ends]


def due(plan_id: str, used: Sequence[tuple[Span, Decimal]], hours: int, discount_percent: Decimal) -> list[Due]:
    """``used``: how much in each span. Spans without usage have no line."""
    parts = [Part(span.price.id, span.price.tariff, quantity) for span, quantity in used]
    charges = rate(parts, hours, discount_percent)
    return [
        Due(plan_id, span, charge) for (span, _), charge in zip(used, charges, strict=True) if charge.quantity
    ]  # fmt: skip


def differences(dues: Iterable[Due], billed: Mapping[Key, Billed], *, late: bool) -> list[Difference]:
    """``late``: the month is billed on a later month's invoice. Lines of nothing are only made where nothing has been said of it yet: they show what was free
    of charge."""
    found = []
    for one in dues:
        before = billed.get((one.plan_id, one.span.price.id))
        net_minor = one.charge.amount.minor
        if before is None:
            found.append(Difference(one, one.charge.quantity, net_minor, late, one.charge.steps))
        elif net_minor != before.net_minor:
            currency = one.charge.amount.currency
            steps = (*one.charge.steps, _billed_step(before.net_minor, net_minor, currency))
            difference = net_minor - before.net_minor
            found.append(Difference(one, one.charge.quantity - before.quantity, difference, True, steps))
    return found


def _billed_step(before: int, now: int, currency: str) -> Step:
    shown = {"before": _decimal(before, currency), "difference": _decimal(now - before, currency), "currency": currency}
    return Step(BILLED, shown)


def _decimal(minor: int, currency: str) -> str:
    return format(Amount.of_minor(minor, currency).value, "f")
