"""Server groups: servers that shall, or shall not, be on the same host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wolke.compute import errors
from wolke.compute.model import ServerGroup
from wolke.compute.service.needs import Needs
from wolke.compute.service.quotas import Quotas
from wolke.compute.store import SERVER_GROUPS, SERVERS
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Order, Where
from wolke.core.errors import BadRequest, Forbidden


class ServerGroups:
    def __init__(self, needs: Needs, quotas: Quotas) -> None:
        self._needs = needs
        self._db = needs.db
        self._quotas = quotas

    async def index(self, ctx: Context, *, everywhere: bool, limit: int, offset: int) -> list[ServerGroup]:
        order = (Order("created_at"), Order("id"))
        whose: dict[str, Any] = {} if everywhere else {"project_id": ctx.project_id or ""}
        found = await self._db.find(SERVER_GROUPS, order=order, limit=offset + limit, **whose)
        return found[offset:]

    async def members(self, groups: Sequence[ServerGroup]) -> dict[str, list[str]]:
        """The ids of the servers in each group."""
        found: dict[str, list[str]] = {group.id: [] for group in groups}
        where = [Where("server_group_id", "in", list(found)), Where("deleted_at", "isnull", True)]
        for server in await self._db.find(SERVERS, where=where, order=(Order("created_at"), Order("id"))):
            found[server.server_group_id or ""].append(server.id)
        return found

    async def show(self, ctx: Context, group_id: str) -> ServerGroup:
        group = await self._db.get(SERVER_GROUPS, id=group_id)
        if group is None or not (ctx.is_admin or group.project_id == ctx.project_id):
            raise errors.ServerGroupNotFound(group_id)
        return group

    async def create(self, ctx: Context, name: str, policy: str, rules: Mapping[str, int]) -> ServerGroup:
        if rules and policy != "anti-affinity":
            raise BadRequest("Only anti-affinity policy supports rules.")
        project_id, user_id = ctx.project_id or "", ctx.user_id or ""
        group = ServerGroup(ids.uuid(), project_id, user_id, name, policy, dict(rules), self._needs.clock.now())
        async with self._db.transaction() as tx:
            await tx.lock(f"quota:compute:{project_id}")
            limits = await self._quotas.limits(project_id, user_id, reader=tx)
            if 0 <= limits["server_groups"] <= await tx.count(SERVER_GROUPS, project_id=project_id):
                raise Forbidden("Quota exceeded, too many server groups.")
            await tx.insert(SERVER_GROUPS, group)
        return group

    async def delete(self, ctx: Context, group_id: str) -> None:
        """Its servers stay as they are, and are in no group any more."""
        await self.show(ctx, group_id)
        async with self._db.transaction() as tx:
            if not await tx.delete(SERVER_GROUPS, id=group_id):
                raise errors.ServerGroupNotFound(group_id)
            await tx.update(SERVERS, {"server_group_id": None}, server_group_id=group_id)
