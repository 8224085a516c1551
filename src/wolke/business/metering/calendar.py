"""Days and months where the provider does business, and the hours (UTC) of which they are made.

An hour belongs to the day in which it begins. So a day in March may have 23 hours and one in October 25, and a month 672 to 745, and no
hour is in two months or in none, whatever the zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from wolke.core.clock import Instant, instant, moment

HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_FEW_DAYS = timedelta(days=32)


class Calendar:
    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self.day_of = lru_cache(maxsize=4096)(self._day_of)
        self.day_begins = lru_cache(maxsize=4096)(self._day_begins)

    def _day_of(self, at: Instant) -> str:
        """``2026-11-30``"""
        return moment(at).astimezone(self._zone).date().isoformat()

    def month_of(self, at: Instant) -> str:
        """``2026-11``"""
        return self.day_of(at)[:7]

    def _day_begins(self, day: str) -> Instant:
        """The first whole hour (UTC) of a day."""
        midnight = datetime.combine(date.fromisoformat(day), time(), self._zone).astimezone(UTC)
        return instant(next_hour(midnight))

    def begins(self, month: str) -> Instant:
        return self.day_begins(f"{month}-01")

    def ends(self, month: str) -> Instant:
        """Where the next one begins."""
        return self.begins(next_month(month))

    def hours(self, month: str) -> int:
        return (moment(self.ends(month)) - moment(self.begins(month))) // HOUR

    def whole_days(self, begins: Instant, ends: Instant) -> tuple[str, str]:
        """The first of the days that lie wholly between two instants, and the first after the last of them; the same twice if there is none."""
        first = self.day_of(begins)
        if self.day_begins(first) < begins:
            first = next_day(first)
        last = self.day_of(ends)
        return first, max(first, last)


def next_hour(at: datetime) -> datetime:
    """``at`` itself where an hour begins there."""
    floor = at.replace(minute=0, second=0, microsecond=0)
    return floor if floor == at else floor + HOUR


def next_day(day: str) -> str:
    return (date.fromisoformat(day) + _DAY).isoformat()


def next_month(month: str) -> str:
    return (date.fromisoformat(f"{month}-01") + _FEW_DAYS).isoformat()[:7]


def month_before(month: str) -> str:
    return (date.fromisoformat(f"{month}-01") - _DAY).isoformat()[:7]


def last_day(month: str) -> str:
    return (date.fromisoformat(f"{next_month(month)}-01") - _DAY).isoformat()


def days(month: str) -> Iterator[str]:
    day = f"{month}-01"
    while day.startswith(month):
        yield day
        day = next_day(day)
