"""Regions, services and endpoints: what the catalog of a token is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wolke.core import ids
from wolke.core.context import Context
from wolke.core.db import Transaction, Where
from wolke.identity import views
from wolke.identity.errors import Duplicate, Invalid, Missing, NotAllowed
from wolke.identity.model import Endpoint, Region, Service
from wolke.identity.service.ground import Ground
from wolke.identity.service.listing import Found, Wanted, listed
from wolke.identity.service.values import Values, check_same_id, split
from wolke.identity.store import ENDPOINTS, REGIONS, SERVICES

_REGION = frozenset({"description", "parent_region_id"})
_SERVICE = frozenset({"type", "name", "enabled"})
_ENDPOINT = frozenset({"service_id", "interface", "region_id", "region", "url", "enabled"})


class Catalog:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._db = ground.db

    # -- regions

    async def region(self, region_id: str) -> Region:
        found = await self._db.get(REGIONS, id=region_id)
        if found is None:
            raise Missing("region", region_id)
        return found

    async def regions(self, wanted: Wanted) -> Found[Region]:
        return await listed(self._ground, REGIONS, wanted, by_name=False)

    async def create_region(self, ctx: Context, values: Values, *, region_id: str | None = None) -> Region:
        fields, extra = split(values, _REGION)
        chosen = region_id or values.get("id") or ids.hex_id()
        region = Region(chosen, fields.get("description") or "", fields.get("parent_region_id"), extra)
        async with self._ground.writing("region") as tx:
            if await tx.get(REGIONS, id=chosen) is not None:
                raise Duplicate("region", f"Duplicate ID, {chosen}")
            await self._check_parent(tx, chosen, region.parent_region_id)
            await tx.insert(REGIONS, region)
        return region

    async def update_region(self, ctx: Context, region_id: str, values: Values) -> Region:
        async with self._ground.writing("region") as tx:
            old = await tx.get(REGIONS, id=region_id)
            if old is None:
                raise Missing("region", region_id)
            check_same_id(values, region_id, "region")
            fields, extra = split(values, _REGION, old.extra)
            if "description" in fields:
                fields["description"] = fields["description"] or ""
            await self._check_parent(tx, region_id, fields.get("parent_region_id"))
            changes = fields | {"extra": extra}
            await tx.update(REGIONS, changes, id=region_id)
        return msgspec.structs.replace(old, **changes)

    async def delete_region(self, ctx: Context, region_id: str) -> None:
        async with self._ground.writing("region") as tx:
            if await tx.get(REGIONS, id=region_id) is None:
                raise Missing("region", region_id)
            if await tx.count(REGIONS, parent_region_id=region_id):
                raise NotAllowed(f"Unable to delete region {region_id} because it or its child regions have endpoints.")
            if await tx.count(ENDPOINTS, region_id=region_id):
                raise NotAllowed(f"Unable to delete region {region_id} because it or its child regions have endpoints.")
            await tx.delete(REGIONS, id=region_id)

    async def _check_parent(self, tx: Transaction, region_id: str, parent_id: str | None) -> None:
        """The parent must be there, and not stand below the region."""
        at, first = parent_id, True
        while at is not None:
            if at == region_id:
                raise Invalid("A region cannot be its own ancestor.")
            parent = await tx.get(REGIONS, id=at)
            if parent is None:
                if first:
                    raise Missing("region", at)
                return
            at, first = parent.parent_region_id, False

    # -- services

    async def service(self, service_id: str) -> Service:
        found = await self._db.get(SERVICES, id=service_id)
        if found is None:
            raise Missing("service", service_id)
        return found

    async def services(self, wanted: Wanted) -> Found[Service]:
        return await listed(self._ground, SERVICES, wanted)

    async def create_service(self, ctx: Context, values: Values) -> Service:
        fields, extra = split(values, _SERVICE)
        enabled = fields.get("enabled", True)
        service = Service(ids.hex_id(), fields["type"], fields.get("name") or "", enabled, extra)
        async with self._ground.writing("service", tokens=True) as tx:
            await tx.insert(SERVICES, service)
        return service

    async def update_service(self, ctx: Context, service_id: str, values: Values) -> Service:
        async with self._ground.writing("service", tokens=True) as tx:
            old = await tx.get(SERVICES, id=service_id)
            if old is None:
                raise Missing("service", service_id)
            check_same_id(values, service_id, "service")
            fields, extra = split(values, _SERVICE, old.extra)
            if "name" in fields:
                fields["name"] = fields["name"] or ""
            changes = fields | {"extra": extra}
            await tx.update(SERVICES, changes, id=service_id)
        return msgspec.structs.replace(old, **changes)

    async def delete_service(self, ctx: Context, service_id: str) -> None:
        async with self._ground.writing("service", tokens=True) as tx:
            if not await tx.delete(SERVICES, id=service_id):
                raise Missing("service", service_id)
            await tx.delete(ENDPOINTS, service_id=service_id)

    # -- endpoints

    async def endpoint(self, endpoint_id: str) -> Endpoint:
        found = await self._db.get(ENDPOINTS, id=endpoint_id)
        if found is None:
            raise Missing("endpoint", endpoint_id)
        return found

    async def endpoints(self, wanted: Wanted, *, where: Sequence[Where] = ()) -> Found[Endpoint]:
        return await listed(self._ground, ENDPOINTS, wanted, where=where, by_name=False)

    async def create_endpoint(self, ctx: Context, values: Values) -> Endpoint:
        fields, extra = _endpoint_fields(values, {})
        async with self._ground.writing("endpoint", tokens=True) as tx:
            await self._check_endpoint(tx, fields, made="region" in values)
            endpoint = Endpoint(
                id=ids.hex_id(),
                service_id=fields["service_id"],
                interface=fields["interface"],
                region_id=fields.get("region_id"),
                url=fields["url"].strip(),
                enabled=fields.get("enabled", True),
                extra=extra,
            )
            await tx.insert(ENDPOINTS, endpoint)
        return endpoint

    async def update_endpoint(self, ctx: Context, endpoint_id: str, values: Values) -> Endpoint:
        async with self._ground.writing("endpoint", tokens=True) as tx:
            old = await tx.get(ENDPOINTS, id=endpoint_id)
            if old is None:
                raise Missing("endpoint", endpoint_id)
            check_same_id(values, endpoint_id, "endpoint")
            fields, extra = _endpoint_fields(values, old.extra)
            await self._check_endpoint(tx, fields, made="region" in values)
            changes = fields | {"extra": extra}
            await tx.update(ENDPOINTS, changes, id=endpoint_id)
        return msgspec.structs.replace(old, **changes)

    async def delete_endpoint(self, ctx: Context, endpoint_id: str) -> None:
        async with self._ground.writing("endpoint", tokens=True) as tx:
            if not await tx.delete(ENDPOINTS, id=endpoint_id):
                raise Missing("endpoint", endpoint_id)

    async def _check_endpoint(self, tx: Transaction, fields: Values, *, made: bool) -> None:
        """``made``: the region was named by the old attribute, which makes it unless it is there."""
        if "service_id" in fields and await tx.get(SERVICES, id=fields["service_id"]) is None:
            raise Missing("service", fields["service_id"])
        region_id = fields.get("region_id")
        if region_id is None or await tx.get(REGIONS, id=region_id) is not None:
            return
        if not made:
            raise Missing("region", region_id)
        await tx.insert(REGIONS, Region(region_id, "", None, {}))


def _endpoint_fields(values: Values, old_extra: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    fields, extra = split(values, _ENDPOINT, old_extra)
    if "region" in fields:  # the old name
        fields.setdefault("region_id", fields["region"])
        del fields["region"]
    if bad := views.unknown_placeholders(fields.get("url", "")):
        raise Invalid(f"The URL of the endpoint asks for what is not known: {', '.join(bad)[:200]}")
    return fields, extra
