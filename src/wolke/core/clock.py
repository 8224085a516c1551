"""Time, as one value that is handed in, so that a test can hold it still and a story can turn a month in a second.

An *instant* is text, ``2026-01-31T09:15:00.123456Z``: always UTC, always 27 characters, so that it sorts as it reads, is
the same in every database, and needs no work to be shown. Arithmetic is done on ``datetime`` and put back.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

Instant = str


def instant(moment: datetime) -> Instant:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def moment(at: Instant) -> datetime:
    """The aware ``datetime`` of an instant, or of any ISO 8601 text; ``ValueError`` if it is none."""
    parsed = datetime.fromisoformat(at)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def seconds(at: Instant) -> str:
    """As Nova and Keystone's databases show it, to the second: ``2026-01-31T09:15:00Z``."""
    return at[:19] + "Z"


def micros(at: Instant) -> str:
    """To the microsecond without a zone, as Nova shows launch times: ``2026-01-31T09:15:00.123456``."""
    return at[:26]


class Clock:
    """The wall clock. Its children in tests stand still until they are moved."""

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def now(self) -> Instant:
        return instant(datetime.fromtimestamp(self.time(), UTC))

    def after(self, delay_s: float) -> Instant:
        return instant(datetime.fromtimestamp(self.time(), UTC) + timedelta(seconds=delay_s))


class HeldClock(Clock):
    """A clock that moves only when told to."""

    def __init__(self, at: Instant = "2026-01-01T00:00:00.000000Z") -> None:
        self._time = moment(at).timestamp()

    def time(self) -> float:
        return self._time

    def move(self, delay_s: float) -> None:
        self._time += delay_s
