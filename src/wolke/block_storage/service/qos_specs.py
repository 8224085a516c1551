"""QoS specs: limits for volumes of the types that they are associated with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from wolke.block_storage import errors
from wolke.block_storage.model import QosSpecs as Specs
from wolke.block_storage.model import Volume, VolumeType
from wolke.block_storage.service import sight
from wolke.block_storage.service.needs import Needs
from wolke.block_storage.store import QOS_SPECS, TYPES
from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import DuplicateRow, Order, Transaction
from wolke.core.paging import Page

#: Limits that may grow with the volume: by so much for each GiB (_per_gb), from a least (_per_gb_min) to a most (_max).
_SCALED = tuple(f"{which}_{what}_sec" for which in ("total", "read", "write") for what in ("bytes", "iops"))


def limits_of(specs: Mapping[str, str], size_gib: int) -> dict[str, str]:
    """What a hypervisor is told of ``specs``. Source: Cinder's user guide, "Capacity based QoS"."""
    found = dict(specs)
    for name in _SCALED:
        per_gib, least = found.pop(f"{name}_per_gb", ""), found.pop(f"{name}_per_gb_min", "0")
        if per_gib.isdecimal():
            value = max(int(per_gib) * size_gib, int(least) if least.isdecimal() else 0)
            most = found.pop(f"{name}_max", "")
            found[name] = str(min(value, int(most)) if most.isdecimal() else value)
    return found


async def limits_in(tx: Transaction, volume: Volume) -> dict[str, str] | None:
    """Those that whoever opens the volume is to keep to."""
    kind = await tx.get(TYPES, id=volume.type_id) if volume.type_id else None
    specs = await tx.get(QOS_SPECS, id=kind.qos_specs_id) if kind is not None and kind.qos_specs_id else None
    if specs is None or specs.consumer == "back-end":
        return None
    return limits_of(specs.specs, volume.size_gib)


class QosSpecs:
    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._db = needs.db

    async def index(self, ctx: Context, page: Page, *, offset: int = 0) -> list[Specs]:
        return await sight.find(self._db, ctx, QOS_SPECS, page, (), offset=offset)

    async def show(self, ctx: Context, specs_id: str) -> Specs:
        found = await self._db.get(QOS_SPECS, id=specs_id)
        if found is None:
            raise errors.QosSpecsNotFound(specs_id)
        return found

    async def create(self, ctx: Context, name: str, consumer: str, specs: Mapping[str, str]) -> Specs:
        made = Specs(ids.uuid(), name, consumer, dict(specs), self._needs.clock.now(), None)
        try:
            async with self._db.transaction() as tx:
                await tx.insert(QOS_SPECS, made)
        except DuplicateRow:
            raise errors.QosSpecsExist(name) from None
        return made

    async def set(self, ctx: Context, specs_id: str, specs: Mapping[str, str]) -> Specs:
        """``consumer`` among them is where they apply; the rest are added to what there is."""
        async with self._db.transaction() as tx:
            found = await self._held(tx, specs_id)
            more = {name: value for name, value in specs.items() if name != "consumer"}
            consumer = specs.get("consumer", found.consumer)
            if consumer not in ("front-end", "back-end", "both"):
                raise errors.Invalid("qos specs", "consumer must be one of front-end, back-end and both.")
            return await self._write(tx, found, consumer, {**found.specs, **more})

    async def unset(self, ctx: Context, specs_id: str, keys: Sequence[str]) -> None:
        async with self._db.transaction() as tx:
            found = await self._held(tx, specs_id)
            for key in keys:
                if key not in found.specs:
                    raise errors.QosKeyNotFound(specs_id, key)
            await self._write(tx, found, found.consumer, {k: v for k, v in found.specs.items() if k not in keys})

    async def delete(self, ctx: Context, specs_id: str, *, force: bool) -> None:
        async with self._db.transaction() as tx:
            await self._held(tx, specs_id)
            if await tx.find(TYPES, qos_specs_id=specs_id, limit=1):
                if not force:
                    raise errors.QosSpecsInUse(specs_id)
                await tx.update(TYPES, {"qos_specs_id": None}, qos_specs_id=specs_id)
            await tx.delete(QOS_SPECS, id=specs_id)

    async def associations(self, ctx: Context, specs_id: str) -> list[VolumeType]:
        await self.show(ctx, specs_id)
        return await self._db.find(TYPES, qos_specs_id=specs_id, order=[Order("name")])

    async def associate(self, ctx: Context, specs_id: str, type_id: str) -> None:
        async with self._db.transaction() as tx:
            await self._held(tx, specs_id)
            found = await tx.get(TYPES, id=type_id)
            if found is None:
                raise errors.TypeNotFound(type_id)
            if found.qos_specs_id not in (None, specs_id):
                why = f"Type {type_id} is already associated with another qos specs: {found.qos_specs_id}"
                raise errors.Invalid("volume type", why)
            await tx.update(TYPES, {"qos_specs_id": specs_id}, id=type_id)

    async def disassociate(self, ctx: Context, specs_id: str, type_id: str | None) -> None:
        """``type_id`` None: from all."""
        async with self._db.transaction() as tx:
            await self._held(tx, specs_id)
            if type_id is None:
                await tx.update(TYPES, {"qos_specs_id": None}, qos_specs_id=specs_id)
            elif await tx.get(TYPES, id=type_id) is None:
                raise errors.TypeNotFound(type_id)
            else:
                await tx.update(TYPES, {"qos_specs_id": None}, id=type_id, qos_specs_id=specs_id)

    async def _held(self, tx: Transaction, specs_id: str) -> Specs:
        await tx.lock(f"block_storage:qos:{specs_id}")
        found = await tx.get(QOS_SPECS, id=specs_id)
        if found is None:
            raise errors.QosSpecsNotFound(specs_id)
        return found

    async def _write(self, tx: Transaction, found: Specs, consumer: str, specs: Mapping[str, str]) -> Specs:
        changes = {"consumer": consumer, "specs": dict(specs), "updated_at": self._needs.clock.now()}
        await tx.update(QOS_SPECS, changes, id=found.id)
        return msgspec.structs.replace(found, **changes)
