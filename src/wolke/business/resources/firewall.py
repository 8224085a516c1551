"""The firewall: a project's rules, and the cloud's made to be the same. What was changed there by other hands is changed back."""

from __future__ import annotations

from wolke.business.customers.model import READY
from wolke.business.customers.store import PROJECTS
from wolke.business.errors import BusinessError, CloudUnreachable
from wolke.business.openstack import shapes
from wolke.business.resources import model
from wolke.business.resources.base import Means, credentials, told
from wolke.business.resources.store import RULES
from wolke.core.db import Where
from wolke.core.loop import Leases, Loop

WAKE = "business.firewall"
LEAVING = "leaving"
_EACH_S = 3600.0
_OPEN_STATES = (model.ORDERED, LEAVING)


class Firewall:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._db = means.needs.db
        self._settled_at: dict[str, float] = {}

    def loop(self, leases: Leases | None) -> Loop:
        loop = Loop("business-firewall", self.due, self.settle, period_s=30.0, concurrency=4, leases=leases)
        self._db.on_wake(WAKE, loop.wake)
        return loop

    async def due(self) -> list[str]:
        """Projects with a rule that is not yet as it shall be."""
        open_ = await self._db.find(RULES, where=(Where("state", "in", _OPEN_STATES),), limit=1000)
        wanted = sorted({rule.project_id for rule in open_})
        if not wanted:
            return []
        return [
            project.id for project in await self._db.find(PROJECTS, state=READY, where=(Where("id", "in", wanted),))
        ]

    async def settle(self, project_id: str) -> None:
        project = await self._db.get(PROJECTS, id=project_id)
        if project is None or project.state != READY:
            return
        self._settled_at[project_id] = self._means.needs.clock.time()
        rows = await self._db.find(RULES, project_id=project_id)
        key = credentials(project, self._means.seal)
        firewall_id, there = await self._means.cloud.project(key, lambda side: side.rules())
        wanted = {_what(rule) for row in rows if row.state != LEAVING for rule in _of(row, firewall_id)}
        for rule in there:
            if _what(rule) not in wanted:
                rule_id = rule.id
                await self._means.cloud.project(key, lambda side, rule_id=rule_id: side.remove_rule(rule_id))  # type: ignore[misc]
        known = {_what(rule) for rule in there}
        for row in rows:
            missing = [rule for rule in _of(row, firewall_id) if _what(rule) not in known]
            if row.state == LEAVING:
                await self._settled(row, None)
            elif row.state == model.ORDERED or (row.state == model.READY and missing):
                await self._settled(row, await self._add(key, missing))

    async def _add(self, key: shapes.Credentials, missing: list[shapes.Rule]) -> str:
        """Why it could not be; "" if it could."""
        for rule in missing:
            try:
                await self._means.cloud.project(key, lambda side, rule=rule: side.add_rule(rule))  # type: ignore[misc]
            except CloudUnreachable:
                raise
            except BusinessError as error:
                return error.message
        return ""

    async def _settled(self, row: model.Rule, reason: str | None) -> None:
        """``reason`` None: it is gone."""
        async with self._db.transaction() as tx:
            if reason is None:
                await tx.delete(RULES, id=row.id, state=LEAVING)
            else:
                changes = {
                    "state": model.FAILED if reason else model.READY,
                    "reason": reason or None,
                    "touched_at": self._means.now(),
                }
                await tx.update(RULES, changes, id=row.id, state=model.ORDERED)
            told(tx)


def _of(row: model.Rule, firewall_id: str) -> list[shapes.Rule]:
    """One for each of the two versions of the internet's protocol, unless the source is of one."""
    versions = (4, 6) if not row.source else (6,) if ":" in row.source else (4,)
    return [
        shapes.Rule(
            "", firewall_id, True, version, _protocol(row.protocol, version), row.first_port, row.last_port, row.source
        )
        for version in versions
    ]


def _protocol(protocol: str, version: int) -> str:
    return "ipv6-icmp" if protocol == "icmp" and version == 6 else protocol


def _what(rule: shapes.Rule) -> tuple[object, ...]:
    protocol = "ipv6-icmp" if rule.protocol in ("icmpv6", "ipv6-icmp") else rule.protocol
    return (rule.version, protocol, rule.first_port, rule.last_port, rule.source)
