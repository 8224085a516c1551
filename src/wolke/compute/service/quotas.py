"""Quota: limits by project and by user in a project, and what the rows say is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.compute import errors
from wolke.compute.model import QuotaLimit
from wolke.compute.service.needs import Needs
from wolke.compute.store import KEY_PAIRS, QUOTA_LIMITS, SERVER_GROUPS, SERVERS
from wolke.core.context import Context
from wolke.core.db import Reader, Transaction, Where
from wolke.core.errors import BadRequest, Forbidden
from wolke.core.quota import UNLIMITED, over

#: Where the limits of all projects that have none of their own are kept, when an operator has changed the defaults.
DEFAULT_CLASS = "class:default"


class Quotas:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db
        config = needs.config
        self._configured = {
            "cores": config.default_quota_cores,
            "instances": config.default_quota_instances,
            "key_pairs": config.default_quota_key_pairs,
            "metadata_items": config.default_quota_metadata_items,
            "ram": config.default_quota_ram_mib,
            "server_group_members": config.default_quota_server_group_members,
            "server_groups": config.default_quota_server_groups,
        }

    async def defaults(self) -> dict[str, int]:
        return self._configured | await self._rows(self._db, DEFAULT_CLASS, "")

    async def limits(
        self, project_id: str, user_id: str | None = None, *, reader: Reader | None = None
    ) -> dict[str, int]:
        """Of a project, or of a user in it: what was set for the user, else for the project, else the default."""
        whole, own = await self._limits(reader or self._db, project_id, user_id)
        return whole | own

    async def _limits(
        self, reader: Reader, project_id: str, user_id: str | None
    ) -> tuple[dict[str, int], dict[str, int]]:
        """Of the project, all of them; and those that were set for the user."""
        projects, users = [DEFAULT_CLASS, project_id], ["", user_id] if user_id else [""]
        where = [Where("project_id", "in", projects), Where("user_id", "in", users)]
        set_: dict[tuple[str, str], dict[str, int]] = {}
        for row in await reader.find(QUOTA_LIMITS, where=where):
            set_.setdefault((row.project_id, row.user_id), {})[row.resource] = row.amount
        whole = self._configured | set_.get((DEFAULT_CLASS, ""), {}) | set_.get((project_id, ""), {})
        return whole, set_.get((project_id, user_id), {}) if user_id else {}

    async def used(
        self, project_id: str, user_id: str | None = None, *, reader: Reader | None = None
    ) -> dict[str, int]:
        reader = reader or self._db
        mine: dict[str, Any] = {"project_id": project_id}
        if user_id:
            mine["user_id"] = user_id
        instances, cores, ram = await reader.sums(SERVERS, "vcpus", "ram_mib", counted=True, **mine)
        groups = await reader.count(SERVER_GROUPS, **mine)
        return {"instances": instances, "cores": cores, "ram": ram, "server_groups": groups}

    async def key_pairs_used(self, user_id: str | None) -> int:
        return await self._db.count(KEY_PAIRS, user_id=user_id or "")

    async def take(self, tx: Transaction, ctx: Context, one: Mapping[str, int], least: int, most: int) -> int:
        """How many of ``one`` server fit, at most ``most``. ``QuotaExceeded`` if fewer than ``least`` do. Holds the
        project's lock until ``tx`` ends."""
        return await self.take_for(tx, ctx.project_id or "", ctx.user_id, one, least, most)

    async def take_for(
        self,
        tx: Transaction,
        project_id: str,
        user_id: str | None,
        one: Mapping[str, int],
        least: int = 1,
        most: int = 1,
    ) -> int:
        """As ``take``, for whoever's server it is."""
        await tx.lock(f"quota:compute:{project_id}")
        whole, own = await self._limits(tx, project_id, user_id)
        accounts = []
        for limits, whose in ((whole, None), (own, user_id)):
            if any(limits.get(name, UNLIMITED) != UNLIMITED for name in one):
                accounts.append((limits, await self.used(project_id, whose, reader=tx)))
        count = most
        for limits, used in accounts:
            for name, amount in one.items():
                if amount > 0 and limits.get(name, UNLIMITED) != UNLIMITED:
                    count = min(count, (limits[name] - used[name]) // amount)
        if count >= least:
            return count
        for limits, used in accounts:
            wanted = {name: amount * least for name, amount in one.items()}
            if names := over(limits, used, wanted):
                raise errors.QuotaExceeded(
                    names, (wanted[n] for n in names), (used[n] for n in names), (limits[n] for n in names)
                )
        raise Forbidden("Quota exceeded.")

    async def update(
        self, ctx: Context, project_id: str, user_id: str | None, limits: Mapping[str, int], *, force: bool
    ) -> dict[str, int]:
        """Without ``force`` a limit cannot be put below what is already used, nor a user's above the project's."""
        if project_id != DEFAULT_CLASS:
            await self._needs.check_project(project_id)
        async with self._db.transaction() as tx:
            await tx.lock(f"quota:compute:{project_id}")
            if project_id != DEFAULT_CLASS:
                used = await self.used(project_id, user_id, reader=tx)
                whole = await self.limits(project_id, reader=tx)
                for name, amount in limits.items():
                    _check(name, amount, used.get(name, 0), whole[name] if user_id else UNLIMITED, force=force)
            for name, amount in limits.items():
                key: dict[str, Any] = {"project_id": project_id, "user_id": user_id or "", "resource": name}
                if not await tx.update(QUOTA_LIMITS, {"amount": amount}, **key):
                    await tx.insert(QUOTA_LIMITS, QuotaLimit(**key, amount=amount))
        return await self.limits(project_id, user_id)

    async def delete(self, ctx: Context, project_id: str, user_id: str | None) -> None:
        async with self._db.transaction() as tx:
            if user_id:
                await tx.delete(QUOTA_LIMITS, project_id=project_id, user_id=user_id)
            else:
                await tx.delete(QUOTA_LIMITS, project_id=project_id)

    @staticmethod
    async def _rows(reader: Reader, project_id: str, user_id: str | None) -> dict[str, int]:
        rows = await reader.find(QUOTA_LIMITS, project_id=project_id, user_id=user_id or "")
        return {row.resource: row.amount for row in rows}


def _check(name: str, amount: int, used: int, most: int, *, force: bool) -> None:
    if amount < UNLIMITED:
        raise BadRequest(f"Quota limit {amount} for {name} must be -1 or greater.")
    if most != UNLIMITED and (amount > most or amount == UNLIMITED):
        raise BadRequest(f"Quota limit {amount} for {name} must be less than or equal to {most}.")
    if not force and amount != UNLIMITED and amount < used:
        raise BadRequest(
            f"Quota limit {amount} for {name} must be greater than or equal to already used and reserved {used}."
        )
