"""How often somebody may try."""

import pytest

from wolke.business.customers.attempts import pause_s
from wolke.business.customers.limits import Limit, network, span
from wolke.business.errors import TooOften
from wolke.core.clock import HeldClock


def test_the_window_slides_and_says_how_long_to_wait() -> None:
    clock = HeldClock()
    limit = Limit(clock, 3, 60.0)
    for _ in range(3):
        limit.count("a")
        clock.move(10)
    with pytest.raises(TooOften) as refused:
        limit.count("a")
    assert refused.value.headers["Retry-After"] == "31" and "31 s" in refused.value.message
    limit.count("b")
    clock.move(30)
    limit.count("a")
    with pytest.raises(TooOften):
        limit.count("a")


def test_an_access_providers_customer_counts_once_however_many_addresses_they_have() -> None:
    assert network("2001:db8:1:2:3::4") == network("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert network("2001:db8:1:2::1") != network("2001:db8:1:3::1")
    assert network("192.0.2.1") != network("192.0.2.2")
    assert network("no address") == "no address"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "1 s"), (59, "59 s"), (60, "1 min"), (61, "2 min"), (3599, "60 min"), (3600, "1 h"), (3601, "2 h")],
)
def test_a_span_in_words_is_never_too_short(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_the_lock_grows_from_a_minute_to_an_hour() -> None:
    assert [pause_s(n) / 60 for n in (5, 6, 7, 8, 9, 10, 11, 12, 10_000)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
