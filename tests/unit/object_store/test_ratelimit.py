"""Turns and rates, without a clock that runs."""

from __future__ import annotations

import pytest

from wolke.core.config import ConfigError
from wolke.object_store.filters.ratelimit import Pace, Point, points, rate_at


def test_between_two_points_lies_what_is_between() -> None:
    limits = points("100:50, 200:10")
    assert limits == (Point(100, 50.0), Point(200, 10.0))
    assert [rate_at(limits, objects) for objects in (0, 99, 100, 150, 200, 10**9)] == [0, 0, 50, 30, 10, 10]
    assert rate_at((), 5) == 0
    with pytest.raises(ConfigError):
        points("many")


def test_who_is_too_fast_waits_and_who_would_wait_too_long_is_refused() -> None:
    now = [100.0]
    pace = Pace(2.0, lambda: now[0])
    waits = [pace.turn("a", 1.0) for _ in range(4)]
    assert waits == [0.0, 1.0, 2.0, None]
    assert pace.turn("b", 1.0) == 0.0
    now[0] = 101.0
    assert pace.turn("a", 1.0) == 2.0


def test_who_was_quiet_has_some_turns_to_spare_and_no_more() -> None:
    now = [100.0]
    pace = Pace(0.5, lambda: now[0])
    assert pace.turn("a", 1.0) == 0.0
    now[0] = 1000.0
    taken = [pace.turn("a", 1.0) for _ in range(9)]
    assert taken == [0.0] * 6 + [None] * 3


def test_what_it_remembers_is_bounded() -> None:
    pace = Pace(1.0, lambda: 0.0)
    for number in range(20_000):
        pace.turn(str(number), 1.0)
    assert len(pace._next) == 10_000
