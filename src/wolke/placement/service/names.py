"""Traits and resource classes: the standard ones, which are data, and the custom ones, which are rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wolke.core.db import DuplicateRow, Reader, Where
from wolke.placement import errors
from wolke.placement.model import CustomName
from wolke.placement.model.classes import STANDARD_CLASSES, is_custom
from wolke.placement.model.traits import STANDARD_TRAITS
from wolke.placement.store import CUSTOM_CLASSES, CUSTOM_TRAITS, INVENTORIES, TRAITS

if TYPE_CHECKING:
    from wolke.placement.service import Placement


class Names:
    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._db = placement.db

    # -- resource classes

    async def classes(self) -> list[CustomName]:
        custom = await self._db.find(CUSTOM_CLASSES)
        return [*(CustomName(name, "") for name in STANDARD_CLASSES), *sorted(custom, key=lambda one: one.name)]

    async def resource_class(self, name: str) -> CustomName:
        if name in STANDARD_CLASSES:
            return CustomName(name, "")
        found = await self._db.get(CUSTOM_CLASSES, name=name)
        if found is None:
            raise errors.ClassNotFound(name)
        return found

    async def add_class(self, name: str) -> CustomName:
        if not is_custom(name):
            raise errors.NotCustom("resource class", name)
        made = CustomName(name, self._placement.clock.now())
        try:
            async with self._db.transaction() as tx:
                await tx.insert(CUSTOM_CLASSES, made)
        except DuplicateRow:
            raise errors.ClassExists(name) from None
        return made

    async def rename_class(self, name: str, new: str) -> CustomName:
        """What 1.2 to 1.6 could do."""
        if name in STANDARD_CLASSES:
            raise errors.NotCustom("resource class", name)
        try:
            async with self._db.transaction() as tx:
                now = self._placement.clock.now()
                if not await tx.update(CUSTOM_CLASSES, {"name": new, "updated_at": now}, name=name):
                    raise errors.ClassNotFound(name)
                if await tx.count(INVENTORIES, resource_class=name):
                    raise errors.ClassInUse(name)
        except DuplicateRow:
            raise errors.ClassExists(new) from None
        return CustomName(new, now)

    async def remove_class(self, name: str) -> None:
        if name in STANDARD_CLASSES:
            raise errors.NotCustom("resource class", name)
        async with self._db.transaction() as tx:
            if not await tx.delete(CUSTOM_CLASSES, name=name):
                raise errors.ClassNotFound(name)
            if await tx.count(INVENTORIES, resource_class=name):
                raise errors.ClassInUse(name)

    async def check_classes(self, names: Iterable[str], reader: Reader | None = None) -> None:
        """400 for classes that do not exist."""
        unknown = {name for name in names if name not in STANDARD_CLASSES}
        if unknown:
            where = [Where("name", "in", sorted(unknown))]
            unknown -= {one.name for one in await (reader or self._db).find(CUSTOM_CLASSES, where=where)}
        if unknown:
            raise errors.NoSuchClass(sorted(unknown))

    # -- traits

    async def traits(
        self, *, prefix: str = "", names: list[str] | None = None, associated: bool | None = None
    ) -> list[str]:
        found = STANDARD_TRAITS | {one.name for one in await self._db.find(CUSTOM_TRAITS)}
        if names is not None:
            found &= set(names)
        if associated is not None:
            used = {one.trait for one in await self._db.find(TRAITS)}
            found = found & used if associated else found - used
        return sorted(name for name in found if name.startswith(prefix))

    async def check_traits(self, names: Iterable[str], reader: Reader | None = None) -> None:
        unknown = set(names) - STANDARD_TRAITS
        if unknown:
            where = [Where("name", "in", sorted(unknown))]
            unknown -= {one.name for one in await (reader or self._db).find(CUSTOM_TRAITS, where=where)}
        if unknown:
            raise errors.NoSuchTrait(sorted(unknown))

    async def has_trait(self, name: str) -> bool:
        return name in STANDARD_TRAITS or await self._db.get(CUSTOM_TRAITS, name=name) is not None

    async def add_trait(self, name: str) -> bool:
        """Whether it is new."""
        if not is_custom(name):
            raise errors.NotCustom("trait", name)
        try:
            async with self._db.transaction() as tx:
                await tx.insert(CUSTOM_TRAITS, CustomName(name, self._placement.clock.now()))
        except DuplicateRow:
            return False
        return True

    async def remove_trait(self, name: str) -> None:
        if name in STANDARD_TRAITS:
            raise errors.NotCustom("trait", name)
        async with self._db.transaction() as tx:
            if not await tx.delete(CUSTOM_TRAITS, name=name):
                raise errors.TraitNotFound(name)
            if await tx.count(TRAITS, trait=name):
                raise errors.TraitInUse(name)
