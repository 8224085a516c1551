"""Quota: limits by project, for all volumes and for each type, and what the rows say is used.

``take`` sums in the transaction that adds the next row, under a lock for the project. Only what has a limit is summed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wolke.block_storage import errors
from wolke.block_storage.model import RESOURCES, TYPED_RESOURCES, QuotaLimit
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import (
    BACKUPS,
    GROUPS,
    QUOTA_LIMITS,
    SNAPSHOTS,
    SNAPSHOTS_BY_TYPE,
    TYPES,
    VOLUMES,
    VOLUMES_BY_TYPE,
)
from wolke.core.context import Context
from wolke.core.db import Reader, Transaction, Where
from wolke.core.quota import UNLIMITED, over

#: Where the limits of all projects that have none of their own are kept, when an operator has changed the defaults.
DEFAULT_CLASS = "class:default"
MOST = 2**31 - 1


class Quotas:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db
        self._configured = {name: getattr(needs.config, f"default_quota_{name}") for name in RESOURCES}

    async def names(self) -> list[str]:
        """Of everything that can be limited, with the types that there are."""
        types = sorted(one.name for one in await self._db.find(TYPES))
        return [*RESOURCES, *(f"{name}_{one}" for one in types for name in TYPED_RESOURCES)]

    async def defaults(self, reader: Reader | None = None) -> dict[str, int]:
        return self._configured | await self._set(reader or self._db, DEFAULT_CLASS)

    async def limits(self, project_id: str, reader: Reader | None = None) -> dict[str, int]:
        """What is not in it has no limit."""
        reader = reader or self._db
        where = [Where("project_id", "in", [DEFAULT_CLASS, project_id])]
        rows = await reader.find(QUOTA_LIMITS, where=where)
        classes = {row.resource: row.amount for row in rows if row.project_id == DEFAULT_CLASS}
        return self._configured | classes | {row.resource: row.amount for row in rows if row.project_id == project_id}

    async def full(self, limits: Mapping[str, int]) -> dict[str, int]:
        """With -1 for the types that have no limit."""
        return dict.fromkeys(await self.names(), UNLIMITED) | dict(limits)

    async def used(self, project_id: str, reader: Reader | None = None) -> dict[str, int]:
        """Of everything, also by type; one sum a table."""
        reader = reader or self._db
        names = {one.id: one.name for one in await reader.find(TYPES)}
        used = dict.fromkeys(("volumes", "gigabytes", "snapshots", "per_volume_gigabytes"), 0)
        for noun, query in (("volumes", VOLUMES_BY_TYPE), ("snapshots", SNAPSHOTS_BY_TYPE)):
            for type_id, count, gib in await reader.rows(query, project_id=project_id):
                for name, amount in ((noun, int(count)), ("gigabytes", int(gib))):
                    used[name] += amount
                    if type_id in names:
                        typed = f"{name}_{names[type_id]}"
                        used[typed] = used.get(typed, 0) + amount
        used["backups"], used["backup_gigabytes"] = await reader.sums(BACKUPS, "size_gib", project_id=project_id)
        used["groups"] = await reader.count(GROUPS, project_id=project_id)
        return used

    async def take(
        self, tx: Transaction, project_id: str, wanted: Mapping[str, int], type_name: str | None = None
    ) -> None:
        """``QuotaExceeded`` unless so much more fits. Holds the project's lock until ``tx`` ends."""
        await tx.lock(f"quota:block_storage:{project_id}")
        limits = await self.limits(project_id, tx)
        asked = dict(wanted)
        if type_name is not None:
            asked |= {f"{name}_{type_name}": wanted[name] for name in TYPED_RESOURCES if name in wanted}
        limited = {name: amount for name, amount in asked.items() if limits.get(name, UNLIMITED) != UNLIMITED}
        if not limited:
            return
        used = await self._narrow(tx, project_id, limited)
        if names := over(limits, used, limited):
            raise _exceeded(names[0], limited, used, limits)

    async def _narrow(self, tx: Transaction, project_id: str, limited: Mapping[str, int]) -> dict[str, int]:
        """No more than must be summed for ``limited``."""
        if any("_" in name and name != "backup_gigabytes" for name in limited):
            return await self.used(project_id, tx)
        used: dict[str, int] = {}
        if limited.keys() & {"volumes", "gigabytes"}:
            count, gib = await tx.sums(VOLUMES, "counted_gib", project_id=project_id, counted=True)
            used |= {"volumes": count, "gigabytes": gib}
        if limited.keys() & {"snapshots", "gigabytes"}:
            count, gib = await tx.sums(SNAPSHOTS, "size_gib", project_id=project_id, counted=True)
            used |= {"snapshots": count, "gigabytes": used.get("gigabytes", 0) + gib}
        if limited.keys() & {"backups", "backup_gigabytes"}:
            count, gib = await tx.sums(BACKUPS, "size_gib", project_id=project_id)
            used |= {"backups": count, "backup_gigabytes": gib}
        if "groups" in limited:
            used["groups"] = await tx.count(GROUPS, project_id=project_id)
        return used

    async def check_size(self, project_id: str, size_gib: int, reader: Reader | None = None) -> None:
        most = (await self.limits(project_id, reader)).get("per_volume_gigabytes", UNLIMITED)
        if most != UNLIMITED and size_gib > most:
            raise errors.QuotaExceeded(
                f"VolumeSizeExceedsLimit: Requested volume size {size_gib}G is larger than maximum allowed limit {most}G."
            )

    async def update(self, ctx: Context, project_id: str, limits: Mapping[str, int], *, check: bool = False) -> None:
        """``check``: no limit below what is used."""
        known = set(await self.names())
        for name, amount in limits.items():
            if name not in known:
                raise errors.Invalid("input received", f"Bad key(s) in quota set: {name[:64]}")
            if not UNLIMITED <= amount <= MOST:
                raise errors.Invalid(
                    "input received", f"Quota limit {amount} for {name} must be between -1 and {MOST}."
                )
        if project_id != DEFAULT_CLASS:
            await self._needs.check_project(project_id)
        async with self._db.transaction() as tx:
            await tx.lock(f"quota:block_storage:{project_id}")
            used = await self.used(project_id, tx) if check else {}
            for name, amount in limits.items():
                if UNLIMITED < amount < used.get(name, 0):
                    why = f"Quota {name} limit must be equal or greater than existing resources."
                    raise errors.Invalid("input received", why)
                key: dict[str, Any] = {"project_id": project_id, "resource": name}
                if not await tx.update(QUOTA_LIMITS, {"amount": amount}, **key):
                    await tx.insert(QUOTA_LIMITS, QuotaLimit(**key, amount=amount))

    async def delete(self, ctx: Context, project_id: str) -> None:
        async with self._db.transaction() as tx:
            await tx.delete(QUOTA_LIMITS, project_id=project_id)

    @staticmethod
    async def _set(reader: Reader, project_id: str) -> dict[str, int]:
        return {row.resource: row.amount for row in await reader.find(QUOTA_LIMITS, project_id=project_id)}


def _exceeded(
    name: str, wanted: Mapping[str, int], used: Mapping[str, int], limits: Mapping[str, int]
) -> errors.QuotaExceeded:
    """In the words that Cinder has for each, and under the name by which its clients know it."""
    used_, limit, asked = used.get(name, 0), limits[name], wanted[name]
    if "gigabytes" in name:
        backup = name.startswith("backup")
        what = "backup" if backup else "volume or snapshot"
        error = "VolumeBackupSizeExceedsAvailableQuota" if backup else "VolumeSizeExceedsAvailableQuota"
        return errors.QuotaExceeded(
            f"{error}: Requested {what} exceeds allowed {name} quota. Requested {asked}G, quota is {limit}G and {used_}G has "
            "been consumed."
        )
    noun = name.partition("_")[0]
    error = f"{noun.removesuffix('s').capitalize()}LimitExceeded"
    return errors.QuotaExceeded(f"{error}: Maximum number of {noun} allowed ({limit}) exceeded for quota '{name}'.")
