"""Figures for Prometheus. A service declares its own with the same registry; ``render`` is what ``/metrics`` answers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

REGISTRY = CollectorRegistry()
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

LOOP_ACTS = Counter("wolke_loop_acts_total", "What loops did.", ("loop", "outcome"), registry=REGISTRY)
LOOP_DUE = Gauge("wolke_loop_due", "Resources that a loop found due at its last look.", ("loop",), registry=REGISTRY)


class _Requests(Collector):
    """A histogram whose every observation is one look and two additions: the library's own takes ten times as long, on each
    request."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], list[float]] = {}  # a sum, then a count for each bucket and beyond

    def observe(self, service: str, method: str, status: int, seconds: float) -> None:
        key = (service, method, status)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0.0] * (len(_BUCKETS) + 2)
        counts[0] += seconds
        counts[bisect_left(_BUCKETS, seconds) + 1] += 1

    def collect(self) -> Iterable[HistogramMetricFamily]:
        labels = ("service", "method", "status")
        family = HistogramMetricFamily(
            "wolke_request_seconds", "Time from a request's head to its answer.", labels=labels
        )
        for (service, method, status), (total, *counts) in self._counts.items():
            seen, buckets = 0.0, []
            for bound, count in zip((*map(str, _BUCKETS), "+Inf"), counts, strict=True):
                seen += count
                buckets.append((bound, seen))
            family.add_metric((service, method, str(status)), buckets, total)
        yield family


REQUESTS = _Requests()
REGISTRY.register(REQUESTS)


observe_request = REQUESTS.observe


def render() -> bytes:
    return generate_latest(REGISTRY)
