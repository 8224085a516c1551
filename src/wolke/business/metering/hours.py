"""From intervals to hours: a server that was of a size from then until then used so much of it in each hour.

Whatever one resource used of one plan in one hour is added up exactly, in microseconds, and divided once; a whole hour is exactly 1, and a
server that lived two minutes has 0.033333333.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from wolke.business.metering.calendar import HOUR
from wolke.business.metering.model import Usage, decimal, nano
from wolke.business.rating.model import plain
from wolke.core.clock import Instant, instant, moment

_MICROSECOND = timedelta(microseconds=1)
_HOUR_US = HOUR // _MICROSECOND


class Stay(Protocol):
    """A resource of one plan from then until then (None: still). ``amount``: how many of the plan's unit, such as the GiB of a disk."""

    @property
    def meter(self) -> str: ...
    @property
    def resource_id(self) -> str: ...
    @property
    def resource_name(self) -> str: ...
    @property
    def project_id(self) -> str: ...
    @property
    def company_id(self) -> str: ...
    @property
    def plan_id(self) -> str: ...
    @property
    def amount(self) -> str: ...
    @property
    def begins_at(self) -> Instant: ...
    @property
    def ends_at(self) -> Instant | None: ...


def hourly(stays: Iterable[Stay], begins: Instant, ends: Instant) -> list[Usage]:
    """The usage of every hour (UTC) from ``begins`` to ``ends``, which must both be where an hour begins. All that a resource was of a plan within an hour must
    be among ``stays`` at once: an hour's usage is recorded once."""
    first, last = moment(begins), moment(ends)
    if any(at != at.replace(minute=0, second=0, microsecond=0) for at in (first, last)):
        raise ValueError(f"no hour begins at {begins} or {ends}")
    sums: dict[tuple[str, str, str, Instant], Decimal] = {}
    latest: dict[tuple[str, str, str, Instant], Stay] = {}
    for stay in stays:
        amount = Decimal(stay.amount)
        for window, microseconds in _parts(stay, first, last):
            key = (stay.meter, stay.resource_id, stay.plan_id, instant(window))
            sums[key] = sums.get(key, Decimal(0)) + amount * microseconds
            latest[key] = stay
    return [_usage(latest[key], key[3], total) for key, total in sums.items() if total]


def _parts(stay: Stay, first: datetime, last: datetime) -> Iterator[tuple[datetime, int]]:
    """Each hour and how many microseconds of it the stay has."""
    at = max(first, moment(stay.begins_at))
    end = last if stay.ends_at is None else min(last, moment(stay.ends_at))
    while at < end:
        window = at.replace(minute=0, second=0, microsecond=0)
        until = min(end, window + HOUR)
        yield window, (until - at) // _MICROSECOND
        at = until


def _usage(stay: Stay, window: Instant, total: Decimal) -> Usage:
    return Usage(
        meter=stay.meter, resource_id=stay.resource_id, resource_name=stay.resource_name, project_id=stay.project_id,
        company_id=stay.company_id, plan_id=stay.plan_id, window=window, quantity=plain(decimal(nano(total / _HOUR_US))),
    )  # fmt: skip
