"""From what the mirror has seen to usage: an hour is counted once it has been seen to its end, and then for good."""

from __future__ import annotations

from datetime import timedelta

from wolke.business.metering import hourly
from wolke.business.resources.base import Means
from wolke.business.resources.intervals import hour_of
from wolke.business.resources.mirror import ADDRESSES_, DISKS_, SERVERS_
from wolke.business.resources.stock import OBJECTS
from wolke.business.resources.store import INTERVALS, MARKS
from wolke.core.clock import Instant, instant, moment
from wolke.core.db import Order, Where
from wolke.core.loop import Leases, Loop

#: How long after its end an hour is counted: clocks differ, and what happened in its last second must have been seen.
_MARGIN = timedelta(minutes=2)
#: Each meter's usage is counted as far as the mirror's round of the same name has seen.
_METERS = (SERVERS_, DISKS_, ADDRESSES_, OBJECTS)
_MOST_AT_ONCE = 500
_HOUR = timedelta(hours=1)


class Collector:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._db = means.needs.db

    def loop(self, leases: Leases | None) -> Loop:
        return Loop("business-collect", self.due, self.count, period_s=60.0, concurrency=1, leases=leases)

    async def due(self) -> list[str]:
        """Resources of which there are whole hours to count."""
        found: dict[str, None] = {}
        for meter, until in (await self._closed()).items():
            where = (Where("counted_until", "lt", until), Where("begins_at", "lt", until))
            rows = await self._db.find(
                INTERVALS, open=True, meter=meter, where=where, order=(Order("counted_until"),), limit=_MOST_AT_ONCE
            )
            found |= dict.fromkeys(row.resource_id for row in rows)
        return list(found)

    async def _closed(self) -> dict[str, Instant]:
        """By meter: the hours until then have been seen to their end."""
        marks = {mark.name: mark.looked_at for mark in await self._db.find(MARKS)}
        return {meter: hour_of(instant(moment(marks[meter]) - _MARGIN)) for meter in _METERS if meter in marks}

    async def count(self, resource_id: str) -> None:
        """All that one resource was, at once: of an hour in which it had two sizes both parts are among it."""
        closed = await self._closed()
        async with self._db.transaction() as tx:
            await tx.lock(f"business-count:{resource_id}")
            stays = await tx.find(INTERVALS, resource_id=resource_id, open=True, order=(Order("begins_at"),))
            if not stays or stays[0].meter not in closed:
                return
            until = closed[stays[0].meter]
            begins = min(stay.counted_until for stay in stays)
            if begins >= until:
                return
            around = await tx.find(
                INTERVALS, resource_id=resource_id, where=(Where("ends_at", "gt", begins),), open=False
            )
            await self._means.metering.record(tx, hourly([*around, *stays], begins, until))
            for stay in stays:
                over = stay.ends_at is not None and stay.ends_at <= until
                if stay.counted_until < until:
                    await tx.update(INTERVALS, {"counted_until": until, "open": not over}, id=stay.id)
