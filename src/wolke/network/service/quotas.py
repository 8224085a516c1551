"""Limits per project, and the sums they are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wolke.core.context import Context
from wolke.core.db import Reader, Transaction
from wolke.core.quota import over
from wolke.network import errors, store
from wolke.network.errors import HTTPBadRequest
from wolke.network.model import QuotaLimit

if TYPE_CHECKING:
    from wolke.network.service import Network

COUNTED: Mapping[str, Any] = {
    "network": store.NETWORKS,
    "subnet": store.SUBNETS,
    "port": store.PORTS,
    "router": store.ROUTERS,
    "floatingip": store.FLOATING_IPS,
    "security_group": store.SECURITY_GROUPS,
    "security_group_rule": store.RULES,
}
_MOST = 2**31 - 1


class Quotas:
    def __init__(self, net: Network) -> None:
        self._net = net
        self.defaults = {name: int(getattr(net.config, f"quota_{name}")) for name in COUNTED}

    async def limits(self, reader: Reader, project_id: str) -> dict[str, int]:
        own = await reader.find(store.QUOTAS, project_id=project_id)
        return {**self.defaults, **{row.resource: row.most for row in own if row.resource in COUNTED}}

    async def reserve(self, tx: Transaction, project_id: str, noun: str, amount: int = 1) -> None:
        """Room for ``amount`` more, held until the transaction ends; or ``OverQuota``."""
        if not project_id:
            return
        await tx.lock(f"quota:network:{project_id}")
        row = await tx.get(store.QUOTAS, project_id=project_id, resource=noun)
        most = self.defaults[noun] if row is None else row.most
        if most < 0:
            return
        used = await tx.count(COUNTED[noun], project_id=project_id)
        if names := over({noun: most}, {noun: used}, {noun: amount}):
            raise errors.OverQuota(names=names)

    async def show(self, ctx: Context, project_id: str) -> dict[str, int]:
        self._net.policy.enforce(ctx, "get_quota", {"project_id": project_id, "tenant_id": project_id})
        return await self.limits(self._net.db, project_id)

    async def details(self, ctx: Context, project_id: str) -> dict[str, dict[str, int]]:
        limits = await self.show(ctx, project_id)
        return {
            name: {"limit": limits[name], "used": await self._net.db.count(table, project_id=project_id), "reserved": 0}
            for name, table in COUNTED.items()
        }

    async def all(self, ctx: Context) -> dict[str, dict[str, int]]:
        """Every project that has limits of its own."""
        self._net.policy.enforce(ctx, "get_quota", {})
        found: dict[str, dict[str, int]] = {}
        for row in await self._net.db.find(store.QUOTAS):
            found.setdefault(row.project_id, dict(self.defaults))[row.resource] = row.most
        return found

    async def update(self, ctx: Context, project_id: str, body: Any) -> dict[str, int]:
        self._net.policy.enforce(ctx, "update_quota", {"project_id": project_id})
        limits = body.get("quota") if isinstance(body, dict) else None
        if not isinstance(limits, dict):
            raise HTTPBadRequest("Unable to find 'quota' in request body")
        limits = {name: value for name, value in limits.items() if name not in ("force", "check_limit")}
        checked = {name: _limit(name, value) for name, value in limits.items()}
        async with self._net.db.transaction() as tx:
            await tx.lock(f"quota:network:{project_id}")
            for name, most in checked.items():
                if not await tx.update(store.QUOTAS, {"most": most}, project_id=project_id, resource=name):
                    await tx.insert(store.QUOTAS, QuotaLimit(project_id, name, most))
        return await self.limits(self._net.db, project_id)

    async def delete(self, ctx: Context, project_id: str) -> None:
        self._net.policy.enforce(ctx, "delete_quota", {"project_id": project_id})
        async with self._net.db.transaction() as tx:
            if not await tx.delete(store.QUOTAS, project_id=project_id):
                raise errors.TenantQuotaNotFound(project_id=project_id)


def _limit(name: str, value: Any) -> int:
    if name not in COUNTED:
        raise HTTPBadRequest(f"Unrecognized attribute(s) '{name[:80]}'")
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -1 <= value <= _MOST:
        raise HTTPBadRequest(f"Invalid input for {name}. Reason: {str(value)[:40]!r} is not in valid range.")
    return value
