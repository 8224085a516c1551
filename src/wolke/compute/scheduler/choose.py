"""The choice itself: filter, then rank; and if nothing is left, say for each filter how many hosts it turned away."""

from __future__ import annotations

from collections.abc import Sequence

from wolke.compute.scheduler.filters import FILTERS, Filter
from wolke.compute.scheduler.picture import HostView, Placing
from wolke.compute.scheduler.weights import rank


class NoHost(Exception):
    """No host will do. ``str`` is for the user."""


def choose(hosts: Sequence[HostView], placing: Placing, filters: Sequence[Filter] = FILTERS) -> list[HostView]:
    """The hosts that will do, best first; never empty. Raises ``NoHost``."""
    if not hosts:
        raise NoHost("No valid host was found: there is no compute host yet.")
    left, turned_away = list(hosts), []
    for one in filters:
        passing = [host for host in left if one.passes(host, placing)]
        if len(passing) < len(left):
            out = [host for host in left if not one.passes(host, placing)]
            count = "1 host" if len(out) == 1 else f"{len(out)} hosts"
            turned_away.append(f"{count} {one.says(out, placing)}")
            left = passing
    if not left:
        raise NoHost(f"No valid host was found: {'; '.join(turned_away)}.")
    return rank(left, placing) if len(left) > 1 else left
