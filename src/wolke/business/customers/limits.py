"""How often somebody may try: a window that slides, in this process alone. What must outlive it (wrong passwords) is kept in the database."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict, deque

from wolke.business.errors import TooOften
from wolke.core.clock import Clock

_MOST_KEYS = 10_000
_IPV6_NETWORK = 64  # one customer of an access provider has at least this many addresses


class Limit:
    """``most`` times in ``window_s`` for each key. The keys used longest ago are forgotten first."""

    def __init__(self, clock: Clock, most: int, window_s: float) -> None:
        self._clock, self._most, self._window_s = clock, most, window_s
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, key: str) -> None:
        """Once more, or ``TooOften``."""
        now = self._clock.time()
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        if len(self._times) > _MOST_KEYS:
            self._times.popitem(last=False)
        while times and times[0] <= now - self._window_s:
            times.popleft()
        if len(times) >= self._most:
            wait_s = int(times[0] + self._window_s - now) + 1
            raise TooOften(
                "That was too often. Please try again in {wait}.",
                wait=span(wait_s),
                headers={"Retry-After": str(wait_s)},
            )
        times.append(now)


class Limits:
    """What is limited, for strangers most of all: by the network they ask from, and by the address that would get mail."""

    def __init__(self, clock: Clock) -> None:
        self.sign_in = Limit(clock, 30, 600.0)
        self.strangers = Limit(clock, 20, 3600.0)  # sign-ups and forgotten passwords
        self.links = Limit(clock, 60, 600.0)
        self.mail = Limit(clock, 5, 3600.0)
        self.strength = Limit(clock, 300, 60.0)
        self.invitations = Limit(clock, 50, 24 * 3600.0)


def network(address: str) -> str:
    """What is counted of an address: an IPv6 customer has a whole network of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
    return str(parsed)


def span(seconds: float) -> str:
    """``40 s``, ``3 min``, ``1 h``: rounded up, and the same in every language."""
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 3600 else f"{math.ceil(seconds / 3600)} h"
