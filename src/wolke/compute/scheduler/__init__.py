"""Where a server goes: pure functions from a picture of the hosts and a request to a ranking, or to the reason why not."""

from __future__ import annotations

from wolke.compute.scheduler.choose import NoHost, choose
from wolke.compute.scheduler.picture import AggregateView, HostView, Placing

__all__ = ["AggregateView", "HostView", "NoHost", "Placing", "choose"]
