"""Servers: finding, listing and changing what is written of them. What takes time is in ``server_actions``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from wolke.compute import errors
from wolke.compute.model import Server, ServerStamp, ShownServer
from wolke.compute.service.hosts import zone_of_hosts
from wolke.compute.service.needs import Needs
from wolke.compute.service.quotas import Quotas
from wolke.compute.service.server_create import check_metadata
from wolke.compute.service.server_filters import Filter
from wolke.compute.store import AGGREGATES, GUEST_PASSWORDS, SERVER_STAMPS, SERVERS, SHOWN_SERVERS
from wolke.core.context import Context
from wolke.core.db import Table, Transaction, Where
from wolke.core.errors import BadRequest, NotFound
from wolke.core.paging import Page, find_page
from wolke.network.model import ServerPort

S = TypeVar("S", Server, ShownServer, ServerStamp)

MOST_TAGS = 50
_CHUNK = 1000
_TRIES = 5


class Servers:
    def __init__(self, needs: Needs, quotas: Quotas) -> None:
        self._needs = needs
        self._db = needs.db
        self._quotas = quotas

    async def show(self, ctx: Context, server_id: str) -> Server:
        server = await self._db.get(SERVERS, id=server_id)
        return _mine(ctx, server, server_id)

    async def password(self, ctx: Context, server_id: str) -> str:
        """As the guest gave it to its metadata service, sealed with the owner's key; "" if it gave none."""
        server = await self.show(ctx, server_id)
        kept = await self._db.get(GUEST_PASSWORDS, server_id=server.id)
        return kept.sealed if kept else ""

    async def clear_password(self, ctx: Context, server_id: str) -> None:
        server = await self.show(ctx, server_id)
        async with self._db.transaction() as tx:
            await tx.delete(GUEST_PASSWORDS, server_id=server.id)

    async def look(self, ctx: Context, server_id: str) -> ShownServer:
        """A server to be shown."""
        return _mine(ctx, await self._db.get(SHOWN_SERVERS, id=server_id), server_id)

    async def stamp(self, ctx: Context, server_id: str) -> ServerStamp:
        return _mine(ctx, await self._db.get(SERVER_STAMPS, id=server_id), server_id)

    async def read(self, server_ids: Sequence[str]) -> dict[str, ShownServer]:
        """Servers that a caller has been found to see."""
        if not server_ids:
            return {}
        if len(server_ids) == 1:
            found = await self._db.find(SHOWN_SERVERS, id=server_ids[0])
        else:
            found = await self._db.find(SHOWN_SERVERS, where=[Where("id", "in", server_ids)])
        return {server.id: server for server in found}

    async def index(self, ctx: Context, page: Page, chosen: Filter) -> list[ShownServer]:
        return await self._index(ctx, page, chosen, SHOWN_SERVERS)

    async def stamps(self, ctx: Context, page: Page, chosen: Filter) -> Sequence[ServerStamp | ShownServer]:
        """As ``index``, but no more is read of the servers than has to be."""
        return await self._index(ctx, page, chosen, SERVER_STAMPS)

    async def _index(self, ctx: Context, page: Page, chosen: Filter, table: Table[Any]) -> list[Any]:
        if chosen.nothing or page.limit == 0:
            return []
        marker = None
        if page.marker is not None:
            marker = await self._db.get(SHOWN_SERVERS, id=page.marker)
            if marker is None or not (ctx.is_admin or marker.project_id == ctx.project_id):
                raise errors.MarkerNotFound(page.marker)
        if chosen.exact:
            return await find_page(self._db, table, page, where=chosen.where, marker=marker)
        return await self._sift(page, chosen, marker)

    async def _sift(self, page: Page, chosen: Filter, marker: ShownServer | None) -> list[ShownServer]:
        """A page of those that pass tests which the database does not know: chunk by chunk, until it is full."""
        found: list[ShownServer] = []
        most = page.limit or self._needs.config.max_servers_per_page
        while len(found) < most:
            chunk = await find_page(
                self._db, SHOWN_SERVERS, Page(page.order, _CHUNK), where=chosen.where, marker=marker
            )
            passed = [server for server in chunk if all(test(server) for test in chosen.tests)]
            if chosen.addresses:
                passed = await self._with_addresses(passed, chosen)
            found += passed
            if len(chunk) < _CHUNK:
                break
            marker = chunk[-1]
        return found[:most]

    async def _with_addresses(self, servers: list[ShownServer], chosen: Filter) -> list[ShownServer]:
        ports = await self.ports([server.id for server in servers])

        def passes(server: ShownServer) -> bool:
            addresses = [fixed for port in ports.get(server.id, ()) for fixed in port.fixed_ips]
            return all(
                any(fixed[1] == version and matches(fixed[0]) for fixed in addresses)
                for version, matches in chosen.addresses
            )

        return [server for server in servers if passes(server)]

    async def ports(self, server_ids: Sequence[str]) -> Mapping[str, Sequence[ServerPort]]:
        if self._needs.network is None or not server_ids:
            return {}
        return await self._needs.network.server_ports(server_ids)

    async def change(
        self, ctx: Context, server_id: str, changes: Mapping[str, Any], *, zone: Any = msgspec.UNSET
    ) -> Server:
        """Write fields that nothing has to be done for. ``zone``: the one to stay in from now on; None: none."""
        async with self._db.transaction() as tx:
            server = await self.held(tx, ctx, server_id)
            if zone is not msgspec.UNSET and zone != server.pinned_zone:
                await self._check_zone(tx, server, zone)
                changes = {**changes, "availability_zone": zone}
            return await self.write(tx, server, changes)

    async def _check_zone(self, tx: Transaction, server: Server, zone: str | None) -> None:
        """Only where it is can a server be pinned, and only if it is not pinned elsewhere."""
        if zone is None:
            return
        if server.pinned_zone is not None:
            raise errors.PinnedElsewhere(server.pinned_zone)
        zones = zone_of_hosts(await tx.find(AGGREGATES))
        at = zones.get(server.host, self._needs.config.default_availability_zone) if server.host is not None else None
        if zone != at:
            raise errors.NotInZone(zone, at)

    async def held(self, tx: Transaction, ctx: Context, server_id: str) -> Server:
        """The server, and nobody else in a transaction like this until ``tx`` ends."""
        await tx.lock(f"compute:server:{server_id}")
        return _mine(ctx, await tx.get(SERVERS, id=server_id), server_id)

    async def write(self, tx: Transaction, server: Server, changes: Mapping[str, Any]) -> Server:
        """Columns that no loop writes, so the generation need not move."""
        changes = {**changes, "updated_at": self._needs.clock.now()}
        await tx.update(SERVERS, changes, id=server.id)
        return msgspec.structs.replace(server, **changes)

    # -- metadata

    async def set_metadata(self, ctx: Context, server_id: str, items: Mapping[str, str], *, replace: bool) -> Server:
        async with self._db.transaction() as tx:
            server = await self.held(tx, ctx, server_id)
            metadata = dict(items) if replace else {**server.metadata, **items}
            check_metadata(metadata, await self._quotas.limits(server.project_id, reader=tx))
            return await self.write(tx, server, {"metadata": metadata})

    async def metadata_item(self, ctx: Context, server_id: str, key: str) -> str:
        server = await self.show(ctx, server_id)
        if key not in server.metadata:
            raise NotFound("Metadata item was not found")
        return server.metadata[key]

    async def delete_metadata_item(self, ctx: Context, server_id: str, key: str) -> None:
        async with self._db.transaction() as tx:
            server = await self.held(tx, ctx, server_id)
            if key not in server.metadata:
                raise NotFound("Metadata item was not found")
            left = {name: value for name, value in server.metadata.items() if name != key}
            await self.write(tx, server, {"metadata": left})

    # -- tags

    async def set_tags(self, ctx: Context, server_id: str, tags: Sequence[str]) -> Server:
        async with self._db.transaction() as tx:
            server = await self.held(tx, ctx, server_id)
            return await self.write(tx, server, {"tags": _tags(tags)})

    async def add_tag(self, ctx: Context, server_id: str, tag: str) -> bool:
        """Whether it was not there yet."""
        async with self._db.transaction() as tx:
            server = await self.held(tx, ctx, server_id)
            if tag in server.tags:
                return False
            await self.write(tx, server, {"tags": _tags([*server.tags, tag])})
        return True

    async def delete_tag(self, ctx: Context, server_id: str, tag: str) -> None:
        async with self._db.transaction() as tx:
            server = await self.held(tx, ctx, server_id)
            if tag not in server.tags:
                raise NotFound(f"Server {server_id} has no tag '{tag}'")
            await self.write(tx, server, {"tags": [one for one in server.tags if one != tag]})


def _mine(ctx: Context, server: S | None, server_id: str) -> S:
    if server is None or server.deleted_at is not None:
        raise errors.ServerNotFound(server_id)
    if server.project_id != ctx.project_id and not ctx.is_admin:
        raise errors.ServerNotFound(server_id)
    return server


def _tags(tags: Sequence[str]) -> list[str]:
    unique = sorted(set(tags))
    if len(unique) > MOST_TAGS:
        raise BadRequest(f"The number of tags exceeded the per-server limit {MOST_TAGS}")
    return unique
