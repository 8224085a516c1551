"""Stamps as the wire shows them. Whole seconds are rounded up, so that nothing is newer than its ``Last-Modified``."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

from wolke.object_store.model import TICKS_PER_S


def seconds(stamp: int) -> int:
    return -(-stamp // TICKS_PER_S)


@lru_cache(8192)
def http_date(at_s: int) -> str:
    return formatdate(at_s, usegmt=True)


def last_modified(stamp: int) -> str:
    return http_date(-(-stamp // TICKS_PER_S))


@lru_cache(16_384)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def iso(stamp: int) -> str:
    """``2026-01-31T09:15:00.123450``."""
    return f"{_second(stamp // TICKS_PER_S)}{stamp % TICKS_PER_S:05d}0"


def parse_http_date(text: str) -> int | None:
    """Seconds since 1970; None of what is no date, which is as good as not said."""
    try:
        moment = parsedate_to_datetime(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None
