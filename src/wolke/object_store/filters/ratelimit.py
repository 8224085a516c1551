"""Not too fast: so many container writes a second in an account, and so many object writes and listings in a container of its size.

Who is too fast waits; who would have to wait too long gets 498. Off unless configured, and then this filter is not there at all.
Each process counts for itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from wolke.core.config import ConfigError
from wolke.core.http import Response
from wolke.object_store.api.call import Call, Handler
from wolke.object_store.config import ObjectStoreConfig
from wolke.object_store.errors import ContainerNotFound
from wolke.object_store.service import ObjectStore

_WRITES = frozenset({"PUT", "DELETE", "POST", "COPY"})
_CREDIT_S = 5.0  # who was quiet that long may be faster for a moment
_KEYS = 10_000
_RATE_LIMITED = 498


class Point(NamedTuple):
    """From ``objects`` in a container on, ``per_s``; between two points it is what lies between."""

    objects: int
    per_s: float


class Rates(NamedTuple):
    account_per_s: float
    writes: tuple[Point, ...]
    lists: tuple[Point, ...]

    @classmethod
    def of(cls, config: ObjectStoreConfig) -> Rates:
        return cls(
            config.account_ratelimit_per_s,
            points(config.container_ratelimits),
            points(config.container_listing_ratelimits),
        )


def points(text: str) -> tuple[Point, ...]:
    """``0:100, 10000:10``."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        objects, _, rate = part.partition(":")
        try:
            found.append(Point(int(objects), float(rate)))
        except ValueError:
            raise ConfigError(f"[object_store] rate limits are like 0:100,10000:10 and not {text!r}") from None
    return tuple(sorted(found))


def rate_at(limits: tuple[Point, ...], objects: int) -> float:
    """0: no limit."""
    below = [point for point in limits if point.objects <= objects]
    if not below:
        return 0.0
    above = limits[len(below) : len(below) + 1]
    if not above:
        return below[-1].per_s
    share = (objects - below[-1].objects) / (above[0].objects - below[-1].objects)
    return below[-1].per_s + share * (above[0].per_s - below[-1].per_s)


class Pace:
    """How long each of many must wait for the next turn."""

    def __init__(self, longest_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._longest_s = longest_s
        self._now = now
        self._next: OrderedDict[str, float] = OrderedDict()

    def turn(self, key: str, per_s: float) -> float | None:
        """Seconds; None: too many, and this turn is not taken."""
        now = self._now()
        at = max(self._next.get(key, 0.0), now - _CREDIT_S) if key in self._next else now
        wait = max(0.0, at - now)
        if wait > self._longest_s:
            return None
        self._next[key] = at + 1 / per_s
        self._next.move_to_end(key)
        if len(self._next) > _KEYS:
            self._next.popitem(last=False)
        return wait


def info(config: ObjectStoreConfig) -> dict[str, Any]:
    rates = Rates.of(config)
    if not any(rates):
        return {}
    return {
        "ratelimit": {
            "account_ratelimit": rates.account_per_s,
            "max_sleep_time_seconds": config.ratelimit_longest_s,
            "container_ratelimits": [list(point) for point in rates.writes],
            "container_listing_ratelimits": [list(point) for point in rates.lists],
        }
    }


def filter_ratelimit(handler: Handler, store: ObjectStore) -> Handler:
    rates = Rates.of(store.config)
    if not any(rates):
        return handler
    pace = Pace(store.config.ratelimit_longest_s)

    async def answer(call: Call) -> Response:
        objects = await _objects(store, call) if rates.writes or rates.lists else 0
        for key, per_s in _limits(rates, call, objects):
            wait = pace.turn(key, per_s)
            if wait is None:
                return Response(_RATE_LIMITED, b"Slow down", content_type="text/plain")
            if wait:
                await asyncio.sleep(wait)
        return await handler(call)

    return answer


def _limits(rates: Rates, call: Call, objects: int) -> Iterator[tuple[str, float]]:
    place = f"{call.account}/{call.container}"
    if call.noun == "container" and call.method in ("PUT", "DELETE") and rates.account_per_s:
        yield call.account, rates.account_per_s
    if call.noun == "object" and call.method in _WRITES and (per_s := rate_at(rates.writes, objects)):
        yield place, per_s
    if call.noun == "container" and call.method == "GET" and (per_s := rate_at(rates.lists, objects)):
        yield f"list {place}", per_s


async def _objects(store: ObjectStore, call: Call) -> int:
    if not call.container:
        return 0
    try:
        return (await store.containers.tally(await store.containers.get(call.account, call.container))).objects
    except ContainerNotFound:
        return 0
