"""From what the mirror has seen to usage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from wolke.business.metering.store import USAGE
from wolke.business.resources import model
from wolke.business.resources.collect import Collector
from wolke.business.resources.intervals import Running, follow
from wolke.business.resources.store import MARKS
from wolke.core.clock import Instant, instant, moment


def _at(text: str) -> Instant:
    return f"2026-05-04T{text}:00.000000Z"


class Meter:
    """The servers' meter, of which the mirror has seen all until some time."""

    def __init__(self, shop: Any) -> None:
        self.desk, self.collector = shop.desk, shop.desk.resources.collector
        assert isinstance(self.collector, Collector)

    async def server(
        self, plan_id: str, since: str | None, until: str | None = None, changed: str = "00:00", name: str = "web"
    ) -> None:
        now = Running("servers", "s1", name, "p1", "c1", plan_id, "1")
        async with self.desk.needs.db.transaction() as tx:
            await follow(tx, now, _at(since) if since else None, _at(until) if until else None, _at(changed))

    async def seen_until(self, at: Instant) -> dict[tuple[str, str], int]:
        """What has been counted then, by hour and plan, in billionths."""
        async with self.desk.needs.db.transaction() as tx:
            await tx.delete(MARKS, name="servers")
            await tx.insert(MARKS, model.Mark("servers", at, at, at))
        for resource_id in await self.collector.due():
            await self.collector.count(resource_id)
        rows = await self.desk.needs.db.find(USAGE, resource_id="s1")
        return {(row.window[11:16], row.plan_id): row.nano for row in rows}


@pytest.fixture
def meter(shop: Any) -> Meter:
    return Meter(shop)


async def test_an_hour_is_counted_when_it_has_been_seen_to_its_end(meter: Meter) -> None:
    await meter.server("small", "10:15")
    assert await meter.seen_until(_at("10:59")) == {}
    assert await meter.seen_until(_at("11:01")) == {}
    assert await meter.seen_until(_at("11:02")) == {("10:00", "small"): 750_000_000}
    assert await meter.seen_until(_at("12:30")) == {("10:00", "small"): 750_000_000, ("11:00", "small"): 1_000_000_000}


async def test_two_minutes_are_two_minutes(meter: Meter) -> None:
    await meter.server("small", "10:15", "10:17")
    assert await meter.seen_until(_at("11:05")) == {("10:00", "small"): 33_333_333}
    assert not await meter.collector.due()


async def test_a_resize_within_an_hour_counts_both_sizes(meter: Meter) -> None:
    await meter.server("small", "10:00")
    await meter.server("large", "10:00", changed="10:30")
    await meter.server("small", "10:00", changed="10:45")
    found = await meter.seen_until(_at("11:05"))
    assert found == {("10:00", "small"): 750_000_000, ("10:00", "large"): 250_000_000}


async def test_a_server_that_is_gone_costs_no_more(meter: Meter) -> None:
    await meter.server("small", "10:00")
    assert len(await meter.seen_until(_at("12:05"))) == 2
    await meter.server("small", "10:00", "12:20")
    found = await meter.seen_until(_at("15:05"))
    assert found[("12:00", "small")] == 333_333_333 and ("13:00", "small") not in found
    assert not await meter.collector.due()


async def test_counting_twice_counts_once(meter: Meter) -> None:
    await meter.server("small", "10:00")
    first = await meter.seen_until(_at("13:10"))
    later = instant(moment(_at("13:10")) + timedelta(minutes=1))
    assert await meter.seen_until(later) == first and len(first) == 3
    await meter.collector.count("s1")
    assert await meter.seen_until(later) == first


async def test_what_never_ran_costs_nothing(meter: Meter) -> None:
    await meter.server("small", None)
    assert await meter.seen_until(_at("23:10")) == {}
