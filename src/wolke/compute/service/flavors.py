"""Flavors: sizes that servers come in. There are few, so a list is read whole and picked from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wolke.compute import errors
from wolke.compute.model import Flavor
from wolke.compute.service.needs import Needs
from wolke.compute.store import FLAVORS
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Transaction
from wolke.core.errors import BadRequest, Conflict, NotFound
from wolke.core.paging import Page

SORT_KEYS = {
    "id": "id", "flavorid": "id", "name": "name", "memory_mb": "ram_mib", "vcpus": "vcpus", "root_gb": "disk_gib",
    "ephemeral_gb": "ephemeral_gib", "swap": "swap_mib", "rxtx_factor": "rxtx_factor", "created_at": "created_at",
    "updated_at": "created_at", "disabled": "disabled", "is_public": "is_public", "description": "description",
}  # fmt: skip

MOST_EXTRA_SPECS = 256

#: The ones a new cloud begins with: id, name, MiB of memory, virtual CPUs, GiB of disk.
DEFAULTS = (
    ("42", "m1.nano", 64, 1, 0),
    ("84", "m1.micro", 128, 1, 0),
    ("1", "m1.tiny", 512, 1, 1),
    ("2", "m1.small", 2048, 1, 20),
    ("3", "m1.medium", 4096, 2, 40),
    ("4", "m1.large", 8192, 4, 80),
    ("5", "m1.xlarge", 16384, 8, 160),
)


class Flavors:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db
        self._clock = needs.clock

    async def seed(self) -> None:
        """The default flavors, if there are none at all."""
        async with self._db.transaction() as tx:
            await tx.lock("compute:flavors")
            if await tx.count(FLAVORS):
                return
            for flavor_id, name, ram_mib, vcpus, disk_gib in DEFAULTS:
                await tx.insert(
                    FLAVORS,
                    Flavor(
                        flavor_id,
                        name,
                        vcpus,
                        ram_mib,
                        disk_gib,
                        0,
                        0,
                        1.0,
                        True,
                        False,
                        None,
                        {},
                        [],
                        self._clock.now(),
                    ),
                )

    async def index(
        self,
        ctx: Context,
        page: Page,
        *,
        is_public: bool | None = True,
        min_disk_gib: int = 0,
        min_ram_mib: int = 0,
        name: str | None = None,
    ) -> list[Flavor]:
        """``is_public`` None: both kinds; True: and the private ones that the caller's project may use. Only admins see those of
        others."""
        found = await self._db.find(FLAVORS, order=page.order)
        shown = [
            flavor
            for flavor in found
            if flavor.disk_gib >= min_disk_gib
            and flavor.ram_mib >= min_ram_mib
            and name in (None, flavor.name)
            and (
                is_public is None or flavor.is_public == is_public or (is_public and ctx.project_id in flavor.projects)
            )
            and _visible(ctx, flavor)
        ]
        if page.marker is not None:
            at = next((i for i, flavor in enumerate(shown) if flavor.id == page.marker), None)
            if at is None:
                raise errors.MarkerNotFound(page.marker)
            shown = shown[at + 1 :]
        return shown if page.limit is None else shown[: page.limit]

    async def show(self, ctx: Context, flavor_id: str) -> Flavor:
        flavor = await self._db.get(FLAVORS, id=flavor_id)
        if flavor is None or not _visible(ctx, flavor):
            raise errors.FlavorNotFound(flavor_id)
        return flavor

    async def create(self, ctx: Context, values: Mapping[str, Any]) -> Flavor:
        """``values`` are the record's fields; without an ``id`` it is a UUID."""
        flavor = Flavor(
            **{"id": ids.uuid(), **values},
            disabled=False,
            extra_specs={},
            projects=[],
            created_at=self._clock.now(),
        )
        try:
            async with self._db.transaction() as tx:
                await tx.insert(FLAVORS, flavor)
        except DuplicateRow as error:
            if "name" in error.constraint:
                raise errors.FlavorExists(flavor.name) from None
            raise errors.FlavorIdExists(flavor.id) from None
        return flavor

    async def update(self, ctx: Context, flavor_id: str, description: str | None) -> Flavor:
        async with self._db.transaction() as tx:
            return await self._change(tx, flavor_id, description=description)

    async def delete(self, ctx: Context, flavor_id: str) -> None:
        async with self._db.transaction() as tx:
            if not await tx.delete(FLAVORS, id=flavor_id):
                raise errors.FlavorNotFound(flavor_id)

    # -- extra specs

    async def extra_spec(self, ctx: Context, flavor_id: str, key: str) -> str:
        flavor = await self.show(ctx, flavor_id)
        if key not in flavor.extra_specs:
            raise errors.ExtraSpecNotFound(flavor_id, key)
        return flavor.extra_specs[key]

    async def add_extra_specs(self, ctx: Context, flavor_id: str, specs: Mapping[str, str]) -> Flavor:
        async with self._db.transaction() as tx:
            flavor = await self._locked(tx, flavor_id)
            merged = {**flavor.extra_specs, **specs}
            if len(merged) > MOST_EXTRA_SPECS:
                raise BadRequest(f"A flavor has at most {MOST_EXTRA_SPECS} extra specs.")
            return await self._change(tx, flavor_id, extra_specs=merged)

    async def delete_extra_spec(self, ctx: Context, flavor_id: str, key: str) -> None:
        async with self._db.transaction() as tx:
            flavor = await self._locked(tx, flavor_id)
            if key not in flavor.extra_specs:
                raise errors.ExtraSpecNotFound(flavor_id, key)
            left = {name: value for name, value in flavor.extra_specs.items() if name != key}
            await self._change(tx, flavor_id, extra_specs=left)

    # -- access to private flavors

    async def access(self, ctx: Context, flavor_id: str) -> list[str]:
        flavor = await self.show(ctx, flavor_id)
        if flavor.is_public:
            raise NotFound("Access list not available for public flavors.")
        return flavor.projects

    async def add_access(self, ctx: Context, flavor_id: str, project_id: str) -> Flavor:
        await self._needs.check_project(project_id)
        async with self._db.transaction() as tx:
            flavor = await self._locked(tx, flavor_id)
            if flavor.is_public:
                raise Conflict("Can not add access to a public flavor.")
            if project_id in flavor.projects:
                raise errors.FlavorAccessExists(flavor_id, project_id)
            return await self._change(tx, flavor_id, projects=[*flavor.projects, project_id])

    async def remove_access(self, ctx: Context, flavor_id: str, project_id: str) -> Flavor:
        async with self._db.transaction() as tx:
            flavor = await self._locked(tx, flavor_id)
            if project_id not in flavor.projects:
                raise errors.FlavorAccessNotFound(flavor_id, project_id)
            return await self._change(tx, flavor_id, projects=[p for p in flavor.projects if p != project_id])

    async def _locked(self, tx: Transaction, flavor_id: str) -> Flavor:
        await tx.lock(f"compute:flavor:{flavor_id}")
        flavor = await tx.get(FLAVORS, id=flavor_id)
        if flavor is None:
            raise errors.FlavorNotFound(flavor_id)
        return flavor

    async def _change(self, tx: Transaction, flavor_id: str, **changes: Any) -> Flavor:
        flavor = await self._locked(tx, flavor_id)
        await tx.update(FLAVORS, changes, id=flavor_id)
        return msgspec.structs.replace(flavor, **changes)


def _visible(ctx: Context, flavor: Flavor) -> bool:
    return flavor.is_public or ctx.is_admin or ctx.project_id in flavor.projects
