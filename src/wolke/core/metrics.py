"""Figures for Prometheus. A service declares its own with the same registry; ``render`` is what ``/metrics`` answers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

REQUESTS = Histogram(
    "wolke_request_seconds",
    "Time from a request's head to its answer.",
    ("service", "method", "status"),
    buckets=_BUCKETS,
    registry=REGISTRY,
)
LOOP_ACTS = Counter("wolke_loop_acts_total", "What loops did.", ("loop", "outcome"), registry=REGISTRY)
LOOP_DUE = Gauge("wolke_loop_due", "Resources that a loop found due at its last look.", ("loop",), registry=REGISTRY)

_children: dict[tuple[str, str, int], Histogram] = {}


def observe_request(service: str, method: str, path: str, status: int, seconds: float) -> None:
    key = (service, method, status)
    child = _children.get(key)
    if child is None:
        child = _children[key] = REQUESTS.labels(service, method, str(status))
    child.observe(seconds)


def render() -> bytes:
    return generate_latest(REGISTRY)
